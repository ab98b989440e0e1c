"""Judges every value of a verified text against its contract and writes the typed rows.

Everything is read as text, by header name. One pass holds each row against the contract's own
full-match patterns (all fields of a row joined, so that one expression judges them at once) and
casts it; only rows that fail are read again, to say why. Bytes and files do not belong here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from orchestration.errors import DeliveryError
from orchestration.ingest.contract import LONGEST_TEXT, Column, FeedContract, RowRule
from orchestration.ingest.sender import AmountForm, DateFormat, Layout
from orchestration.ingest.verification import VerifiedText, pick_records, separate_malformed

_DATE_PATTERN: Mapping[DateFormat, str] = {
    "YYYY-MM-DD": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "YYYYMMDD": "[0-9]{8}",
    "MM/DD/YYYY": "[0-9]{2}/[0-9]{2}/[0-9]{4}",
}
_DATE_CAST: Mapping[DateFormat, str] = {
    "YYYY-MM-DD": "try_cast({0} as date)",
    "YYYYMMDD": "cast(try_strptime({0}, '%Y%m%d') as date)",
    "MM/DD/YYYY": "cast(try_strptime({0}, '%m/%d/%Y') as date)",
}
_PLAIN_DECIMAL = r"-?[0-9]+(\.[0-9]+)?"
_SUSPECTS_EXPLAINED = 1000


@dataclass(frozen=True)
class Provenance:
    """What every row of a delivery is stamped with."""

    payer: str
    source_id: str
    delivery_id: str
    delivered_on: date


@dataclass(frozen=True)
class TypedDelivery:
    """Where every row of a delivery went, and what was noticed about rows that were kept."""

    row_count: int
    loaded_count: int
    rejected_count: int
    duplicate_count: int
    rejected_by_reason: Mapping[str, int]
    flags: Mapping[str, int]
    warnings: tuple[str, ...]


def type_rows(
    connection: duckdb.DuckDBPyConnection,
    text: VerifiedText,
    contract: FeedContract,
    layout: Layout,
    provenance: Provenance,
    control_sums: Mapping[str, Decimal],
    rows_path: Path,
    rejects_path: Path,
) -> TypedDelivery:
    """Write good rows to `rows_path`, every other row with its reasons to `rejects_path`.

    Raises `DeliveryError` when the sums differ from the control file's, when too many rows are
    rejected, or when the header stands again among the rows.
    """
    judge = _Judge(text, contract, layout, provenance)
    readable, malformed = _read(connection, judge, text)
    connection.execute(
        "create or replace temp table rejects (row_number bigint, column_name varchar, "
        "value varchar, reason varchar)"
    )
    _reject_malformed(connection, text, malformed)
    rejected_count = _reject_suspects(connection, judge, text, readable, malformed)
    warnings = _hold_sums(connection, judge, readable, control_sums, bool(malformed))
    connection.execute("delete from typed where not is_good")
    duplicate_count = _set_duplicates_aside(connection, judge)
    connection.execute(judge.copy_rows(rows_path))
    if rejected_count + duplicate_count:
        connection.execute(
            "copy (select * from rejects order by row_number, column_name, reason) "
            f"to {_text(str(rejects_path))} (format parquet, compression zstd)"
        )
    return TypedDelivery(
        row_count=text.row_count,
        loaded_count=_number(connection, f"select count(*) from {_text(str(rows_path))}"),
        rejected_count=rejected_count,
        duplicate_count=duplicate_count,
        rejected_by_reason=_by_reason(connection),
        flags=_flags(connection, judge),
        warnings=warnings,
    )


class _Judge:
    """The SQL that reads, judges and types the rows of one delivery."""

    def __init__(
        self, text: VerifiedText, contract: FeedContract, layout: Layout, provenance: Provenance
    ) -> None:
        self._text = text
        self._layout = layout
        self._provenance = provenance
        self.contract = contract
        self.delivered_on = provenance.delivered_on
        self.field_of = {
            column: f"field_{position}"
            for position, column in enumerate(text.columns)
            if column is not None
        }
        self.sent = {
            name: column for name, column in contract.columns.items() if name in self.field_of
        }
        # Set when records were taken out: how many good records precede each of them.
        self.good_before: list[int] = []

    def fields(self, path: Path) -> str:
        """The file as a relation of text fields, by position of the header."""
        columns = ", ".join(f"'field_{n}': 'VARCHAR'" for n in range(len(self._text.header)))
        return (
            f"read_csv({_text(str(path))}, delim = {_text(self._text.delimiter)}, quote = '\"', "
            f"escape = '\"', header = false, auto_detect = false, columns = {{{columns}}}, "
            f"new_line = '\\n', strict_mode = true, parallel = {not self._text.has_quotes})"
        )

    def typed_rows(self, path: Path) -> str:
        """Create `typed` (typed columns sent, then `is_good`) in the order of the file."""
        typed = ", ".join(f"{self._typed(name)} as {name}" for name in self.sent)
        return f"""
            create or replace temp table typed as
            select {", ".join(self.sent)}, {" and ".join(self._conditions())} as is_good
            from (
                select {typed},
                       {", ".join(self.field_of.values())},
                       {self._is_matched()} as is_matched,
                       {_date(self.delivered_on)} as delivered_on
                from {self.fields(path)}
            )
        """

    def no_suspects(self) -> str:
        """Create an empty `suspect`: the text fields of rows that are not good."""
        columns = ", ".join(f"field_{n} varchar" for n in range(len(self._text.header)))
        return f"create or replace temp table suspect ({columns}, row_number bigint)"

    def row_number(self) -> str:
        """Number of the row in the file as it arrived, 1 for the first after the header."""
        if not self.good_before:
            return "rowid + 1"
        return f"rowid + 1 + len(list_filter({self.good_before}, lambda n: n <= rowid))"

    def reasons(self) -> str:
        """Why rows of `suspect` are not good, as rows of `rejects`; first values, then rules."""
        typed = ", ".join(f"{self._typed(name)} as {name}" for name in self.sent)
        of_values = [_finding(name, self.field_of[name], self._reason(name)) for name in self.sent]
        of_rules = [
            _finding(
                rule.column(self.sent),
                self.field_of[rule.column(self.sent)],
                f"case when not coalesce({rule.holds}, true) then '{rule.name}' end",
            )
            for rule in self.rules("reject")
        ]
        return f"""
            with judged as (
                select *, {typed}, {_date(self.delivered_on)} as delivered_on
                from suspect
            ),
            found as (
                select row_number,
                       list_filter([{", ".join(of_values)}], lambda f: f.reason is not null)
                       as of_values,
                       list_filter([{", ".join(of_rules) or _finding("", "null", "null")}],
                       lambda f: f.reason is not null) as of_rules
                from judged
            ),
            findings as (
                select row_number,
                       unnest(case when len(of_values) > 0 then of_values else of_rules end) as f
                from found
            )
            select row_number, f.column_name, f.value, f.reason from findings
        """

    def rules(self, breach: str) -> list[RowRule]:
        """The contract's rules of one kind that speak only of columns the sender sends."""
        return [
            rule
            for rule in self.contract.rules
            if rule.breach == breach and rule.named(self.contract.columns) <= set(self.sent)
        ]

    def copy_rows(self, path: Path) -> str:
        """Write all contract columns and the provenance of `typed`, in the order of the file."""
        stamps = {
            "payer": _text(self._provenance.payer),
            "source_id": _text(self._provenance.source_id),
            "delivery_id": _text(self._provenance.delivery_id),
            "row_number": f"cast({self.row_number()} as bigint)",
        }
        columns = [self._in_ledger(name) for name in self.contract.columns]
        columns += [f"{value} as {name}" for name, value in stamps.items()]
        return (
            f"copy (select {', '.join(columns)} from typed) to {_text(str(path))} "
            "(format parquet, compression zstd, compression_level 1, row_group_size 61440)"
        )

    def key_hash(self) -> str:
        """A hash of the contract's key, nulls included: equal keys have equal hashes."""
        return f"hash({', '.join(name for name in self.contract.key if name in self.sent)})"

    def decimal_column(self, header: str) -> str | None:
        """The decimal contract column that a header of the file is mapped to."""
        position = self._text.header.index(header)
        name = self._text.columns[position]
        return name if name and self.contract.columns[name].is_decimal else None

    def field(self, header: str) -> str | None:
        """The text field under a header of the file."""
        known = header in self._text.header
        return f"field_{self._text.header.index(header)}" if known else None

    def _in_ledger(self, name: str) -> str:
        column = self.contract.columns[name]
        if name in self.sent:
            return name
        constant = self._layout.constants.get(name)
        value = "null" if constant is None else _text(constant)
        return f"cast({value} as {column.sql_type}) as {name}"

    def _raw(self, name: str) -> str:
        """The field of a column, with the sender's meaning of an empty one."""
        stands_for = self._layout.empty_as.get(name)
        field = self.field_of[name]
        return field if stands_for is None else f"coalesce({field}, {_text(stands_for)})"

    def _pattern(self, name: str) -> str:
        """Full-match pattern of the sender's text for a column."""
        column = self.sent[name]
        if name in self._layout.values:
            return "|".join(re.escape(value) for value in self._layout.values[name])
        if column.type == "date":
            return _DATE_PATTERN[self._layout.date_format]
        if column.is_decimal:
            return _amount_pattern(column.full_pattern(), self._layout.amount_forms)
        return column.full_pattern()

    def _typed(self, name: str) -> str:
        """The contract's value of a field, null where it cannot be cast."""
        column, raw = self.sent[name], self._raw(name)
        if name in self._layout.values:
            values = self._layout.values[name].items()
            cases = " ".join(f"when {_text(theirs)} then {_text(ours)}" for theirs, ours in values)
            return f"case {raw} {cases} end"
        if column.type == "date":
            return _DATE_CAST[self._layout.date_format].format(raw)
        if column.is_decimal:
            raw = _plain_amount(raw, self._layout.amount_forms)
        return raw if column.sql_type == "VARCHAR" else f"try_cast({raw} as {column.sql_type})"

    def _is_matched(self) -> str:
        """Whether every field of the row has its pattern: one expression over the joined row.

        Unit separators join the fields; no pattern allows one, so no value can feign a border.
        """
        patterns = [
            f"(?:{self._pattern(name)}){'' if column.required else '?'}"
            for name, column in self.sent.items()
        ]
        joined = ", chr(31), ".join(self._raw(name) for name in self.sent)
        return f"regexp_full_match(concat({joined}), {_text(chr(31).join(patterns))})"

    def _conditions(self) -> Iterator[str]:
        """What a good row fulfils beyond its pattern, over typed columns and text fields."""
        yield "is_matched"
        for name, column in self.sent.items():
            if column.sql_type != "VARCHAR":
                empty = "" if column.required else f" or {self._raw(name)} is null"
                yield f"({name} is not null{empty})"
            elif column.type in ("text", "identifier"):
                yield f"coalesce(strlen({name}) <= {LONGEST_TEXT}, true)"
            if column.least is not None or column.most is not None:
                yield f"coalesce({_in_range(name, column)}, true)"
        for rule in self.rules("reject"):
            yield f"coalesce({rule.holds}, true)"

    def _reason(self, name: str) -> str:
        column, raw = self.sent[name], self._raw(name)
        cannot_cast = "not_a_calendar_date" if column.type == "date" else "number_too_large"
        is_listed = bool(column.values) or name in self._layout.values
        kind = "decimal" if column.is_decimal else column.type
        malformed = "unknown_value" if is_listed else f"malformed_{kind}"
        missing = "'required_value_missing'" if column.required else "null"
        cases = [
            f"when {raw} is null then {missing}",
            f"when regexp_matches({raw}, '[\\x00-\\x09\\x0b-\\x1f\\x7f]') then 'control_character'",
            f"when not regexp_full_match({raw}, {_text(self._pattern(name))}) then '{malformed}'",
            f"when strlen({raw}) > {LONGEST_TEXT} then 'too_long'",
            f"when {name} is null then '{cannot_cast}'",
        ]
        if column.least is not None or column.most is not None:
            cases.append(f"when not {_in_range(name, column)} then 'out_of_range'")
        return f"case {' '.join(cases)} end"


