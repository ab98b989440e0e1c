"""What is published, and what must be hidden in it: read from the marts' own declarations.

A mart says in its YAML (`config.meta`) whether it is published, its key, and which of its columns
are counts; here that is validated and applied to the table. The rule for hiding cells does not
belong here (`suppression.py`), nor does writing files (`tables.py`).

Groups of 1-10 people (small practices) are merged before anything is blanked: a month's sum then
still adds up, and far fewer cells go blank. The merge is by the whole group and month, never by
cell, so that the rows of a practice that is shown are all of its rows; a practice may therefore be
shown in one month and be among the others in the next. Not covered: what two generations, or two
tables whose YAML names no common total, tell when they are subtracted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration.errors import PublicationRefused
from orchestration.publication.suppression import Total, hides_proportion, is_small, suppress

SUPPRESSED_MARK = "is_suppressed"

Group = tuple[object, ...]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TotalRow(_Declared):
    """Rows whose `column` is null hold the sum of the other rows of equal `by`."""

    by: tuple[str, ...]
    column: str


class Rate(_Declared):
    """A rate that gives its numerator away; blanked with it."""

    rate: str
    numerator: str


class Proportion(_Declared):
    """Two counts whose difference counts people too (METHODS EX-K2), with their rate if shown.

    Where the difference is 1-10, `numerator` and `rate` are blanked.
    """

    numerator: str
    denominator: str
    rate: str | None = None


class Merge(_Declared):
    """Groups of 1-10 people are shown together: their `column` becomes `into` (K.3, step 3)."""

    column: str
    into: str
    people: str
    within: tuple[str, ...]
    labels: dict[str, str] = {}
    keep: tuple[str, ...] = ()
    """Values of `column` that stand for no group and stay as they are."""


class SuppressionRules(_Declared):
    """Which columns of a table count people or events, and which totals of them are known."""

    count_columns: tuple[str, ...]
    totals: tuple[tuple[str, ...], ...] = ()
    total_columns: tuple[str, ...] | None = None
    """Count columns of which `totals` are known; all of them by default."""
    total_rows: tuple[TotalRow, ...] = ()
    sums: dict[str, tuple[str, ...]] = {}
    proportions: tuple[Proportion, ...] = ()
    rates: tuple[Rate, ...] = ()
    dependents: dict[str, tuple[str, ...]] = {}
    independent: tuple[str, ...] = ()
    merge: Merge | None = None

    def columns(self) -> set[str]:
        """Every column these rules speak of."""
        named = {*self.count_columns, *self.sums, *self.dependents, *self.independent}
        named.update(self.total_columns or ())
        for columns in (*self.totals, *self.sums.values(), *self.dependents.values()):
            named.update(columns)
        for total_row in self.total_rows:
            named.update((*total_row.by, total_row.column))
        for rate in self.rates:
            named.update((rate.rate, rate.numerator))
        for share in self.proportions:
            named.update((share.numerator, share.denominator))
            named.update((share.rate,) if share.rate else ())
        if self.merge:
            named.update((self.merge.column, self.merge.people, *self.merge.within))
            named.update(self.merge.labels)
        return named


@dataclass(frozen=True)
class PublishedMart:
    """A table to publish: where it is read, for whom, in which order, and what is hidden."""

    name: str
    audience: Literal["bi", "restricted"]
    relation: str
    """Relation in the warehouse, or empty for a Parquet file of `outcomes/`."""
    key: tuple[str, ...]
    rules: SuppressionRules | None
    description: str = ""
    column_descriptions: tuple[tuple[str, str], ...] = ()

    @property
    def is_outcome(self) -> bool:
        return not self.relation


@dataclass(frozen=True)
class SuppressedTable:
    """A table fit to be shown, with what was done to it."""

    table: pa.Table
    rows_merged: int
    cells_hidden: int


OUTCOME_MARTS: tuple[PublishedMart, ...] = (
    PublishedMart(
        "agg_change_detail",
        "bi",
        "",
        ("program_id", "part", "outcome", "item_number"),
        SuppressionRules(count_columns=()),
        "One row per program and line of a balance table, event study or placebo distribution "
        "behind agg_change_versus_market; levels and quarters of few people are left out.",
    ),
    PublishedMart(
        "agg_change_versus_market",
        "bi",
        "",
        ("program_id", "outcome", "weighting"),
        SuppressionRules(
            count_columns=("panel_persons", "market_persons"),
            dependents={"panel_persons": ("sentence",), "market_persons": ("sentence",)},
        ),
        "One row per program, outcome and weighting: change since the baseline against the market, "
        "with pre-trend, balance and placebo rank (METHODS H.5). Not proof of cause.",
    ),
    PublishedMart(
        "agg_er_use_versus_market",
        "bi",
        "",
        ("program_id", "reporting_unit_id", "period_role", "market_basis"),
        SuppressionRules(
            count_columns=("observed_visits", "panel_persons", "market_persons", "market_visits"),
            total_rows=(
                TotalRow(by=("program_id", "period_role", "market_basis"), column="partner_id"),
            ),
            dependents={"observed_visits": ("sentence",), "panel_persons": ("sentence",)},
        ),
        "One row per reporting unit, period role and market basis: emergency room use versus "
        "market with its uncertainty (METHODS H). Observational; not proof of cause.",
    ),
    PublishedMart(
        "agg_outcome_versus_market",
        "bi",
        "",
        ("program_id", "outcome", "market_basis"),
        SuppressionRules(count_columns=("panel_count", "market_count")),
        "One row per program, outcome and market basis: use, readmission, quality, experience and "
        "access against the market (METHODS H.9). Observational; not proof of cause.",
    ),
    PublishedMart(
        "agg_shared_savings",
        "bi",
        "",
        ("program_id",),
        SuppressionRules(count_columns=("baseline_persons", "performance_persons")),
        "One row per program: cost against benchmark, minimum savings rate, and shared-savings "
        "eligibility with every failed reason (METHODS I).",
    ),
)


def published_marts(manifest: Mapping[str, object]) -> list[PublishedMart]:
    """Marts of the dbt manifest that ask to be published, and the outcome tables, by name.

    Raises `PublicationRefused` naming every mart whose declaration cannot be used.
    """
    marts = list(OUTCOME_MARTS)
    problems: list[str] = []
    nodes = manifest.get("nodes")
    for node in nodes.values() if isinstance(nodes, dict) else ():
        config = node.get("config") or {}
        meta = {**(node.get("meta") or {}), **(config.get("meta") or {})}
        audience = meta.get("publication")
        if node.get("resource_type") != "model" or audience is None:
            continue
        try:
            marts.append(_declared_mart(node, meta))
        except (ValidationError, ValueError) as error:
            problems.append(f"{node.get('original_file_path', node.get('name'))}: {error}")
    if problems:
        raise PublicationRefused("\n".join(problems))
    return sorted(marts, key=lambda mart: mart.name)


def _declared_mart(node: Mapping[str, object], meta: Mapping[str, object]) -> PublishedMart:
    audience = meta["publication"]
    if audience not in ("bi", "restricted"):
        raise ValueError(
            f"config.meta.publication: found {audience!r}. Write bi (aggregates that anyone may "
            "see) or restricted (identified)."
        )
    rules: SuppressionRules | None = None
    if audience == "bi":
        if "suppression" not in meta:
            raise ValueError(
                "config.meta.suppression is missing. List the columns that count people or "
                "events as `suppression: {count_columns: [...]}`; an empty list says none do."
            )
        rules = SuppressionRules.model_validate(meta["suppression"])
    key = meta.get("key", ())
    if not isinstance(key, list | tuple):
        raise ValueError(f"config.meta.key: found {key!r}. Write a list of columns.")
    columns = node.get("columns")
    descriptions = tuple(
        (str(column["name"]), str(column.get("description") or ""))
        for column in (columns.values() if isinstance(columns, dict) else ())
    )
    return PublishedMart(
        name=str(node["name"]),
        audience="bi" if audience == "bi" else "restricted",
        relation=f'"{node["schema"]}"."{node.get("alias") or node["name"]}"',
        key=tuple(str(column) for column in key),
        rules=rules,
        description=str(node.get("description") or ""),
        column_descriptions=descriptions,
    )


def check_columns(mart: PublishedMart, columns: Sequence[str]) -> None:
    """Raise `PublicationRefused` if the mart's key or rules name a column it does not have."""
    named = {*mart.key, *(mart.rules.columns() if mart.rules else ())}
    unknown = sorted(named - set(columns))
    if unknown:
        raise PublicationRefused(
            f"{mart.name}: its publication rules name {', '.join(unknown)}, which it does not "
            f"have; its columns are {', '.join(columns)}. Mend config.meta of the mart."
        )


