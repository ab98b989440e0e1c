"""Why nothing, or less, is paid: each code of METHODS I.4 and J.3 in words.

Deciding which of them hold does not belong here.
"""

from collections.abc import Mapping

REASON_TEXTS: Mapping[str, str] = {
    "PANEL_TOO_SMALL": "the panel is too small to tell savings from chance",
    "INCOMPLETE_CLAIMS": "claims of the period are still being paid",
    "REPORTING_FAILED": "no quality result was reported",
    "QUALITY_GATE": "the quality gate was missed",
    "NO_SAVINGS": "cost was not below the benchmark",
    "BELOW_MSR": "savings are below the minimum savings rate",
    "CAP_APPLIED": "the payment was limited by its cap",
    "TERMINATED": "the program ended before the period did",
    "NO_BENCHMARK": "there is no baseline or no market to measure against",
    "WEIGHT_TOO_SMALL": "too little of the quality weight was scored",
    "BELOW_PAYOUT": "the score is below the payout table",
    "TREND_TOO_HIGH": "cost grew faster than agreed",
}
