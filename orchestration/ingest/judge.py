"""Turns one contract and one sender's layout into the questions that judge and type a block.

Two questions, asked of many rows at once: does the whole record match the patterns of all its
fields, and what do the typed columns say? Only rows that fail are asked again, field by field, for
the reason. Files and counts do not belong here (`typing.py`).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.ingest.contract import LONGEST_TEXT, Column, FeedContract, RowRule, arrow_schema
from orchestration.ingest.forms import amount_pattern, date_form, plain_amount, timestamp_form
from orchestration.ingest.records import Records, field_names, whole_pattern
from orchestration.ingest.sender import Layout
from orchestration.ingest.verified import VerifiedText

_PLAIN_DECIMAL = r"-?[0-9]+(\.[0-9]+)?"


@dataclass(frozen=True)
class Provenance:
    """What every row of a delivery is stamped with."""

    payer: str
    source_id: str
    delivery_id: str
    delivered_on: date


@dataclass(frozen=True)
class Judged:
    """What became of a block of records.

    `good` has the typed columns sent and `row_number`; `suspects` the text fields of the other rows
    and their `row_number`; `sums` the sums of good rows (decimal columns) or of all rows (other
    headers).
    """

    good: pa.Table
    key_hashes: npt.NDArray[np.uint64]
    suspects: pa.Table
    sums: Mapping[str, Decimal]


class Judge:
    """Judges the records of one delivery; safe to use from several threads."""

    def __init__(
        self,
        text: VerifiedText,
        contract: FeedContract,
        layout: Layout,
        provenance: Provenance,
        summed_headers: Collection[str],
    ) -> None:
        self._text = text
        self._contract = contract
        self._layout = layout
        self._provenance = provenance
        names = field_names(text)
        self.field_of = {
            column: name
            for name, column in zip(names, text.columns, strict=True)
            if column is not None
        }
        self._field_under: dict[str, str] = dict(zip(text.header, names, strict=True))
        for shared, header in layout.shared_headers.items():
            if header in self._field_under:
                self.field_of[shared] = self._field_under[header]
        # Columns whose field need not match their pattern: it holds for what they say of it alone.
        self._loose = {*layout.shared_headers, *layout.only_where, *layout.empty_texts}
        self.sent = {
            name: column for name, column in contract.columns.items() if name in self.field_of
        }
        self._schema = arrow_schema(contract)
        self._constants = {
            name: value for name, value in layout.constants.items() if name not in self.sent
        }
        # A text that means itself need not pass through the engine.
        self._as_it_came = {
            name
            for name, column in self.sent.items()
            if column.sql_type == "VARCHAR"
            and name not in {*layout.values, *layout.empty_as, *self._loose}
        }
        self._summed_columns = {
            header: column for header in summed_headers if (column := self.decimal_column(header))
        }
        self._summed_texts = sorted(set(summed_headers) - set(self._summed_columns))
        self._whole_pattern = whole_pattern(
            text,
            {name: self._accepted(name) for name in self.sent if name not in self._loose},
        )
        self._query = self._typing_query()

    def judge(self, connection: duckdb.DuckDBPyConnection, records: Records) -> Judged:
        """Type the records and part the good ones from the suspects; raises nothing on bad data."""
        is_matched = pc.match_substring_regex(records.whole, pattern=self._whole_pattern)
        fields = records.fields.append_column("is_matched", is_matched)
        with connection.cursor() as own:
            own.register("block", fields)
            typed = own.sql(self._query).to_arrow_table()
        is_good = typed["is_good"].combine_chunks()
        key_hashes = typed["key_hash"].combine_chunks()
        good = self._as_sent(records, typed)
        suspects = records.fields.append_column("row_number", good["row_number"])
        if pc.all(is_good).as_py():
            suspects = suspects.slice(0, 0)
        else:
            good, key_hashes = good.filter(is_good), key_hashes.filter(is_good)
            suspects = suspects.filter(pc.invert(is_good))
        sums = {header: _total(good[name]) for header, name in self._summed_columns.items()}
        for position, header in enumerate(self._summed_texts):
            sums[header] = _total(typed[f"sum_{position}"])
        return Judged(good, key_hashes.to_numpy(), suspects, sums)

    def in_ledger(self, good: pa.Table) -> pa.Table:
        """Good rows with all columns of the ledger: unsent ones empty, each row stamped."""
        constants = {
            "payer": self._provenance.payer,
            "source_id": self._provenance.source_id,
            "delivery_id": self._provenance.delivery_id,
        }
        columns = []
        for field in self._schema:
            if field.name in good.column_names:
                columns.append(good[field.name])
            elif field.name in constants:
                columns.append(pa.repeat(constants[field.name], len(good)))
            else:
                columns.append(pa.nulls(len(good), field.type))
        return pa.table(columns, schema=self._schema)

    def reasons(self) -> str:
        """Why rows of `suspect` are not good, as rows of `rejects`; first values, then rules."""
        typed = ", ".join(f"{self._typed(name)} as {name}" for name in self.sent)
        of_values = [
            _finding(self._place(name), self.field_of[name], self._reason(name))
            for name in self.sent
        ]
        of_rules = [
            _finding(
                self._place(rule.column(self.sent)),
                self.field_of[rule.column(self.sent)],
                f"case when not coalesce({rule.holds}, true) then '{rule.name}' end",
            )
            for rule in self.rules("reject")
        ]
        return f"""
            with judged as (
                select *, {typed}, {_date(self._provenance.delivered_on)} as delivered_on
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
            for rule in self._contract.rules
            if rule.breach == breach and rule.named(self._contract.columns) <= set(self.sent)
        ]

    def breaches(self, rules: Sequence[RowRule], rows: str) -> str:
        """Count the breaches of each rule in the ledger's rows."""
        counts = ", ".join(f"count(*) filter (not coalesce({rule.holds}, true))" for rule in rules)
        stamp = f"{_date(self._provenance.delivered_on)} as delivered_on"
        return f"select {counts} from (select *, {stamp} from {rows})"

    def key_hash(self) -> str:
        """A hash of the contract's key, nulls included: equal keys have equal hashes."""
        key = [name for name in self._contract.key if name in self.sent]
        return f"hash({', '.join(key or self.sent)})"

    def decimal_column(self, header: str) -> str | None:
        """The decimal contract column whose typed values sum to what a header of the file does."""
        name = self._decimal_under(header)
        is_as_written = name not in self._loose and name not in self._negated
        return name if is_as_written else None

    def _decimal_under(self, header: str) -> str | None:
        name = self._text.columns[self._text.header.index(header)]
        return name if name and self._contract.columns[name].is_decimal else None

    @property
    def _negated(self) -> tuple[str, ...]:
        """Columns whose amounts another field takes back."""
        return self._layout.negated.columns if self._layout.negated else ()

    def plain_sum(self, header: str, rows: str) -> str:
        """Sum of the plain decimal numbers under a header, exact, over text fields."""
        return f"select coalesce(sum({self._plain_number(header)}), 0) from {rows}"

    def _place(self, name: str) -> str:
        """What a reject calls a column: of a message, the HL7 field beside it."""
        if self._layout.format != "hl7_v2":
            return name
        return f"{name} ({' or '.join(self._layout.headers[name])})"

    def _typing_query(self) -> str:
        """One row a record, in order: what differs from its text, and the verdict."""
        typed = ", ".join(f"{self._typed(name)} as {name}" for name in self.sent)
        constants = [
            f"cast({_text(value)} as {self._contract.columns[name].sql_type}) as {name}"
            for name, value in self._constants.items()
        ]
        sums = [
            f"{self._plain_number(header)} as sum_{position}"
            for position, header in enumerate(self._summed_texts)
        ]
        changed = [name for name in self.sent if name not in self._as_it_came]
        return f"""
            select {", ".join([*changed, *constants, *sums])},
                   {" and ".join(self._conditions())} as is_good,
                   {self.key_hash()} as key_hash
            from (
                select {typed}, {", ".join(field_names(self._text))},
                       coalesce(is_matched, false) as is_matched,
                       {_date(self._provenance.delivered_on)} as delivered_on
                from block
            )
        """

    def _as_sent(self, records: Records, typed: pa.Table) -> pa.Table:
        """The contract columns of all records of a block, typed, and their row numbers."""
        columns = {
            name: records.fields[self.field_of[name]] if name in self._as_it_came else typed[name]
            for name in (*self.sent, *self._constants)
        }
        return pa.table({**columns, "row_number": pa.array(records.numbers)})

    def _raw(self, name: str) -> str:
        """The field of a column, with the sender's meaning of an empty one."""
        layout = self._layout
        raw = self.field_of[name]
        if name in layout.only_where:
            raw = f"case when {self._holds(layout.only_where[name])} then {raw} end"
        if name in layout.empty_texts:
            texts = ", ".join(_text(text) for text in layout.empty_texts[name])
            raw = f"case when {raw} not in ({texts}) then {raw} end"
        stands_for = layout.empty_as.get(name)
        return raw if stands_for is None else f"coalesce({raw}, {_text(stands_for)})"

    def _holds(self, where: Mapping[str, Sequence[str]]) -> str:
        """SQL that is true where each header has one of its values; false where it is not sent."""
        found = []
        for header, values in where.items():
            field = self._field_under.get(header)
            texts = ", ".join(_text(value) for value in values)
            found.append("false" if field is None else f"coalesce({field} in ({texts}), false)")
        return " and ".join(found)

    def _pattern(self, name: str) -> str:
        """Full-match pattern of the sender's text for a column."""
        column = self.sent[name]
        if name in self._layout.values:
            return "|".join(re.escape(value) for value in self._layout.values[name])
        if column.type == "date":
            return date_form(self._layout.date_format_of(name))[0]
        if column.type == "timestamp":
            return timestamp_form(self._layout.timestamp_format)[0]
        if column.is_decimal:
            return amount_pattern(column.precision, column.scale, self._layout.amount_forms)
        return column.full_pattern()

    def _accepted(self, name: str) -> str:
        """Full-match pattern of a field, which may be empty if the contract or sender says so."""
        stands_for = self._layout.empty_as.get(name)
        pattern = self._pattern(name)
        if stands_for is None:
            may_be_empty = not self.sent[name].required
        else:
            whole = pc.match_substring_regex(pa.array([stands_for]), pattern=rf"\A(?:{pattern})\z")
            may_be_empty = bool(whole[0].as_py())
        return f"(?:{pattern})?" if may_be_empty else pattern

    def _typed(self, name: str) -> str:
        """The contract's value of a field, null where it cannot be cast."""
        column, raw = self.sent[name], self._raw(name)
        if name in self._layout.values:
            values = self._layout.values[name].items()
            cases = " ".join(f"when {_text(theirs)} then {_text(ours)}" for theirs, ours in values)
            return f"case {raw} {cases} end"
        if column.type == "date":
            return date_form(self._layout.date_format_of(name))[1].format(raw)
        if column.type == "timestamp":
            return timestamp_form(self._layout.timestamp_format)[1].format(raw)
        if column.is_decimal:
            raw = plain_amount(raw, column.scale, self._layout.amount_forms)
        if column.sql_type == "VARCHAR":
            return raw
        value = f"try_cast({raw} as {column.sql_type})"
        if self._layout.negated and name in self._negated:
            taken_back = self._holds(self._layout.negated.where)
            value = f"(case when {taken_back} then -{value} else {value} end)"
        return value

    def _plain_number(self, header: str) -> str:
        """SQL of the amount under a header as its sender sums it: 0 where it is none."""
        field = self._field_under[header]
        name = self._decimal_under(header)
        forms = self._layout.amount_forms if name else ()
        pattern, number = _PLAIN_DECIMAL, field
        if name and forms:
            column = self._contract.columns[name]
            pattern = amount_pattern(column.precision, column.scale, forms)
            number = plain_amount(field, column.scale, forms)
        plain = f"case when regexp_full_match({field}, {_text(pattern)}) then {number} end"
        return f"try_cast({plain} as decimal(38, 6))"

    def _conditions(self) -> Iterator[str]:
        """What a good row fulfils beyond its pattern, over typed columns and text fields."""
        yield "is_matched"
        for name, column in self.sent.items():
            if name in self._loose:
                raw = self._raw(name)
                is_right = f"regexp_full_match({raw}, {_text(self._pattern(name))})"
                empty = "" if column.required else f"{raw} is null or "
                yield f"coalesce({empty}{is_right}, false)"
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
        is_dated = column.type in ("date", "timestamp")
        cannot_cast = "not_a_calendar_date" if is_dated else "number_too_large"
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


def _total(values: pa.ChunkedArray) -> Decimal:
    return pc.sum(values).as_py() or Decimal(0)


def _finding(column: str, value: str, reason: str) -> str:
    return f"{{'column_name': '{column}', 'value': {value}, 'reason': {reason}}}"


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
