"""The landing sensor: something complete was dropped, so take it into the ledger.

Taking it does not belong here (`orchestration/ingest`).
"""

import hashlib

import dagster as dg

from orchestration.defs.jobs import intake
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
