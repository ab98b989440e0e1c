"""Reads HL7 v2 files: every message becomes one record of the fields that a layout names.

The library takes apart the fields that have escapes in them, which few have; the others are split
at their separators. Decided here is what a message is in a file of many, and whether it can be read
at all; what its fields say is judged elsewhere (`judge.py`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import hl7

from orchestration.errors import DeliveryError
from orchestration.ingest.malformed import LONGEST_VALUE, Malformed

MESSAGE_TYPE = "ADT"
_PATH = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})-(?P<field>[1-9][0-9]?)(?:\[(?P<kind>[A-Z0-9]{1,5})\])?"
    r"(?:\.(?P<component>[1-9][0-9]?)(?:\.(?P<part>[1-9]))?)?"
)
_FILE_HEADERS = ("FHS", "BHS", "MSH")
_ENVELOPE = ("FHS", "BHS", "BTS", "FTS")
_ONCE = ("EVN", "PID", "PV1", "PV2", "MRG")
_NEEDED = ("EVN", "PID")
_LONGEST_SEGMENT = 1 << 20
_LONGEST_MESSAGE = 1 << 21
_KIND = 5  # component of an identifier that tells which kind of number it is
_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_BLANK = " \t\r\v\f"
_MOST_REPEATED = 99
_LINE_BREAKS = str.maketrans("\r\n\t", "   ")


@dataclass(frozen=True)
class FieldPath:
    """Where a value stands in a message: `PV1-44`, `PID-5.2`, `PID-3[MR].1`, `MSH-4.2`.

    Without a component the first one is meant; `[MR]` is the repetition whose identifier type is
    MR. Of segments that come several times, such as DG1, the first one counts.
    """

    segment: str
    field: int
    kind: str | None
    component: int
    part: int

    @cached_property
    def is_whole(self) -> bool:
        """Whether it names all of a field that has no separator in it."""
        return self.kind is None and self.component == self.part == 1

    @classmethod
    def of(cls, text: str) -> "FieldPath":
        """Read a path; raises ValueError saying how one is written."""
        found = _PATH.fullmatch(text)
        if not found:
            raise ValueError(
                f"{text!r} is no field of a message: write PV1-44, PID-5.2 or PID-3[MR].1"
            )
        return cls(
            found["segment"],
            int(found["field"]),
            found["kind"],
            int(found["component"] or 1),
            int(found["part"] or 1),
        )


_CODE, _EVENT, _EVENT_AGAIN = map(FieldPath.of, ("MSH-9.1", "MSH-9.2", "EVN-1"))


class _Unreadable(Exception):
    """A message that cannot be read: where, what stands there, why."""

    def __init__(self, place: str, value: str, reason: str) -> None:
        super().__init__(place, value, reason)
        self.place, self.value, self.reason = place, value[:LONGEST_VALUE], reason


@dataclass
class _Envelope:
    """Headers and trailers around messages, and what the trailers must count."""

    is_file_open: bool = False
    is_batch_open: bool = False
    batches: int = 0
    messages_in_batch: int = 0

    def take(self, line: str) -> None:
        """Follow one header or trailer; raise `DeliveryError` where they do not fit together."""
        name = line[:3]
        is_end = name in ("BTS", "FTS")
        is_open = self.is_batch_open if name in ("BHS", "BTS") else self.is_file_open
        if is_open != is_end or (name == "FTS" and self.is_batch_open):
            raise DeliveryError(
                "batch_unbalanced",
                f"The segment {name} stands where none belongs. Ask the sender for a whole file, "
                "each FHS closed by an FTS and each BHS by a BTS.",
            )
        if name == "BHS":
            self.messages_in_batch = 0
            self.batches += 1
        elif name == "BTS":
            self._hold("BTS-1", line, self.messages_in_batch, "messages")
        elif name == "FTS":
            self._hold("FTS-1", line, self.batches, "batches")
        if name in ("BHS", "BTS"):
            self.is_batch_open = not is_end
        else:
            self.is_file_open = not is_end

    def close(self) -> None:
        """Raise `DeliveryError` where the file ends inside a batch."""
        if self.is_batch_open or self.is_file_open:
            missing = "BTS" if self.is_batch_open else "FTS"
            raise DeliveryError(
                "batch_unbalanced",
                f"The file ends before its {missing}, so it may be cut. Ask for it again.",
            )

    def _hold(self, place: str, line: str, found: int, what: str) -> None:
        stated = line[4:].split(line[3:4])[0].strip() if len(line) > 4 else ""
        if stated and stated != str(found):
            raise DeliveryError(
                "batch_count_differs",
                f"{place} says {stated[:20]!r}, the file has {found} {what}. Ask for it again.",
            )


@dataclass(frozen=True)
class _Wanted:
    """What a layout wants of one field: paths, each with its column, and whose want all of it."""

    number: int
    whole: tuple[int, ...]
    paths: tuple[tuple[int, FieldPath], ...]


@dataclass
class MessageReader:
    """Turns the lines of a file into records; counts messages and keeps those it could not read.

    `paths` are the HL7 fields of each contract column, the first that holds something counts.
    """

    paths: Mapping[str, Sequence[str]]
    must_end_with_line: bool
    delimiter: str = "\x1f"
    message_count: int = 0
    malformed: list[Malformed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._columns = [tuple(map(FieldPath.of, paths)) for paths in self.paths.values()]
        self._others = [
            (column, paths[1:]) for column, paths in enumerate(self._columns) if len(paths) > 1
        ]
        wanted: dict[str, dict[int, list[tuple[int, FieldPath]]]] = {}
        for column, (first, *_) in enumerate(self._columns):
            of_segment = wanted.setdefault(first.segment, {})
            of_segment.setdefault(first.field, []).append((column, first))
        self._wanted = {
            segment: tuple(
                _Wanted(number, tuple(n for n, path in paths if path.is_whole), tuple(paths))
                for number, paths in numbers.items()
            )
            for segment, numbers in wanted.items()
        }
        others = {path.segment for _, paths in self._others for path in paths}
        self._segments = frozenset({*self._wanted, *others, "MSH", *_NEEDED})

    def records(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """One line a readable message; raises `DeliveryError` where the file is not of messages."""
        envelope = _Envelope()
        message: list[str] = []
        for line in self._lines(blocks):
            name = line[:3]
            if name == "MSH":
                yield from self._finished(message)
                message = [line]
                envelope.messages_in_batch += 1
            elif name in _ENVELOPE:
                yield from self._finished(message)
                message = []
                envelope.take(line)
            elif message:
                message.append(line)
            else:
                raise DeliveryError("not_hl7", self._no_message(line))
        yield from self._finished(message)
        envelope.close()

    def _lines(self, blocks: Iterator[bytes]) -> Iterator[str]:
        """Segments as text; empty lines between messages mean nothing."""
        pending = b""
        for block in blocks:
            whole, _, pending = (pending + block).rpartition(b"\n")
            for line in whole.decode("utf-8").split("\n"):
                if line.strip(_BLANK):
                    yield line
            if len(pending) > _LONGEST_SEGMENT:
                raise DeliveryError(
                    "not_hl7", self._no_message(pending[:20].decode("utf-8", "replace"))
                )
        if pending.strip():
            if self.must_end_with_line:
                raise DeliveryError(
                    "final_newline_missing",
                    "The last segment has no line end, so it may be cut. Ask for the file again, "
                    "or declare final_newline: optional for this sender.",
                )
            yield pending.decode("utf-8")

    def _no_message(self, line: str) -> str:
        framed = " Messages must come without the framing of MLLP." if "\x0b" in line else ""
        return (
            f"{line[:20]!r} stands where a message begins, not one of {', '.join(_FILE_HEADERS)}."
            f"{framed} Ask for a file of HL7 v2 messages, or mend the sender's format."
        )

    def _finished(self, lines: Sequence[str]) -> Iterator[bytes]:
        if not lines:
            return
        self.message_count += 1
        try:
            record = self._record(lines)
        except _Unreadable as found:
            self.malformed.append(
                Malformed(self.message_count, found.value, found.reason, found.place)
            )
        else:
            yield record

    def _record(self, lines: Sequence[str]) -> bytes:
        """The value of every column of one message, empty where it has none, as a line."""
        message = _Message(lines, self._segments)
        code = message.value(_CODE)
        if code != MESSAGE_TYPE:
            raise _Unreadable("MSH-9.1", code, "not_an_adt_message")
        event, again = message.value(_EVENT), message.value(_EVENT_AGAIN)
        if again and event and again != event:
            raise _Unreadable("EVN-1", again, "event_differs")
        values = [""] * len(self._columns)
        for segment, wanted in self._wanted.items():
            message.fill(values, segment, wanted)
        for column, paths in self._others:
            values[column] = values[column] or next(filter(None, map(message.value, paths)), "")
        record = self.delimiter.join(values)
        if record.count(self.delimiter) >= len(values):
            odd = next(n for n, value in enumerate(values) if self.delimiter in value)
            raise _Unreadable(_name(self._columns[odd][0]), values[odd], "control_character")
        return f"{record}\n".encode()


class _Message:
    """One message, split into the segments that somebody wants and their fields."""

    def __init__(self, lines: Sequence[str], wanted: Set[str]) -> None:
        header = lines[0]
        separator = header[3:4]
        marks = header[4 : header.find(separator, 4)] if separator else ""
        if not _are_separators(separator, marks):
            raise _Unreadable("MSH-2", header, "separators_unreadable")
        if sum(map(len, lines)) > _LONGEST_MESSAGE:
            raise _Unreadable("", header, "message_too_long")
        self._header = header[:4] + marks
        self._component, self._repetition = marks[0], marks[1]
        self._escape, self._part = marks[2], marks[3]
        self._is_structured = _mark_in(marks)
        self._segments: dict[str, list[str]] = {}
        segments = self._segments
        for line in lines:
            name = line[:3]
            if line[3:4] not in ("", separator) or not _is_segment_name(name):
                number = lines.index(line) + 1
                raise _Unreadable(f"segment {number}", line, "segment_unreadable")
            if name not in segments:
                segments[name] = line.split(separator) if name in wanted else []
            elif name in _ONCE:
                raise _Unreadable(name, line, "segment_repeated")
        # MSH-1 is the separator itself, so its fields count from there.
        self._segments["MSH"].insert(1, separator)
        for name in _NEEDED:
            if name not in self._segments:
                raise _Unreadable(name, "", "segment_missing")

    def fill(self, values: list[str], segment: str, wanted: Iterable[_Wanted]) -> None:
        """Put what stands in a segment's wanted fields to their columns."""
        fields = self._segments.get(segment)
        if fields is None:
            return
        for one in wanted:
            text = fields[one.number] if one.number < len(fields) else ""
            if text.isalnum():
                # No mark, blank or quote is a letter or a digit: it is one value, as it stands.
                for column in one.whole:
                    values[column] = text
            elif text:
                for column, path in one.paths:
                    values[column] = self._at(text, path)

    def value(self, path: FieldPath) -> str:
        """What stands at a path, unescaped; `""` in a message means: nothing any more."""
        fields = self._segments.get(path.segment, ())
        return self._at(fields[path.field], path) if path.field < len(fields) else ""

    def _at(self, text: str, path: FieldPath) -> str:
        if self._is_structured(text):
            text = self._inside(text, path)
        elif not path.is_whole:
            return ""
        if text.isalnum():
            return text
        return "" if text == '""' else _trimmed(text)

    def _inside(self, text: str, path: FieldPath) -> str:
        """What stands at a path inside a field; only escapes have to be interpreted."""
        if self._escape in text:
            if any(map(_repeats_without_end, text.split(self._escape))):
                raise _Unreadable(_name(path), text, "field_unreadable")
            try:
                return _unescaped(self._header, text, path)
            except (hl7.HL7Exception, ValueError) as error:
                raise _Unreadable(_name(path), text, "field_unreadable") from error
        repetitions = _split(text, self._repetition, self._component)
        if path.kind is None:
            return self._piece(repetitions[0], path.component, path.part)
        for repetition in repetitions:
            if _trimmed(self._piece(repetition, _KIND, 1)) == path.kind:
                return self._piece(repetition, path.component, path.part)
        return ""

    def _piece(self, components: tuple[str, ...], component: int, part: int) -> str:
        if component > len(components):
            return ""
        text = components[component - 1]
        if part == 1 and self._part not in text:
            return text
        parts = text.split(self._part)
        return parts[part - 1] if part <= len(parts) else ""