def _read(
    connection: duckdb.DuckDBPyConnection, judge: _Judge, text: VerifiedText
) -> tuple[Path, list[tuple[int, Sequence[str]]]]:
    """Fill `typed`; where the strict reader stumbles, take out the records that cannot be split."""
    try:
        connection.execute(judge.typed_rows(text.path))
        if _number(connection, "select count(*) from typed") == text.row_count:
            return text.path, []
    except duckdb.InvalidInputException:
        pass  # the careful reader below finds and names the records that cannot be split
    well_formed = text.path.with_suffix(".well_formed")
    malformed = separate_malformed(text, well_formed)
    connection.execute(judge.typed_rows(well_formed))
    read = _number(connection, "select count(*) from typed")
    if read + len(malformed) != text.row_count:
        raise DeliveryError(
            "records_ambiguous",
            f"{text.row_count} lines outside quotes, but {read + len(malformed)} records. "
            "Quotes stand inside fields that are not quoted; ask for a proper file.",
        )
    judge.good_before = [number - taken for taken, (number, _) in enumerate(malformed, start=1)]
    return well_formed, malformed


def _reject_malformed(
    connection: duckdb.DuckDBPyConnection,
    text: VerifiedText,
    malformed: Sequence[tuple[int, Sequence[str]]],
) -> None:
    rows = [
        (
            number,
            "",
            text.delimiter.join(fields),
            "too_many_fields" if len(fields) > len(text.header) else "too_few_fields",
        )
        for number, fields in malformed
    ]
    if rows:
        connection.executemany("insert into rejects values (?, ?, ?, ?)", rows)


