"""Mean risk scores of panel and market by the payer's own model (METHODS G.1).

A score is comparable inside one model and one market alone, so that what leaves this module is
always relative to the market's mean. The fitted model belongs to risk.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import duckdb
import pyarrow as pa

_SCOPE = pa.schema(
    [("program_id", pa.string()), ("period_role", pa.string()), ("start_date", pa.date32())]
)


@dataclass(frozen=True)
class MeanScore:
    """Scores of one panel or market in one period, weighted by member months.

    `member_months` are those with a score, `all_member_months` everybody's.
    """

    weighted: Fraction
    member_months: int
    all_member_months: int

    @property
    def mean(self) -> Fraction | None:
        """None where nobody who was a member has a score."""
        return self.weighted / self.member_months if self.member_months else None


def read_payer_scores(
    warehouse: duckdb.DuckDBPyConnection,
    members: str,
    periods: Iterable[tuple[str, str, date]],
) -> dict[tuple[str, str, str], MeanScore]:
    """Mean scores by program, period role and comparison, for the (program, role, start) given.

    A member's score is the newest one made before the period, by the model of which the payer sent
    most for it: what a program does in a period must not move its own adjustment. `members` is the
    table of settled members (payment/costs.py). Whoever has no score counts in neither mean.
    """
    scope = [
        {"program_id": program_id, "period_role": role, "start_date": start}
        for program_id, role, start in periods
    ]
    if not scope:
        return {}
    warehouse.register("risk_scope", pa.Table.from_pylist(scope, schema=_SCOPE))
    found = warehouse.execute(
        f"""
        with
        newest as (
            select scope.program_id, scope.period_role, persons.person_key, scores.model_name,
                (scores.risk_score * 10000)::bigint as ten_thousandths
            from risk_scope as scope
            inner join stg_ledger__payer_risk_score as scores
                on scores.scored_on < scope.start_date
            inner join int_person as persons
                on scores.payer = persons.payer and scores.person_id = persons.person_id
            qualify row_number() over (
                partition by scope.program_id, scope.period_role, persons.person_key
                order by scores.scored_on desc, scores.delivery_order desc, scores.row_number desc
            ) = 1
        ),
        models as (
            select program_id, period_role, model_name
            from newest
            group by program_id, period_role, model_name
            qualify row_number() over (
                partition by program_id, period_role order by count(*) desc, model_name
            ) = 1
        ),
        kept as (
            select newest.* from newest
            inner join models using (program_id, period_role, model_name)
        )
        select
            members.program_id,
            members.period_role,
            members.comparison,
            coalesce(sum(kept.ten_thousandths * members.member_months), 0)::hugeint as weighted,
            coalesce(
                sum(members.member_months) filter (where kept.person_key is not null), 0
            )::bigint as member_months,
            sum(members.member_months)::bigint as all_member_months
        from {members} as members
        inner join risk_scope as scope using (program_id, period_role)
        left join kept using (program_id, period_role, person_key)
        group by all
        """
    ).fetchall()
    warehouse.unregister("risk_scope")
    return {
        (program_id, role, comparison): MeanScore(Fraction(weighted, 10_000), months, everybody)
        for program_id, role, comparison, weighted, months, everybody in found
    }


def score_of_panel(
    scores: Mapping[tuple[str, str, str], MeanScore], program_id: str, role: str
) -> Fraction | None:
    """The panel's mean score where the market's is 1; None without scores on either side."""
    of_panel, of_market = (
        scores[key].mean if key in scores else None
        for key in ((program_id, role, "panel"), (program_id, role, "market"))
    )
    if of_panel is None or not of_market:
        return None
    return of_panel / of_market