def suppressed(mart: PublishedMart, table: pa.Table) -> SuppressedTable:
    """The table as a reader may see it: small groups merged, small and telling cells blank.

    Adds the column `is_suppressed` (or keeps the table's own and adds to it): true where a cell
    of the row was blanked. Money keeps its exact type. Raises `PublicationRefused` where the
    rules do not fit the table, or a known total cannot be protected.
    """
    if mart.rules is None:
        raise PublicationRefused(f"{mart.name}: it declares no suppression and is not for BI.")
    check_columns(mart, table.column_names)
    rules = mart.rules
    merged = 0
    if rules.merge is not None:
        table, merged = _merge_small_groups(mart, rules.merge, table)
    columns: dict[str, list[object]] = {
        name: table.column(name).to_pylist() for name in table.column_names
    }
    hidden = _hidden_cells(mart, rules, columns, table.num_rows)
    for column, follows in _followers(mart, rules, table.schema).items():
        rows = set().union(*(hidden[count] for count in follows if count in hidden))
        hidden.setdefault(column, set()).update(rows)
    touched: set[int] = set()
    arrays: list[pa.ChunkedArray | pa.Array] = []
    fields: list[pa.Field] = []
    cells_hidden = 0
    for name in table.column_names:
        field = table.schema.field(name)
        rows = {row for row in hidden.get(name, ()) if columns[name][row] is not None}
        if name == SUPPRESSED_MARK:
            continue
        if rows:
            cells_hidden += len(rows)
            touched |= rows
            values = [None if row in rows else value for row, value in enumerate(columns[name])]
            arrays.append(pa.array(values, type=field.type))
        else:
            arrays.append(table.column(name))
        fields.append(pa.field(name, field.type))
    already = columns.get(SUPPRESSED_MARK, [False] * table.num_rows)
    marks = [bool(mark) or row in touched for row, mark in enumerate(already)]
    arrays.append(pa.array(marks, type=pa.bool_()))
    fields.append(pa.field(SUPPRESSED_MARK, pa.bool_()))
    return SuppressedTable(
        pa.Table.from_arrays(arrays, schema=pa.schema(fields)), merged, cells_hidden
    )


