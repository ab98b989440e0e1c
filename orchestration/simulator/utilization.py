"""All medical services of one simulation, in the order in which they are drawn.

Each kind of service lives in its own module; fills are in pharmacy.py.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.claims import Claims, Lines
from orchestration.simulator.config import SimulationConfig
from orchestration.simulator.diagnostics import diabetes_services, diagnostics
from orchestration.simulator.emergency import EdVisits, emergency, near_stay
from orchestration.simulator.inpatient import Stays, inpatient, readmissions
from orchestration.simulator.outpatient import outpatient_facility, urgent_care
from orchestration.simulator.population import Population
from orchestration.simulator.professional import primary_care, specialists, therapies
from orchestration.simulator.providers import Providers
from orchestration.simulator.world import MemberDays, Visits, World


@dataclass(frozen=True)
class MedicalUse:
    """All true claims and the countable facts behind them."""

    claims: Claims
    lines: Lines
    ed_visits: EdVisits
    stays: Stays
    visits: Visits
    a1c_tests: MemberDays
    kidney_tests: MemberDays
    interim_bills: int
    transfers: int
    denied_ed_visits: int
    readmissions: int
    planned_readmissions: int


def simulate_use(
    config: SimulationConfig,
    providers: Providers,
    population: Population,
    rng: np.random.Generator,
) -> MedicalUse:
    """Draw three years of medical services for everyone."""
    world = World(config, providers, population, rng)
    primary_care(world)
    specialists(world)
    diagnostics(world)
    diabetes_services(world)
    therapies(world)
    outpatient_facility(world)
    stays, interim_bills, transfers = inpatient(world)
    ed_visits, denied_ed_visits = emergency(world, stays)
    urgent_care(world)
    stays, unplanned, planned = readmissions(world, stays, partial(_is_busy, stays, ed_visits))
    claims, lines = world.book.finish()
    return MedicalUse(
        claims,
        lines,
        ed_visits,
        stays,
        world.visits(),
        world.tests("a1c"),
        world.tests("kidney"),
        interim_bills,
        transfers,
        denied_ed_visits,
        unplanned,
        planned,
    )


def _is_busy(stays: Stays, ed_visits: EdVisits, new: Stays) -> NDArray[np.bool_]:
    """New stays within 31 days before another admission, or near an emergency visit."""
    near_visit = ed_visits.person[near_stay(ed_visits.person, ed_visits.day, new)]
    order = np.lexsort((stays.admission_day, stays.person))
    wide = 10_000
    key = stays.person[order].astype(np.int64) * wide + stays.admission_day[order]
    following = np.searchsorted(key, new.person.astype(np.int64) * wide + new.admission_day)
    index = np.minimum(following, len(key) - 1)
    next_day = np.where(
        (following < len(key)) & (stays.person[order][index] == new.person),
        stays.admission_day[order][index],
        2 * wide,
    )
    return (next_day <= new.discharge_day + 31) | np.isin(new.person, near_visit)
