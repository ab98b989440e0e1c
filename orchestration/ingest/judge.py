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
from orchestration.ingest.records import Records, field_names, whole_pattern
from orchestration.ingest.sender import AmountForm, DateFormat, Layout, TimestampFormat
from orchestration.ingest.verification import VerifiedText

_DATE_PATTERN: Mapping[DateFormat, str] = {
    "YYYY-MM-DD": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "YYYYMMDD": "[0-9]{8}",
    "MM/DD/YYYY": "[0-9]{2}/[0-9]{2}/[0-9]{4}",
    "HL7": "[0-9]{8}(?:[0-9]{4}(?:[0-9]{2}(?:\\.[0-9]{1,4})?)?)?(?:[+-][0-9]{4})?",
}
_DATE_CAST: Mapping[DateFormat, str] = {
    "YYYY-MM-DD": "try_cast({0} as date)",
    "YYYYMMDD": "cast(try_strptime({0}, '%Y%m%d') as date)",
    "MM/DD/YYYY": "cast(try_strptime({0}, '%m/%d/%Y') as date)",
    "HL7": "cast(try_strptime(left({0}, 8), '%Y%m%d') as date)",
}
# A time is the clock of the place it is told from; an offset to another clock is left out. Hour and
# minute must be there: a day alone would be taken for its midnight.
_TIMESTAMP_PATTERN: Mapping[TimestampFormat, str] = {
    "YYYY-MM-DD HH:MM": "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?",
    "MM/DD/YYYY HH:MM": "[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})?",
    "HL7": "[0-9]{12}(?:[0-9]{2}(?:\\.[0-9]{1,4})?)?(?:[+-][0-9]{4})?",
}
_TIMESTAMP_CAST: Mapping[TimestampFormat, str] = {
    "YYYY-MM-DD HH:MM": "try_cast({0} as timestamp)",
    "MM/DD/YYYY HH:MM": "try_strptime({0}, ['%m/%d/%Y %H:%M', '%m/%d/%Y %H:%M:%S'])",
    "HL7": "try_strptime(rpad(regexp_extract({0}, '^[0-9]{{12,14}}'), 14, '0'), '%Y%m%d%H%M%S')",
}
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
        self.field_of = {
            column: name
            for name, column in zip(field_names(text), text.columns, strict=True)
            if column is not None
        }
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
            and name not in layout.values
            and name not in layout.empty_as
        }
        self._summed_columns = {
            header: column for header in summed_headers if (column := self.decimal_column(header))
        }
        self._summed_texts = sorted(set(summed_headers) - set(self._summed_columns))
        self._whole_pattern = whole_pattern(
            text, {name: self._accepted(name) for name in self.sent}
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
        """The decimal contract column that a header of the file is mapped to."""
        name = self._text.columns[self._text.header.index(header)]
        return name if name and self._contract.columns[name].is_decimal else None

    def plain_sum(self, header: str, rows: str) -> str:
        """Sum of the plain decimal numbers under a header, exact, over text fields."""
        return f"select coalesce(sum({self._plain_number(header)}), 0) from {rows}"

    def _place(self, name: str) -> str:
        """What a reject calls a column: of a message, the HL7 field beside it."""
        if self._layout.format == "delimited":
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
        if column.type == "timestamp":
            return _TIMESTAMP_PATTERN[self._layout.timestamp_format]
        if column.is_decimal:
            return _amount_pattern(column.full_pattern(), self._layout.amount_forms)
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
            return _DATE_CAST[self._layout.date_format].format(raw)
        if column.type == "timestamp":
            return _TIMESTAMP_CAST[self._layout.timestamp_format].format(raw)
        if column.is_decimal:
            raw = _plain_amount(raw, self._layout.amount_forms)
        return raw if column.sql_type == "VARCHAR" else f"try_cast({raw} as {column.sql_type})"

    def _plain_number(self, header: str) -> str:
        field = field_names(self._text)[self._text.header.index(header)]
        plain = f"case when regexp_full_match({field}, '{_PLAIN_DECIMAL}') then {field} end"
        return f"try_cast({plain} as decimal(38, 6))"

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
