"""Writes down what was planted and what a correct pipeline must find. Never read by the pipeline.

Expected estimates come in two forms: by true membership (whose doctor it is) and by a correct
attribution, which differ by attribution error (PROGRAMS.md, "What planted means").
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from orchestration.simulator.attribution import (
    BASELINE,
    ELSEWHERE,
    NOT_ATTRIBUTED,
    PERFORMANCE,
    Panels,
    member_months,
)
from orchestration.simulator.calibration import CostResult
from orchestration.simulator.config import NON_PROGRAM, SimulationConfig
from orchestration.simulator.emergency import EdVisits
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.writing import WrittenFile, period_text

Numbers = NDArray[np.int64]
SYNTHETIC = "All members, clinicians, claims and amounts are synthetic."
LEAST_CELL_YEARS, LEAST_CELL_VISITS = 200, 20
ROLES = ("baseline", "performance")


@dataclass(frozen=True)
class ErEstimate:
    """ER use of one program against its market, as realised in the simulated truth."""

    program_id: str
    period_role: str
    market_basis: str
    membership: str
    panel_member_months: int
    market_member_months: int
    observed_visits: int
    market_visits: int
    expected_visits: float
    ratio: float
    dispersion_panel: float
    dispersion_market: float
    standard_error: float


def visits_by_month(people: Population, visits: EdVisits) -> NDArray[np.int16]:
    """Person × 24 months of treat-and-release visits in baseline and performance."""
    month = np.searchsorted(MONTH_STARTS, visits.day, side="right") - 1 - 12
    used = (month >= 0) & (month < 24)
    counted = np.bincount(visits.person[used] * 24 + month[used], minlength=len(people) * 24)
    return counted.astype(np.int16).reshape(len(people), 24)


def true_programs(providers: Providers, people: Population) -> NDArray[np.int16]:
    """Person × 36 months: program of the member's own doctor on the 15th.

    ELSEWHERE for another doctor, NOT_ATTRIBUTED for members without one.
    """
    everyone = np.arange(len(people))
    columns = []
    for month in range(36):
        day = np.full(len(people), int(MONTH_STARTS[month]) + 14)
        program = people.true_program(providers, everyone, day)
        program = np.where(program == NON_PROGRAM, ELSEWHERE, program)
        columns.append(np.where(people.is_user, program, NOT_ATTRIBUTED).astype(np.int16))
    return np.stack(columns, axis=1)


def er_estimates(
    config: SimulationConfig,
    people: Population,
    panels: Panels,
    visits: NDArray[np.int16],
    program_of: NDArray[np.int16],
    membership: str,
) -> list[ErEstimate]:
    """Standardised ER ratios of every program on both market bases and in both periods."""
    estimates = []
    number = 0
    for market_number, market in enumerate(config.markets):
        rows = np.flatnonzero(people.market == market_number)
        here = panels.in_market[rows, None]
        for period in (BASELINE, PERFORMANCE):
            columns = slice(period * 12, period * 12 + 12)
            of_period = program_of[rows, columns]
            counts = panels.counts[rows, columns]
            seen = visits[rows, columns]
            cell = panels.er_cell[rows, period]
            everyone = _person_sums(counts & here, seen)
            elsewhere = _person_sums((of_period == ELSEWHERE) & counts & here, seen)
            for offset, plan in enumerate(market.programs):
                own = (of_period == number + offset) & counts
                panel, inside = _person_sums(own, seen), _person_sums(own & here, seen)
                others = (everyone[0] - inside[0], everyone[1] - inside[1])
                for basis, group in (
                    ("attributed_elsewhere", elsewhere),
                    ("all_others", others),
                ):
                    estimates.append(
                        _estimate(
                            (plan.program_id, ROLES[period], basis, membership), cell, panel, group
                        )
                    )
        number += len(market.programs)
    return estimates


def _person_sums(mask: NDArray[np.bool_], visits: NDArray[np.int16]) -> tuple[Numbers, Numbers]:
    """Months and visits of each person inside the mask."""
    return mask.sum(axis=1), (visits * mask).sum(axis=1, dtype=np.int64)


def _estimate(
    labels: tuple[str, str, str, str],
    cell: Numbers,
    panel: tuple[Numbers, Numbers],
    market: tuple[Numbers, Numbers],
) -> ErEstimate:
    """METHODS H.3 and H.4: expected visits by cell, dispersion by person, error of both sides."""
    (panel_months, panel_visits), (market_months, market_visits) = panel, market
    size = int(cell.max()) + 1
    months = np.bincount(cell, market_months.astype(float), size)
    seen = np.bincount(cell, market_visits.astype(float), size)
    place = _collapsed(months.astype(np.float64), seen.astype(np.float64))
    months, seen = np.bincount(place, months, size), np.bincount(place, seen, size)
    cell = place[cell]
    rate = np.divide(seen, months, out=np.zeros(size), where=months > 0)
    expected_by_cell = np.bincount(cell, panel_months, size) * rate
    expected = float(expected_by_cell.sum())
    observed = int(panel_visits.sum())
    panel_phi = _dispersion(panel_months, panel_visits, cell, rate)
    market_phi = _dispersion(market_months, market_visits, cell, rate)
    used = seen > 0
    market_term = float((expected_by_cell[used] ** 2 / seen[used]).sum()) * market_phi
    variance = panel_phi / max(observed, 1) + market_term / max(expected, 1e-9) ** 2
    return ErEstimate(
        *labels,
        panel_member_months=int(panel_months.sum()),
        market_member_months=int(market_months.sum()),
        observed_visits=observed,
        market_visits=int(market_visits.sum()),
        expected_visits=expected,
        ratio=observed / expected if expected else 0.0,
        dispersion_panel=panel_phi,
        dispersion_market=market_phi,
        standard_error=float(np.sqrt(variance)),
    )


def _dispersion(
    months: Numbers, visits: Numbers, cell: Numbers, rate: NDArray[np.float64]
) -> float:
    """Pearson's dispersion of persons about their cell's rate, scaled to the group's level."""
    rows = np.flatnonzero((months > 0) & (rate[cell] > 0))
    mean = months[rows] * rate[cell[rows]]
    if not len(rows) or not visits[rows].sum():
        return 1.0
    mean *= visits[rows].sum() / mean.sum()
    freedom = max(len(rows) - len(np.unique(cell[rows])), 1)
    return float(max(((visits[rows] - mean) ** 2 / mean).sum() / freedom, 1.0))


