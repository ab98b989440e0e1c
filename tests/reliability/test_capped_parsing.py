"""FAULTS 15 and 63: whatever a file does to the process that reads it, the run goes on."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from intake_kit import FILL, Installation, as_csv, fills, installation

from orchestration.errors import DeliveryError
from orchestration.ingest import Outcome, load_layouts, parser_process
from orchestration.ingest.judge import Provenance
from orchestration.ingest.landing import read_control, scan
from orchestration.ingest.ledger import read_entries
from orchestration.ingest.parsing import ParseJob
from orchestration.settings import PROJECT_ROOT

PHARMACY = "  pharmacy_claims:\n"
TRAILER = "    trailers: [{pattern: '(a|aa)+(?P<rows>[0-9]+)'}]\n"
TAKE = """
import sys
from intake_kit import installation
house = installation(sys.argv[1], CARE_CONFIG_DIR=sys.argv[2])
house.take()
"""


def endless(folder: Path) -> Installation:
    """A sender's declared trailer tries every way to cut a line of the letter a into pieces."""
    house = installation(folder).configure("payers/cigna.yml", {PHARMACY: PHARMACY + TRAILER})
    house.drop(as_csv(fills(3)) + b"a" * 80 + b"\n", "2025-01.csv")
    return house


def beside_a_good_one(house: Installation) -> Outcome:
    """Take the bad delivery beside a good one, which is to be loaded."""
    (before,) = [path for path in house.folder().iterdir() if path.suffix != ".json"]
    good = as_csv(fills(2))
    is_endless = TRAILER in (house.settings.payers_dir / "cigna.yml").read_text()
    house.drop(good + b"aa2\n" if is_endless else good, "2024-12.csv")
    taken = {one.entry.file_name: one for one in house.take().taken}
    assert taken["2024-12.csv"].entry.loaded_count == 2, taken["2024-12.csv"].entry.message
    bad = taken[before.name]
    assert bad.status == "quarantined", bad
    assert repr(before.name) in bad.entry.message
    return bad


def wait_for(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_15_a_file_that_is_never_read_to_its_end_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of the letter a once would have kept the whole night waiting for ever."""
    monkeypatch.setattr(parser_process, "_SECONDS_AT_LEAST", 2)
    house = endless(tmp_path)
    bad = beside_a_good_one(house)
    assert bad.entry.reason == "parsing_too_long"
    assert "was not parsed within 2 s" in bad.entry.message
    assert house.take().taken == (), "it is not tried again every night"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSEGV, "parsing_crashed"),
        (signal.SIGKILL, "parsing_out_of_memory"),
        (signal.SIGSTOP, "parsing_too_long"),
    ],
)
def test_15_a_parser_that_crashes_or_hangs_takes_one_delivery_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, reason: str
) -> None:
    """A fault of a library, the system's own end to memory, and what waits without working."""
    monkeypatch.setattr(parser_process, "_SECONDS_AT_LEAST", 60)
    if number == signal.SIGSTOP:
        monkeypatch.setattr(parser_process, "_SECONDS_AT_LEAST", 5)
        monkeypatch.setattr(parser_process, "_WALL_FOR_CPU", 1)

    def strike() -> None:
        """Hit whatever still works when the good delivery is in the ledger, and again."""
        wait_for(lambda: read_entries(house.settings))
        while not is_over.wait(0.05):
            for child in [one for one in children.at_work if one.is_ready]:
                os.kill(child.process_id, number)

    is_over = threading.Event()
    children = parser_process._CHILDREN
    house = endless(tmp_path)
    striker = threading.Thread(target=strike)
    striker.start()
    bad = beside_a_good_one(house)
    is_over.set()
    striker.join()
    assert bad.entry.reason == reason
    if reason == "parsing_crashed":
        assert "SIGSEGV" in bad.entry.message


def test_15_and_63_a_file_that_takes_the_memory_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty lines: few bytes as an archive, and each a rejected row that is remembered."""
    monkeypatch.setattr(parser_process, "_BESIDE_THE_ENGINE", 512 << 20)
    house = installation(tmp_path, CARE_MEMORY_LIMIT="256MB")
    house.drop(as_csv([FILL]) + b"\n" * (40 << 20), "2025-01.csv")
    bad = beside_a_good_one(house)
    assert bad.entry.reason == "parsing_out_of_memory"
    assert "raise CARE_MEMORY_LIMIT" in bad.entry.message
    assert house.take().taken == (), "it is not tried again as long as nothing changes"
    more = Installation(replace(house.settings, memory_limit="300MB"))
    assert [one.entry.file_name for one in more.take().taken] == ["2025-01.csv"]


@pytest.mark.by_force
def test_15_a_million_rejected_rows_do_not_exhaust_the_memory(tmp_path: Path) -> None:
    """All are explained and kept by a process that would be ended beyond its share."""
    house = installation(tmp_path, CARE_MEMORY_LIMIT="512MB", CARE_THREADS="1").configure(
        "feeds/pharmacy_claims.yml", {"greatest_rejected_share: 0.02": "greatest_rejected_share: 1"}
    )
    header, good = as_csv([FILL]).splitlines(keepends=True)
    bad = good.replace(b"2025-01-05", b"2025-02-31")
    assert bad != good
    rows = b"".join(bad.replace(b"R100", b"R%d" % number) for number in range(1_000_000))
    house.drop(header + good + rows, "2025-01.csv")
    entry = house.take_one().entry
    assert (entry.loaded_count, entry.rejected_count) == (1, 1_000_000), entry.message
    assert entry.rejected_by_reason == {"fill_date: not_a_calendar_date": 1_000_000}


def test_15_a_file_that_becomes_too_many_records_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim of many fields told again with each of its lines is longer than both files."""
    monkeypatch.setattr(parser_process, "greatest_unpacked", lambda _: 3_000)
    house = installation(tmp_path)
    house.drop(fills(500), "2025-01.csv")
    assert beside_a_good_one(house).entry.reason == "expands_too_much"


def test_15_what_nobody_foresaw_is_told_by_its_place_and_without_a_value(tmp_path: Path) -> None:
    """An error of this program over one file must not keep every other sender's data out."""
    house = installation(tmp_path)
    house.drop(fills(1), "2025-01.csv")
    layouts = load_layouts(house.settings)
    ((file,), _) = scan(house.settings, layouts)
    job = ParseJob(
        file=file,
        contract=layouts.contracts[file.feed],
        layout=None,  # type: ignore[arg-type]
        control=read_control(file),
        provenance=Provenance("cigna", "cigna", "d1", read_control(file).delivered_on),  # type: ignore[arg-type]
        is_released=False,
        folder=tmp_path,
    )
    with pytest.raises(
        DeliveryError, match=r"AttributeError in verification\.py, line \d+"
    ) as told:
        parser_process.parse_apart(house.settings, job)
    assert told.value.reason == "parsing_crashed"


def test_59_a_parser_does_not_outlive_the_run_that_started_it(tmp_path: Path) -> None:
    """Killed nights would leave their endless files at work beside the next one."""
    house = endless(tmp_path)
    paths = os.pathsep.join([str(PROJECT_ROOT), str(PROJECT_ROOT / "tests")])
    run = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(tmp_path), str(house.settings.config_dir)],
        env={**os.environ, "PYTHONPATH": paths},
    )
    wait_for(lambda: psutil.Process(run.pid).children())
    children = psutil.Process(run.pid).children()
    workplace = house.settings.ledger_dir / ".work" / "pharmacy_claims"
    wait_for(lambda: list(workplace.glob("*/records.csv")))
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
