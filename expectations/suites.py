"""What a suite is, how one is judged, and the few shapes of expectation the suites are made of.

Suites of single tables do not belong here. The expectations library takes seconds to import, so
only functions import it. Judging fails closed: an empty table, a missing column, an expectation
that raised or that met no value at all is an error, never a pass (FAULTS 69).
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import pandas as pd

from orchestration.checks import CheckOutcome, Scalar

if TYPE_CHECKING:
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.row_conditions import ComparisonCondition

# Before the library is first imported. Nothing phones home (FAULTS 67); and where PySpark is
# installed, it is not loaded for frames that never come: in a worker of pytest it takes its start
# for a doctest and ends the process.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
sys.modules.setdefault("pyspark", None)  # type: ignore[arg-type]

Dimension = Literal[
    "completeness", "validity", "consistency", "uniqueness", "timeliness", "plausibility"
]
Severity = Literal["critical", "warning"]


@dataclass(frozen=True)
class Suite:
    """Expectations of one table; `build` makes them when they are first needed.

    An empty table is an error, unless it is right that there may be nothing: no reject, no gap.
    """

    table: str
    build: Callable[[], Sequence["Expectation"]]
    may_be_empty: bool = False


@dataclass(frozen=True)
class ExpectationResult:
    """One expectation's verdict, stripped of the library's own shapes and of values."""

    name: str
    dimension: str
    reason: str
    severity: str
    success: bool
    is_unjudged: bool
    error: str | None
    found: str


@dataclass(frozen=True)
class SuiteOutcome(CheckOutcome):
    """The verdict of a suite, and those of its expectations as far as they were judged."""

    verdicts: tuple[ExpectationResult, ...] = ()


def validate(suite: Suite, frame: pd.DataFrame) -> SuiteOutcome:
    """Judge a frame; passes if every critical expectation held and none could not be judged.

    Warnings are told but do not fail. Metadata holds counts; problems name expectation, column,
    reason and how many values were unexpected, never the values.
    """
    rows = len(frame)
    if rows == 0 and suite.may_be_empty:
        return SuiteOutcome("pass", {"rows": 0}, (), (f"{suite.table}: the table is empty.",))
    if rows == 0:
        return SuiteOutcome("error", {"rows": 0}, (f"{suite.table}: the table is empty.",))
    try:
        expectations = suite.build()
        results = _run(expectations, frame)
    except Exception as error:  # noqa: BLE001 - whatever breaks the library is an ERROR verdict
        problem = f"{suite.table}: could not be judged: {type(error).__name__}: {error}"
        return SuiteOutcome("error", {"rows": rows}, (problem[:500],))
    errors: list[str] = []
    failures: list[str] = []
    warnings: list[str] = []
    for result in results:
        if result.error is not None:
            errors.append(f"{result.name}: could not be judged: {result.error}")
        elif not result.success and result.severity == "critical":
            failures.append(f"{result.name}: {result.found} Expected because: {result.reason}")
        elif not result.success:
            warnings.append(f"{result.name}: {result.found} Expected because: {result.reason}")
        elif result.is_unjudged:
            warnings.append(f"{result.name}: met no value large enough to judge.")
    if len(results) != len(expectations) or not results:
        errors.append(f"{suite.table}: {len(results)} of {len(expectations)} were judged.")
    counts: dict[str, Scalar] = {
        "rows": rows,
        "expectations": len(results),
        "failed": len(failures),
        "warned": len(warnings),
        "errors": len(errors),
    }
    status: Literal["pass", "fail", "error"] = "error" if errors else "fail" if failures else "pass"
    return SuiteOutcome(status, counts, (*errors, *failures), tuple(warnings), tuple(results))


def name_of(kind: str, kwargs: Mapping[str, object]) -> str:
    """Readable name of an expectation: its type and the columns it speaks of."""
    columns = kwargs.get("column") or kwargs.get("column_list") or kwargs.get("column_A") or ""
    if isinstance(columns, Sequence) and not isinstance(columns, str):
        columns = ", ".join(str(column) for column in columns)
    if "column_B" in kwargs:
        columns = f"{columns}, {kwargs['column_B']}"
    return f"{kind}({columns})"


def _run(expectations: Sequence["Expectation"], frame: pd.DataFrame) -> list[ExpectationResult]:
    import great_expectations as gx

    suite = gx.ExpectationSuite(name="suite", expectations=list(expectations))
    batch = _whole_frames().get_batch(batch_parameters={"dataframe": frame})
    report = batch.validate(suite, result_format="BASIC").to_json_dict()  # type: ignore[no-untyped-call]
    return [_plain(result) for result in report["results"]]


@cache
def _whole_frames() -> "BatchDefinition[None]":
    """The library set up once a process: for every suite anew it was a tenth of judging."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        # The default would leave a temporary folder behind.
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("judged").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("all")