def _collapsed(months: NDArray[np.float64], visits: NDArray[np.float64]) -> Numbers:
    """Cell each cell is merged into: thin cells join their older age neighbour (H.3)."""
    size = len(months)
    place = np.arange(size)
    stride = 12  # sex × tier
    bands = -(-size // stride)
    months, visits = months.copy(), visits.copy()
    for column in range(stride):
        cells = [band * stride + column for band in range(bands) if band * stride + column < size]
        for position, cell in enumerate(cells):
            thin = months[cell] < 12 * LEAST_CELL_YEARS or visits[cell] < LEAST_CELL_VISITS
            if thin and len(cells) > 1:
                last = position + 1 == len(cells)
                target = place[cells[position - 1]] if last else cells[position + 1]
                place[place == cell] = target
                months[target] += months[cell]
                visits[target] += visits[cell]
    return place


def membership_runs(
    providers: Providers, people: Population, program_of: NDArray[np.int16]
) -> pa.Table:
    """One row per member and unbroken run of months truly with a program and partner."""
    covered = member_months(people)
    own = np.where(covered & (program_of >= 0), program_of, NON_PROGRAM).astype(np.int16)
    day = MONTH_STARTS[:36] + 14
    everyone = np.arange(len(people))
    partner = np.stack(
        [
            providers.partner[np.maximum(people.home(everyone, np.full(len(people), d)), 0)]
            for d in day
        ],
        axis=1,
    )
    state = np.where(own == NON_PROGRAM, -1, own.astype(np.int32) * 1000 + partner)
    changes = np.ones(state.shape, dtype=bool)
    changes[:, 1:] = state[:, 1:] != state[:, :-1]
    begins = np.flatnonzero(changes.reshape(-1))
    flat = state.reshape(-1)[begins]
    ends = np.concatenate((begins[1:], [state.size])) - 1
    kept = flat >= 0
    begins, ends, flat = begins[kept], ends[kept], flat[kept]
    months = pa.array([period_text(month) for month in range(36)])
    members = np.char.add("U", people.number[begins // 36].astype("U8"))
    return pa.table(
        {
            "person_id": pa.array(members),
            "program_id": pa.array(providers.program_ids).take(pa.array(flat // 1000)),
            "partner_id": pa.array(providers.partner_ids).take(pa.array(flat % 1000)),
            "first_month": months.take(pa.array(begins % 36)),
            "last_month": months.take(pa.array(ends % 36)),
        }
    )


def write_membership(tables: Sequence[pa.Table], path: Path) -> None:
    """All batches' runs in one file, ordered by member and month."""
    table = pa.concat_tables(tables).sort_by(
        [("person_id", "ascending"), ("first_month", "ascending")]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")


def summed(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    """Counts of several batches added up by name."""
    return {name: sum(count[name] for count in counts) for name in counts[0]}


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Sorted, indented JSON; equal content gives equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"note": SYNTHETIC, **content}, indent=1, sort_keys=True, default=float)
    path.write_text(text + "\n")


def planted_effects(
    config: SimulationConfig, costs: Sequence[CostResult], estimates: Sequence[ErEstimate]
) -> dict[str, object]:
    """The content of `effects.json`: plants, calibration factors and expected estimates."""
    return {
        "effect_start": "2025-01-01",
        "programs": [
            {
                "program_id": plan.program_id,
                "partners": {partner.partner_id: partner.members for partner in plan.partners},
                "planted": asdict(plan.effects),
                "quality_score": plan.quality_score,
                "cost": asdict(cost),
            }
            for plan, cost in zip(config.programs, costs, strict=True)
        ],
        "er_estimates": [asdict(estimate) for estimate in estimates],
    }


def deliveries(files: Sequence[WrittenFile]) -> list[dict[str, object]]:
    """Rows, bytes and planted faults of every delivery, in a stable order."""
    return [
        {
            "source": file.source,
            "feed": file.feed,
            "file": file.name,
            "delivered_on": file.delivered_on,
            "rows": file.rows,
            "sha256": file.sha256,
            "planted": file.planted,
        }
        for file in sorted(files, key=lambda file: (file.source, file.feed, file.name))
    ]


def panel_sizes(config: SimulationConfig, panels: Panels) -> dict[str, dict[str, float]]:
    """Average members attributed in each period, all and those counted in outcomes."""
    sizes = {}
    for number, plan in enumerate(config.programs):
        own = panels.program == number
        sizes[plan.program_id] = {
            f"{role}_{name}": float(mask[:, period * 12 : period * 12 + 12].sum() / 12)
            for period, role in ((BASELINE, "baseline"), (PERFORMANCE, "performance"))
            for name, mask in (("attributed", own), ("counted", own & panels.counts))
        }
    return sizes
