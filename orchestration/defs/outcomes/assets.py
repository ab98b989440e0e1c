"""Outcomes versus market as Dagster shows them; the methods are `orchestration/outcomes`."""

import base64

import dagster as dg

from orchestration.defs.results import result_of
from orchestration.defs.warehouse.assets import model_key
from orchestration.outcomes.agreements import read_run_inputs
from orchestration.outcomes.avoidable import load_weights
from orchestration.outcomes.change import changes_from_warehouse
from orchestration.outcomes.change_report import markdown_table as change_markdown
from orchestration.outcomes.change_row import write_changes
from orchestration.outcomes.er_row import write_er_use
from orchestration.outcomes.er_use import er_use_from_warehouse
from orchestration.outcomes.others import outcomes_from_warehouse
from orchestration.outcomes.outcome_row import markdown_table as outcome_markdown
from orchestration.outcomes.outcome_row import write_outcomes
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
    picture = dg.MetadataValue.md(_as_image("ER use", interval_chart(rows)))
    return result_of(pipeline, inputs, rows, markdown_table(rows), path, intervals=picture)


@dg.asset(
    key=["outcomes", "agg_change_versus_market"],
    group_name="outcomes",
    kinds={"python", "parquet"},
    deps=[
        model_key("int_outcome_member_month"),
        model_key("int_outcome_member_period"),
        model_key("int_member_utilization"),
        model_key("int_attribution_decided"),
        model_key("int_person"),
        model_key("stg_ledger__run"),
        model_key("stg_ledger__program_terms"),
    ],
    description=(
        "One row per program, outcome and weighting: how ER use and cost of the baseline's people"
        " moved against the market's, plainly and by the published evaluation's design (ATT weights"
        " from before the baseline, bootstrap by person, pre-trend, placebo groups; METHODS H.5)."
    ),
)
def agg_change_versus_market(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    with read_warehouse(pipeline) as warehouse:
        inputs = read_run_inputs(warehouse)
        changes = changes_from_warehouse(warehouse, inputs)
    path, _ = write_changes(changes, pipeline.outcomes_dir)
    for row in changes.rows:
        if row.is_published_design:
            context.log.info(f"{row.program_id} {row.outcome}: {row.verdict}")
    return result_of(pipeline, inputs, changes.rows, change_markdown(changes.rows), path)


@dg.asset(
    key=["outcomes", "agg_outcome_versus_market"],
    group_name="outcomes",
    kinds={"python", "parquet"},
    deps=[
        model_key("agg_quality_measure"),
        model_key("int_claim_line"),
        model_key("int_ed_visit"),
        model_key("int_index_stay"),
        model_key("int_inpatient_stay"),
        model_key("int_measure_result"),
        model_key("int_measure_year"),
        model_key("int_outcome_member_month"),
        model_key("int_outcome_member_period"),
        model_key("int_person"),
        model_key("int_pharmacy_fill"),
        model_key("int_practice"),
        model_key("int_quality_member"),
        model_key("int_readmission_risk"),
        model_key("quality_measure"),
        model_key("stg_ledger__patient_experience"),
        model_key("stg_ledger__practice_profile"),
        model_key("stg_ledger__run"),
        model_key("stg_ledger__program_terms"),
    ],
    description=(
        "One row per program, outcome and market basis: ER visits with admitted ones, admissions,"
        " readmissions, advanced imaging, urgent care, follow-up, quality and diabetes index,"
        " experience, access, and cost by service category split into price and use, against the"
        " market, with intervals and verdicts (METHODS H.8, H.9). Beside it, in"
        " agg_readmission, readmissions of M27 expected by a model of the market's discharges, and"
        " LACE calibrated (METHODS F.3.5, F.5)."
    ),
)
def agg_outcome_versus_market(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    # Its regression's library is heavy, and the definitions have a budget.
    from orchestration.outcomes import readmission

    with read_warehouse(pipeline) as warehouse:
        inputs = read_run_inputs(warehouse)
        rows = outcomes_from_warehouse(warehouse, inputs, load_weights(pipeline.config_dir))
        readmissions = readmission.readmission_rows(readmission.read_discharges(warehouse))
    path = write_outcomes(rows, pipeline.outcomes_dir)
    readmission.write_readmissions(readmissions, pipeline.outcomes_dir)
    stated = sum(row.verdict in ("lower", "similar", "higher") for row in rows)
    context.log.info(f"{stated} of {len(rows)} outcomes can be stated")
    calibration = dg.MetadataValue.md(readmission.markdown_table(readmissions))
    return result_of(pipeline, inputs, rows, outcome_markdown(rows), path, readmissions=calibration)


def _as_image(title: str, picture: bytes) -> str:
    encoded = base64.b64encode(picture).decode()
    return f"![{title}](data:image/svg+xml;base64,{encoded})"
