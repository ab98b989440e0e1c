"""Publication as Dagster shows it; gate, suppression and swap are `orchestration/publication`."""

from datetime import timedelta

import dagster as dg

from orchestration.checks import RegisteredCheck, load_manifest, read_run_inputs
from orchestration.defs.checks import stage_checks
from orchestration.defs.outcomes.assets import (
    agg_change_versus_market,
    agg_er_use_versus_market,
    agg_outcome_versus_market,
)
from orchestration.defs.payment.assets import agg_shared_savings
from orchestration.defs.warehouse.assets import model_key
from orchestration.publication import publish, verify_current
from orchestration.publication.gate import registered_checks
from orchestration.publication.marts import published_marts
from orchestration.settings import Settings, load_settings

OUTCOME_KEYS = {
    key.path[-1]: key
    for key in (
        agg_change_versus_market.key,
        agg_er_use_versus_market.key,
        agg_outcome_versus_market.key,
        agg_shared_savings.key,
    )
}
# The detail of the change is written by the asset of the change.
CHECKED_KEYS = {**OUTCOME_KEYS, "agg_change_detail": agg_change_versus_market.key}


def mart_keys() -> list[dg.AssetKey]:
    """Keys of the dbt marts that are published, in the order of their names."""
    marts = published_marts(load_manifest(load_settings().dbt_manifest_file))
    return sorted(model_key(mart.name) for mart in marts if not mart.is_outcome)


def _of_layer(layer: str) -> list[RegisteredCheck]:
    return [check for check in registered_checks() if check.layer == layer]


mart_checks = stage_checks(
    "mart_expectations", _of_layer("mart"), lambda check: model_key(check.asset)
)
outcome_checks = stage_checks(
    "outcome_expectations", _of_layer("outcome"), lambda check: CHECKED_KEYS[check.asset]
)


@dg.asset(
    key=["publication", "generation"],
    group_name="publication",
    kinds={"duckdb", "parquet"},
    pool="publication",
    deps=[*mart_keys(), *OUTCOME_KEYS.values()],
    freshness_policy=dg.FreshnessPolicy.time_window(
        fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
    ),
    description=(
        "One complete folder of published marts: built new, small cells suppressed, checksummed"
        " and swapped in by one rename. Refused unless every blocking check passed on exactly"
        " these inputs; then the last good generation stays."
    ),
)
def generation(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    verified = verify_current(pipeline)
    if verified is not None:
        for problem in verified.problems:
            context.log.warning(problem)
    inputs = read_run_inputs(pipeline)
    published = publish(pipeline)
    said = "published" if published.is_new else "unchanged, kept"
    context.log.info(f"generation {published.id} {said}")
    hidden = dict(published.cells_hidden)
    lines = [
        f"| {table} | {rows:,} | {hidden.get(table, 0):,} |" for table, rows in published.table_rows
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(rows for _, rows in published.table_rows),
            "generation": published.id,
            "is_new": published.is_new,
            "tables": dg.MetadataValue.md(
                "\n".join(["| table | rows | cells suppressed |", "|---|---:|---:|", *lines])
            ),
            "as_of": str(inputs.as_of),
            "claims_through": inputs.claims_through_period,
            "input_version": inputs.input_version,
            "folder": dg.MetadataValue.path(str(published.path)),
        }
    )