def _plain(result: Mapping[str, object]) -> ExpectationResult:
    config = _mapping(result.get("expectation_config"))
    meta = _mapping(config.get("meta"))
    detail = _mapping(result.get("result"))
    error = _exception(_mapping(result.get("exception_info")))
    judged = detail.get("element_count"), detail.get("missing_count")
    is_empty = False
    if isinstance(judged[0], int) and isinstance(judged[1], int):
        is_empty = judged[0] - judged[1] == 0 and str(config.get("type")) != _NOT_NULL
    if error is None and is_empty and not meta.get("may_be_unjudged"):
        error = "it met no value at all"
    unexpected = detail.get("unexpected_count")
    if unexpected is not None:
        found = f"{unexpected} of {detail.get('element_count')} rows are not as expected."
    else:
        found = f"found {detail.get('observed_value')}."
    return ExpectationResult(
        name=name_of(str(config.get("type")), _mapping(config.get("kwargs"))),
        dimension=str(meta.get("dimension", "")),
        reason=str(meta.get("reason", "")),
        severity=str(config.get("severity", "critical")),
        success=result.get("success") is True,
        is_unjudged=is_empty,
        error=error,
        found=found,
    )


_NOT_NULL = "expect_column_values_to_not_be_null"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _exception(info: Mapping[str, object]) -> str | None:
    """The library tells one exception flat, several nested under the metric that raised."""
    for part in (info, *(_mapping(value) for value in info.values())):
        if part.get("raised_exception"):
            return str(part.get("exception_message"))[:300]
    return None


# --- shapes of expectation -----------------------------------------------------------------------


def between(
    column: str,
    least: float | None,
    most: float | None,
    dimension: Dimension,
    reason: str,
    severity: Severity = "critical",
    may_be_unjudged: bool = False,
    only_where: "ComparisonCondition | None" = None,
) -> "Expectation":
    """Every value lies between `least` and `most`, both included.

    `only_where` is a condition on the row, such as `Column("members") >= 500`: chance makes
    anything of small panels. Where it leaves no row, the expectation is unjudged, a warning.
    `may_be_unjudged` where it is right that a small table has no value at all. So it always is
    for shares, means and distinct counts of a profile, which only large deliveries have.
    """
    from great_expectations.expectations.core.expect_column_values_to_be_between import (
        ExpectColumnValuesToBeBetween,
    )

    return ExpectColumnValuesToBeBetween(
        column=column,
        min_value=least,
        max_value=most,
        row_condition=only_where,
        severity=_severity(severity),
        meta=_meta(column, dimension, reason, may_be_unjudged or only_where is not None),
    )


def not_null(
    column: str, dimension: Dimension, reason: str, severity: Severity = "critical"
) -> "Expectation":
    """Every row has a value."""
    from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
        ExpectColumnValuesToNotBeNull,
    )

    return ExpectColumnValuesToNotBeNull(
        column=column, severity=_severity(severity), meta=_meta(column, dimension, reason)
    )


def one_of(
    column: str,
    values: Sequence[str],
    dimension: Dimension,
    reason: str,
    severity: Severity = "critical",
) -> "Expectation":
    """Every value is one of those named."""
    from great_expectations.expectations.core.expect_column_values_to_be_in_set import (
        ExpectColumnValuesToBeInSet,
    )

    return ExpectColumnValuesToBeInSet(
        column=column,
        value_set=list(values),
        severity=_severity(severity),
        meta=_meta(column, dimension, reason),
    )


def matches(
    column: str, pattern: str, dimension: Dimension, reason: str, severity: Severity = "critical"
) -> "Expectation":
    """Every value matches the regular expression."""
    from great_expectations.expectations.core.expect_column_values_to_match_regex import (
        ExpectColumnValuesToMatchRegex,
    )

    return ExpectColumnValuesToMatchRegex(
        column=column,
        regex=pattern,
        severity=_severity(severity),
        meta=_meta(column, dimension, reason),
    )


def unique_together(
    columns: Sequence[str], dimension: Dimension, reason: str, severity: Severity = "critical"
) -> "Expectation":
    """No two rows are equal in these columns."""
    from great_expectations.expectations.core.expect_column_values_to_be_unique import (
        ExpectColumnValuesToBeUnique,
    )
    from great_expectations.expectations.core.expect_compound_columns_to_be_unique import (
        ExpectCompoundColumnsToBeUnique,
    )

    meta = _meta("", dimension, reason)
    if len(columns) == 1:
        return ExpectColumnValuesToBeUnique(
            column=columns[0], severity=_severity(severity), meta=meta
        )
    return ExpectCompoundColumnsToBeUnique(
        column_list=list(columns), severity=_severity(severity), meta=meta
    )


def not_less(
    greater: str,
    less: str,
    dimension: Dimension,
    reason: str,
    severity: Severity = "critical",
    may_be_unjudged: bool = False,
) -> "Expectation":
    """In every row that has both, column `greater` is at least column `less`."""
    from great_expectations.expectations.core import (
        expect_column_pair_values_a_to_be_greater_than_b as pair,
    )

    return pair.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=greater,
        column_B=less,
        or_equal=True,
        ignore_row_if="either_value_is_missing",
        severity=_severity(severity),
        meta=_meta("", dimension, reason, may_be_unjudged),
    )


def _severity(severity: Severity) -> "FailureSeverity":
    from great_expectations.expectations.metadata_types import FailureSeverity

    return FailureSeverity(severity)


LARGE_DELIVERY_SUFFIXES = ("__null_share", "__distinct", "__mean")


def _meta(
    column: str, dimension: Dimension, reason: str, may_be_unjudged: bool = False
) -> dict[str, object]:
    meta: dict[str, object] = {"dimension": dimension, "reason": reason}
    if may_be_unjudged or column.endswith(LARGE_DELIVERY_SUFFIXES):
        meta["may_be_unjudged"] = True
    return meta
