"""What a correct pipeline will find: attribution, known conditions and exposure.

Needed to plant costs on *realised* panels and to state expected estimates. Deliberately a second,
shorter implementation (METHODS B.3, C.1, H.2, H.3), kept apart from the pipeline's: no adjustments,
denials or Rx fallback, since it sees the true visits. The pipeline never imports it.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.claims import Claims
from orchestration.simulator.config import NON_PROGRAM, SimulationConfig
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.world import Visits

Numbers = NDArray[np.int64]

BASELINE, PERFORMANCE = 0, 1
FIRST_MONTHS = (12, 24)
PERIOD_ENDS = tuple(int(MONTH_STARTS[first + 12]) - 1 for first in FIRST_MONTHS)
NOT_ATTRIBUTED = -1
ELSEWHERE = -2
LEAST_PRIOR_MONTHS = 6
ER_AGE_EDGES = np.array([2, 6, 18, 25, 35, 45, 55, 65])
RISK_AGE_EDGES = np.array([2, 6, 13, 18, 25, 35, 45, 55, 65])

# Registry prefixes of METHODS C.2 that occur in the simulated codes.
CONDITION_PREFIXES: tuple[tuple[str, ...], ...] = (
    ("E08", "E09", "E10", "E11", "E13"),
    ("I20", "I21", "I22", "I23", "I24", "I25"),
    ("I50", "I110", "I130", "I132"),
    ("J45",),
    ("E66", "Z683", "Z684"),
    ("I10", "I11", "I12", "I13", "I15"),
    ("J40", "J41", "J42", "J43", "J44", "J47"),
    ("F32", "F33", "F341"),
    ("N18", "I12", "I13", "E112"),
)


@dataclass(frozen=True)
class Panels:
    """Who counts where in each of the 24 months of baseline and performance.

    `program[person, month]` is a program's position, ELSEWHERE (attributed to another group) or
    NOT_ATTRIBUTED; `counts[person, month]` says whether the month is a member month with an
    eligible product and enough months before the period.
    """

    program: NDArray[np.int16]
    counts: NDArray[np.bool_]
    in_market: NDArray[np.bool_]
    er_cell: NDArray[np.int64]
    risk_cell: NDArray[np.int64]
    condition_tier: NDArray[np.int64]


def member_months(people: Population) -> NDArray[np.bool_]:
    """Person × 36 months covered on the 15th, as the last version of every span has it."""
    middle = MONTH_STARTS[:36] + 14
    covered = (people.start_day[:, None] <= middle) & (people.end_day[:, None] >= middle)
    return covered & ~((people.gap_start[:, None] <= middle) & (people.gap_end[:, None] >= middle))


def find_panels(
    config: SimulationConfig,
    providers: Providers,
    people: Population,
    visits: Visits,
    claims: Claims,
) -> Panels:
    """Attribute every member at the month ends before the 24 months, and place her in cells."""
    covered = member_months(people)
    eligible = people.product != 2
    groups = len(config.programs)
    selected = _selected_clinician(providers, people)
    order = np.argsort(visits.person, kind="stable")
    person, day = visits.person[order], visits.day[order]
    clinician, primary = visits.clinician[order], visits.is_primary_care[order]
    chosen = np.flatnonzero(people.selected_pcp > 0)

    def attributed(snapshot: int) -> NDArray[np.int16]:
        """Everyone's group at the end of a month, from the visits of 24 months."""
        last_day = int(MONTH_STARTS[snapshot + 1]) - 1
        first_day = int(MONTH_STARTS[max(snapshot - 23, 0)])
        window = np.flatnonzero((day >= first_day) & (day <= last_day))
        on_roster = providers.program_on(clinician[window], np.int64(last_day))
        group = np.where(
            on_roster == NON_PROGRAM, groups + providers.organisation[clinician[window]], on_roster
        )
        found = _plurality(person[window], group, day[window], primary[window], len(people))
        column = np.where(found >= groups, ELSEWHERE, found)
        choice = providers.program_on(np.maximum(selected[chosen], 0), np.int64(last_day))
        column[chosen] = np.where(
            (selected[chosen] < 0) | (choice == NON_PROGRAM), ELSEWHERE, choice
        )
        column[~(covered[:, snapshot] & eligible)] = NOT_ATTRIBUTED
        return column.astype(np.int16)

    with ThreadPoolExecutor(config.threads) as workers:
        months = workers.map(attributed, range(FIRST_MONTHS[0] - 1, FIRST_MONTHS[0] + 23))
        known_before = [
            workers.submit(known_conditions, people, claims, first - 12, first)
            for first in FIRST_MONTHS
        ]
        program = np.stack(list(months), axis=1)
    counts = covered[:, 12:36] & eligible[:, None]
    er_cells, risk_cells, tiers = [], [], []
    for period, first in enumerate(FIRST_MONTHS):
        prior = covered[:, first - 12 : first].sum(axis=1) >= LEAST_PRIOR_MONTHS
        counts[:, period * 12 : period * 12 + 12] &= prior[:, None]
        age = np.floor((PERIOD_ENDS[period] - people.birth_day) / 365.25)
        tier = np.minimum(known_before[period].result().sum(axis=1), 3)
        sex = people.sex.astype(np.int64)
        er_cells.append((np.searchsorted(ER_AGE_EDGES, age, side="right") * 3 + sex) * 4 + tier)
        risk_cells.append(np.searchsorted(RISK_AGE_EDGES, age, side="right") * 3 + sex)
        tiers.append(tier)
    return Panels(
        program,
        counts,
        people.state >= 0,
        np.stack(er_cells, axis=1),
        np.stack(risk_cells, axis=1),
        np.stack(tiers, axis=1),
    )


