"""Records of fixed width as delimited ones: cut at declared positions, without padding.

Which positions a sender uses does not belong here (`sender.py`), nor what fields say (`judge.py`).
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.ingest.malformed import LONGEST_VALUE, Malformed
from orchestration.ingest.sender import FileForm
from orchestration.ingest.verified import UNIT_SEPARATOR

_BLOCK_BYTES = 16 << 20
_LINE_FEED = 10


class FixedWidthReader:
    """Cuts lines into fields and keeps those that have another length than declared."""

    def __init__(self, form: FileForm) -> None:
        self._form = form
        self._spans = form.spans()
        self.record_count = 0
        self.malformed: list[Malformed] = []

    def delimited(self, lines: BinaryIO) -> Iterator[bytes]:
        """The records of a text of lines, fields between unit separators, in blocks."""
        while content := lines.read(_BLOCK_BYTES):
            yield self._cut(content + lines.readline())

    def _cut(self, content: bytes) -> bytes:
        ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == _LINE_FEED)
        starts = np.concatenate((np.zeros(1, np.int32), ends.astype(np.int32) + 1))
        whole = pa.StringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(content))
        lines = pc.utf8_rtrim(whole, "\n")
        length = self._form.record_length
        lengths = pc.utf8_length(lines)
        is_long = pc.greater(lengths, length)
        is_short = pc.less(lengths, length if self._form.trailing_blanks == "kept" else 1)
        is_marked = pc.match_substring(lines, UNIT_SEPARATOR)
        is_odd = pc.or_(pc.or_(is_long, is_short), is_marked)
        first = self.record_count + 1
        self.record_count += len(lines)
        for position in np.flatnonzero(is_odd.to_numpy(zero_copy_only=False)):
            reason = (
                "record_too_long"
                if is_long[position].as_py()
                else "record_too_short"
                if is_short[position].as_py()
                else "control_character"
            )
            text = lines[position].as_py()[:LONGEST_VALUE]
            self.malformed.append(Malformed(first + int(position), text, reason))
        lines = lines.filter(pc.invert(is_odd))
        return joined_lines([self._field(lines, spans) for spans in self._spans.values()])

    def _field(self, lines: pa.Array, spans: tuple[tuple[int, int], ...]) -> pa.Array:
        pieces = [pc.utf8_slice_codeunits(lines, first - 1, last) for first, last in spans]
        together = pieces[0] if len(pieces) == 1 else pc.binary_join_element_wise(*pieces, "")
        return pc.utf8_trim(together, " ")


def joined_lines(fields: list[pa.Array]) -> bytes:
    """Columns side by side as lines, fields between unit separators."""
    if not len(fields[0]):
        return b""
    separator = UNIT_SEPARATOR
    rows = pc.binary_join_element_wise(
        *fields, separator, null_handling="replace", null_replacement=""
    )
    lines = pc.binary_join_element_wise(rows, "", "\n")
    _, offsets, data = lines.buffers()
    last = np.frombuffer(offsets, dtype=np.int32)[len(lines)]
    return bytes(data[: int(last)])