def _hidden_cells(
    mart: PublishedMart,
    rules: SuppressionRules,
    columns: Mapping[str, list[object]],
    row_count: int,
) -> dict[str, set[int]]:
    """Rows to blank in each count column, all columns' totals taken together."""
    counted = list(dict.fromkeys((*rules.count_columns, *rules.sums)))
    counted += [part for parts in rules.sums.values() for part in parts if part not in counted]
    base = {column: number * row_count for number, column in enumerate(counted)}
    counts: list[int | None] = []
    for column in counted:
        counts.extend(_whole(mart, column, value) for value in columns[column])
    totals: list[Total] = []
    for by in rules.totals:
        is_implied = any(set(by) < set(finer) for finer in rules.totals)
        for rows in _groups(columns, by, row_count).values():
            for column in (
                rules.count_columns if rules.total_columns is None else rules.total_columns
            ):
                parts = tuple(base[column] + row for row in rows)
                totals.append(Total(parts, is_implied=is_implied))
    for total_row in rules.total_rows:
        for rows in _groups(columns, total_row.by, row_count).values():
            shown = [row for row in rows if columns[total_row.column][row] is None]
            others = [row for row in rows if columns[total_row.column][row] is not None]
            if len(shown) == 1 and others:
                # Also where they do not quite add up (a person moved from one part to the other):
                # what is nearly derived is told as well.
                for column in rules.count_columns:
                    at = tuple(base[column] + row for row in others)
                    totals.append(Total(at, shown_in=base[column] + shown[0]))
    for total_column, part_columns in rules.sums.items():
        for row in range(row_count):
            at = tuple(base[part] + row for part in part_columns)
            totals.append(Total(at, shown_in=base[total_column] + row))
    also_hidden: set[int] = set()
    for share in rules.proportions:
        for row in range(row_count):
            numerator = _whole(mart, share.numerator, columns[share.numerator][row])
            denominator = _whole(mart, share.denominator, columns[share.denominator][row])
            if hides_proportion(numerator, denominator):
                also_hidden.add(base[share.numerator] + row)
    result = suppress(counts, totals, also_hidden)
    if result.unprotected:
        raise PublicationRefused(
            f"{mart.name}: {len(result.unprotected)} totals cannot be shown without telling a "
            "count of 1 to 10. Merge categories of the mart, or leave the total out."
        )
    hidden: dict[str, set[int]] = defaultdict(set)
    for cell in result.hidden:
        hidden[counted[cell // row_count]].add(cell % row_count)
    return hidden


def _followers(
    mart: PublishedMart, rules: SuppressionRules, schema: pa.Schema
) -> dict[str, tuple[str, ...]]:
    """For each column that is blanked with counts: the counts it follows.

    A number that no rule speaks of follows every count of its row: hiding too much is the safe
    mistake.
    """
    follows: dict[str, tuple[str, ...]] = {}
    numerators = [(rate.rate, rate.numerator) for rate in rules.rates]
    numerators += [(share.rate, share.numerator) for share in rules.proportions if share.rate]
    for column, numerator in numerators:
        follows[column] = (*follows.get(column, ()), numerator)
    for count, columns in rules.dependents.items():
        for column in columns:
            follows[column] = (*follows.get(column, ()), count)
    counts = {*rules.count_columns, *rules.sums}
    counts.update(part for parts in rules.sums.values() for part in parts)
    settled = {*mart.key, *rules.independent, *counts, *follows}
    for field in schema:
        is_number = (
            pa.types.is_integer(field.type)
            or pa.types.is_floating(field.type)
            or pa.types.is_decimal(field.type)
        )
        if is_number and field.name not in settled:
            follows[field.name] = tuple(sorted(counts))
    return follows


def _merge_small_groups(mart: PublishedMart, merge: Merge, table: pa.Table) -> tuple[pa.Table, int]:
    """Show groups of 1-10 people as one group `into`; sums its counts and amounts."""
    columns: dict[str, list[object]] = {
        name: table.column(name).to_pylist() for name in table.column_names
    }
    people: dict[Group, int] = defaultdict(int)
    grouping = [columns[name] for name in (*merge.within, merge.column)]
    groups: list[Group] = list(zip(*grouping, strict=True))
    for group, value in zip(groups, columns[merge.people], strict=True):
        people[group] += _whole(mart, merge.people, value) or 0
    small = {
        row for row, group in enumerate(groups) if group[-1] is not None and is_small(people[group])
    }
    if not small:
        return table, 0
    if not mart.key:
        raise PublicationRefused(f"{mart.name}: a mart that merges must declare config.meta.key.")
    for row in small:
        columns[merge.column][row] = merge.into
        for column, label in merge.labels.items():
            columns[column][row] = label
    additive = [name for name in table.column_names if name not in {*mart.key, *merge.labels}]
    kept: dict[Group, int] = {}
    gone: set[int] = set()
    keys = [columns[name] for name in mart.key]
    for row in sorted(small):
        key = tuple(column[row] for column in keys)
        first = kept.setdefault(key, row)
        if first == row:
            continue
        gone.add(row)
        for name in additive:
            columns[name][first] = _added(mart, name, columns[name][first], columns[name][row])
    rows = [row for row in range(table.num_rows) if row not in gone]
    arrays = [
        pa.array([columns[name][row] for row in rows], type=table.schema.field(name).type)
        for name in table.column_names
    ]
    return pa.Table.from_arrays(arrays, schema=table.schema), len(small)


def _added(mart: PublishedMart, name: str, left: object, right: object) -> object:
    if left is None:
        return right
    if right is None:
        return left
    if isinstance(left, bool) or isinstance(right, bool):
        return bool(left) or bool(right)
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return left + right
    if left == right:
        return left
    raise PublicationRefused(
        f"{mart.name}: {name} cannot be merged, it is neither a count nor an amount. Add it to "
        "config.meta.key, or to the labels of config.meta.suppression.merge."
    )


def _groups(
    columns: Mapping[str, list[object]], by: Sequence[str], row_count: int
) -> dict[Group, list[int]]:
    groups: dict[Group, list[int]] = defaultdict(list)
    if not by:
        return {(): list(range(row_count))}
    for row, group in enumerate(zip(*(columns[name] for name in by), strict=True)):
        groups[group].append(row)
    return groups


def _whole(mart: PublishedMart, column: str, value: object) -> int | None:
    """The count as a whole number; a fraction or a negative is no count and refuses the table."""
    if value is None:
        return None
    if isinstance(value, int | Decimal) and value >= 0 and int(value) == value:
        return int(value)
    raise PublicationRefused(
        f"{mart.name}: {column} is declared a count but holds {value!r}. Only whole numbers of 0 "
        "or more can be counts; list it under `dependents` instead."
    )
