"""Proves the bytes of a delivery and unpacks them into one clean text file of records.

Whatever the engine would forgive (a cut archive, a wrong checksum, a foreign encoding, a renamed
column) is found here, before the engine sees the file. Values do not belong here (`typing.py`).
"""

import codecs
import csv
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO

from isal import igzip_lib, isal_zlib

from orchestration.configuration import nearest
from orchestration.errors import DeliveryError
from orchestration.ingest.claim_pairs import OF_CLAIM, with_claim_headers
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.fixed_width import FixedWidthReader
from orchestration.ingest.hl7_messages import MessageReader
from orchestration.ingest.landing import Control, LandingFile, read_control
from orchestration.ingest.sender import FileForm, Layout
from orchestration.ingest.verified import UNIT_SEPARATOR, Stated, VerifiedText

_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"

# A claim extract packs 5 to 30 times; a bomb packs a thousand times.
_GREATEST_RATIO = 100
_GREATEST_SIZE = 64 << 30
_RATIO_FREE_SIZE = 64 << 20

# Everything is read in blocks, so that memory is bounded as long as a line fits into a few of them.
_LONGEST_LINE = 16 << 20
_GREATEST_ROWS = 500_000_000
# Lines around the records are looked for in so many bytes of the end.
_LONGEST_TAIL = 1 << 16


