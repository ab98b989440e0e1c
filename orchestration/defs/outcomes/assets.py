"""ER use versus market as Dagster shows it; the method is `orchestration/outcomes`."""

import base64

import dagster as dg

from orchestration.checks import read_run_inputs as read_provenance
from orchestration.defs.warehouse.assets import model_key
from orchestration.outcomes.agreements import read_run_inputs
from orchestration.outcomes.er_use import ErUseRow, er_use_from_warehouse, write_er_use
from orchestration.outcomes.report import interval_chart, markdown_table
from orchestration.settings import Settings
from orchestration.warehouse import read_warehouse


@dg.asset(
    key=["outcomes", "agg_er_use_versus_market"],
    group_name="outcomes",
    kinds={"python", "parquet"},
    deps=[
        model_key("int_er_exposure_pattern"),
        model_key("stg_ledger__run"),
        model_key("stg_ledger__program_terms"),
    ],
    description=(
        "One row per reporting unit, period and market basis: emergency department visits against"
        " the market's, standardised indirectly and directly, with intervals that carry dispersion"
        " and the market's own error, the verdict and its sentence (METHODS H)."
    ),
)
def agg_er_use_versus_market(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    with read_warehouse(pipeline) as warehouse:
        inputs = read_run_inputs(warehouse)
        rows = er_use_from_warehouse(warehouse, inputs, pipeline.threads)
    path = write_er_use(rows, pipeline.outcomes_dir)
    for row in rows:
        if row.is_headline:
            context.log.info(f"{row.reporting_unit_id}: {row.verdict}")
    provenance = read_provenance(pipeline)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "results": dg.MetadataValue.md(markdown_table(rows)),
            "intervals": dg.MetadataValue.md(_as_image("ER use versus market", rows)),
            "as_of": str(inputs.as_of),
            "claims_through": inputs.claims_through_period,
            "input_version": provenance.input_version,
            "file": dg.MetadataValue.path(str(path)),
        }
    )


def _as_image(title: str, rows: list[ErUseRow]) -> str:
    encoded = base64.b64encode(interval_chart(rows)).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"
