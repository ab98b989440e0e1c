"""Change against baseline as a text table (METHODS H.5); its pictures are on each report.

Nothing is computed here, and nothing is read but the results.
"""

from collections.abc import Sequence

from orchestration.outcomes.change_row import COST, ER_VISITS, ChangeRow

_NAMES = {ER_VISITS: "ER use", COST: "cost"}


def markdown_table(rows: Sequence[ChangeRow]) -> str:
    """One line a program, outcome and weighting; nothing that may not be stated."""
    lines = [
        "| program | outcome | weighting | change | 95 % CI | pre-trend | rank among groups |",
        "|---|---|---|---:|---:|---|---:|",
    ]
    for row in rows:
        is_stated = row.verdict in ("lower", "similar", "higher")
        parallel = {None: "", True: "parallel", False: "moved apart"}[row.is_pre_trend_parallel]
        rank = f"{row.placebo_rank} of {row.placebo_groups + 1}" if row.placebo_rank else ""
        change = interval = ""
        if is_stated and row.bootstrap_lower is not None and row.bootstrap_upper is not None:
            change = f"{row.change_percent:+.1f} %"
            interval = (
                f"{100 * (row.bootstrap_lower - 1):+.1f} to {100 * (row.bootstrap_upper - 1):+.1f}"
            )
        lines.append(
            f"| {row.program_name} | {_NAMES[row.outcome]} | {row.weighting} | {change} "
            f"| {interval} | {parallel} | {rank} |"
        )
    return "\n".join(lines)
