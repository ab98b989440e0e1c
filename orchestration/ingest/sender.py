"""How one sender's own layout maps to the contracts: names, values, dates, amounts, constants.

What the values mean does not belong here (`contract.py`); reading bytes does not either.
"""

import codecs
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from orchestration.configuration import Listed, StrictModel, YamlValue, suggestion
from orchestration.errors import Problem
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.hl7_messages import FieldPath

# `<period>[.<part>][.v<N>].<csv|hl7>[.gz]`, the names of DESIGN; a sender may declare its own.
_STANDARD_NAME = (
    r"(?P<period>[0-9]{4}-[0-9]{2})(?:\.(?P<part>(?!v[0-9]+\.)[A-Za-z0-9_-]{1,40}))?"
    r"(?:\.v(?P<version>[0-9]{1,4}))?"
)
_STANDARD_SUFFIX = {"delimited": r"\.csv(?:\.gz)?", "hl7_v2": r"\.hl7(?:\.gz)?"}

DateFormat = Literal["YYYY-MM-DD", "YYYYMMDD", "MM/DD/YYYY", "HL7"]
TimestampFormat = Literal["YYYY-MM-DD HH:MM", "MM/DD/YYYY HH:MM", "HL7"]
AmountForm = Literal["thousands_commas", "parentheses_negative", "dollar_sign"]


def _one_or_more(value: YamlValue) -> YamlValue | tuple[YamlValue, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


class Layout(StrictModel):
    """The layout of one feed of one sender."""

    format: Literal["delimited", "hl7_v2"] = Field(
        default="delimited", description="hl7_v2: every message is a record, headers are its fields"
    )
    file_name: str | None = Field(
        default=None, description="regular expression; left out: the standard name"
    )
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    date_format: DateFormat = "YYYY-MM-DD"
    timestamp_format: TimestampFormat = Field(
        default="YYYY-MM-DD HH:MM", description="seconds may follow"
    )
    amount_forms: Listed[AmountForm] = ()
    final_newline: Literal["required", "optional"] = "required"
    trailer_starts_with: str | None = Field(
        default=None, description="first text of a total row at the end, which is then left out"
    )
    headers: dict[str, Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]] = Field(
        description="contract column: the sender's header, or a list of headers it has used"
    )
    ignored_headers: Listed[str] = ()
    values: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="contract column: the sender's value: contract value"
    )
    constants: dict[str, str] = Field(
        default_factory=dict, description="contract column: the value every row of the sender has"
    )
    empty_as: dict[str, str] = Field(
        default_factory=dict, description="contract column: what an empty field stands for"
    )

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"unknown encoding {self.encoding!r}, such as utf-8, cp1252") from None
        try:
            groups = set(re.compile(self.file_pattern).groupindex)
        except re.error as error:
            raise ValueError(f"file_name is not a regular expression: {error}") from error
        if "period" not in groups and not {"year", "month"} <= groups:
            raise ValueError("file_name must have a group named period, or year and month")
        spellings = [header for names in self.headers.values() for header in names]
        twice = sorted({header for header in spellings if spellings.count(header) > 1})
        if twice:
            raise ValueError(f"the header {twice[0]!r} is mapped to two columns")
        if self.format == "hl7_v2":
            if self.trailer_starts_with or self.ignored_headers:
                raise ValueError("messages have no trailer_starts_with and no ignored_headers")
            for header in spellings:
                FieldPath.of(header)
        return self

    @property
    def file_pattern(self) -> str:
        """Full-match pattern of the names of this layout's files."""
        return self.file_name or _STANDARD_NAME + _STANDARD_SUFFIX[self.format]


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


def disagreements(file: Path, contract: FeedContract, layout: Layout) -> Iterator[Problem]:
    """Where a layout asks for what its feed's contract does not have, or lacks what it requires."""
    place = f"feeds.{contract.feed}"
    for part in ("headers", "values", "constants", "empty_as"):
        for column in getattr(layout, part):
            if column not in contract.columns:
                fix = "The contract has no such column. "
                fix += suggestion(column, list(contract.columns))
                yield Problem(file, f"{place}.{part}", column, fix)
    for name, column in contract.columns.items():
        if column.required and name not in layout.headers and name not in layout.constants:
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
