"""All the other outcomes versus market beside ER use, one program after the other (METHODS H.9).

One row per program, outcome and market basis. How each is computed is `use.py`, `cost_split.py` and
`shares.py`; ER use itself is `er_use.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from orchestration.outcomes import cost_split, shares, use
from orchestration.outcomes import interval as stats
from orchestration.outcomes.agreements import RunInputs
from orchestration.outcomes.avoidable import Weights, unclassified_row, without_weights
from orchestration.outcomes.er_row import ALL_OTHERS, ATTRIBUTED_ELSEWHERE, PANEL
from orchestration.outcomes.outcome_row import (
    AVOIDABLE,
    DIABETES,
    EXPERIENCE,
    FOLLOW_UP,
    QUALITY,
    READMISSION,
    USE,
    OutcomeRow,
)


def outcomes_from_warehouse(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs, weights: Weights | None = None
) -> list[OutcomeRow]:
    """Every outcome of every program that the warehouse can state, ordered by key.

    `weights` are the NYU weights of ER diagnoses, where somebody supplied them.
    """
    agreements = inputs.agreements
    use.load_events(warehouse, agreements, weights)
    used = use.read_use(warehouse)
    readmissions = use.read_readmissions(warehouse, agreements)
    costs = cost_split.read_costs(warehouse, agreements, used)
    indexes = shares.read_indexes(warehouse, agreements)
    experience = shares.read_experience(warehouse, agreements)
    access = shares.read_access(warehouse)
    unclassified = use.read_unclassified(warehouse, agreements) if weights else {}
    rows: list[OutcomeRow] = []
    for agreement in sorted(agreements, key=lambda one: one.program_id):
        program_id = agreement.program_id
        of_program: list[OutcomeRow] = []
        for basis in (ALL_OTHERS, ATTRIBUTED_ELSEWHERE):
            for outcome in USE:
                if outcome == AVOIDABLE and weights is None:
                    of_program.append(without_weights(agreement, basis))
                    continue
                panel = used.get((program_id, outcome, PANEL), [])
                market = used.get((program_id, outcome, basis), [])
                of_program.append(use.compare_use(agreement, outcome, basis, panel, market))
            of_program.append(
                use.compare_use(
                    agreement,
                    READMISSION,
                    basis,
                    readmissions.get((program_id, PANEL), []),
                    readmissions.get((program_id, basis), []),
                )
            )
        of_program.extend(cost_split.compare_costs(agreement, costs))
        for outcome in (FOLLOW_UP, QUALITY, DIABETES):
            panel_share = indexes.get((program_id, outcome, PANEL))
            market_share = indexes.get((program_id, outcome, "market"))
            of_program.append(shares.compare_shares(agreement, outcome, panel_share, market_share))
        of_program.append(
            shares.compare_shares(
                agreement,
                EXPERIENCE,
                experience.get((program_id, PANEL)),
                experience.get((program_id, "market")),
                shares.FEWEST_RESPONDENTS,
            )
        )
        if program_id in unclassified:
            of_program.append(unclassified_row(agreement, *unclassified[program_id]))
        of_program.extend(shares.described(agreement, access))
        rows.extend(_with_false_discovery_rates(of_program))
    return sorted(rows, key=lambda row: (row.program_id, row.outcome, row.market_basis))


def _with_false_discovery_rates(rows: Sequence[OutcomeRow]) -> list[OutcomeRow]:
    """None of these is the headline, so all of a program's are controlled together (H.6)."""
    tested = [index for index, row in enumerate(rows) if row.p_value is not None]
    done = list(rows)
    p_values = [row.p_value for row in rows if row.p_value is not None]
    for index, q_value in zip(tested, stats.false_discovery_rates(p_values), strict=True):
        done[index] = replace(done[index], q_value=q_value)
    return done
