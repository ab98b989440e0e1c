"""Whose change is compared: everyone in a panel or a market group when the baseline ended (H.5).

What is computed from them does not belong here (`change_estimate.py`, `change.py`).
"""

from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import numpy.typing as npt

from orchestration.outcomes.change_terms import ChangeTerms
from orchestration.outcomes.resampling import IntArray


@dataclass(frozen=True)
class People:
    """Persons of one area and period in the order of `group`-less keys; arrays share one length.

    `program` is empty for persons attributed outside every program, `group` the number of that
    group. `totals` is person × quarter × (member months, visits, capped cents), baseline first.
    """

    program: npt.NDArray[np.object_]
    area: npt.NDArray[np.object_]
    group: IntArray
    age: IntArray
    sex: npt.NDArray[np.object_]
    conditions: IntArray
    prior_visits: IntArray
    prior_cents: IntArray
    totals: IntArray
    pre_quarters: int


@dataclass(frozen=True)
class Scope:
    """What programs share that read the same people."""

    payer: str
    baseline: tuple[date, date]
    performance: tuple[date, date]
    quarter_cap_cents: int
    include_rx: bool
    min_member_months: int
    outcome_lag_months: int


def scope_of(terms: ChangeTerms) -> Scope:
    """The people that a program's comparison reads."""
    return Scope(
        terms.payer,
        terms.baseline,
        terms.performance,
        terms.quarter_cap_cents,
        terms.include_rx,
        terms.min_member_months,
        terms.outcome_lag_months,
    )


def read_people(warehouse: duckdb.DuckDBPyConnection, scope: Scope) -> People:
    """Everyone in a panel, or attributed outside every program, in the baseline's last month.

    Only with the member months before the baseline that outcomes ask for (H.2). A quarter is three
    months from the first of a period on; a person's cost is capped at a quarter of the yearly cap.
    """
    first, last = _month(scope.baseline[0]), _month(scope.baseline[1])
    after, end = _month(scope.performance[0]), _month(scope.performance[1])
    pre_quarters, post_quarters = -(-(last - first + 1) // 3), -(-(end - after + 1) // 3)
    rx = "rx_allowed_cents" if scope.include_rx else "0"
    warehouse.execute(
        f"""
        create or replace temp table change_person as
        with
        prior_use as (
            select
                person_key,
                sum(ed_visits) as visits,
                sum(medical_allowed_cents + {rx}) as cents
            from int_member_utilization
            where month_number between {first - 12} and {first - 1}
            group by person_key
        )
        select
            (row_number() over (order by months.person_key) - 1)::int as number,
            months.person_key,
            coalesce(months.program_id, '') as program_id,
            coalesce(months.market_area_id, '') as market_area_id,
            coalesce(decided.group_number, -1) as group_number,
            described.sex,
            described.age,
            described.condition_count as conditions,
            coalesce(prior_use.visits, 0)::int as prior_visits,
            coalesce(prior_use.cents, 0)::bigint as prior_cents
        from int_outcome_member_month as months
        inner join int_person as persons on months.person_key = persons.person_key
        inner join int_outcome_member_period as described
            on
                described.period_id = ?
                and months.person_key = described.person_key
                and months.program_id is not distinct from described.program_id
                and months.partner_id is not distinct from described.partner_id
                and months.market_area_id is not distinct from described.market_area_id
                and months.is_attributed_elsewhere = described.is_attributed_elsewhere
        left join int_attribution_decided as decided
            on
                months.person_key = decided.person_key
                and decided.snapshot_number = {last - scope.outcome_lag_months}
        left join prior_use on months.person_key = prior_use.person_key
        where
            months.month_number = {last}
            and months.member_months = 1
            and persons.payer = ?
            and described.prior_member_months >= {scope.min_member_months}
            and (months.program_id is not null or months.is_attributed_elsewhere)
        """,
        [f"{scope.baseline[0]}_{scope.baseline[1]}", scope.payer],
    )
    found = warehouse.execute("select * from change_person order by number").fetchnumpy()
    quarters = pre_quarters + post_quarters
    months = warehouse.execute(
        f"""
        select
            (
                people.number * {quarters}
                + case
                    when months.month_number <= {last} then (months.month_number - {first}) // 3
                    else {pre_quarters} + (months.month_number - {after}) // 3
                end
            )::bigint as place,
            months.member_months::double as member_months,
            months.ed_visits::double as visits,
            (months.medical_allowed_cents + {rx})::double as cents
        from int_outcome_member_month as months
        inner join change_person as people on months.person_key = people.person_key
        where
            months.month_number between {first} and {last}
            or months.month_number between {after} and {end}
        """
    ).fetchnumpy()
    warehouse.execute("drop table change_person")
    persons = len(found["number"])
    # Whole numbers below 2**53: sums of doubles are exact.
    totals = np.stack(
        [
            np.bincount(
                months["place"],
                weights=months[name],
                minlength=persons * quarters,
            )
            for name in ("member_months", "visits", "cents")
        ],
        axis=-1,
    ).astype(np.int64)
    np.minimum(totals[:, 2], scope.quarter_cap_cents, out=totals[:, 2])
    return People(
        program=np.asarray(found["program_id"], dtype=object),
        area=np.asarray(found["market_area_id"], dtype=object),
        group=_whole(found["group_number"]),
        age=_whole(found["age"]),
        sex=np.asarray(found["sex"], dtype=object),
        conditions=_whole(found["conditions"]),
        prior_visits=_whole(found["prior_visits"]),
        prior_cents=_whole(found["prior_cents"]),
        totals=totals.reshape(persons, quarters, 3),
        pre_quarters=pre_quarters,
    )


def _month(day: date) -> int:
    return 12 * day.year + day.month - 1


def _whole(values: npt.ArrayLike) -> IntArray:
    return np.asarray(values).astype(np.int64)
