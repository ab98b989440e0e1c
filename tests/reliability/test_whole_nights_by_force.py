"""FAULTS 59, 61 and 68 on whole nights with Dagster and dbt: killed, doubled, broken."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.publication.generations import corrupted_files
from orchestration.settings import PROJECT_ROOT, Settings
from tests.conftest import COMMAND_SECONDS, CommandResult, Demo

pytestmark = [pytest.mark.by_force, pytest.mark.xdist_group("pipeline")]

PARTS = (
    "dbt_project",
    "expectations",
    "orchestration",
    "data/feeds",
    "data/payers",
    "data/programs",
)
KILLED_AFTER = ("built marts__agg_program_utilization", "payment__agg_shared_savings: valley")
"""In the middle of dbt's tables, and where publication begins."""


def test_59_and_61_and_68_whatever_happens_to_a_night_the_next_one_makes_it_good(
    demo: Demo, tmp_path: Path
) -> None:
    """One data folder, one disaster after the other, and the same publication all the time."""
    before = published(demo.settings)

    broken = run_broken_project(demo, tmp_path / "broken")
    assert broken.return_code == 1, broken.output
    assert "agg_member_month" in broken.output, "the model that fails is named"
    assert "agg_attribution" in broken.output, "and the one that lost a column"
    assert published(demo.settings) == before
    alert = json.loads(demo.settings.alert_log.read_text().splitlines()[-1])
    assert alert["kind"] == "run_failed"
    assert "main.agg_member_month" in alert["text"]

    for number, line in enumerate(KILLED_AFTER):
        night = start_night(demo)
        if number == 0:
            wait_for(lambda: has_holder(demo.settings))
            second = demo.run("nightly", CARE_LOCK_WAIT_SECONDS="0")
            assert second.return_code == 1
            assert f"(process {night.pid}, since 20" in second.output
        read_until(night, line)
        night.send_signal(signal.SIGKILL)
        night.wait()
        assert published(demo.settings) == before, line

    last = demo.run("nightly")
    assert last.return_code == 0, last.output
    assert "died at its work" in last.output
    assert published(demo.settings) == before


def published(settings: Settings) -> str:
    """The manifest of the current generation, whose every file is as it was published."""
    current = (settings.published_dir / "current").resolve(strict=True)
    assert corrupted_files(current) == []
    return (current / "manifest.json").read_text()


def run_broken_project(demo: Demo, project: Path) -> CommandResult:
    """A night of a copy of this project in which one model fails and another lost a column."""
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
        shutil.copytree(PROJECT_ROOT / part, project / part, ignore=ignored)
    shutil.copy(PROJECT_ROOT / "requirements.lock", project)
    marts = project / "dbt_project" / "models" / "marts"
    failing = marts / "membership" / "agg_member_month.sql"
    failing.write_text(
        failing.read_text().replace("cast(members as bigint)", "cast(error('broken') as bigint)")
    )
    without = marts / "attribution" / "agg_attribution.sql"
    column = "        cast(practices.practice_name as string) as practice_name,\n"
    assert column in without.read_text()
    without.write_text(without.read_text().replace(column, ""))
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "orchestration", "nightly"],
            env={
                **os.environ,
                "CARE_DATA_DIR": str(demo.data_dir),
                "PYTHONPATH": str(project),
            },
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    finally:
        # It is younger than this project's files, which therefore would not be read again.
        demo.settings.dbt_manifest_file.unlink(missing_ok=True)
    return CommandResult(ran.returncode, ran.stdout)


def start_night(demo: Demo) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration", "nightly"],
        env={**os.environ, "CARE_DATA_DIR": str(demo.data_dir)},
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(night: "subprocess.Popen[str]", wanted: str) -> None:
    assert night.stdout is not None
    told = []
    for line in night.stdout:
        told.append(line)
        if wanted in line:
            return
    pytest.fail(f"the night never said {wanted!r}:\n{''.join(told[-60:])}")


def has_holder(settings: Settings) -> bool:
    return settings.lock_file.exists() and bool(settings.lock_file.read_text().strip())


def wait_for(holds: Callable[[], bool], seconds: int = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
