"""Shared savings as Dagster shows them; the rules are `orchestration/payment`."""

import dagster as dg

from orchestration.defs.results import result_of
from orchestration.defs.warehouse.assets import model_key
from orchestration.outcomes.agreements import read_run_inputs
from orchestration.outcomes.risk import unfit_factors, write_risk_factors
from orchestration.outcomes.risk_score import write_risk_scores
from orchestration.payment.costs import MEMBERS
from orchestration.payment.disputes import all_open_lines
from orchestration.payment.report import markdown_table
from orchestration.payment.settlement import settle_from_warehouse, write_shared_savings
from orchestration.payment.statement import draft_statements
from orchestration.payment.statement_store import drafts_dir, paid_snapshots
from orchestration.settings import Settings
from orchestration.warehouse import read_warehouse


@dg.asset(
    key=["payment", "agg_shared_savings"],
    group_name="payment",
    kinds={"python", "parquet"},
    deps=[
        model_key("int_outcome_member_period"),
        model_key("int_payment_triangle"),
        model_key("int_risk_condition"),
        model_key("int_person"),
        model_key("int_member_month_counted"),
        model_key("int_attribution_decided"),
        model_key("int_attribution_group"),
        model_key("int_payer_rule"),
        model_key("agg_quality_measure"),
        model_key("int_measure_result"),
        model_key("int_measure_year"),
        model_key("int_quality_member"),
        model_key("quality_measure"),
        model_key("stg_ledger__payer_risk_score"),
        model_key("stg_ledger__reported_quality"),
        model_key("stg_ledger__run"),
        model_key("stg_ledger__program_terms"),
    ],
    description=(
        "One row per program and performance period: total medical cost against the benchmark,"
        " minimum savings rate, every reason that stands in the way, and the payment to the cent"
        " (METHODS I). Drafts each program's settlement statement, which publication issues."
    ),
)
def agg_shared_savings(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    with read_warehouse(pipeline) as warehouse:
        inputs = read_run_inputs(warehouse)
        savings = settle_from_warehouse(warehouse, inputs)
        write_risk_scores(warehouse, MEMBERS, savings.risk_models, pipeline.outcomes_dir)
        drafts = draft_statements(
            pipeline,
            warehouse,
            inputs,
            savings,
            drafts_dir(pipeline),
            paid_snapshots(pipeline, inputs.as_of.isoformat()),
            all_open_lines(pipeline, inputs.as_of),
        )
    path = write_shared_savings(savings.rows, pipeline.outcomes_dir)
    write_risk_factors(savings.risk_factors, pipeline.outcomes_dir)
    unfit = unfit_factors(savings.risk_factors)
    for factor in unfit:
        context.log.warning(
            f"{factor.program_id} {factor.period_role}: scores of {factor.factor_kind} "
            f"{factor.factor_name} predict {factor.predictive_ratio:.2f} of the actual cost"
        )
    for row in savings.rows:
        verdict = "eligible" if row.is_eligible else row.failed_reasons
        context.log.info(f"{row.program_id}: {verdict}")
    return result_of(
        pipeline,
        inputs,
        savings.rows,
        markdown_table(savings.rows),
        path,
        statements=len(drafts),
        risk_factors_out_of_range=len(unfit),
    )
