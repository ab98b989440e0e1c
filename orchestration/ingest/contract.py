"""The canonical contract of a feed: what every row means, whoever sends it.

A sender's own layout does not belong here (`sender.py`), nor how values are judged (`typing.py`).
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from orchestration.configuration import Exact, Listed, StrictModel, suggestion

PROVENANCE = ("payer", "source_id", "delivery_id", "row_number")

# Every type as the full-match pattern its text must have. Control characters are never allowed,
# except a line feed inside a quoted free text. An identifier has neither dot nor plus sign, so
# that a spreadsheet's 1.23E+11 is not taken for a claim number.
_PATTERNS = {
    "text": r"[^\x00-\x09\x0b-\x1f\x7f]*",
    "identifier": r"[A-Za-z0-9_:/#-]+",
    "npi": r"[0-9]{10}",
    "tin": r"[0-9]{9}",
    "integer": r"-?[0-9]{1,18}",
}
_DECIMAL_TYPE = re.compile(r"decimal\((\d{1,2}),(\d{1,2})\)")

_DATED = ("date", "timestamp")

# What a feed, a column or a rule may be called: names in SQL and of assets.
NAME_PATTERN = r"[a-z][a-z0-9_]*"

# Greatest length in bytes of a text or identifier; all other patterns bound it themselves.
LONGEST_TEXT = 200


class Column(StrictModel):
    """One column of a contract."""

    type: str = Field(
        description="text, identifier, code, npi, tin, date, timestamp, integer, decimal(p,s)"
    )
    meaning: str = Field(description="what the value says, in one sentence")
    required: bool = False
    pattern: str | None = Field(default=None, description="of a code: the full-match pattern")
    values: Listed[str] = ()
    least: Exact | date | None = None
    most: Exact | date | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        known = (*_PATTERNS, "code", "date", "timestamp")
        if self.type not in known and not _DECIMAL_TYPE.fullmatch(self.type):
            raise ValueError(
                f"unknown type {self.type!r}. {suggestion(self.type, [*known, 'decimal(18,2)'])}"
            )
        if (self.type == "code") != bool(self.pattern or self.values):
            raise ValueError("give a code either a pattern or its values, and only a code")
        wanted = date if self.type in ("date", "timestamp") else Decimal
        for name, bound in (("least", self.least), ("most", self.most)):
            if bound is not None and not isinstance(bound, wanted):
                raise ValueError(f"{name} of a {self.type} must be a {wanted.__name__.lower()}")
        if self.pattern:
            try:
                re.compile(self.pattern)
                pc.match_substring_regex(pa.array([""]), pattern=self.pattern)
            except (re.error, pa.ArrowInvalid) as error:
                raise ValueError(f"pattern is not a regular expression: {error}") from error
        return self

    @property
    def is_decimal(self) -> bool:
        return self.type.startswith("decimal")

    @property
    def is_number(self) -> bool:
        return self.is_decimal or self.type == "integer"

    @property
    def scale(self) -> int:
        """Digits after the point of a decimal."""
        decimal = _DECIMAL_TYPE.fullmatch(self.type)
        return int(decimal[2]) if decimal else 0

    @property
    def precision(self) -> int:
        """Digits of a decimal in all."""
        decimal = _DECIMAL_TYPE.fullmatch(self.type)
        return int(decimal[1]) if decimal else 0

    @property
    def sql_type(self) -> str:
        """Type of the column in the ledger."""
        if self.type == "integer":
            return "INTEGER"
        if self.type in ("date", "timestamp") or self.is_decimal:
            return self.type.upper()
        return "VARCHAR"

    @property
    def arrow_type(self) -> pa.DataType:
        """The same type where rows are held in memory."""
        decimal = _DECIMAL_TYPE.fullmatch(self.type)
        if decimal:
            return pa.decimal128(int(decimal[1]), int(decimal[2]))
        others = {"INTEGER": pa.int32(), "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us")}
        return others.get(self.sql_type, pa.string())

    def full_pattern(self) -> str:
        """Full-match pattern of a value in its canonical form; of dates the sender decides it."""
        if self.values:
            return "|".join(re.escape(value) for value in self.values)
        if self.pattern:
            return self.pattern
        decimal = _DECIMAL_TYPE.fullmatch(self.type)
        if decimal:
            precision, scale = int(decimal[1]), int(decimal[2])
            return rf"-?[0-9]{{1,{precision - scale}}}(?:\.[0-9]{{1,{scale}}})?"
        return _PATTERNS[self.type]


class RowRule(StrictModel):
    """A rule between the columns of one row; a breach rejects the row or only flags it."""

    name: str = Field(pattern=f"^{NAME_PATTERN}$")
    holds: str = Field(description="SQL over the contract's columns and delivered_on")
    breach: Literal["reject", "flag"]
    meaning: str

    def named(self, columns: Mapping[str, Column]) -> set[str]:
        """The contract's columns that the rule speaks of."""
        return set(re.findall(r"\w+", self.holds)) & set(columns)

    def column(self, columns: Mapping[str, Column]) -> str:
        """The column that a reject of this rule is filed under: the first one the rule names."""
        words: list[str] = re.findall(r"\w+", self.holds)
        return next(word for word in words if word in columns)


