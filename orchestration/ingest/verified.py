"""What a file holds once its bytes are proven: clean text, and what its sender stated of it.

How bytes are proven does not belong here (`verification.py`), nor what fields say (`judge.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from orchestration.ingest.malformed import Malformed

UNIT_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Stated:
    """What lines around the records say of them."""

    rows: int | None = None
    sums: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class VerifiedText:
    """The unpacked records: UTF-8, line feeds only, nothing around them, no byte-order mark.

    `columns` holds, by position in the file, the contract column each field belongs to, or None.
    `row_count` counts `malformed` records too, which had to be left out of the text.
    """

    path: Path
    header: tuple[str, ...]
    columns: tuple[str | None, ...]
    delimiter: str
    row_count: int
    has_quotes: bool
    warnings: tuple[str, ...]
    malformed: tuple[Malformed, ...] = ()
    stated: Stated = Stated()
