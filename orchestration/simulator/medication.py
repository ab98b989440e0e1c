"""Plants what a nurse should find in the fills: therapies nobody went on with, drugs that clash.

Both are known by name in the truth. Which therapies there are does not belong here (pharmacy.py).
"""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.config import LAST_SERVICE_DAY
from orchestration.simulator.extracts import member_ids
from orchestration.simulator.pharmacy import DRUGS, Fills
from orchestration.simulator.population import MONTH_STARTS, NEVER, Population

Numbers = NDArray[np.int64]

STOPPED, CLASHING = 0.03, 0.02
# Days before the end of the data on which the last supply of a stopped therapy ends.
LEAST_LATE, MOST_LATE = 32, 72
REACH = 150

_NDCS = [ndc for ndc, _ in DRUGS]
LISINOPRIL = _NDCS.index("68180051301")
SERTRALINE = _NDCS.index("16714061202")
SELEGILINE = _NDCS.index(codes.RX_PLANTED[0][0])


@dataclass(frozen=True)
class PlantedMedication:
    """Members whose ACE inhibitor stopped, and those with an MAO inhibitor beside sertraline."""

    stopped: Numbers
    clashing: Numbers

    def counts(self) -> dict[str, int]:
        return {
            "stopped_therapies": len(self.stopped),
            "clashing_drugs": len(self.clashing),
        }

    def table(self, people: Population) -> pa.Table:
        """One row per member and plant, by name."""
        ids = member_ids(people).astype(str)
        person = np.concatenate((self.stopped, self.clashing))
        kind = np.repeat(["stopped", "clashing"], [len(self.stopped), len(self.clashing)])
        return pa.table({"person_id": pa.array(ids[person]), "kind": pa.array(kind)})


def plant_medication(
    people: Population, fills: Fills, rng: np.random.Generator
) -> tuple[Fills, PlantedMedication]:
    """The fills without those of stopped therapies and with those that clash."""
    is_staying = (people.end_day > LAST_SERVICE_DAY) & (people.notice_day == NEVER)
    is_staying &= people.covered(
        np.arange(len(people)), np.full(len(people), LAST_SERVICE_DAY, dtype=np.int64)
    )
    stopped, dropped = _stopped(fills, is_staying, rng)
    kept = np.ones(len(fills), dtype=bool)
    kept[dropped] = False
    rest = Fills(**{one.name: getattr(fills, one.name)[kept] for one in fields(Fills)})
    beside = _clashing(people, rest, is_staying, rng)
    added = Fills(**{one.name: getattr(rest, one.name)[beside] for one in fields(Fills)})
    added.drug[:] = SELEGILINE
    added.day += 5
    added.paid_day += 5
    added.file_period[:] = np.searchsorted(MONTH_STARTS, added.paid_day, side="right") - 1
    added.days_supply[:] = 30
    added.quantity[:] = 60
    added.cents[:] = DRUGS[SELEGILINE][1] * 100
    joined = Fills(
        **{
            one.name: np.concatenate((getattr(rest, one.name), getattr(added, one.name)))
            for one in fields(Fills)
        }
    )
    joined.number = np.arange(len(joined), dtype=np.int64)
    return joined, PlantedMedication(stopped, rest.person[beside].astype(np.int64))


def _stopped(
    fills: Fills, is_staying: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Numbers, Numbers]:
    """Members who stop, and positions of the fills they would have had."""
    rows = np.flatnonzero((fills.drug == LISINOPRIL) & is_staying[fills.person])
    rows = rows[np.lexsort((fills.day[rows], fills.person[rows]))]
    person, day = fills.person[rows], fills.day[rows].astype(np.int64)
    ends = day + fills.days_supply[rows]
    left = LAST_SERVICE_DAY - ends
    # The fill before proves a course: two fills of one member, not long ago.
    is_course = np.zeros(len(rows), dtype=bool)
    is_course[1:] = (person[1:] == person[:-1]) & (day[1:] - day[:-1] <= 120)
    may_end = is_course & (left >= LEAST_LATE) & (left <= MOST_LATE)
    candidates, first = np.unique(person[may_end], return_index=True)
    last_fill = day[may_end][first]
    chosen = rng.random(len(candidates)) < STOPPED
    until = np.full(int(fills.person.max(initial=0)) + 1, NEVER, dtype=np.int64)
    until[candidates[chosen]] = last_fill[chosen]
    return candidates[chosen].astype(np.int64), rows[day > until[person]]


def _clashing(
    people: Population, fills: Fills, is_staying: NDArray[np.bool_], rng: np.random.Generator
) -> Numbers:
    """Positions of the antidepressant fills beside which the other drug is dispensed."""
    rows = np.flatnonzero((fills.drug == SERTRALINE) & is_staying[fills.person])
    day = fills.day[rows].astype(np.int64)
    recent = (day > LAST_SERVICE_DAY - REACH) & (day + 5 <= LAST_SERVICE_DAY)
    rows = rows[recent]
    rows = rows[
        people.covered(fills.person[rows].astype(np.int64), fills.day[rows].astype(np.int64) + 5)
    ]
    _, first = np.unique(fills.person[rows], return_index=True)
    rows = rows[first]
    return rows[rng.random(len(rows)) < CLASHING].astype(np.int64)
