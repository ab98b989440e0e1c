"""Deliveries on disk: gzip CSV in a sender's layout, with a control file.

Same input, same bytes: no clock, gzip stamp 0. What the rows hold does not belong here
(extracts.py, rosters.py).
"""

import hashlib
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from orchestration.simulator.config import PAYMENT_MONTHS
from orchestration.simulator.encoding import Rows, Texts, money_text
from orchestration.simulator.mess import BadRow

Numbers = NDArray[np.int64]
Sums = dict[str, int]

PAYER = "cigna"
BLOCK_ROWS = 4_096
COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class Layout:
    """A feed in one sender's layout: its columns in order, and those a control file sums up."""

    feed: str
    columns: tuple[str, ...]
    delimiter: str
    sums: tuple[str, ...] = ()

    @classmethod
    def of(cls, feed: str, header: str, delimiter: str, *sums: str) -> "Layout":
        return cls(feed, tuple(header.split(delimiter)), delimiter, sums)

    def rows(self, columns: Mapping[str, Texts | int]) -> Rows:
        """Rows of this layout; raises ValueError for other columns or another order."""
        if tuple(columns) != self.columns:
            raise ValueError(f"{self.feed} has the columns {self.columns}, not {tuple(columns)}")
        return Rows.of(columns, self.delimiter)


# The rows at the given positions, and the sums (cents) of the layout's amounts over them.
Encoder = Callable[[Numbers], tuple[Rows, Sums]]


@dataclass(frozen=True)
class WrittenFile:
    """One delivery on disk."""

    source: str
    feed: str
    name: str
    rows: int
    sha256: str
    bytes_raw: int
    delivered_on: str
    planted: dict[str, int]


def period_text(period: int) -> str:
    """Period number to YYYY-MM."""
    return f"{2023 + period // 12}-{period % 12 + 1:02d}"


def delivered_on(period: int) -> str:
    """The tenth of the following month."""
    return f"{period_text(period + 1)}-10"


class GzipText:
    """A gzip file fed with pieces, without a time stamp; hashes what it writes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._packer = isal_zlib.compressobj(COMPRESSION_LEVEL, isal_zlib.DEFLATED, -15)
        self._hash = hashlib.sha256()
        self._crc = 0
        self.size = 0
        self._put(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")

    def _put(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._file.write(piece)

    def write(self, text: bytes) -> None:
        self._crc = isal_zlib.crc32(text, self._crc)
        self.size += len(text)
        self._put(self._packer.compress(text))

    def close(self) -> str:
        """Finish the file; returns the sha256 of its bytes."""
        self._put(self._packer.flush())
        self._put(struct.pack("<II", self._crc, self.size & 0xFFFFFFFF))
        self._file.close()
        return self._hash.hexdigest()


def write_delivery(
    landing_dir: Path,
    source: str,
    name: str,
    layout: Layout,
    rows: Numbers,
    encode: Encoder,
    delivered: str,
    bad: Mapping[int, BadRow] | None = None,
    planted: dict[str, int] | None = None,
) -> WrittenFile:
    """Write one CSV.gz with its control file; `bad` faults are put on the listed rows."""
    path = landing_dir / source / layout.feed / f"{name}.csv.gz"
    faults = bad or {}
    file = GzipText(path)
    file.write(layout.delimiter.join(layout.columns).encode() + b"\n")
    totals = dict.fromkeys(layout.sums, 0)
    is_bad = np.isin(rows, list(faults))
    for first in range(0, len(rows), BLOCK_ROWS):
        block = rows[first : first + BLOCK_ROWS]
        encoded, sums = encode(block)
        for column in layout.sums:
            totals[column] += sums[column]
        for row in np.flatnonzero(is_bad[first : first + BLOCK_ROWS]).tolist():
            for column, text in faults[int(block[row])].texts.items():
                if column in totals:
                    _, lost = encode(block[row : row + 1])
                    totals[column] -= lost[column]
                encoded.put_one(row, column, text)
        file.write(encoded.text())
    digest = file.close()
    sums_text = {column: money_text(total) for column, total in totals.items()}
    write_control(path, len(rows), digest, sums_text, delivered)
    return WrittenFile(
        source, layout.feed, path.name, len(rows), digest, file.size, delivered, planted or {}
    )


def write_columns(
    landing_dir: Path,
    source: str,
    name: str,
    layout: Layout,
    columns: Sequence[Texts],
    delivered: str,
    rows: Numbers | None = None,
    bad: Mapping[int, BadRow] | None = None,
    planted: dict[str, int] | None = None,
) -> WrittenFile:
    """A small delivery whose texts are there already; `rows` are positions in them (None: all)."""

    def encode(wanted: Numbers) -> tuple[Rows, Sums]:
        taken = (column[wanted] for column in columns)
        return layout.rows(dict(zip(layout.columns, taken, strict=True))), {}

    every = np.arange(len(columns[0])) if rows is None else rows
    return write_delivery(landing_dir, source, name, layout, every, encode, delivered, bad, planted)


def write_control(
    path: Path, rows: int, digest: str, sums: Mapping[str, str], delivered: str
) -> None:
    """The control file beside a delivery."""
    control = {"rows": rows, "sha256": digest, "sums": sums, "delivered_on": delivered}
    path.with_name(f"{path.name}.control.json").write_text(
        json.dumps(control, indent=1, sort_keys=True) + "\n"
    )


def rows_by_period(period: NDArray[np.int8]) -> list[Numbers]:
    """Row numbers of each period, in the original order."""
    order = np.argsort(period, kind="stable")
    edges = np.searchsorted(period[order], np.arange(PAYMENT_MONTHS + 1))
    return [order[edges[n] : edges[n + 1]] for n in range(PAYMENT_MONTHS)]
