"""The same rows in other deliveries: months cut in parts, parts sent twice, arrivals shuffled.

What must be equal afterwards does not belong here (`test_whole_nights_by_force.py`).
"""

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

from orchestration.ingest import load_layouts
from orchestration.settings import load_settings

CONTROL = ".control.json"


def reshape(landing: Path, into: Path, seed: int) -> list[Path]:
    """Write a landing folder's deliveries in another shape; returns the files in a random order."""
    rng = random.Random(seed)
    contracts = load_layouts(load_settings({})).contracts
    written = []
    for control in sorted(landing.glob(f"*/*/*{CONTROL}")):
        folder = into / control.parent.relative_to(landing)
        # Where the newest delivery replaces all before, a part of one would be all of it.
        may_be_cut = contracts[folder.name].mode != "snapshot"
        written += _reshaped(control, folder, may_be_cut, rng)
    rng.shuffle(written)
    return written


def _reshaped(control: Path, folder: Path, may_be_cut: bool, rng: random.Random) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    stated = json.loads(control.read_text())
    name = control.name.removesuffix(CONTROL)
    content = control.with_name(name).read_bytes()
    pieces = {name: content}
    period, *rest = name.split(".")
    if may_be_cut and name.endswith(".csv.gz"):
        header, *rows = gzip.decompress(content).splitlines(keepends=True)
        if len(rows) > 1 and not any(b'"' in row for row in rows):
            cut = rng.randint(1, len(rows) - 1)
            pieces = {
                ".".join([period, part, *rest]): gzip.compress(b"".join([header, *some]), mtime=0)
                for part, some in (("a", rows[:cut]), ("b", rows[cut:]))
            }
    for piece, bytes_of in pieces.items():
        names = [piece]
        if rng.random() < 0.3 and not list(control.parent.glob(f"{period}.v*")):
            names.append(piece.replace(".csv", ".v9.csv").replace(".hl7", ".v9.hl7"))
        for one in names:
            (folder / one).write_bytes(bytes_of)
            told = {
                "sha256": hashlib.sha256(bytes_of).hexdigest(),
                "delivered_on": stated["delivered_on"],
                **({"rows": stated["rows"]} if len(pieces) == 1 else {}),
            }
            (folder / f"{one}{CONTROL}").write_text(json.dumps(told))
            yield folder / one
