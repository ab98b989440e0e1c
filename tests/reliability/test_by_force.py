"""FAULTS 59, 60 and 63 by force, on small nights: killed, out of disk, out of memory.

Each disturbed night is a forked process of a process of its own (`every_step.py`).
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from orchestration.publication import current_generation, generations
from orchestration.publication import publish as publish_now
from orchestration.publication.digests import file_sha256
from orchestration.settings import PROJECT_ROOT, Settings
from tests.publication.publication_installation import NO_CHECKS, make_installation

SECONDS = 900
LITTLE = "40MB"
"""Less than sorting the large table takes."""


def run_module(name: str, *arguments: str) -> str:
    """Run a module of this folder; it must end well, and what it printed is returned."""
    ran = subprocess.run(
        [sys.executable, "-m", f"tests.reliability.{name}", *arguments],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize(("fault", "every", "first"), [("kill", 41, 17), ("disk_full", 67, 29)])
def test_59_and_60_a_night_disturbed_at_some_steps_is_made_good(
    fault: str, every: int, first: int
) -> None:
    """Killed, or without space once: old or new publication, nothing lost, nothing doubled."""
    told = run_module("every_step", "--fault", fault, f"--every={every}", f"--first={first}")
    assert "all recovered" in told


@pytest.mark.by_force
@pytest.mark.parametrize(
    ("fault", "every"), [("kill", 2), ("disk_full", 5), ("disk_full_for_good", 7)]
)
def test_59_and_60_a_night_disturbed_at_its_steps_is_made_good(fault: str, every: int) -> None:
    """The same at every second step of the night, and at many with a disk that stays full."""
    assert "all recovered" in run_module("every_step", "--fault", fault, f"--every={every}")


@pytest.mark.by_force
def test_59_and_60_and_61_random_faults_and_orders_end_as_if_nothing_had_happened() -> None:
    """Whatever comes together with whatever else, the last night ends in the same state."""
    told = run_module("thousand_faults", "--seed=2", "--count=150")
    assert "every one ended in the state of an undisturbed run" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_60_a_full_file_system_keeps_the_last_publication(tmp_path: Path) -> None:
    """A true disk: the engine's own writes fail too, at whatever byte the space ends."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    try:
        assert "3 full disks" in run_module("full_disk", str(tmp_path))
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture
def large(tmp_path: Path) -> Settings:
    """An installation whose restricted table is larger than the memory it may be sorted in."""
    installation = make_installation(tmp_path / "data")
    installation.warehouse(
        "create or replace table fct_attribution as "
        "select md5(range::varchar) as person_id, 'prohealth' as program_id from range(600000)"
    )
    return installation.settings


def test_63_sorting_beyond_the_memory_limit_spills_and_gives_equal_bytes(large: Settings) -> None:
    """A small server must publish what a large one does."""
    large.spill_dir.mkdir(parents=True)
    ample = publish_now(replace(large, memory_limit="2GB"), NO_CHECKS)
    table = Path("restricted") / "fct_attribution.parquet"
    expected = file_sha256(ample.path / table)
    again = publish_now(replace(large, memory_limit=LITTLE, threads=1), NO_CHECKS)
    assert (again.id, again.is_new) == (ample.id, False)
    assert file_sha256(again.path / table) == expected


def test_63_without_room_to_spill_the_last_publication_stays(large: Settings) -> None:
    """Neither memory nor disk: told as such, and nothing half done is left."""
    large.spill_dir.mkdir(parents=True)
    first = publish_now(replace(large, memory_limit="2GB"), NO_CHECKS)
    with duckdb.connect(str(large.warehouse_file)) as warehouse:
        warehouse.execute("update fct_attribution set program_id = 'primed'")
    large.spill_dir.rmdir()
    large.spill_dir.write_text("no folder, so no room")
    with pytest.raises(duckdb.Error, match=r"(?i)memory|spill|temp"):
        publish_now(replace(large, memory_limit=LITTLE, threads=1), NO_CHECKS)
    assert current_generation(large) == first.id
    assert not list(generations.generations_dir(large).glob(".building*"))
