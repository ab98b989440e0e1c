"""The landing folder: which files lie there, what their names claim, which are still arriving.

Opening a file does not belong here (`verification.py`); only its control file is read.
"""

import json
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

from orchestration.configuration import suggestion
from orchestration.errors import DeliveryError
from orchestration.ingest.layouts import Layouts
from orchestration.ingest.sender import Layout
from orchestration.settings import Settings

CONTROL_SUFFIX = ".control.json"
_GREATEST_CONTROL = 1 << 20
_NOT_A_DELIVERY = re.compile(r"README\.md|\..*|.*\.(tmp|part|partial|filepart|crdownload)")


@dataclass(frozen=True)
class LandingFile:
    """One file whose name says what it is; nothing is known yet of its content."""

    path: Path
    source_id: str
    feed: str
    period: str
    part: str
    version: int
    size_bytes: int
    modified_ns: int
    control_modified_ns: int | None
    companion: "LandingFile | None" = None
    """Of a pair the file of claims; the delivery itself is the file of their lines."""

    @property
    def control_path(self) -> Path:
        return self.path.with_name(self.path.name + CONTROL_SUFFIX)


@dataclass(frozen=True)
class LandingProblem:
    """Something in the landing folder that cannot be read as a delivery, or not yet."""

    path: Path
    feed: str | None
    reason: Literal[
        "configuration_unusable",
        "unknown_sender",
        "unknown_feed",
        "feed_not_declared",
        "file_name_not_understood",
        "not_a_plain_file",
        "misplaced_file",
        "control_without_file",
        "companion_missing",
    ]
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}. {self.message}"


@dataclass(frozen=True)
class Control:
    """What a sender says of its file; every statement given is held against the file."""

    rows: int | None
    sha256: str | None
    sums: Mapping[str, Decimal]
    delivered_on: date | None


def scan(
    settings: Settings, layouts: Layouts
) -> tuple[tuple[LandingFile, ...], tuple[LandingProblem, ...]]:
    """All deliverable files in path order, and everything that cannot be one, with its reason."""
    files: list[LandingFile] = []
    problems: list[LandingProblem] = []
    for found in _walk(settings.landing_dir, layouts):
        (files if isinstance(found, LandingFile) else problems).append(found)  # type: ignore[arg-type]
    return tuple(files), tuple(problems)


def is_settled(file: LandingFile, settings: Settings, now: float) -> bool:
    """Whether the file is complete: its control file is there, or it stood still long enough."""
    if file.companion and not is_settled(file.companion, settings, now):
        return False
    age = now - file.modified_ns / 1e9
    return file.control_modified_ns is not None or age >= settings.settle_seconds


def read_control(file: LandingFile) -> Control:
    """Read the control file, if any; raise `DeliveryError` when it cannot be understood."""
    if file.control_modified_ns is None:
        return Control(None, None, {}, None)
    name = file.control_path.name
    if file.control_path.stat().st_size > _GREATEST_CONTROL:
        message = f"{name} is larger than {_GREATEST_CONTROL >> 20} MiB; it states a few numbers."
        raise DeliveryError("control_unreadable", message)
    try:
        content = json.loads(file.control_path.read_text("utf-8"), parse_float=Decimal)
    except ValueError as error:
        raise DeliveryError("control_unreadable", f"{name} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DeliveryError("control_unreadable", f"{name} is not a JSON object.")
    unknown = sorted(set(content) - {"rows", "sha256", "sums", "delivered_on"})
    if unknown:
        known = ["rows", "sha256", "sums", "delivered_on"]
        message = f"{name} has an unknown field {unknown[0]!r}. {suggestion(unknown[0], known)}"
        raise DeliveryError("control_unreadable", message)
    rows, digest, sums = content.get("rows"), content.get("sha256"), content.get("sums") or {}
    try:
        if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 0):
            raise ValueError(f"rows is {rows!r}, not a count")
        if digest is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", str(digest)):
            raise ValueError(f"sha256 is {digest!r}, not 64 hexadecimal digits")
        if not isinstance(sums, dict):
            raise ValueError(f"sums is {sums!r}, not an object of header and amount")
        exact = {str(header): Decimal(str(amount)) for header, amount in sums.items()}
        stated = content.get("delivered_on")
        delivered_on = None if stated is None else date.fromisoformat(str(stated))
    except (ValueError, InvalidOperation) as error:
        raise DeliveryError("control_unreadable", f"{name}: {error}.") from error
    return Control(rows, digest.lower() if digest else None, exact, delivered_on)


def _walk(landing: Path, layouts: Layouts) -> Iterator[LandingFile | LandingProblem]:
    for source in _entries(landing):
        if not _is_folder(source):
            yield _stray(source, None, landing)
            continue
        folders = _entries(source)
        if not layouts.knows(source.name):
            fix = suggestion(source.name, list(layouts.senders))
            message = f"No data/payers/{source.name}.yml. Add the sender's file. {fix}"
            yield LandingProblem(source, None, "unknown_sender", message)
            for folder in folders:
                yield LandingProblem(folder, folder.name, "unknown_sender", message)
            continue
        for folder in folders:
            yield from _walk_feed(folder, landing, source.name, layouts)