class FeedContract(StrictModel):
    """All that a row of one feed must be, and how the versions of its deliveries relate."""

    feed: str = Field(pattern=f"^{NAME_PATTERN}$")
    meaning: str
    mode: Literal["period", "snapshot", "append"]
    every_month: bool = Field(description="whether a month without a delivery is a gap")
    may_be_empty: Literal["never", "when_stated", "always"] = Field(
        default="never", description="when_stated: if the control file says 0 rows"
    )
    greatest_rejected_share: Exact = Field(description="above it the whole delivery is set aside")
    tolerated_rejects: int = Field(default=10, ge=0, description="so many are never too many")
    key: Listed[str]
    dated_by: str | None = Field(
        default=None, description="column that says a row's month; left out: its delivery's"
    )
    columns: dict[str, Column]
    rules: Listed[RowRule] = ()

    @model_validator(mode="after")
    def _names_known_columns(self) -> Self:
        for name in self.key:
            if name not in self.columns:
                raise ValueError(f"key names {name!r}. {suggestion(name, list(self.columns))}")
        if self.dated_by is not None:
            dates = [name for name, one in self.columns.items() if one.type in _DATED]
            if self.dated_by not in dates:
                told = suggestion(self.dated_by, dates)
                raise ValueError(f"dated_by names {self.dated_by!r}, which is no date. {told}")
        for name in self.columns:
            if name in PROVENANCE or not re.fullmatch(NAME_PATTERN, name):
                raise ValueError(f"{name!r} cannot be a column: use lower case, none of intake's")
        for rule in self.rules:
            if not rule.named(self.columns):
                raise ValueError(f"the rule {rule.name!r} names no column of the contract")
        if not 0 <= self.greatest_rejected_share <= 1:
            raise ValueError("greatest_rejected_share must lie between 0 and 1")
        return self

    def most_rejects(self, row_count: int) -> int:
        """So many rejected rows of a delivery leave the rest usable."""
        return max(self.tolerated_rejects, int(self.greatest_rejected_share * row_count))

    def tolerates(self, rejected_count: int, row_count: int) -> bool:
        """Whether a delivery with so many rejects may load: never one without a good row."""
        is_nothing_left = rejected_count == row_count > 0
        return rejected_count <= self.most_rejects(row_count) and not is_nothing_left


def arrow_schema(contract: FeedContract) -> pa.Schema:
    """The ledger's columns of a feed: the contract's, then where each row came from."""
    columns = [(name, column.arrow_type) for name, column in contract.columns.items()]
    stamps = [(name, pa.int64() if name == "row_number" else pa.string()) for name in PROVENANCE]
    return pa.schema(columns + stamps)