# Hospitals, clinicians and diagnoses come again in message after message, as a person does in those
# of her visit.
@lru_cache(maxsize=8_192)
def _split(text: str, repetition: str, component: str) -> tuple[tuple[str, ...], ...]:
    """The components of each repetition; as the library, without what is blank at the end."""
    return tuple(tuple(one.split(component)) for one in text.rstrip().split(repetition))


@lru_cache(maxsize=256)
def _mark_in(marks: str) -> Callable[[str], object]:
    """Tells whether one of the marks stands in a text."""
    return re.compile(f"[{re.escape(marks)}]").search


@lru_cache(maxsize=256)
def _are_separators(separator: str, marks: str) -> bool:
    """Whether what MSH-1 and MSH-2 name can separate: four or five marks, all different."""
    is_plain = not any(mark.isalnum() or mark.isspace() for mark in (separator, *marks))
    return is_plain and 4 <= len(marks) <= 5 and len({separator, *marks}) > len(marks)


@lru_cache(maxsize=256)
def _is_segment_name(name: str) -> bool:
    return _SEGMENT_NAME.fullmatch(name) is not None


def _repeats_without_end(escape: str) -> bool:
    """Whether an escape such as `.sp4000000000` asks for more than a line of blanks has room for.

    The library would make them all, and take the memory of the machine for it.
    """
    count = escape[3:].strip(" +")
    return escape[:1] == "." and count.isdigit() and not 0 <= int(count[:9]) <= _MOST_REPEATED


def _unescaped(header: str, text: str, path: FieldPath) -> str:
    """What the library finds at a path inside a field with escapes in it.

    Raises `ValueError`, besides its own errors, for an escape that counts what is no number.
    """
    segment = hl7.parse(f"{header}\rZZZ{header[3]}{text}").segment("ZZZ")
    repetition = 1
    if path.kind is not None:
        repetition = next(
            (
                n
                for n in range(1, len(segment(1)) + 1)
                if _trimmed(_at(segment, n, _KIND, 1)) == path.kind
            ),
            0,
        )
    return _at(segment, repetition, path.component, path.part) if repetition else ""


def _at(segment: hl7.Segment, repetition: int, component: int, part: int) -> str:
    try:
        return str(segment.extract_field(1, 1, repetition, component, part))
    except IndexError:
        return ""


def _trimmed(text: str) -> str:
    return text.translate(_LINE_BREAKS).strip(" ")


def _name(path: FieldPath) -> str:
    return f"{path.segment}-{path.field}"