def _reject_suspects(
    connection: duckdb.DuckDBPyConnection,
    judge: _Judge,
    text: VerifiedText,
    readable: Path,
    malformed: Sequence[tuple[int, Sequence[str]]],
) -> int:
    """Fill `suspect` with the rows that are not good and say why; return how many are rejected.

    Raises `DeliveryError` when all rejected rows are more than the contract allows.
    """
    connection.execute(judge.no_suspects())
    bad = connection.execute(
        f"select rowid, {judge.row_number()} from typed where not is_good order by rowid"
    ).fetchall()
    rejected_count = len(bad) + len(malformed)
    share_allowed = judge.contract.greatest_rejected_share * text.row_count
    is_too_many = rejected_count == text.row_count > 0 or (
        rejected_count > share_allowed and rejected_count > judge.contract.tolerated_rejects
    )
    if bad:
        explained = bad[:_SUSPECTS_EXPLAINED] if is_too_many else bad
        suspects_path = text.path.with_suffix(".suspects")
        positions = [position for position, _ in explained]
        suspects_path.write_bytes(pick_records(readable, text, positions))
        connection.execute(
            f"create or replace temp table picked as select * from {judge.fields(suspects_path)}"
        )
        numbers = [number for _, number in explained]
        connection.execute("insert into suspect select *, $1[rowid + 1] from picked", [numbers])
        _refuse_second_header(connection, text)
        connection.execute(f"insert into rejects {judge.reasons()}")
    if is_too_many:
        raise DeliveryError("too_many_rejects", _too_many(connection, rejected_count, text))
    unexplained = _number(
        connection,
        "select count(*) from suspect where row_number not in (select row_number from rejects)",
    )
    if unexplained:
        raise RuntimeError(f"{unexplained} rows fail the contract's pattern, but no column does")
    return rejected_count


