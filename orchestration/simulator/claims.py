"""Medical claims and their lines as struct of arrays, and the builder that adds them in bulk.

Amounts are allowed cents before denial; what a line shows when denied is decided when written.
Which services happen does not belong here (utilization.py), nor what spoils them (mess.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.codes import Pool
from orchestration.simulator.config import LAST_PAID_DAY

Numbers = NDArray[np.int64]

NO_REFERENCE = -1
# Chances that the plan pays 100, 90, 80 or 0 percent (the last: within the deductible).
USUAL_SHARES = (0.22, 0.34, 0.28, 0.16)
FREE = (1.0, 0.0, 0.0, 0.0)
STATUS_PAID, STATUS_DENIED, STATUS_REVERSED = 0, 1, 2


@dataclass
class Claims:
    """One entry a claim version. Days count from the epoch."""

    person: NDArray[np.int32]
    is_institutional: NDArray[np.bool_]
    bill_type: NDArray[np.uint8]
    frequency: NDArray[np.uint8]
    from_day: NDArray[np.int32]
    thru_day: NDArray[np.int32]
    has_stay_dates: NDArray[np.bool_]
    discharge_status: NDArray[np.uint8]
    drg: NDArray[np.uint8]
    diagnosis: NDArray[np.uint16]
    organisation: NDArray[np.int32]
    rendering: NDArray[np.int32]
    plan_share: NDArray[np.uint8]
    billed_percent: NDArray[np.uint16]
    paid_day: NDArray[np.int32]
    is_reversal: NDArray[np.bool_]
    reference: NDArray[np.int32]
    file_period: NDArray[np.int8]
    is_final: NDArray[np.bool_]
    is_ed: NDArray[np.bool_]
    is_primary_care: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.person)


@dataclass
class Lines:
    """One entry a claim line; `claim` is a position in `Claims`."""

    claim: NDArray[np.int32]
    number: NDArray[np.uint8]
    revenue: NDArray[np.uint8]
    procedure: NDArray[np.uint16]
    modifier_1: NDArray[np.uint8]
    modifier_2: NDArray[np.uint8]
    units: NDArray[np.int16]
    place: NDArray[np.uint8]
    cents: NDArray[np.int32]
    day_offset: NDArray[np.uint8]
    is_denied: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.claim)


Table = TypeVar("Table", Claims, Lines)


def join(parts: Sequence[Table]) -> Table:
    """Concatenate tables of one kind."""
    kind = type(parts[0])
    return kind(
        **{
            item.name: np.concatenate([getattr(part, item.name) for part in parts])
            for item in fields(kind)
        }
    )


def take(table: Table, rows: NDArray[np.int64]) -> Table:
    """Copy the given rows."""
    kind = type(table)
    return kind(**{item.name: getattr(table, item.name)[rows] for item in fields(kind)})


@dataclass(frozen=True)
class LineSpec:
    """Lines of one kind to add to each claim of a batch.

    `count` is a number per claim (one each if None), `factor` multiplies the pool's price,
    `offset` is the line's day after the claim's first day.
    """

    pool: Pool
    count: Numbers | None = None
    place: int = 0
    modifier_1: int | NDArray[np.uint8] = 0
    factor: float | NDArray[np.float64] = 1.0
    units: int = 1
    spread_days: Numbers | None = None


class ClaimBook:
    """Collects batches of claims; `finish` returns them as two tables."""

    def __init__(
        self,
        rng: np.random.Generator,
        organisation_price: NDArray[np.float64],
        market_trend: float,
    ) -> None:
        self._rng = rng
        self._price = organisation_price
        self._trend = market_trend
        self._claims: list[Claims] = []
        self._lines: list[Lines] = []
        self._count = 0

    def add(
        self,
        person: Numbers,
        day: Numbers,
        organisation: Numbers,
        rendering: Numbers | None,
        diagnosis: NDArray[np.uint16],
        specs: Sequence[LineSpec],
        *,
        bill_type: int = 0,
        thru: Numbers | None = None,
        frequency: NDArray[np.uint8] | int = 1,
        discharge_status: NDArray[np.uint8] | int = 0,
        drg: NDArray[np.uint8] | int = 0,
        lag_days: float = 26.0,
        is_ed: bool = False,
        is_primary_care: bool = False,
        may_be_denied: bool = True,
        is_denied: NDArray[np.bool_] | None = None,
        is_preventive: bool = False,
    ) -> None:
        """Add one claim per entry of `person`; bill type 0 means a professional claim."""
        rng = self._rng
        count = len(person)
        if count == 0:
            return
        last = day if thru is None else thru
        lag = np.minimum(2 + rng.gamma(1.7, lag_days / 1.7, count), 178).astype(np.int64)
        paid_day = np.minimum(last + lag, LAST_PAID_DAY)
        share = np.array([100, 90, 80, 0], dtype=np.uint8)[
            rng.choice(4, count, p=FREE if is_preventive else USUAL_SHARES)
        ]
        denied = (
            is_denied
            if is_denied is not None
            else rng.random(count) < (0.018 if may_be_denied else 0.0)
        )

        def each(value: NDArray[np.uint8] | int) -> NDArray[np.uint8]:
            return np.broadcast_to(np.asarray(value, dtype=np.uint8), (count,)).copy()

        self._claims.append(
            Claims(
                person=person.astype(np.int32),
                is_institutional=np.full(count, bill_type > 0),
                bill_type=each(bill_type),
                frequency=each(frequency),
                from_day=day.astype(np.int32),
                thru_day=last.astype(np.int32),
                has_stay_dates=np.full(count, bill_type == 11),
                discharge_status=each(discharge_status),
                drg=each(drg),
                diagnosis=diagnosis,
                organisation=organisation.astype(np.int32),
                rendering=np.full(count, -1, dtype=np.int32)
                if rendering is None
                else rendering.astype(np.int32),
                plan_share=share,
                billed_percent=rng.integers(130, 260, count).astype(np.uint16),
                paid_day=paid_day.astype(np.int32),
                is_reversal=np.zeros(count, dtype=bool),
                reference=np.full(count, NO_REFERENCE, dtype=np.int32),
                file_period=np.zeros(count, dtype=np.int8),
                is_final=np.ones(count, dtype=bool),
                is_ed=np.full(count, is_ed),
                is_primary_care=np.full(count, is_primary_care),
            )
        )
        self._add_lines(specs, day, organisation, denied, may_be_denied)
        self._count += count

    def _add_lines(
        self,
        specs: Sequence[LineSpec],
        day: Numbers,
        organisation: Numbers,
        denied: NDArray[np.bool_],
        may_be_denied: bool,
    ) -> None:
        rng = self._rng
        count = len(day)
        trend = np.exp(np.log1p(self._trend) * day / 365.25) * self._price[organisation]
        claim_parts, order = [], np.arange(count)
        columns: dict[str, list[NDArray[np.generic]]] = {
            name: []
            for name in (
                "revenue",
                "procedure",
                "modifier_1",
                "units",
                "place",
                "cents",
                "day_offset",
            )
        }
        for spec in specs:
            claim = order if spec.count is None else np.repeat(order, spec.count)
            size = len(claim)
            drawn = spec.pool.draw(rng, size)
            factor = spec.factor if isinstance(spec.factor, float) else spec.factor[claim]
            noise = np.exp(rng.standard_normal(size, dtype=np.float32) * 0.28 - 0.04)
            cents = spec.pool.prices[drawn] * noise * factor * trend[claim]
            modifier = (
                spec.modifier_1 if isinstance(spec.modifier_1, int) else spec.modifier_1[claim]
            )
            claim_parts.append(claim)
            columns["revenue"].append(spec.pool.revenues[drawn])
            columns["procedure"].append(spec.pool.procedures[drawn])
            columns["modifier_1"].append(np.broadcast_to(np.uint8(modifier), (size,)))
            columns["units"].append(np.full(size, spec.units, dtype=np.int16))
            columns["place"].append(np.full(size, spec.place, dtype=np.uint8))
            columns["cents"].append(np.maximum(cents, 1).astype(np.int32))
            if spec.spread_days is None:
                columns["day_offset"].append(np.zeros(size, dtype=np.uint8))
            else:
                offset = np.floor(rng.random(size) * (spec.spread_days[claim] + 1))
                columns["day_offset"].append(offset.astype(np.uint8))
        claim = np.concatenate(claim_parts)
        sort = np.argsort(claim, kind="stable")
        claim = claim[sort]
        first = np.searchsorted(claim, order)
        number = np.arange(len(claim)) - first[claim] + 1
        joined = {name: np.concatenate(parts)[sort] for name, parts in columns.items()}
        line_denied = denied[claim]
        if may_be_denied:
            line_denied |= (number > 1) & (rng.random(len(claim)) < 0.012)
        second = np.where((joined["modifier_1"] == 0) & (rng.random(len(claim)) < 0.004), 1, 0)
        self._lines.append(
            Lines(
                claim=(claim + self._count).astype(np.int32),
                number=number.astype(np.uint8),
                revenue=joined["revenue"],
                procedure=joined["procedure"],
                modifier_1=joined["modifier_1"],
                modifier_2=second.astype(np.uint8),
                units=joined["units"],
                place=joined["place"],
                cents=joined["cents"],
                day_offset=joined["day_offset"],
                is_denied=line_denied,
            )
        )

    def finish(self) -> tuple[Claims, Lines]:
        """Everything added so far."""
        return join(self._claims), join(self._lines)
