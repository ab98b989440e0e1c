"""Numbers, dates and codes as fixed-width texts, and rows of them as delimited bytes.

A text is an item of an `S` array, NUL where it is shorter than its place. A block of rows is one
byte matrix from which the NULs are dropped in one pass: many times as fast as a general CSV
writer, which formats field by field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.config import EPOCH

Texts = NDArray[np.bytes_]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.integer]

# Texts of 1, 2, 4 and 8 bytes are gathered several times as fast as those of other widths.
_ZERO_FILLED = {
    width: np.array([f"{n:0{width}d}" for n in range(10**width)], dtype=f"S{width}")
    for width in (1, 2, 3, 4)
}
_RIGHT_ALIGNED = np.array([f"{n}".rjust(4, "\0") for n in range(10_000)], dtype="S4")
_CENTS = np.array([f".{n:02d}" for n in range(100)], dtype="S3")
_LEAST_WHOLE = -999
_WHOLE = np.array([f"{n}" for n in range(_LEAST_WHOLE, 10_000)], dtype="S4")

_FIRST_DATE = date(1900, 1, 1)
_DATE_COUNT = (date(2035, 1, 1) - _FIRST_DATE).days
_DATE_SHIFT = (EPOCH - _FIRST_DATE).days + 1
WHOLE_WIDTH, MONEY_WIDTH = 4, 12
NO_DATE = -1_000_000
OPEN_DATE = 1_000_000
_DATE_FORMS = {"compact": "{0}{1}{2}", "iso": "{0}-{1}-{2}", "us": "{1}/{2}/{0}"}


def lookup_table(texts: Sequence[str]) -> Texts:
    """A small list of texts to be taken from by position; position 0 is by custom empty."""
    return np.array([text.encode() for text in texts], dtype=np.bytes_)


@cache
def date_table(style: str) -> Texts:
    """Position 0 empty, positions 1… the days since 1900, last the open end 9999-12-31."""
    days = (np.datetime64(_FIRST_DATE) + np.arange(_DATE_COUNT)).astype(str).tolist()
    form = _DATE_FORMS[style]
    return lookup_table(["", *(form.format(*day.split("-")) for day in [*days, "9999-12-31"])])


def date_texts(days: Ints, style: str) -> Texts:
    """Dates of day numbers counted from the epoch (NO_DATE is empty, OPEN_DATE the open end)."""
    place = days.astype(np.int64) + _DATE_SHIFT
    place[days == NO_DATE] = 0
    place[days == OPEN_DATE] = _DATE_COUNT + 1
    return date_table(style).take(place)


def digits(values: Ints, width: int) -> Texts:
    """Zero-filled decimal digits of non-negative integers; negative values become empty."""
    rest = np.maximum(values, 0).astype(np.int64)
    out = np.empty((len(rest), width), dtype=np.uint8)
    for end in range(width, 0, -4):
        piece = min(end, 4)
        above = rest // 10**piece
        _put(out, end - piece, _ZERO_FILLED[piece].take(rest - above * 10**piece))
        rest = above
    missing = values < 0
    if missing.any():
        out[missing] = 0
    return _texts(out)


def whole(values: Ints) -> Texts:
    """Whole numbers of at most four characters, sign included.

    Raises ValueError for a number below -999, IndexError for one above 9999.
    """
    if len(values) and values.min() < _LEAST_WHOLE:
        raise ValueError(f"{values.min()} is longer than four characters")
    return _WHOLE.take(values - _LEAST_WHOLE)


def money(cents: NDArray[np.int64]) -> Texts:
    """Signed dollars with two decimals, below 100 million dollars."""
    size = np.abs(cents)
    dollars = size // 100
    high = dollars // 10_000
    low = dollars - high * 10_000
    out = np.zeros((len(cents), MONEY_WIDTH), dtype=np.uint8)
    _put(out, 5, _RIGHT_ALIGNED.take(low))
    _put(out, 9, _CENTS.take(size - dollars * 100))
    large = np.flatnonzero(high)
    if len(large):
        out[large, 1:5] = _RIGHT_ALIGNED[high[large]].view(np.uint8).reshape(-1, 4)
        out[large, 5:9] = _ZERO_FILLED[4][low[large]].view(np.uint8).reshape(-1, 4)
    out[cents < 0, 0] = ord("-")
    return _texts(out)


def money_text(cents: int) -> str:
    """The same form for one number, as control files carry it."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


@dataclass(frozen=True)
class Rows:
    """A block of a file's rows: a matrix of bytes, and where each column lies in it."""

    matrix: Bytes
    places: dict[str, slice]

    @classmethod
    def of(cls, columns: Mapping[str, Texts | int], delimiter: str) -> "Rows":
        """Columns side by side; a number leaves room of so many bytes for a later `put`."""
        widths = {
            name: column if isinstance(column, int) else column.dtype.itemsize
            for name, column in columns.items()
        }
        count = next(len(column) for column in columns.values() if not isinstance(column, int))
        matrix = np.zeros((count, sum(widths.values()) + len(widths)), dtype=np.uint8)
        rows = cls(matrix, {})
        position = 0
        for name, column in columns.items():
            end = position + widths[name]
            rows.places[name] = slice(position, end)
            matrix[:, end] = ord(delimiter)
            if not isinstance(column, int):
                rows.put(name, column)
            position = end + 1
        matrix[:, -1] = ord("\n")
        return rows

    def put(self, column: str, texts: Texts) -> None:
        """Write one column, no wider than its place."""
        _put(self.matrix, self.places[column].start, texts)

    def put_one(self, row: int, column: str, text: str) -> None:
        """Overwrite one field; raises ValueError for a text longer than its place."""
        place, encoded = self.places[column], text.encode()
        if len(encoded) > place.stop - place.start:
            raise ValueError(f"{text!r} does not fit {place.stop - place.start} bytes of {column}")
        self.matrix[row, place] = 0
        end = place.start + len(encoded)
        self.matrix[row, place.start : end] = np.frombuffer(encoded, dtype=np.uint8)

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """The given rows, each as often as it is named."""
        return Rows(self.matrix.take(rows, axis=0), self.places)

    def text(self) -> bytes:
        """The delimited text; quickest for blocks that fit the processor's cache."""
        return self.matrix.tobytes().translate(None, b"\0")


def _put(matrix: Bytes, start: int, texts: Texts) -> None:
    """Copy texts into the columns of a matrix that begin at `start`."""
    field: Texts = np.ndarray(
        (len(matrix),), texts.dtype, buffer=matrix, offset=start, strides=matrix.strides[:1]
    )
    field[:] = texts


def _texts(matrix: Bytes) -> Texts:
    """A matrix's rows as texts, without a copy."""
    texts: Texts = matrix.view(f"S{matrix.shape[1]}").reshape(len(matrix))
    return texts