def _refuse_second_header(connection: duckdb.DuckDBPyConnection, text: VerifiedText) -> None:
    same = " and ".join(f"field_{n} = {_text(name)}" for n, name in enumerate(text.header))
    found = connection.execute(f"select min(row_number) from suspect where {same}").fetchone()
    if found and found[0] is not None:
        message = f"Row {found[0]} is the header again, so two files were joined. Ask for each."
        raise DeliveryError("header_repeated", message)


def _too_many(
    connection: duckdb.DuckDBPyConnection, rejected_count: int, text: VerifiedText
) -> str:
    row = connection.execute(
        "select reason, column_name, count(*), min(row_number) from rejects "
        "group by all order by 3 desc, 1, 2 limit 1"
    ).fetchone()
    worst = f" Most often {row[0]} in {row[1] or 'the row'} (first in row {row[3]})." if row else ""
    return (
        f"{rejected_count} of {text.row_count} rows would be rejected, more than the contract "
        f"allows (greatest_rejected_share).{worst} Ask for the file again, or mend the layout."
    )


def _hold_sums(
    connection: duckdb.DuckDBPyConnection,
    judge: _Judge,
    readable: Path,
    control_sums: Mapping[str, Decimal],
    has_malformed: bool,
) -> tuple[str, ...]:
    """Hold the control file's sums against all rows of the file, rejected ones included."""
    if control_sums and has_malformed:
        return ("control sums could not be held: some records cannot be split into fields",)
    sums = [_sum(judge, header, readable) for header in control_sums]
    totals = connection.execute(f"select {', '.join(sums)}").fetchall()[0] if sums else ()
    for (header, stated), total in zip(control_sums.items(), totals, strict=True):
        if Decimal(total) != stated:
            raise DeliveryError(
                "sum_differs",
                f"The control file says {stated} for {header!r}, the rows sum to {total}. "
                "Ask the sender to send both again.",
            )
    return ()


