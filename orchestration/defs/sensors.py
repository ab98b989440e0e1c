"""The landing sensors: something complete was dropped, so take it into the ledger, and where it is
a hospital's message or a care log, write the coordinators' lists anew.

Taking and writing do not belong here (`orchestration/ingest`, `orchestration/coordination`).
"""

import hashlib

import dagster as dg

from orchestration.coordination.refresh import URGENT_FEEDS
from orchestration.defs.jobs import daily_lists, intake
from orchestration.ingest import pending
from orchestration.settings import load_settings


@dg.sensor(
    job=intake,
    minimum_interval_seconds=60,
    description="Starts `intake` when files that the ledger does not know lie complete in landing.",
)
def landing_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run for one set of files: the key is made of their paths, sizes and times."""
    files = pending(load_settings())
    if not files:
        return dg.SkipReason("Nothing new lies complete in the landing folder.")
    told = "\n".join(f"{file.path} {file.size_bytes} {file.modified_ns}" for file in files)
    context.log.info(f"{len(files)} files to take")
    return dg.RunRequest(run_key=hashlib.sha256(told.encode()).hexdigest())


@dg.sensor(
    job=daily_lists,
    minimum_interval_seconds=20,
    description="Starts `daily_lists` when hospital messages or care logs lie complete in landing.",
)
def care_message_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run for one set of files, as soon as there is a generation to name its members."""
    settings = load_settings()
    if not (settings.published_dir / "current").exists():
        return dg.SkipReason("Nothing is published yet; the first night writes the lists.")
    files = [file for file in pending(settings) if file.feed in URGENT_FEEDS]
    if not files:
        return dg.SkipReason("No hospital message or care log lies complete in landing.")
    told = "\n".join(f"{file.path} {file.size_bytes} {file.modified_ns}" for file in files)
    context.log.info(f"{len(files)} files to take")
    return dg.RunRequest(run_key=hashlib.sha256(told.encode()).hexdigest())
