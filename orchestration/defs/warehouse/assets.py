"""The dbt models, seeds and tests of the warehouse as one multi-asset.

SQL does not belong here.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    dbt_assets,
    get_asset_key_for_model,
)

from orchestration.checks import (
    forget_dbt_results,
    read_run_inputs,
    record_dbt_results,
    refusal_by_tests,
)
from orchestration.defs.warehouse.translator import LayeredTranslator
from orchestration.growth import begin_build, complete_build
from orchestration.memory import models_at_once, require_memory
from orchestration.settings import Settings, load_settings
from orchestration.warehouse import clear_for_rebuild, relation_row_counts

BUILD = ("build", "--exclude-resource-type", "unit_test")


@dbt_assets(
    manifest=load_settings().dbt_manifest_file,
    name="warehouse",
    dagster_dbt_translator=LayeredTranslator(
        # The two files of a run's inputs are one asset.
        DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True)
    ),
    pool="warehouse",
)
def warehouse(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Settings], dbt: DbtCliResource
) -> Iterator[Any]:
    """Build every model, each stage's tests before what stands on it."""
    inputs = read_run_inputs(pipeline)
    # Again after this night's intake: before the first one the ledger was empty.
    require_memory(pipeline)
    forget_dbt_results(pipeline)
    if not context.is_subset:
        clear_for_rebuild(pipeline)
    plan = begin_build(pipeline, is_whole=not context.is_subset)
    context.log.info(f"{'adding to' if plan.is_growth else 'rebuilding'} tables: {plan.reason}")
    os.environ["CARE_BUILD"] = "growth" if plan.is_growth else "rebuild"
    threads = ("--threads", str(models_at_once(pipeline)))
    invocation = dbt.cli(
        (*BUILD, *threads),
        context=context,
        target_path=pipeline.dbt_target_dir,
        raise_on_error=False,
    )
    events = list(_told(context, invocation.stream()))
    records = record_dbt_results(pipeline, inputs.input_version)
    provenance = {"as_of": str(inputs.as_of), "input_version": inputs.input_version}
    # Where not even the engine started there is nothing to count, and dbt's error is to be told.
    built = any(isinstance(event, dg.Output) for event in events)
    row_counts = relation_row_counts(pipeline) if built else {}
    yield from _with_row_counts(context, events, row_counts, provenance)
    error = invocation.get_error()
    if error is not None:
        # A test that fails holds the publication; whatever else fails is the run's failure.
        raise refusal_by_tests(records) or error
    complete_build(pipeline, plan)


def model_key(name: str) -> dg.AssetKey:
    """The asset key of a dbt model; raises where there is no such model."""
    return get_asset_key_for_model([warehouse], name)


def _told(context: dg.AssetExecutionContext, events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        if isinstance(event, dg.AssetCheckResult) and not event.passed:
            context.log.error(f"{event.check_name} failed on {event.asset_key}")
        elif isinstance(event, dg.Output):
            context.log.info(f"built {event.output_name}")
        yield event


def _with_row_counts(
    context: dg.AssetExecutionContext,
    events: list[Any],
    row_counts: Mapping[str, int],
    provenance: Mapping[str, str],
) -> Iterator[Any]:
    for event in events:
        if isinstance(event, dg.Output):
            table = context.asset_key_for_output(event.output_name).path[-1]
            counted = {"dagster/row_count": row_counts[table]} if table in row_counts else {}
            context.add_output_metadata({**provenance, **counted}, event.output_name)
        yield event
