"""Whole nights through Dagster: equal digests, readers undisturbed, recovery from `kill -9`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import dagster as dg
import duckdb
import psutil
import pytest

from orchestration.ingest.ledger import Entry, read_entries
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from tests.conftest import Demo

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("pipeline")]

MIDDLE_SECONDS = 240


@pytest.fixture
def landing_copy(demo: Demo, tmp_path: Path) -> Demo:
    """The demo's landing and ledger in a folder of its own, for tests that drop bad files."""
    for name in ("landing", "ledger"):
        shutil.copytree(demo.data_dir / name, tmp_path / name)
    return Demo(load_settings({"CARE_DATA_DIR": str(tmp_path)}), demo.night)


def start_night(demo: Demo, output: IO[str] | int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration", "nightly"],
        env={**os.environ, "CARE_DATA_DIR": str(demo.data_dir)},
        cwd=PROJECT_ROOT,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def published_digests(settings: Settings) -> dict[str, str]:
    """sha256 of every published Parquet file, and the name of the generation that holds them."""
    current = settings.published_dir / "current"
    lines = (current / "checksums.sha256").read_text().splitlines()
    digests = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    parquet = {name: digest for name, digest in digests.items() if name.endswith(".parquet")}
    return {**parquet, "generation": current.resolve().name}


def runs_by_id(settings: Settings) -> dict[str, dg.DagsterRunStatus]:
    """Status of every run of the home, opened as each command opens it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(settings.dagster_home))
        with dg.DagsterInstance.get() as instance:
            return {run.run_id: run.status for run in instance.get_runs()}


def test_the_first_night_publishes_every_mart(demo: Demo) -> None:
    """What the issue names is what an analyst finds."""
    marts = duckdb.connect(str(demo.settings.published_dir / "marts.duckdb"), read_only=True)
    tables = {row[0] for row in marts.execute("show tables").fetchall()}
    assert {
        "dim_program",
        "agg_attribution",
        "agg_member_month",
        "agg_program_utilization",
        "agg_quality_measure",
        "agg_change_detail",
        "agg_change_versus_market",
        "agg_er_use_versus_market",
        "agg_outcome_versus_market",
        "agg_shared_savings",
        "fct_delivery",
        "agg_reject",
        "meta_publication",
    } <= tables
    identified = {
        *("fct_attribution", "fct_member_month", "fct_gap", "agg_quality_clinician"),
        *("fct_medication_gap", "fct_medication_safety", "fct_readmission"),
        "fct_hhs_hcc_score",
        "fct_reject",
    }
    assert not identified & tables, "identified facts are restricted"
    marts.close()
    restricted = demo.settings.published_dir / "current" / "restricted"
    for name in sorted(identified):
        assert (restricted / f"{name}.parquet").stat().st_mode & 0o777 == 0o600


def test_the_report_tells_each_program_its_result(demo: Demo) -> None:
    """`make demo` ends with it; a program that is missing there is missing to its manager."""
    report = demo.run("report")
    assert report.return_code == 0, report.output
    for program in (
        "EvergreenHealth Partners",
        "PriMed",
        "Integrated Care Partners",
        "Valley Preferred",
        "ProHealth Physicians",
    ):
        assert program in report.output
    assert "PANEL_TOO_SMALL" in report.output


def test_59_after_a_kill_the_next_night_publishes_equal_digests_and_disturbs_no_reader(
    demo: Demo, tmp_path: Path
) -> None:
    """`kill -9` while dbt writes: no daemon, no cleaning up, and the old publication until then.

    Nothing new was delivered, so the next night publishes what stood there before; and a shared
    DuckDB file cannot serve a writer and its readers, a swapped one must.
    """
    before = published_digests(demo.settings)
    known_runs = set(runs_by_id(demo.settings))
    kill_in_the_middle(start_night(demo, subprocess.PIPE))
    assert published_digests(demo.settings) == before
    dead_run = json.loads(demo.settings.lock_file.read_text())["run_id"]

    log = tmp_path / "following.log"
    with log.open("w") as file:
        following = start_night(demo, file)
        answers = read_until_it_ends(following, demo.settings.published_dir / "marts.duckdb")
    output = log.read_text()
    assert following.returncode == 0, output
    assert "died at its work" in output
    assert answers > 10
    assert published_digests(demo.settings) == before
    runs = runs_by_id(demo.settings)
    assert runs[dead_run] == dg.DagsterRunStatus.FAILURE
    new_runs = [status for run_id, status in runs.items() if run_id not in known_runs]
    assert sorted(status.value for status in new_runs) == ["FAILURE", "SUCCESS"]


def kill_in_the_middle(night: "subprocess.Popen[str]") -> None:
    """Kill the night while dbt builds tables, and see dbt die with it."""
    wait_for_dbt(night)
    orphan = next(
        child
        for child in psutil.Process(night.pid).children(recursive=True)
        if "care-dbt" in " ".join(child.cmdline())
    )
    night.send_signal(signal.SIGKILL)
    night.wait()
    orphan.wait(timeout=10)


def read_until_it_ends(night: "subprocess.Popen[str]", marts: Path) -> int:
    """Ask a kept-open and a new connection, over and over; return how often both answered."""
    answers = 0
    with duckdb.connect(str(marts), read_only=True) as kept_open:
        while night.poll() is None:
            programs = kept_open.execute("select count(*) from dim_program").fetchall()
            with duckdb.connect(str(marts), read_only=True) as newly_opened:
                found = newly_opened.execute("select count(*) from dim_program").fetchall()
            assert found == programs
            answers += 1
            time.sleep(0.2)
    return answers


def wait_for_dbt(night: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + MIDDLE_SECONDS
    assert night.stdout is not None
    for line in night.stdout:
        if "built intermediate" in line or "create" in line.lower():
            return
        if time.monotonic() > deadline:
            break
    pytest.fail("the night never came to building tables")


def test_an_unreadable_delivery_is_quarantined_and_everything_else_goes_on(
    landing_copy: Demo,
) -> None:
    """One bad file must neither stop the night nor be silently left out."""
    folder = landing_copy.settings.landing_dir / "cigna" / "provider_roster"
    whole = min(folder.glob("*.csv.gz")).read_bytes()
    (folder / "2026-07.csv.gz").write_bytes(whole[:-20])
    control = folder / "2026-07.csv.gz.control.json"
    control.write_text(json.dumps({"delivered_on": "2026-07-10"}))
    intake = landing_copy.run("intake")
    assert intake.return_code == 0, intake.output
    assert "2026-07.csv.gz" in intake.output
    assert "quarantined" in intake.output
    assert "deliveries, claims through 2026-06" in intake.output


def test_an_unknown_sender_is_named_with_the_known_ones(landing_copy: Demo) -> None:
    """A folder nobody reads is a delivery lost."""
    stray = landing_copy.settings.landing_dir / "aetna" / "eligibility" / "2026-06.csv.gz"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    intake = landing_copy.run("intake")
    assert "aetna" in intake.output
    assert "cigna" in intake.output


def test_a_malformed_program_stops_the_night_with_file_field_value_and_fix(
    demo: Demo, tmp_path: Path
) -> None:
    """A typing error in a contract must cost a minute, not a wrong payment."""
    config = copied_configuration(tmp_path)
    program = config / "programs" / "valley_preferred.yml"
    program.write_text(
        program.read_text().replace("plurality_metric: visits", "plurality_metric: visit")
    )
    before = published_digests(demo.settings)
    night = demo.run("nightly", CARE_CONFIG_DIR=str(config))
    assert night.return_code == 1
    for told in ("valley_preferred.yml", "plurality_metric", "'visit'", "visits"):
        assert told in night.output
    assert published_digests(demo.settings) == before


def test_a_malformed_layout_holds_publication_and_keeps_only_its_own_deliveries_waiting(
    landing_copy: Demo, tmp_path: Path
) -> None:
    """A typing error in one group's file once kept every payer's claims out of the ledger."""
    settings = landing_copy.settings
    for source in ("cigna", "primed"):
        folder = settings.landing_dir / source / "provider_roster"
        (folder / "2026-07.csv.gz").write_bytes(max(folder.glob("*.csv.gz")).read_bytes())
        control = folder / "2026-07.csv.gz.control.json"
        control.write_text(json.dumps({"delivered_on": "2026-07-10"}))
    config = copied_configuration(tmp_path)
    layout = config / "payers" / "primed.yml"
    layout.write_text(layout.read_text().replace("date_format: YYYY-MM-DD", "date_format: DMY"))
    night = landing_copy.run("nightly", CARE_CONFIG_DIR=str(config))
    assert night.return_code == 1
    for told in ("primed.yml", "feeds.provider_roster.date_format", "'DMY'", "Known: YYYY-MM-DD"):
        assert told in night.output
    assert "layouts_provider_roster on provider_roster" in night.output
    assert not (settings.published_dir / "current").exists()
    assert {entry.source_id for entry in july_rosters(settings)} == {"cigna"}
    mended = landing_copy.run("intake")
    assert mended.return_code == 0, mended.output
    assert {entry.source_id for entry in july_rosters(settings)} == {"cigna", "primed"}


def july_rosters(settings: Settings) -> list[Entry]:
    return [one for one in read_entries(settings, "provider_roster") if one.period == "2026-07"]


def copied_configuration(folder: Path) -> Path:
    """The committed programs, feeds and senders in a folder of their own."""
    for name in ("programs", "feeds", "payers"):
        shutil.copytree(PROJECT_ROOT / "data" / name, folder / "config" / name)
    return folder / "config"