def _sum(judge: _Judge, header: str, readable: Path) -> str:
    """The exact sum of all plain decimal numbers under a header, as a scalar subquery.

    A decimal column of the contract is already cast in good rows; only suspects need their text.
    """
    field = judge.field(header)
    if field is None:
        message = f"The control file sums {header!r}, a header the file does not have."
        raise DeliveryError("sum_differs", message)
    plain = f"case when regexp_full_match({field}, '{_PLAIN_DECIMAL}') then {field} end"
    of_text = f"select coalesce(sum(try_cast({plain} as decimal(38, 6))), 0)"
    column = judge.decimal_column(header)
    if column is None:
        return f"({of_text} from {judge.fields(readable)})"
    of_good = f"select coalesce(sum({column}), 0) from typed where is_good"
    return f"({of_good}) + ({of_text} from suspect)"


def _set_duplicates_aside(connection: duckdb.DuckDBPyConnection, judge: _Judge) -> int:
    """Take every row that repeats an earlier one in all columns out of `typed`; return how many.

    Only rows that share the contract's key can be equal, so only those are compared in full.
    """
    connection.execute(
        "create or replace temp table shared as "
        f"select {judge.key_hash()} as key_hash from typed group by key_hash having count(*) > 1"
    )
    if not _number(connection, "select count(*) from shared"):
        return 0
    connection.execute(
        f"""
        create or replace temp table duplicate as
        with candidate as (
            select rowid as position from typed
            where {judge.key_hash()} in (select key_hash from shared)
        ),
        compared as (
            select rowid as position, {judge.row_number()} as row_number,
                   first_value({judge.row_number()}) over (
                       partition by {", ".join(judge.sent)} order by rowid
                   ) as first_one
            from typed where rowid in (select position from candidate)
        )
        select position, row_number, first_one from compared where row_number > first_one
        """
    )
    connection.execute("delete from typed where rowid in (select position from duplicate)")
    connection.execute(
        "insert into rejects "
        "select row_number, '', cast(first_one as varchar), 'duplicate_of_row' from duplicate"
    )
    return _number(connection, "select count(*) from duplicate")


def _by_reason(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Distinct rejected rows by column and reason."""
    rows = connection.execute(
        "select concat_ws(': ', nullif(column_name, ''), reason), count(distinct row_number) "
        "from rejects where reason <> 'duplicate_of_row' group by all order by 1"
    ).fetchall()
    return {str(reason): int(count) for reason, count in rows}


def _flags(connection: duckdb.DuckDBPyConnection, judge: _Judge) -> dict[str, int]:
    """Rows that were kept although they breach a rule that only flags."""
    rules = judge.rules("flag")
    if not rules:
        return {}
    counts = ", ".join(f"count(*) filter (not coalesce({rule.holds}, true))" for rule in rules)
    stamped = f"(select *, {_date(judge.delivered_on)} as delivered_on from typed)"
    found = connection.execute(f"select {counts} from {stamped}").fetchone() or ()
    flagged = zip(rules, found, strict=True)
    return {rule.name: int(count) for rule, count in flagged if count}


def _finding(column: str, value: str, reason: str) -> str:
    return f"{{'column_name': '{column}', 'value': {value}, 'reason': {reason}}}"


def _amount_pattern(plain: str, forms: Sequence[AmountForm]) -> str:
    """The contract's decimal pattern, widened by the forms a sender declares."""
    if "thousands_commas" in forms:
        grouped = r"-?[0-9]{1,3}(?:,[0-9]{3})+" + plain[plain.index("(?:\\.") :]
        plain = f"{plain}|{grouped}"
    if "dollar_sign" in forms:
        unsigned = "|".join(part.removeprefix("-?") for part in plain.split("|"))
        plain = rf"-?\$?(?:{unsigned})"
    if "parentheses_negative" in forms:
        unsigned = plain.replace("-?", "")
        plain = rf"(?:{plain})|\((?:{unsigned})\)"
    return plain


def _plain_amount(raw: str, forms: Sequence[AmountForm]) -> str:
    """The SQL that turns a declared form of an amount into plain digits."""
    if "parentheses_negative" in forms:
        inside = f"substr({raw}, 2, length({raw}) - 2)"
        raw = f"case when {raw} like '(%)' then concat('-', {inside}) else {raw} end"
    if "thousands_commas" in forms:
        raw = f"replace({raw}, ',', '')"
    if "dollar_sign" in forms:
        raw = f"replace({raw}, '$', '')"
    return raw


def _in_range(name: str, column: Column) -> str:
    bounds = (("least", ">=", column.least), ("most", "<=", column.most))
    return (
        "("
        + " and ".join(
            f"{name} {sign} {_date(bound) if isinstance(bound, date) else bound}"
            for _, sign, bound in bounds
            if bound is not None
        )
        + ")"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _date(value: date) -> str:
    return f"date '{value.isoformat()}'"


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
