"""How one sender's own layout maps to the contracts: files, names, values, dates, amounts.

What the values mean does not belong here (`contract.py`); reading bytes does not either.
"""

import codecs
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from orchestration.configuration import Listed, StrictModel, YamlValue, suggestion
from orchestration.errors import Problem
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.forms import AmountForm, date_form, timestamp_form
from orchestration.ingest.hl7_messages import FieldPath

# `<period>[.<part>][.v<N>].<csv|txt|hl7>[.gz]`, the names of DESIGN; a sender may declare its own.
_STANDARD_NAME = (
    r"(?P<period>[0-9]{4}-[0-9]{2})(?:\.(?P<part>(?!v[0-9]+\.)[A-Za-z0-9_-]{1,40}))?"
    r"(?:\.v(?P<version>[0-9]{1,4}))?"
)
_STANDARD_SUFFIX = {
    "delimited": r"\.csv(?:\.gz)?",
    "fixed_width": r"\.txt(?:\.gz)?",
    "hl7_v2": r"\.hl7(?:\.gz)?",
}
_SPAN = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")

Format = Literal["delimited", "fixed_width", "hl7_v2"]
Headers = Annotated[tuple[str, ...], BeforeValidator(lambda value: _one_or_more(value))]


def _one_or_more(value: YamlValue) -> YamlValue | tuple[YamlValue, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def _checked(form: Callable[[str], object]) -> AfterValidator:
    """A validator for names that `form` understands, or raises `ValueError` for."""

    def validated(name: str) -> str:
        form(name)
        return name

    return AfterValidator(validated)


DateForm = Annotated[str, _checked(date_form)]
TimestampForm = Annotated[str, _checked(timestamp_form)]


class StatedLine(StrictModel):
    """A line around the records in which a sender states what the file holds."""

    pattern: str = Field(
        description="regular expression of the whole line; a group rows counts the records"
    )
    sums: dict[str, str] = Field(
        default_factory=dict, description="group of the pattern: the header it is the sum of"
    )

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        unknown = sorted({*self.sums} - set(self.groups))
        if unknown:
            raise ValueError(f"sums names the group {unknown[0]!r}, which the pattern has not")
        return self

    @property
    def groups(self) -> Iterable[str]:
        return _groups("pattern", self.pattern)


class FileForm(StrictModel):
    """How the bytes of a file become records, and the names of a record's fields."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    header_line: Literal["present", "absent"] = Field(
        default="present", description="of delimited files; absent: name the fields"
    )
    fields: Listed[str] = Field(
        default=(), description="names of the fields in their order, where no line names them"
    )
    positions: dict[str, str] = Field(
        default_factory=dict,
        description="of fixed width: a field's first and last character from 1, such as 14-19",
    )
    record_length: int | None = Field(
        default=None, ge=1, description="of fixed width: characters of every record"
    )
    trailing_blanks: Literal["kept", "stripped"] = Field(
        default="kept", description="stripped: the sender cuts blanks off the end of a record"
    )
    leaders: Listed[StatedLine] = Field(default=(), description="lines before the records")
    trailers: Listed[StatedLine] = Field(default=(), description="lines after the records")

    def spans(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """By field, the first and last characters of its pieces, which are written together."""
        return {
            name: tuple((int(first), int(last)) for first, last in _SPAN.findall(text))
            for name, text in self.positions.items()
        }

    def problem(self, kind: Format) -> str | None:
        """What is wrong with the form of a file of this kind, if anything."""
        if kind == "delimited":
            if self.positions or self.record_length:
                return "positions and record_length belong to format: fixed_width"
            if (self.header_line == "absent") != bool(self.fields):
                return "name the fields where header_line is absent, and only there"
            return None
        if self.fields or self.header_line == "absent":
            return "fields and header_line belong to format: delimited"
        if kind == "hl7_v2":
            if self.positions or self.record_length or self.leaders or self.trailers:
                return "messages have no positions, record_length, leaders or trailers"
            return None
        if not self.positions or self.record_length is None:
            return "fixed width needs positions and record_length"
        for name, text in self.positions.items():
            spans = self.spans()[name]
            if not spans or " ".join(f"{first}-{last}" for first, last in spans) != text:
                return f"positions.{name} is {text!r}: write first-last, such as 14-19"
            if any(not 1 <= first <= last <= self.record_length for first, last in spans):
                return f"positions.{name} is {text!r}, outside a record of {self.record_length}"
        return None


class ClaimHeaders(FileForm):
    """The file of a pair that tells each claim once; the delivery itself tells their lines."""

    file_name: str = Field(
        description="regular expression with the groups that name the delivery's period"
    )
    joined_by: Listed[str] = Field(description="fields of both files that name the claim")
    totals: dict[str, str] = Field(
        default_factory=dict,
        description="amount of the claim: field of its lines that should sum to it within $1",
    )


class Negated(StrictModel):
    """Amounts that a sender writes without the sign their record gives them."""

    where: dict[str, Listed[str]] = Field(description="header: its values that take amounts back")
    columns: Listed[str]


class Layout(FileForm):
    """The layout of one feed of one sender."""

    format: Format = Field(
        default="delimited",
        description="hl7_v2: every message is a record; headers are fields or their names",
    )
    file_name: str | None = Field(
        default=None, description="regular expression; left out: the standard name"
    )
    claim_headers: ClaimHeaders | None = Field(
        default=None, description="the other file of a pair, where claims are told apart"
    )
    encoding: str = "utf-8"
    date_format: DateForm = "YYYY-MM-DD"
    date_formats: dict[str, DateForm] = Field(
        default_factory=dict, description="contract column: its own date format"
    )
    timestamp_format: TimestampForm = Field(
        default="YYYY-MM-DD HH:MM", description="seconds may follow"
    )
    amount_forms: Listed[AmountForm] = ()
    negated: Negated | None = None
    final_newline: Literal["required", "optional"] = "required"
    headers: dict[str, Headers] = Field(
        description="contract column: the sender's header, or a list of headers it has used"
    )
    shared_headers: dict[str, str] = Field(
        default_factory=dict,
        description="contract column: a header that another column is taken from as well",
    )
    ignored_headers: Listed[str] = ()
    only_where: dict[str, dict[str, Listed[str]]] = Field(
        default_factory=dict,
        description="contract column: header: values with which the column says something",
    )
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="contract column: the sender's value: contract value"
    )
    constants: dict[str, str] = Field(
        default_factory=dict, description="contract column: the value every row of the sender has"
    )
    empty_as: dict[str, str] = Field(
        default_factory=dict, description="contract column: what an empty field stands for"
    )
    empty_texts: dict[str, Listed[str]] = Field(
        default_factory=dict, description="contract column: texts that stand for nothing"
    )

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"unknown encoding {self.encoding!r}, such as utf-8, cp1252") from None
        for name, pattern in self._named_patterns():
            groups = set(_groups(name, pattern))
            is_month = "month" in groups and bool(groups & {"year", "yy"})
            if "period" not in groups and not is_month:
                raise ValueError(f"{name} must have a group named period, or year and month")
        spellings = [header for names in self.headers.values() for header in names]
        twice = sorted({header for header in spellings if spellings.count(header) > 1})
        if twice:
            raise ValueError(
                f"the header {twice[0]!r} is mapped to two columns; put one under shared_headers"
            )
        twice = sorted(set(self.headers) & set(self.shared_headers))
        if twice:
            raise ValueError(f"{twice[0]!r} stands under headers and under shared_headers")
        if self.format == "hl7_v2":
            if self.ignored_headers or self.shared_headers or self.only_where or self.claim_headers:
                raise ValueError(
                    "messages have no ignored_headers, shared_headers, only_where, claim_headers"
                )
            for header in spellings:
                FieldPath.of(header)
        wrong = self.problem(self.format)
        if wrong is None and self.claim_headers:
            wrong = self.claim_headers.problem(self.format)
            wrong = wrong and f"claim_headers: {wrong}"
        if wrong:
            raise ValueError(wrong)
        return self

    def _named_patterns(self) -> Iterator[tuple[str, str]]:
        yield "file_name", self.file_pattern
        if self.claim_headers:
            yield "claim_headers.file_name", self.claim_headers.file_name

    @property
    def file_pattern(self) -> str:
        """Full-match pattern of the names of this layout's files."""
        return self.file_name or _STANDARD_NAME + _STANDARD_SUFFIX[self.format]

    def date_format_of(self, column: str) -> str:
        """The date format of a contract column."""
        return self.date_formats.get(column, self.date_format)

    def headers_of(self, column: str) -> tuple[str, ...]:
        """The headers a contract column may come under; none where it is not sent."""
        shared = self.shared_headers.get(column)
        return self.headers.get(column, ()) if shared is None else (shared,)


def _groups(name: str, pattern: str) -> Iterable[str]:
    """Names of a pattern's groups; raises `ValueError` where it is no regular expression."""
    try:
        return re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"{name} is not a regular expression: {error}") from error


