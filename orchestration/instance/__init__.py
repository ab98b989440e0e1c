"""The Dagster instance of one installation: its home folder, and the runs that died in it.

Assets and jobs do not belong here.
"""

import os
import shutil
from pathlib import Path

import dagster as dg

from orchestration.settings import Settings

INSTANCE_CONFIG = Path(__file__).with_name("dagster.yaml")


def prepare_home(settings: Settings) -> Path:
    """Create DAGSTER_HOME with the committed configuration and point this process at it."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(INSTANCE_CONFIG, home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    return home


def bury_run(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Mark a run whose process died as failed and free its pool slots.

    Returns False when the instance does not know the run or it had already ended; its slots are
    freed in either case, because a killed process frees none (docs/adr/0004).
    """
    run = instance.get_run_by_id(run_id)
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    if run is None or run.is_finished:
        return False
    instance.report_run_failed(run, message="Its process ended without a word; buried by the next.")
    return True
