"""Splits a verified text into blocks of records: their fields as text, in the order of the file.

Text without quotes is cut at its line ends and split by Arrow; text with quotes goes through the
engine's strict reader, which forgives no quote out of place. What a field says does not belong
here (`judge.py`).
"""

import codecs
import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from orchestration.errors import DeliveryError
from orchestration.ingest.malformed import Malformed
from orchestration.ingest.verified import UNIT_SEPARATOR, VerifiedText

Numbers = npt.NDArray[np.int64]

# Large enough that planning a block's query is a small part of judging it.
BLOCK_BYTES = 16 << 20
_BLOCK_ROWS = 122_880
_LINE_FEED = 10


class Unsplittable(Exception):
    """The strict reader stumbled: the careful one has to find the records at fault."""


@dataclass(frozen=True)
class Block:
    """Records not split yet: `number` is that of the first one, 1 after the header."""

    number: int
    content: bytes | pa.RecordBatch


@dataclass(frozen=True)
class Records:
    """Consecutive records: text columns `field_<n>`, null where empty, and each record's number.

    `whole` holds each record in one text, as `whole_pattern` describes it.
    """

    fields: pa.Table
    numbers: Numbers
    whole: pa.Array
    malformed: tuple[Malformed, ...]


@dataclass(frozen=True)
class Separated:
    """A text of well-formed records, and those that had to be taken out of it."""

    path: Path
    malformed: tuple[Malformed, ...]


def field_names(text: VerifiedText) -> list[str]:
    """Names of the fields of a record, by position."""
    return [f"field_{position}" for position in range(len(text.header))]


def whole_pattern(text: VerifiedText, pattern_of: Mapping[str, str]) -> str:
    """The pattern of a whole record, made of the patterns of its contract columns' fields.

    A column without a pattern is judged by itself. It holds for a record exactly if every pattern
    holds for its own field: a record has one separator less than fields, so no pattern can reach
    across one.
    """
    if _has_plain_lines(text):
        separator, end = f"\\x{ord(text.delimiter):02x}", "\\n"
        anything = f"[^{separator}\\n]*"
        fields = [pattern_of.get(column or "", anything) for column in text.columns]
    else:
        separator, end = f"\\x{ord(UNIT_SEPARATOR):02x}", ""
        anything = f"[^{separator}]*"
        fields = [pattern_of.get(column, anything) for column in text.columns if column]
    return f"\\A{separator.join(f'(?:{field})' for field in fields)}{end}\\z"


def blocks(
    connection: duckdb.DuckDBPyConnection, text: VerifiedText, separated: Separated | None
) -> Iterator[Block]:
    """The blocks of a text, or of what could be separated from it, in order.

    Raises `Unsplittable` where the strict reader stumbles over a text that was not separated yet,
    `DeliveryError` where it still does.
    """
    if _has_plain_lines(text):
        yield from _lines(text)
        return
    malformed = separated.malformed if separated else ()
    total = 0
    try:
        for batch in _strictly_read(connection, text, separated.path if separated else text.path):
            yield Block(total + 1, batch)
            total += batch.num_rows
    except duckdb.InvalidInputException as error:
        raise _ambiguous(text, total + len(malformed)) if separated else Unsplittable from error
    if total + len(malformed) != text.row_count:
        raise _ambiguous(text, total + len(malformed)) if separated else Unsplittable


def split(block: Block, text: VerifiedText, separated: Separated | None) -> Records:
    """The records of a block."""
    if isinstance(block.content, bytes):
        return _split_lines(block.number, block.content, text, separated)
    fields = pa.Table.from_batches([block.content])
    positions = np.arange(block.number, block.number + len(fields))
    return Records(fields, _arrived_as(positions, separated), _joined(fields, text), ())


def separate_malformed(text: VerifiedText, into: Path) -> Separated:
    """Write the records with the right number of fields; keep number and fields of the others.

    The careful, slow reader, used only when the engine's strict one stumbles.
    """
    malformed: list[Malformed] = []
    csv.field_size_limit(1 << 24)
    with (
        text.path.open(encoding="utf-8", newline="") as source,
        into.open("w", encoding="utf-8", newline="") as target,
    ):
        writer = csv.writer(target, delimiter=text.delimiter, lineterminator="\n")
        reader = csv.reader(source, delimiter=text.delimiter, strict=True)
        number = 0
        try:
            for number, fields in enumerate(reader, start=1):
                if len(fields) == len(text.header):
                    writer.writerow(fields)
                else:
                    found = text.delimiter.join(fields)
                    reason = _count_reason(len(fields), len(text.header))
                    malformed.append(Malformed(number, found, reason))
        except csv.Error as error:
            message = f"Row {number + 1} cannot be split into fields: {error}."
            raise DeliveryError("unbalanced_quote", message) from error
    return Separated(into, tuple(malformed))


