"""What every asset that writes a small result table tells of it; the tables are the stages' own."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from orchestration.checks import read_run_inputs as read_provenance
from orchestration.outcomes.agreements import RunInputs
from orchestration.settings import Settings


def result_of(
    settings: Settings,
    inputs: RunInputs,
    rows: Sequence[object],
    table: str,
    file: Path,
    **more: dg.MarkdownMetadataValue | int | str,
) -> dg.MaterializeResult[None]:
    """Row count, the Markdown table a person looks at, provenance and file, and what is special."""
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "results": dg.MetadataValue.md(table),
            **more,
            "as_of": str(inputs.as_of),
            "claims_through": inputs.claims_through_period,
            "input_version": read_provenance(settings).input_version,
            "file": dg.MetadataValue.path(str(file)),
        }
    )