def sha256_of(path: Path) -> str:
    """Digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def delivery_sha256(file: LandingFile) -> str:
    """Digest of what was sent: of the file, of a pair of both digests together."""
    digest = sha256_of(file.path)
    if file.companion is None:
        return digest
    both = f"{digest}\n{sha256_of(file.companion.path)}"
    return hashlib.sha256(both.encode()).hexdigest()


def verify(
    file: LandingFile,
    contract: FeedContract,
    layout: Layout,
    control: Control,
    text_path: Path,
    is_released: bool = False,
) -> VerifiedText:
    """Unpack `file` into `text_path`; raise `DeliveryError` naming the first fault of its bytes.

    Of a pair both files are unpacked, and every line gets the fields of its claim. What lines
    around the records state of a released delivery is not held against it.
    """
    text = _unpack(file, layout, layout, text_path)
    if layout.claim_headers and file.companion:
        claims = _unpack(
            file.companion, layout, layout.claim_headers, text_path.with_suffix(".claims")
        )
        _hold_control_of_claims(file.companion, claims, is_released)
        joined = text_path.with_suffix(".joined")
        text = with_claim_headers(text, claims, layout.claim_headers, joined)
    if layout.format != "hl7_v2":
        columns, warnings = _map_header(text.header, contract, layout)
        text = replace(text, columns=columns, warnings=(*text.warnings, *warnings))
    if is_released:
        text = replace(text, stated=Stated())
    _hold_count(text, contract, control)
    return text


def _unpack(file: LandingFile, layout: Layout, form: FileForm, text_path: Path) -> VerifiedText:
    """The records of one file by their own names; nothing is mapped to a contract yet."""
    if file.size_bytes == 0:
        raise DeliveryError("empty_file", "The file has no bytes. Ask the sender to send it again.")
    if layout.format == "hl7_v2":
        return _read_messages(file, layout, text_path)
    if layout.format == "fixed_width":
        return _read_fixed_width(file, layout, form, text_path)
    return _read_delimited(file, layout, form, text_path)


def _read_delimited(
    file: LandingFile, layout: Layout, form: FileForm, text_path: Path
) -> VerifiedText:
    """One record a line; a header line names the fields, or the form does."""
    text = _Normaliser(layout, form)
    with file.path.open("rb") as packed, text_path.open("wb") as unpacked:
        _refuse_claimed_bomb(file, packed)
        for block in text.normalised(_unpacked(file, packed)):
            unpacked.write(block)
    header = text.header()
    stated = _read_stated(form, text.leading, _cut_lines(text_path, len(form.trailers)))
    around = len(form.leaders) + len(form.trailers) + (form.header_line == "present")
    return VerifiedText(
        path=text_path,
        header=header,
        columns=header,
        delimiter=form.delimiter,
        row_count=text.record_count - around,
        has_quotes=text.has_quotes,
        warnings=(),
        stated=stated,
    )


def _read_fixed_width(
    file: LandingFile, layout: Layout, form: FileForm, text_path: Path
) -> VerifiedText:
    """One record a line, cut at the declared positions."""
    lines = text_path.with_suffix(".lines")
    last = b""
    with file.path.open("rb") as packed, lines.open("wb") as unpacked:
        _refuse_claimed_bomb(file, packed)
        for block in _Normaliser(layout, form).lines(_unpacked(file, packed)):
            unpacked.write(block)
            last = block[-1:]
        if last and last != b"\n":
            _refuse_cut_end(layout)
            unpacked.write(b"\n")
    trailing = _cut_lines(lines, len(form.trailers))
    reader = FixedWidthReader(form)
    with lines.open("rb") as source, text_path.open("wb") as records:
        leading = [source.readline().rstrip(b"\n") for _ in form.leaders]
        for block in reader.delimited(source):
            records.write(block)
    lines.unlink()
    header = tuple(form.positions)
    return VerifiedText(
        path=text_path,
        header=header,
        columns=header,
        delimiter=UNIT_SEPARATOR,
        row_count=reader.record_count,
        has_quotes=False,
        warnings=(),
        malformed=tuple(reader.malformed),
        stated=_read_stated(form, leading, trailing),
    )


def _read_messages(file: LandingFile, layout: Layout, text_path: Path) -> VerifiedText:
    """One record a message, of the HL7 fields the layout names; their names are the header."""
    reader = MessageReader(layout.headers, layout.final_newline == "required")
    with file.path.open("rb") as packed, text_path.open("wb") as records:
        _refuse_claimed_bomb(file, packed)
        for record in reader.records(_Normaliser(layout, layout).text(_unpacked(file, packed))):
            records.write(record)
    return VerifiedText(
        path=text_path,
        header=tuple(paths[0] for paths in layout.headers.values()),
        columns=tuple(layout.headers),
        delimiter=reader.delimiter,
        row_count=reader.message_count,
        has_quotes=False,
        warnings=(),
        malformed=tuple(reader.malformed),
    )


def _read_stated(form: FileForm, leading: Sequence[bytes], trailing: Sequence[bytes]) -> Stated:
    """What the declared lines around the records state; raise where one is not what it should be.

    A trailer that is missing is a file that may be cut.
    """
    rows: int | None = None
    sums: dict[str, Decimal] = {}
    expected = [
        *(("leader", one) for one in form.leaders),
        *(("trailer", one) for one in form.trailers),
    ]
    for (kind, declared), line in zip(expected, [*leading, *trailing], strict=True):
        found = re.fullmatch(declared.pattern, line.decode("utf-8"))
        if not found:
            where = "first" if kind == "leader" else "last"
            raise DeliveryError(
                f"{kind}_missing",
                f"The {where} line is not the declared {kind}, so the file may be cut. Ask for it "
                f"again, or mend {kind}s of the sender.",
            )
        try:
            if "rows" in declared.groups:
                rows = int(found["rows"])
            sums |= {header: Decimal(found[group]) for group, header in declared.sums.items()}
        except (ValueError, TypeError, InvalidOperation) as error:
            message = f"The {kind} states no number: {error}. Ask for the file again."
            raise DeliveryError(f"{kind}_unreadable", message) from error
    return Stated(rows, sums)


def _hold_control_of_claims(file: LandingFile, claims: VerifiedText, is_released: bool) -> None:
    """Hold the file of claims against its own control file and lines, if it has any."""
    control = read_control(file)
    if is_released:
        return
    for rows in (control.rows, claims.stated.rows):
        if rows is not None and rows != claims.row_count:
            raise DeliveryError(
                "row_count_differs",
                f"{file.path.name} should have {rows} claims, it has {claims.row_count}. "
                "Ask the sender to send both again.",
            )
    if control.sha256 is not None and control.sha256 != sha256_of(file.path):
        message = f"{file.path.name} is not the file its control file speaks of. Ask for both."
        raise DeliveryError("checksum_differs", message)


def _hold_count(text: VerifiedText, contract: FeedContract, control: Control) -> None:
    """Raise `DeliveryError` where the file has another number of rows than stated, or none."""
    stated = (("control file", control.rows), ("line around the records", text.stated.rows))
    for where, rows in stated:
        if rows is not None and rows != text.row_count:
            raise DeliveryError(
                "row_count_differs",
                f"The {where} says {rows} rows, the file has {text.row_count}. "
                "Ask the sender to send both again.",
            )
    is_stated = contract.may_be_empty == "when_stated" and 0 in (control.rows, text.stated.rows)
    if text.row_count == 0 and not is_stated and contract.may_be_empty != "always":
        raise DeliveryError(
            "header_only",
            "The file has a header but no rows, which this feed's contract does not allow "
            f"(may_be_empty: {contract.may_be_empty}).",
        )


def _refuse_claimed_bomb(file: LandingFile, packed: BinaryIO) -> None:
    """Where an archive claims an implausible size, unpack it once without writing anything.

    The claim stands in the last four bytes; in a truncated archive they are noise, so it only
    gives cause for the proof.
    """
    if not file.path.name.endswith(".gz"):
        return
    packed.seek(max(0, file.size_bytes - 4))
    claimed = int.from_bytes(packed.read(4), "little")
    packed.seek(0)
    if claimed > greatest_unpacked(file):
        for _ in _unpacked(file, packed):
            pass
        packed.seek(0)


def greatest_unpacked(file: LandingFile) -> int:
    """So many bytes a file may become before it is taken for a bomb."""
    return min(max(_RATIO_FREE_SIZE, file.size_bytes * _GREATEST_RATIO), _GREATEST_SIZE)


def _refuse_bomb(file: LandingFile, unpacked_size: int) -> None:
    if unpacked_size > greatest_unpacked(file):
        raise DeliveryError(
            "expands_too_much",
            f"{file.size_bytes} bytes expand to {unpacked_size} or more (more than "
            f"{_GREATEST_RATIO} times). If it is genuine, ask for it in parts.",
        )


def _unpacked(file: LandingFile, packed: BinaryIO) -> Iterator[bytes]:
    """The file's content in blocks, proven complete to its checksum when it is an archive."""
    if not file.path.name.endswith(".gz"):
        yield from iter(lambda: packed.read(_BLOCK), b"")
        return
    total = 0
    member = None
    rest = b""
    while True:
        if member is None or member.eof:
            rest = (member.unused_data if member else rest) or packed.read(_BLOCK)
            if not rest and member:
                return
            rest += packed.read(2 - len(rest)) if len(rest) < 2 else b""
            if not rest.startswith(_GZIP_MAGIC):
                what = "has other bytes after its archive" if member else "is not a gzip archive"
                raise DeliveryError("gzip_corrupt", f"The file {what}. Ask for it again.")
            member = isal_zlib.decompressobj(wbits=31)
        elif not rest:
            rest = packed.read(_BLOCK)
            if not rest:
                message = "The archive ends before its trailer. Ask the sender for it again."
                raise DeliveryError("gzip_truncated", message)
        try:
            block = member.decompress(rest, _BLOCK << 2)
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # the stub has an instance
            message = f"The archive is damaged ({error}). Ask the sender for it again."
            raise DeliveryError("gzip_corrupt", message) from error
        rest = member.unconsumed_tail
        total += len(block)
        _refuse_bomb(file, total)
        if block:
            yield block


