"""Snapshots as a run keeps and restates them; the order of the steps and nothing else."""

from pathlib import Path

from orchestration.attribution.restatement import (
    RESTATEMENT_FILE,
    MonthRestatement,
    restate,
    write_restatement,
)
from orchestration.attribution.snapshots import keep_snapshots
from orchestration.checks import RunInputs, read_run_inputs
from orchestration.outcomes.agreements import read_run_inputs as read_agreements
from orchestration.settings import Settings
from orchestration.warehouse import read_warehouse


def publish_snapshots(
    settings: Settings, inputs: RunInputs, restricted: Path
) -> list[MonthRestatement]:
    """Restate what was kept before, write the differences, then keep what is new.

    So a snapshot that is kept in a run is never compared with itself, and the first run, which
    keeps everything, writes no differences.
    """
    with read_warehouse(settings) as warehouse:
        agreements = read_agreements(warehouse).agreements
        months = restate(settings, warehouse, inputs, agreements)
        if months:
            write_restatement(warehouse, restricted / RESTATEMENT_FILE)
        keep_snapshots(settings, warehouse, inputs, agreements)
    return months


def restated_months(settings: Settings) -> list[MonthRestatement]:
    """Kept snapshots against the warehouse as it stands; nothing is written."""
    inputs = read_run_inputs(settings)
    with read_warehouse(settings) as warehouse:
        return restate(settings, warehouse, inputs, read_agreements(warehouse).agreements)