class Sender(StrictModel):
    """One organization that drops files in the landing folder."""

    source_id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str
    payer: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="whose members its rows speak of")
    meaning: str
    feeds: dict[str, Layout]

    def rules_digest(self, contract: FeedContract) -> str:
        """Digest of all that decides how this sender's files of one feed are judged."""
        layout = self.feeds[contract.feed]
        text = "\n".join([self.payer, layout.model_dump_json(), contract.model_dump_json()])
        return hashlib.sha256(text.encode()).hexdigest()


_BY_COLUMN = (
    *("headers", "shared_headers", "values", "constants", "empty_as", "empty_texts"),
    *("date_formats", "only_where"),
)


def disagreements(file: Path, contract: FeedContract, layout: Layout) -> Iterator[Problem]:
    """Where a layout asks for what its feed's contract does not have, or lacks what it requires."""
    place = f"feeds.{contract.feed}"
    for part in _BY_COLUMN:
        for column in getattr(layout, part):
            if column not in contract.columns:
                fix = "The contract has no such column. "
                fix += suggestion(column, list(contract.columns))
                yield Problem(file, f"{place}.{part}", column, fix)
    for column in layout.negated.columns if layout.negated else ():
        numbers = [name for name, one in contract.columns.items() if one.is_number]
        if column not in numbers:
            yield Problem(file, f"{place}.negated.columns", column, suggestion(column, numbers))
    for name, column in contract.columns.items():
        if column.required and not layout.headers_of(name) and name not in layout.constants:
            fix = f"The contract requires {name}: name the header it comes under, or a constant."
            yield Problem(file, f"{place}.headers", "nothing", fix)
        wanted = [*layout.values.get(name, {}).values(), *_present(layout.constants.get(name))]
        for value in wanted:
            if column.type == "code" and not re.fullmatch(column.full_pattern(), value):
                known = column.values or (f"text like {column.pattern}",)
                fix = f"The contract does not allow it. {suggestion(value, known)}"
                yield Problem(file, f"{place}.values.{name}", value, fix)


def _present(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)
