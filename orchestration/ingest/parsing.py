"""From a delivery's bytes to its typed rows, as one job that any process can do.

Which process does it and what it may use does not belong here (`parser_process.py`), nor what
becomes of a delivery in the ledger (`intake.py`).
"""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.ingest.contract import FeedContract
from orchestration.ingest.judge import Provenance
from orchestration.ingest.landing import Control, LandingFile
from orchestration.ingest.sender import Layout
from orchestration.ingest.typing import TypedDelivery, type_rows
from orchestration.ingest.verification import verify

EngineConfig = Mapping[str, str | bool | int | float | list[str]]


@dataclass(frozen=True)
class ParseJob:
    """One delivery, all that judges it, and an empty folder for what comes of it."""

    file: LandingFile
    contract: FeedContract
    layout: Layout
    control: Control
    provenance: Provenance
    is_released: bool
    folder: Path

    @property
    def rows_path(self) -> Path:
        return self.folder / "rows.parquet"

    @property
    def rejects_path(self) -> Path:
        """Written only where rows are rejected or repeated."""
        return self.folder / "rejects.parquet"


@dataclass(frozen=True)
class Parsed:
    """What a delivery holds; its rows lie in the job's folder."""

    typed: TypedDelivery
    header: tuple[str, ...]
    warnings: tuple[str, ...]


def open_engine(config: EngineConfig) -> duckdb.DuckDBPyConnection:
    """An engine for many jobs; unlike others it keeps the order of rows.

    It works in the threads that ask it, each on a block of its own.
    """
    own = {"preserve_insertion_order": True, "threads": 1}
    return duckdb.connect(":memory:", config={**config, **own})


def parse(job: ParseJob, engine: duckdb.DuckDBPyConnection, workers: Executor) -> Parsed:
    """Verify, type and count the rows of one delivery; raise `DeliveryError` to quarantine it."""
    text = verify(
        job.file,
        job.contract,
        job.layout,
        job.control,
        job.folder / "records.csv",
        job.is_released,
    )
    with engine.cursor() as own:  # temporary tables belong to it alone
        typed = type_rows(
            own,
            workers,
            text,
            job.contract,
            job.layout,
            job.provenance,
            {**text.stated.sums, **job.control.sums},
            job.rows_path,
            job.rejects_path,
        )
    if typed.loaded_count + typed.rejected_count + typed.duplicate_count != typed.row_count:
        raise RuntimeError(f"rows are not conserved: {typed}")
    return Parsed(typed, text.header, (*text.warnings, *typed.warnings))
