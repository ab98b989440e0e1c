"""Registered checks as Dagster asset checks: one op for each stage, every verdict recorded.

What a check judges does not belong here (`orchestration/checks.py`, `expectations/`).
"""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from orchestration.checks import CheckOutcome, RegisteredCheck, read_run_inputs, run_check
from orchestration.settings import Settings


def stage_checks(
    name: str,
    checks: Sequence[RegisteredCheck],
    asset_key: Callable[[RegisteredCheck], dg.AssetKey],
) -> dg.AssetChecksDefinition:
    """One op that runs `checks` in order; a failing blocking one holds what stands on its asset."""

    @dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=asset_key(check),
                description=check.description,
                blocking=check.blocking,
            )
            for check in checks
        ],
        required_resource_keys={"pipeline"},
    )
    def run_stage_checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        settings: Settings = context.resources.pipeline
        inputs = read_run_inputs(settings)
        for check in checks:
            outcome = run_check(settings, check, inputs)
            if not outcome.passed:
                told = "; ".join(outcome.problems) or str(dict(outcome.metadata))
                log = context.log.error if check.blocking else context.log.warning
                log(f"{check.name} on {check.asset}: {told}")
            for warning in outcome.warnings:
                context.log.warning(f"{check.name} on {check.asset}: {warning}")
            yield _result(check, asset_key(check), outcome)

    return run_stage_checks


def _result(
    check: RegisteredCheck, asset_key: dg.AssetKey, outcome: CheckOutcome
) -> dg.AssetCheckResult:
    metadata: dict[str, str | int | float | bool | None] = dict(outcome.metadata)
    if outcome.problems:
        metadata["problems"] = "\n".join(outcome.problems)
    if outcome.warnings:
        metadata["warnings"] = "\n".join(outcome.warnings)
    severity = dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=outcome.passed,
        asset_key=asset_key,
        check_name=check.name,
        severity=severity,
        metadata=metadata,
    )
