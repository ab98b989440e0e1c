"""Shared savings as a person looks at them: one Markdown table.

Nothing is computed here, and nothing is read but the results.
"""

from collections.abc import Sequence
from decimal import Decimal

from orchestration.payment.settlement import SharedSavingsRow


def markdown_table(rows: Sequence[SharedSavingsRow]) -> str:
    """One line a program: savings against the minimum savings rate, verdict and payment."""
    lines = [
        "| program | members | benchmark PMPM | savings | MSR | quality | verdict | payment |",
        "|---|---:|---:|---:|---:|---:|---|---:|",
    ]
    for row in rows:
        verdict = "eligible" if row.is_eligible else row.failed_reasons.replace(",", ", ")
        lines.append(
            f"| {row.program_name} | {row.average_members:,.0f} "
            f"| {_dollars(row.benchmark_pmpm_amount)} | {_percent(row.savings_percent)} "
            f"| {_percent(row.msr_percent)} | {_score(row.quality_score)} "
            f"| {verdict} | {_dollars(row.payment_amount)} |"
        )
    return "\n".join(lines)


def _dollars(amount: Decimal | None) -> str:
    return "" if amount is None else f"${amount:,.2f}"


def _percent(percent: Decimal | None) -> str:
    return "" if percent is None else f"{percent:.2f} %"


def _score(score: Decimal | None) -> str:
    return "not reported" if score is None else f"{score:.2f}"