def _has_plain_lines(text: VerifiedText) -> bool:
    """Whether every line feed ends a record and every delimiter, of one byte, ends a field."""
    return not text.has_quotes and text.delimiter.isascii()


def _lines(text: VerifiedText) -> Iterator[Block]:
    number = 1
    with text.path.open("rb") as file:
        while content := file.read(BLOCK_BYTES):
            content += file.readline()
            yield Block(number, content)
            number += content.count(b"\n")


def _count_reason(fields: int, expected: int) -> str:
    return "too_many_fields" if fields > expected else "too_few_fields"


def _split_lines(
    first: int, content: bytes, text: VerifiedText, separated: Separated | None
) -> Records:
    """Split lines without quotes; Arrow proves that each has as many fields as the header."""
    ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == _LINE_FEED)
    starts = np.concatenate((np.zeros(1, np.int32), ends.astype(np.int32) + 1))
    lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(content))
    numbers = _arrived_as(np.arange(first, first + len(ends)), separated)
    is_whole = np.ones(len(ends), dtype=bool)
    malformed: list[Malformed] = []

    def keep_malformed(row: arrow_csv.InvalidRow) -> str:
        is_whole[row.number - 1] = False
        reason = _count_reason(row.actual_columns, row.expected_columns)
        malformed.append(Malformed(int(numbers[row.number - 1]), row.text, reason))
        return "skip"

    names = field_names(text)
    fields = arrow_csv.read_csv(
        pa.BufferReader(_kept_from_the_reader(content)),
        arrow_csv.ReadOptions(use_threads=False, block_size=len(content) + 8, column_names=names),
        arrow_csv.ParseOptions(
            delimiter=text.delimiter,
            quote_char=False,
            ignore_empty_lines=False,
            invalid_row_handler=keep_malformed,
        ),
        arrow_csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    is_empty = np.diff(starts) == 1
    if len(names) > 1 and is_empty.any():
        fields = fields.filter(pa.array(~is_empty[is_whole]))
        malformed += [Malformed(int(number), "", "too_few_fields") for number in numbers[is_empty]]
        is_whole &= ~is_empty
    if malformed:
        numbers, lines = numbers[is_whole], lines.filter(pa.array(is_whole))
    if len(fields) != len(numbers):
        raise RuntimeError(f"{text.path}: {len(numbers)} lines became {len(fields)} records")
    return Records(fields, numbers, lines, tuple(malformed))


def _kept_from_the_reader(content: bytes) -> bytes:
    """Arrow drops a byte-order mark; one that is part of the first value must stay."""
    is_marked = content.startswith(codecs.BOM_UTF8)
    return codecs.BOM_UTF8 + content if is_marked else content


def _strictly_read(
    connection: duckdb.DuckDBPyConnection, text: VerifiedText, path: Path
) -> Iterator[pa.RecordBatch]:
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in field_names(text))
    file, delimiter = (value.replace("'", "''") for value in (str(path), text.delimiter))
    with connection.cursor() as own:
        yield from own.sql(
            f"select * from read_csv('{file}', delim = '{delimiter}', quote = '\"', "
            f"escape = '\"', header = false, auto_detect = false, columns = {{{columns}}}, "
            "new_line = '\\n', strict_mode = true, parallel = false)"
        ).to_arrow_reader(_BLOCK_ROWS)


def _joined(fields: pa.Table, text: VerifiedText) -> pa.Array:
    """Each record's contract fields between unit separators; null where a field holds one."""
    columns = [
        field.combine_chunks()
        for field, column in zip(fields.columns, text.columns, strict=True)
        if column
    ]
    joined = pc.binary_join_element_wise(
        *columns, UNIT_SEPARATOR, null_handling="replace", null_replacement=""
    )
    is_unique = pc.equal(pc.count_substring(joined, UNIT_SEPARATOR), len(columns) - 1)
    return pc.if_else(is_unique, joined, None)


def _arrived_as(positions: Numbers, separated: Separated | None) -> Numbers:
    """Numbers in the file as it arrived of records by their place among the well-formed ones."""
    if separated is None:
        return positions
    # So many well-formed records stand before each malformed one.
    before = [one.number - taken for taken, one in enumerate(separated.malformed, start=1)]
    return positions + np.searchsorted(before, positions, side="left")


def _ambiguous(text: VerifiedText, found: int) -> DeliveryError:
    return DeliveryError(
        "records_ambiguous",
        f"{text.row_count} lines outside quotes, but {found} records. "
        "Quotes stand inside fields that are not quoted; ask for a proper file.",
    )