def _walk_feed(
    folder: Path, landing: Path, source_id: str, layouts: Layouts
) -> Iterator[LandingFile | LandingProblem]:
    feed = folder.name
    layout = layouts.layout(source_id, feed)
    in_the_way = layouts.in_the_way(source_id, feed)
    if not _is_folder(folder):
        yield _stray(folder, None, landing)
    elif layout:
        found = [
            one for path in _entries(folder) for one in _one(path, source_id, feed, layout, landing)
        ]
        yield from _paired(found, layout) if layout.claim_headers else found
    elif in_the_way:
        message = "It waits. " + " ".join(map(str, in_the_way))
        for path in _entries(folder):
            if not path.name.endswith(CONTROL_SUFFIX):
                yield LandingProblem(path, feed, "configuration_unusable", message)
    elif feed not in layouts.contracts:
        message = f"No data/feeds/{feed}.yml. {suggestion(feed, list(layouts.contracts))}"
        yield LandingProblem(folder, feed, "unknown_feed", message)
    else:
        declared = list(layouts.senders[source_id].feeds)
        message = (
            f"data/payers/{source_id}.yml does not map the feed {feed}. "
            f"Add it under feeds. {suggestion(feed, declared)}"
        )
        yield LandingProblem(folder, feed, "feed_not_declared", message)


def _one(
    path: Path, source_id: str, feed: str, layout: Layout, landing: Path
) -> Iterator[LandingFile | LandingProblem]:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        yield _stray(path, feed, landing)
        return
    if path.name.endswith(CONTROL_SUFFIX):
        if not path.with_name(path.name.removesuffix(CONTROL_SUFFIX)).exists():
            message = f"{path.name!r}: its delivery has not arrived. Send it, or remove this file."
            yield LandingProblem(path, feed, "control_without_file", message)
        return
    claims = _claims_of(path.name, layout)
    if claims is None:
        suffix = {"hl7_v2": "hl7", "fixed_width": "txt", "delimited": "csv"}[layout.format]
        message = (
            f"{path.name!r} does not say its month. Name it "
            f"<YYYY-MM>[.<part>][.v<N>].{suffix}.gz, or as the sender's file_name declares."
        )
        yield LandingProblem(path, feed, "file_name_not_understood", message)
        return
    period, part, version = claims
    control = path.with_name(path.name + CONTROL_SUFFIX)
    yield LandingFile(
        path=path,
        source_id=source_id,
        feed=feed,
        period=period,
        part=part,
        version=version,
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        control_modified_ns=control.lstat().st_mtime_ns if _is_plain_file(control) else None,
    )


def _claims_of(name: str, layout: Layout) -> tuple[str, str, int] | None:
    """Period, part and version that a file's name claims; None where it claims no month."""
    patterns = [layout.file_pattern]
    patterns += [layout.claim_headers.file_name] if layout.claim_headers else []
    named = next((found for one in patterns if (found := re.fullmatch(one, name))), None)
    claims = named.groupdict() if named else {}
    year = claims.get("year") or f"20{claims.get('yy')}"
    period = claims.get("period") or f"{year}-{claims.get('month')}"
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", period):
        return None
    return period, claims.get("part") or "", int(claims.get("version") or 1)


def is_of_claims(name: str, layout: Layout) -> bool:
    """Whether a file's name is that of a pair's claims, not of their lines."""
    pair = layout.claim_headers
    is_lines = re.fullmatch(layout.file_pattern, name) is not None
    return pair is not None and not is_lines and re.fullmatch(pair.file_name, name) is not None


def belonging(path: Path, layout: Layout) -> Iterator[Path]:
    """All that belongs to a delivery's file: itself, its pair's claims, the control file of each.

    Only what is there; the file need not lie in the landing folder.
    """
    files = [path]
    if layout.claim_headers:
        place = _claims_of(path.name, layout)
        files += [
            other
            for other in _entries(path.parent)
            if is_of_claims(other.name, layout) and _claims_of(other.name, layout) == place
        ]
    for file in files:
        for one in (file, file.with_name(file.name + CONTROL_SUFFIX)):
            if one.is_file():
                yield one


def _paired(
    found: list[LandingFile | LandingProblem], layout: Layout
) -> Iterator[LandingFile | LandingProblem]:
    """Each file of lines with its file of claims; what has no other half waits for it."""
    claims: dict[tuple[str, str, int], LandingFile] = {}
    lines: dict[tuple[str, str, int], LandingFile] = {}
    for one in found:
        if isinstance(one, LandingProblem):
            yield one
        else:
            half = claims if is_of_claims(one.path.name, layout) else lines
            half[one.period, one.part, one.version] = one
    for place in sorted({*claims, *lines}):
        if place in claims and place in lines:
            yield replace(lines[place], companion=claims[place])
            continue
        alone, missing = (
            (lines[place], "claims") if place in lines else (claims[place], "claims' lines")
        )
        message = f"{alone.path.name!r} waits for the file of its {missing}. Drop that one too."
        yield LandingProblem(alone.path, alone.feed, "companion_missing", message)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.iterdir() if not _NOT_A_DELIVERY.fullmatch(entry.name))


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _is_plain_file(path: Path) -> bool:
    return path.exists() and stat.S_ISREG(path.lstat().st_mode)


def _stray(path: Path, feed: str | None, landing: Path) -> LandingProblem:
    """A file where a folder should be, or a link, pipe or folder where a file should be."""
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        message = f"{path.name!r} lies outside <source>/<feed>/. Move it into its feed's folder."
        return LandingProblem(path, feed, "misplaced_file", message)
    kind = "a symbolic link" if stat.S_ISLNK(mode) else "no plain file"
    message = (
        f"{str(path.relative_to(landing))!r} is {kind}; links are not followed. Copy the file."
    )
    return LandingProblem(path, feed, "not_a_plain_file", message)
