"""The event log that stays open: nothing an engineer sees in the UI may differ from Dagster's own.

It replaces a private class of Dagster (docs/adr/0009); these tests are what an upgrade must pass.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import dagster as dg
import pytest

from orchestration.instance import prepare_home
from orchestration.instance.storage import SHARDS_KEPT_OPEN, KeptOpenEventLogStorage
from orchestration.settings import Settings, load_settings

DAGSTERS_OWN = "telemetry: {enabled: false}\n"


@dg.asset(check_specs=[dg.AssetCheckSpec("is_seven", asset="number")])
def number(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    context.log.info("seven it is")
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 7},
        check_results=[dg.AssetCheckResult(passed=True, check_name="is_seven")],
    )


@dg.asset(deps=[number])
def broken() -> None:
    raise ValueError("on purpose")


JOB = dg.Definitions(assets=[number, broken], jobs=[dg.define_asset_job("both")]).resolve_job_def(
    "both"
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    return load_settings({"CARE_DATA_DIR": str(tmp_path)})


@contextmanager
def kept_open(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance as every command opens it."""
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance


@contextmanager
def dagsters_own(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The same home through the storage Dagster comes with."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    (settings.dagster_home / "dagster.yaml").write_text(DAGSTERS_OWN)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def run_both(instance: dg.DagsterInstance) -> str:
    return JOB.execute_in_process(instance=instance, raise_on_error=False).run_id


def told(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, str | None, str]]:
    """Event type, step and message of a run in the order they were logged."""
    return [
        (
            entry.dagster_event_type.value if entry.dagster_event_type else "LOG",
            entry.step_key,
            entry.user_message.replace(run_id, "<run>"),
        )
        for entry in instance.all_logs(run_id)
    ]


def test_dagsters_own_storage_reads_the_same_run_from_it_as_from_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    """An event lost or put in another order would mislead whoever looks for last night's fault."""
    other = load_settings({"CARE_DATA_DIR": str(tmp_path / "other")})
    with kept_open(settings) as instance:
        run_id = run_both(instance)
        as_written = told(instance, run_id)
    with dagsters_own(other) as instance:
        expected = _without_times(told(instance, run_both(instance)))
    assert _without_times(as_written) == expected
    with dagsters_own(settings) as instance:
        assert told(instance, run_id) == as_written
        record = instance.get_asset_records([number.key])[0]
        assert record.asset_entry.last_run_id == run_id
        materialization = record.asset_entry.last_materialization
        assert materialization is not None
        materialized = materialization.asset_materialization
        assert materialized is not None
        assert materialized.metadata["dagster/row_count"].value == 7
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.FAILURE


def _without_times(lines: list[tuple[str, str | None, str]]) -> list[tuple[str, str | None]]:
    """Messages tell process ids and milliseconds; types and steps are the run."""
    return [(kind, step) for kind, step, _ in lines]


def test_a_home_that_dagsters_own_storage_wrote_goes_on_with_its_runs(settings: Settings) -> None:
    """An upgrade that hid the runs of yesterday would look like a loss of data."""
    with dagsters_own(settings) as instance:
        run_id = run_both(instance)
        expected = told(instance, run_id)
    with kept_open(settings) as instance:
        assert isinstance(instance.event_log_storage, KeptOpenEventLogStorage)
        assert told(instance, run_id) == expected


LOG_AND_DIE = """
import os, signal, sys
import dagster as dg
from orchestration.instance import prepare_home
from orchestration.settings import load_settings

@dg.op
def dies(context):
    for number in range(20):
        context.log.info(f"line {number}")
    os.kill(os.getpid(), signal.SIGKILL)

@dg.job
def job():
    dies()

prepare_home(load_settings())
with dg.DagsterInstance.get() as instance:
    job.execute_in_process(instance=instance)
"""


def test_59_what_a_killed_run_had_told_is_still_there(settings: Settings) -> None:
    """The last lines before `kill -9` are the ones an engineer needs."""
    died = subprocess.run(
        [sys.executable, "-c", LOG_AND_DIE],
        env={**os.environ, "CARE_DATA_DIR": str(settings.data_dir)},
        capture_output=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    with dagsters_own(settings) as instance:
        (run,) = instance.get_runs()
        messages = [message for kind, _, message in told(instance, run.run_id) if kind == "LOG"]
    assert messages == [f"line {number}" for number in range(20)]


def test_a_home_put_back_from_a_backup_is_read_anew(settings: Settings, tmp_path: Path) -> None:
    """A connection kept on the old file would go on showing, and writing, what was replaced."""
    with kept_open(settings) as instance:
        first = run_both(instance)
    history = settings.dagster_home / "history"
    shutil.copytree(history, tmp_path / "backup")
    with kept_open(settings) as instance:
        second = run_both(instance)
        assert told(instance, second)
        shutil.rmtree(history)
        shutil.copytree(tmp_path / "backup", history)
        assert [run.run_id for run in instance.get_runs()] == [first]
        record = instance.get_asset_records([number.key])[0]
        assert record.asset_entry.last_run_id == first
        third = run_both(instance)
    with dagsters_own(settings) as instance:
        assert {run.run_id for run in instance.get_runs()} == {first, third}
        assert told(instance, third)


def test_more_runs_than_are_kept_open_are_read_whole_from_several_threads(
    settings: Settings,
) -> None:
    """The UI reads many runs at once from many threads of one process."""
    with kept_open(settings) as instance:
        runs = [run_both(instance) for _ in range(SHARDS_KEPT_OPEN + 1)]

        def read(run_id: str) -> list[tuple[str, str | None, str]]:
            return told(instance, run_id)

        with ThreadPoolExecutor(4) as threads:
            read_by_threads = list(threads.map(read, runs * 3))
        read_alone = [told(instance, run_id) for run_id in runs]
    assert read_by_threads == read_alone * 3
    with dagsters_own(settings) as instance:
        assert [told(instance, run_id) for run_id in runs] == read_alone


def test_whoever_watches_a_run_sees_each_event_while_the_database_stays_open(
    settings: Settings,
) -> None:
    """The UI follows a run by its file; a log that touches it at its end shows a run that hangs."""
    with kept_open(settings) as instance:
        run_id = run_both(instance)
        storage = instance.event_log_storage
        first = instance.all_logs(run_id)[0]
        with dagsters_own(settings) as onlooker:
            seen: Queue[str] = Queue()
            onlooker.watch_event_logs(run_id, None, lambda entry, _: seen.put(entry.run_id))
            storage.store_event(first)
            assert seen.get(timeout=20) == run_id