def _selected_clinician(providers: Providers, people: Population) -> Numbers:
    """Position of the chosen clinician (-1 where the NPI is on no directory)."""
    order = np.argsort(providers.npi)
    place = np.searchsorted(providers.npi[order], people.selected_pcp)
    position = order[np.minimum(place, len(order) - 1)]
    return np.where(providers.npi[position] == people.selected_pcp, position, -1)


def _plurality(
    person: Numbers, group: Numbers, day: Numbers, primary: NDArray[np.bool_], people: int
) -> NDArray[np.int64]:
    """Group with most visits per person: first tier before second, then the latest visit."""
    width = int(group.max(initial=0)) + 1
    key = (person * 2 + ~primary) * width + group
    order = np.argsort(key, kind="stable")
    key, day = key[order], day[order]
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1]))) if len(key) else key
    found = np.full(people, NOT_ATTRIBUTED, dtype=np.int64)
    if not len(key):
        return found
    counts = np.diff(np.concatenate((first, [len(key)])))
    latest = np.maximum.reduceat(day, first)
    of_person, of_group = key[first] // (2 * width), key[first] % width
    is_primary = key[first] // width % 2 == 0
    score = ((is_primary * 1024 + counts) * 4096 + latest) * (1 << 22) + (1 << 22) - 1 - of_group
    starts = np.flatnonzero(np.concatenate(([True], of_person[1:] != of_person[:-1])))
    best = np.maximum.reduceat(score, starts)
    found[of_person[starts]] = (1 << 22) - 1 - best % (1 << 22)
    return found


def known_conditions(
    people: Population, claims: Claims, first_month: int, last_month: int
) -> NDArray[np.bool_]:
    """Registry flags from claims with service in months [first, last) (METHODS C.1)."""
    low, high = int(MONTH_STARTS[first_month]), int(MONTH_STARTS[last_month]) - 1
    # One bit a condition, so that a claim's five diagnoses are looked up once for all of them.
    bits = np.array(
        [
            sum(
                1 << number
                for number, prefixes in enumerate(CONDITION_PREFIXES)
                if text.startswith(prefixes)
            )
            for text in codes.DIAGNOSES.texts
        ]
    )
    ancillary = (~claims.is_institutional) & (claims.rendering == -1)
    used = np.flatnonzero((claims.from_day >= low) & (claims.from_day <= high) & ~ancillary)
    conditions = np.bitwise_or.reduce(bits[claims.diagnosis[used]], axis=1)
    strong = np.isin(claims.bill_type[used], (11, 21, 32))
    person = claims.person[used].astype(np.int64)
    day = claims.from_day[used].astype(np.int64)
    flags = np.zeros((len(people), len(CONDITION_PREFIXES)), dtype=bool)
    for number in range(len(CONDITION_PREFIXES)):
        listed = conditions >> number & 1 == 1
        flags[person[listed & strong], number] = True
        days = np.unique(person[listed] * 4096 + day[listed])
        owners, times = np.unique(days // 4096, return_counts=True)
        flags[owners[times >= 2], number] = True
    return flags
