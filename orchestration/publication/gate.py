"""The gate: every blocking check has a pass, on exactly the inputs that are to be published.

Running checks does not belong here; a check that has not been run, or was run on other inputs or
other content, is a refusal.
"""

from collections.abc import Iterable, Mapping, Sequence

from orchestration.checks import (
    LEDGER_CHECKS,
    CheckRecord,
    RegisteredCheck,
    RunInputs,
    expected_dbt_checks,
    read_check_records,
)
from orchestration.errors import PublicationRefused
from orchestration.ingest.layout_checks import layout_checks
from orchestration.settings import Settings, load_settings

_NAMED_AT_MOST = 100


def registered_checks() -> tuple[RegisteredCheck, ...]:
    """Every Python check: the ledger's, the feeds', the expectations on profiles and tables."""
    from expectations.registry import EXPECTATION_CHECKS

    return (*LEDGER_CHECKS, *layout_checks(load_settings()), *EXPECTATION_CHECKS)


def expected_blocking_checks(
    manifest: Mapping[str, object], checks: Iterable[RegisteredCheck]
) -> frozenset[str]:
    """Names of all checks without whose pass nothing is published."""
    return expected_dbt_checks(manifest) | {check.name for check in checks if check.blocking}


def open_gate(
    settings: Settings,
    inputs: RunInputs,
    manifest: Mapping[str, object],
    checks: Sequence[RegisteredCheck],
) -> dict[str, CheckRecord]:
    """Return the records by check; raise `PublicationRefused` naming every check in the way."""
    expected = expected_blocking_checks(manifest, checks)
    records = read_check_records(settings)
    in_the_way: list[str] = []
    for name in sorted(expected):
        record = records.get(name)
        if record is None:
            in_the_way.append(f"{name}: has no result. Run it.")
        elif record.input_version != inputs.input_version:
            in_the_way.append(
                f"{name}: judged inputs {record.input_version}, not {inputs.input_version}. "
                "Run it again."
            )
        elif not record.passed:
            reason = record.metadata.get("problems") or record.metadata.get("message") or ""
            in_the_way.append(
                f"{name} on {record.asset}: {record.metadata.get('status', 'failed')}. "
                f"{str(reason)[:300]}".rstrip()
            )
    # A blocking check that has left the code may still have failed on these inputs.
    in_the_way.extend(
        f"{name} on {record.asset}: failed."
        for name, record in sorted(records.items())
        if name not in expected
        and record.blocking
        and not record.passed
        and record.input_version == inputs.input_version
    )
    if not expected:
        in_the_way.append("No blocking check is known. Let dbt parse the project.")
    if in_the_way:
        named = in_the_way[:_NAMED_AT_MOST]
        more = len(in_the_way) - len(named)
        raise PublicationRefused(
            f"Nothing is published, the last generation stays: {len(in_the_way)} of "
            f"{len(expected)} blocking checks are in the way.\n"
            + "\n".join(f"  {line}" for line in named)
            + (f"\n  … and {more} more" if more else "")
        )
    return records


def refuse_other_content(
    records: Mapping[str, CheckRecord], asset: str, content_digest: str
) -> None:
    """Raise `PublicationRefused` if a check judged this table when it held something else."""
    for name, record in sorted(records.items()):
        judged = record.metadata.get("content_digest")
        if record.asset == asset and record.blocking and judged not in (None, content_digest):
            raise PublicationRefused(
                f"{name}: {asset} has changed since it was judged. Run the check again."
            )