class _Normaliser:
    """Turns blocks of any declared encoding and line end into clean UTF-8 and counts records."""

    def __init__(self, layout: Layout, form: FileForm) -> None:
        self._layout = layout
        self._form = form
        self._codec = codecs.lookup(layout.encoding).name
        self._first_lines: list[bytes] = []
        self._is_quoted = False
        self._open_bytes = 0
        self.record_count = 0
        self.has_quotes = False

    @property
    def leading(self) -> list[bytes]:
        """The declared lines before the header and the records."""
        return self._first_lines[: len(self._form.leaders)]

    def header(self) -> tuple[str, ...]:
        """The fields' names; raise `DeliveryError` when there is no header line or it is odd."""
        if self._form.header_line == "absent":
            return self._form.fields
        lines = self._first_lines[len(self._form.leaders) :]
        if not lines or not lines[0]:
            raise DeliveryError("empty_file", "The file has no header line. Ask for it again.")
        line = lines[0].decode("utf-8")
        try:
            return tuple(next(csv.reader([line], delimiter=self._form.delimiter, strict=True)))
        except csv.Error as error:
            raise DeliveryError("header_unreadable", f"The header: {error}.") from error

    def text(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The same text as UTF-8 with line feeds only, whatever its lines are; for messages."""
        return self._line_feeds(self._utf8(blocks))

    def lines(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The same for records that are lines whatever stands in them, of no implausible size."""
        for block in self.text(blocks):
            self.record_count += block.count(b"\n")
            self._hold_sizes(block)
            yield block

    def normalised(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Blocks of records without the lines before them; the last one ends with a line feed."""
        wanted = len(self._form.leaders) + (self._form.header_line == "present")
        pending = b""
        last = b""
        for block in self._line_feeds(self._utf8(blocks)):
            self._count(block)
            self._hold_sizes(block)
            last = block[-1:]
            while len(self._first_lines) < wanted:
                head, found, block = (pending + block).partition(b"\n")
                if not found:
                    pending, block = head, b""
                    break
                pending = b""
                self._first_lines.append(head)
            if block:
                yield block
        if self._is_quoted:
            message = "A quote is opened and never closed. Ask the sender for the file again."
            raise DeliveryError("unbalanced_quote", message)
        if last and last != b"\n":
            _refuse_cut_end(self._layout)
            self.record_count += 1
            if len(self._first_lines) < wanted:
                self._first_lines.append(pending)
            else:
                yield b"\n"

    def _utf8(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Decode strictly and drop a byte-order mark; text that is plain ASCII passes untouched."""
        is_utf8 = self._codec == "utf-8"
        decoder = codecs.getincrementaldecoder(self._codec)("strict")
        position = 0
        is_first = True
        for block in blocks:
            if is_first and is_utf8 and block.startswith(codecs.BOM_UTF8):
                block = block[len(codecs.BOM_UTF8) :]
            is_first = False
            if is_utf8 and block.isascii() and not decoder.getstate()[0]:
                yield block
            else:
                yield self._decoded(decoder, block, position).encode("utf-8")
            position += len(block)
        self._decoded(decoder, b"", position, final=True)

    def _decoded(
        self, decoder: codecs.IncrementalDecoder, block: bytes, position: int, final: bool = False
    ) -> str:
        try:
            return decoder.decode(block, final).removeprefix("\ufeff" if position == 0 else "")
        except UnicodeDecodeError as error:
            found = error.object[error.start : error.start + 1].hex()
            raise DeliveryError(
                "wrong_encoding",
                f"Byte {position + error.start} (0x{found}) is not {self._codec}. Ask for "
                "the declared encoding, or declare the sender's own under encoding.",
            ) from error

    def _line_feeds(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Make CRLF and CR line feeds, also where a block ends between the two."""
        held = b""
        for block in blocks:
            block = held + block
            held = b""
            if b"\r" in block:
                if block.endswith(b"\r"):
                    block, held = block[:-1], b"\r"
                block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if block:
                yield block
        if held:
            yield b"\n"

    def _hold_sizes(self, block: bytes) -> None:
        """Raise `DeliveryError` for a line or a number of rows that no extract has."""
        line_feed = block.rfind(b"\n")
        tail = len(block) - line_feed - 1
        self._open_bytes = tail if line_feed >= 0 else self._open_bytes + tail
        if self._open_bytes > _LONGEST_LINE:
            raise DeliveryError(
                "line_too_long",
                f"Line {self.record_count + 1} is longer than {_LONGEST_LINE >> 20} MiB: this is no"
                " text of records, or its line ends were lost. Ask for the file again.",
            )
        if self.record_count > _GREATEST_ROWS:
            message = f"The file has more than {_GREATEST_ROWS} rows. Ask for it in parts."
            raise DeliveryError("too_many_rows", message)

    def _count(self, block: bytes) -> None:
        """Count the line feeds outside quotes."""
        if b'"' not in block:
            self.record_count += 0 if self._is_quoted else block.count(b"\n")
            return
        self.has_quotes = True
        for piece in block.split(b'"'):
            self.record_count += 0 if self._is_quoted else piece.count(b"\n")
            self._is_quoted = not self._is_quoted
        self._is_quoted = not self._is_quoted


def _refuse_cut_end(layout: Layout) -> None:
    if layout.final_newline == "required":
        raise DeliveryError(
            "final_newline_missing",
            "The last line has no line end, so it may be cut. Ask for the file again, or "
            "declare final_newline: optional for this sender.",
        )


def _cut_lines(path: Path, count: int) -> list[bytes]:
    """Take so many lines off the end of a text; fewer, and empty ones, where it has fewer."""
    if not count:
        return []
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        tail_start = max(0, size - _LONGEST_TAIL)
        file.seek(tail_start)
        tail = file.read()
        lines = tail.removesuffix(b"\n").split(b"\n")[-count:]
        file.truncate(size - sum(len(line) + 1 for line in lines) if tail else 0)
    return [*([b""] * (count - len(lines))), *lines]


def _map_header(
    header: tuple[str, ...], contract: FeedContract, layout: Layout
) -> tuple[tuple[str | None, ...], list[str]]:
    """The contract column of every field, and warnings; raise `DeliveryError` on a bad header."""
    column_of = {name: column for column, names in layout.headers.items() for name in names}
    declared = {*layout.fields, *layout.positions, *layout.ignored_headers}
    declared |= set(layout.shared_headers.values())
    if layout.claim_headers:
        declared |= {*layout.claim_headers.fields, *layout.claim_headers.positions}
    if len(header) == 1:
        for delimiter, word in (("|", "|"), (",", ","), (";", ";"), ("\t", "a tab")):
            if len(set(header[0].split(delimiter)) & set(column_of)) > 1:
                raise DeliveryError(
                    "wrong_delimiter",
                    f"The fields are separated by {word}, but {layout.delimiter!r} is declared. "
                    "Ask for the declared one, or change the sender's delimiter.",
                )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DeliveryError("header_repeated", f"The header {twice[0]!r} stands twice.")
    unknown = [
        name
        for name in header
        if name not in column_of and name.removeprefix(OF_CLAIM) not in declared
    ]
    columns = tuple(column_of.get(name) for name in header)
    mapped = [column for column in columns if column]
    double = sorted({column for column in mapped if mapped.count(column) > 1})
    if double:
        message = f"Two headers of the file are mapped to {double[0]!r}."
        raise DeliveryError("header_repeated", message)
    for column, names in layout.headers.items():
        if column not in columns:
            _raise_missing(column, names, contract, unknown)
    for column, name in layout.shared_headers.items():
        if name not in header:
            _raise_missing(column, (name,), contract, unknown)
    return columns, [
        f"new column {name!r} is not in the layout and is left out" for name in unknown
    ]


def _raise_missing(
    column: str, names: tuple[str, ...], contract: FeedContract, unknown: Sequence[str]
) -> None:
    expected = " or ".join(repr(name) for name in names)
    close = next((found for name in names if (found := nearest(name, unknown))), None)
    if close is None and column in contract.columns:
        close = nearest(column, unknown)
    if close:
        raise DeliveryError(
            "column_renamed",
            f"The header {expected} ({column}) is missing; {close!r} is nearest to it. "
            f"If it was renamed, add {close!r} under headers.{column} of the sender.",
        )
    others = f" Headers not known: {', '.join(map(repr, unknown))}." if unknown else ""
    message = f"The header {expected} ({column}) is missing.{others} Ask for the whole layout."
    raise DeliveryError("column_missing", message)
