"""Coverage as the payer sends it: a monthly file of new and changed spans, with its own mess.

The true coverage (population.py) is what remains when the last version of every span counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.config import OPEN_END, PAYMENT_MONTHS, SimulationConfig
from orchestration.simulator.mess import BadRow
from orchestration.simulator.population import MONTH_STARTS, NEVER, Population

MEDICAL, RX, BOTH = 0, 1, 2
ADDED, CHANGED, TERMINATED, CANCELLED = 0, 1, 2, 3


@dataclass
class SpanRows:
    """One entry a row of an eligibility file."""

    person: NDArray[np.int64]
    period: NDArray[np.int64]
    product: NDArray[np.int64]
    coverage: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    reason: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True)
class EligibilityMess:
    """Numbers of spoiled spans by kind."""

    retroactive_terminations: int
    cancelled_spans: int
    overlapping_spans: int
    gaps: int
    rejected_rows: int


def build_eligibility(
    config: SimulationConfig, people: Population, rng: np.random.Generator
) -> tuple[SpanRows, EligibilityMess, dict[int, BadRow]]:
    """All eligibility rows, sorted by period, person and span; the rows to be rejected."""
    count = len(people)
    everyone = np.arange(count)
    start, end = people.start_day.astype(np.int64), people.end_day.astype(np.int64)
    # Members present at the outset began at one of the last plan years.
    earlier = (start == 0) & (people.birth_day < -800) & (rng.random(count) < 0.4)
    begin = np.where(earlier, rng.choice([-365, -730], count), start)
    separate = rng.random(count) < 0.08
    has_gap = people.gap_start < NEVER
    parts: list[tuple[NDArray[np.int64], ...]] = []

    def send(
        person: NDArray[np.int64],
        period: NDArray[np.int64],
        product: NDArray[np.int64],
        coverage: NDArray[np.int64],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        reason: int,
    ) -> None:
        kept = (period >= 0) & (period < PAYMENT_MONTHS)
        parts.append(
            tuple(
                column[kept]
                for column in (
                    person,
                    period,
                    product,
                    coverage,
                    first,
                    last,
                    np.full(len(person), reason),
                )
            )
        )

    product = people.product.astype(np.int64)
    changes = (rng.random(count) < 0.09) & (product != 2) & ~has_gap & (end > 400) & (begin < 365)
    renewal = np.where(changes, 365, NEVER)

    def spans_of(
        person: NDArray[np.int64],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        products: NDArray[np.int64],
        reason: int = TERMINATED,
    ) -> None:
        """Send a span when it begins, open, and again when its end is known."""
        for coverage in (BOTH, MEDICAL, RX):
            mine = (~separate[person]) if coverage == BOTH else separate[person]
            who = person[mine]
            kind = np.full(len(who), coverage)
            begins = np.maximum(_month(first[mine]), 0)
            send(who, begins, products[mine], kind, first[mine], np.full(len(who), OPEN_END), ADDED)
            ends = last[mine] < OPEN_END
            known = _month(
                np.where(
                    people.notice_day[who] < NEVER,
                    people.notice_day[who],
                    np.minimum(last[mine], 4_000),
                )
            )
            known = np.where(reason == CHANGED, _month(np.minimum(last[mine], 4_000)), known)
            send(
                who[ends],
                np.maximum(known, begins)[ends],
                products[mine][ends],
                kind[ends],
                first[mine][ends],
                last[mine][ends],
                reason,
            )

    plain = everyone[~has_gap & ~changes]
    spans_of(plain, begin[plain], end[plain], product[plain])
    gapped = everyone[has_gap]
    spans_of(
        gapped,
        begin[gapped],
        people.gap_start[gapped].astype(np.int64) - 1,
        product[gapped],
        CHANGED,
    )
    spans_of(gapped, people.gap_end[gapped].astype(np.int64) + 1, end[gapped], product[gapped])
    changing = everyone[changes]
    spans_of(changing, begin[changing], renewal[changing] - 1, product[changing], CHANGED)
    spans_of(changing, renewal[changing], end[changing], 1 - product[changing])

    # Overlap: the other product for a few months inside the member's span.
    inner = everyone[~has_gap & ~changes & (np.minimum(end, 1095) - start > 300)]
    chosen = inner[rng.random(len(inner)) < config.mess.overlapping_spans]
    month = _month(start[chosen]) + rng.integers(2, 5, len(chosen))
    first = MONTH_STARTS[month]
    last = MONTH_STARTS[month + rng.integers(1, 4, len(chosen))] - 1
    overlap_kind = np.full(len(chosen), MEDICAL)
    send(chosen, month, 1 - np.minimum(product[chosen], 1), overlap_kind, first, last, ADDED)
    # Cancelled: sent as a new span, taken back one month later with an end before its start.
    leavers = everyone[(end < 1000) & (people.notice_day == NEVER)]
    cancelled = leavers[rng.random(len(leavers)) < config.mess.cancelled_spans * 8]
    month = _month(end[cancelled]) + 2
    first = MONTH_STARTS[month]
    kind = np.full(len(cancelled), BOTH)
    send(cancelled, month, product[cancelled], kind, first, np.full(len(kind), OPEN_END), ADDED)
    send(cancelled, month + 1, product[cancelled], kind, first, first - 1, CANCELLED)

    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((columns[4], columns[2], columns[3], people.number[columns[0]], columns[1]))
    # Rows with an impossible birth date, of members who do not exist otherwise, end their files.
    bad_count = max(1, round(len(order) * config.mess.rejected_per_kind))
    order = np.concatenate((order, rng.choice(len(order), bad_count, replace=False)))
    rows = SpanRows(*(column[order].astype(np.int64) for column in columns))
    first_bad = len(order) - bad_count
    bad = {
        first_bad + number: BadRow(
            first_bad + number,
            "bad_date",
            "birth_date",
            {"BIRTH_DT": "19801341", "MBR_ID": f"U{99_999_000 + number}"},
        )
        for number in range(bad_count)
    }
    mess = EligibilityMess(
        retroactive_terminations=int((people.notice_day < NEVER).sum()),
        cancelled_spans=len(cancelled),
        overlapping_spans=len(chosen),
        gaps=int(has_gap.sum()),
        rejected_rows=bad_count,
    )
    return rows, mess, bad


def _month(day: NDArray[np.int64]) -> NDArray[np.int64]:
    """Month number of a day (negative before the first month)."""
    return np.searchsorted(MONTH_STARTS, day, side="right") - 1
