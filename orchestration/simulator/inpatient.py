"""Inpatient stays with their interim bills, transfers, doctors and care after discharge.

Emergency visits that end at home are in emergency.py; those that end in a bed are billed here.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.claims import LineSpec
from orchestration.simulator.codes import PLACE
from orchestration.simulator.config import LAST_SERVICE_DAY
from orchestration.simulator.world import Numbers, Rates, World, counts, spaced

STAY_BY_AGE = np.array([1.2, 0.35, 0.3, 0.5, 0.6, 0.7, 1.1, 1.7, 2.6])
READMITTED, READMITTED_AS_PLANNED = 0.10, 0.015
# The last rows of codes.STAYS are psychiatric and rehabilitation stays.
_ACUTE_KINDS = len(codes.STAYS) - 3


@dataclass(frozen=True)
class Stays:
    """Inpatient stays (each hospital of a transfer is its own entry)."""

    person: Numbers
    admission_day: Numbers
    discharge_day: Numbers
    is_from_ed: NDArray[np.bool_]
    hospital: Numbers
    diagnosis: NDArray[np.uint16]
    status: NDArray[np.uint8]
    is_readmittable: NDArray[np.bool_]
    """Short acute stays that no other hospital's stay is part of."""


@dataclass(frozen=True)
class _Drawn:
    """Stays as drawn, sorted by person and day, before any transfer adds a second hospital."""

    person: Numbers
    admission: Numbers
    discharge: Numbers
    days: Numbers
    hospital: Numbers
    diagnosis: NDArray[np.uint16]
    drg: NDArray[np.uint8]
    price: Rates
    status: NDArray[np.uint8]
    is_acute: NDArray[np.bool_]
    is_from_ed: NDArray[np.bool_]
    is_transfer: NDArray[np.bool_]
    is_interim: NDArray[np.bool_]


def inpatient(world: World) -> tuple[Stays, int, int]:
    """Add every claim of a stay; returns the stays, the interim bills and the transfers."""
    drawn = _draw(world)
    moved, second, until = _facility_claims(world, drawn)
    clinician = _hospitalists(world, drawn)
    _emergency_doctors(world, drawn, clinician)
    _after_discharge(world, drawn)
    stays = Stays(
        np.concatenate((drawn.person, drawn.person[moved])),
        np.concatenate((drawn.admission, drawn.discharge[moved])),
        np.concatenate((drawn.discharge, until)),
        np.concatenate((drawn.is_from_ed, np.zeros(len(moved), dtype=bool))),
        np.concatenate((drawn.hospital, second)),
        np.concatenate((drawn.diagnosis[:, 0], drawn.diagnosis[moved, 0])),
        np.concatenate((drawn.status, np.ones(len(moved), dtype=np.uint8))),
        np.concatenate(
            (
                drawn.is_acute & ~drawn.is_transfer & (drawn.days <= 14),
                np.zeros(len(moved), dtype=bool),
            )
        ),
    )
    return stays, 2 * int(drawn.is_interim.sum()), len(moved)


def _draw(world: World) -> _Drawn:
    """Who is admitted when, for what and for how long; births beside illness."""
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.45)
    illness = (1 + 0.9 * people.condition_count) * (0.3 + 0.7 * people.use_frailty)
    person, day = world.events(0.0265 * STAY_BY_AGE[people.age_band] * illness * reach)
    fertile = people.is_female & (people.age >= 19) & (people.age < 44)
    mother, birth_day = world.events(np.where(fertile, 0.052, 0.0))
    is_birth = np.repeat([False, True], [len(person), len(mother)])
    person, day = np.concatenate((person, mother)), np.concatenate((day, birth_day))
    order = np.lexsort((day, person))
    person, day, is_birth = person[order], day[order], is_birth[order]
    keep = spaced(person, day, 75)
    person, day, is_birth = person[keep], day[keep], is_birth[keep]
    count = len(person)

    stay_weight = np.array([row[4] for row in codes.STAYS], dtype=float)
    kind = rng.choice(len(codes.STAYS), count, p=stay_weight / stay_weight.sum())
    birth = counts(rng, count, tuple(row[4] for row in codes.BIRTHS)) + len(codes.STAYS)
    kind = np.where(is_birth, birth, kind)
    table = codes.STAYS + codes.BIRTHS
    mean_days = np.array([row[2] for row in table])[kind]
    dollars = np.array([row[3] for row in table], dtype=float)[kind]
    drg = np.array([codes.DRGS.index(row[0]) for row in table], dtype=np.uint8)[kind]
    principal = codes.diagnoses([row[1] for row in table])[kind]
    long_stay = np.exp(rng.normal(0, 0.55, count))
    days = np.clip(np.round(mean_days * long_stay), 1, 45).astype(np.int64)
    # Heavy tail: a few stays cost many times their group's usual price.
    outlier = np.where(rng.random(count) < 0.03, rng.pareto(2.0, count) + 1.5, 1.0)
    price = (
        dollars * np.exp(rng.normal(-0.1, 0.45, count)) * long_stay**0.5 * np.minimum(outlier, 6)
    )
    hospital = world.facility("hospital", person)
    is_acute = np.isin(kind, np.arange(_ACUTE_KINDS))
    is_from_ed = is_acute & (rng.random(count) < 0.55)
    is_transfer = is_acute & (rng.random(count) < 0.025)
    is_interim = is_acute & ~is_transfer & (days >= 10) & (rng.random(count) < 0.35)
    draw = rng.random(count)
    status = np.select([is_transfer, draw < 0.055, draw < 0.135, draw < 0.145], [2, 3, 6, 7], 1)
    status = np.where(is_birth, 1, status).astype(np.uint8)
    return _Drawn(
        person=person,
        admission=day,
        discharge=day + days,
        days=days,
        hospital=hospital,
        diagnosis=world.diagnoses(principal, person, day, 0.9),
        drg=drg,
        price=price,
        status=status,
        is_acute=is_acute,
        is_from_ed=is_from_ed,
        is_transfer=is_transfer,
        is_interim=is_interim,
    )


def readmissions(
    world: World, stays: Stays, is_busy: Callable[[Stays], NDArray[np.bool_]]
) -> tuple[Stays, int, int]:
    """Add stays 2 to 26 days after a discharge; returns all stays, the unplanned and planned ones.

    They are drawn after all other services, so that those are as they were without them. `is_busy`
    says for each new stay whether something else of the member lies too near for one true answer.
    """
    people, rng = world.people, world.rng
    earlier = np.flatnonzero(stays.is_readmittable)
    draw = rng.random(len(earlier))
    earlier = earlier[draw < READMITTED + READMITTED_AS_PLANNED]
    is_planned = draw[draw < READMITTED + READMITTED_AS_PLANNED] >= READMITTED
    person = stays.person[earlier]
    day = stays.discharge_day[earlier] + rng.integers(2, 27, len(earlier))
    acute = codes.STAYS[:_ACUTE_KINDS]
    weight = np.array([row[4] for row in acute], dtype=float)
    kind = rng.choice(len(acute), len(earlier), p=weight / weight.sum())
    kind = np.where(is_planned, len(acute), kind)
    table = acute + codes.PLANNED_STAYS
    days = np.clip(
        np.round(
            np.array([row[2] for row in table])[kind] * np.exp(rng.normal(0, 0.4, len(earlier)))
        ),
        1,
        14,
    ).astype(np.int64)
    dollars = np.array([row[3] for row in table], dtype=float)[kind]
    none = np.zeros(len(earlier), dtype=bool)
    drawn = _Drawn(
        person=person,
        admission=day,
        discharge=day + days,
        days=days,
        hospital=world.facility("hospital", person),
        diagnosis=world.diagnoses(
            codes.diagnoses([row[1] for row in table])[kind], person, day, 0.9
        ),
        drg=np.array([codes.DRGS.index(row[0]) for row in table], dtype=np.uint8)[kind],
        price=dollars * np.exp(rng.normal(-0.1, 0.45, len(earlier))),
        status=np.ones(len(earlier), dtype=np.uint8),
        is_acute=~none,
        is_from_ed=~is_planned,
        is_transfer=none,
        is_interim=none,
    )
    new = _as_stays(drawn)
    kept = np.flatnonzero(people.covered(person, day) & (day <= LAST_SERVICE_DAY) & ~is_busy(new))
    drawn = _Drawn(**{one.name: getattr(drawn, one.name)[kept] for one in fields(_Drawn)})
    _facility_claims(world, drawn)
    clinician = _hospitalists(world, drawn)
    _emergency_doctors(world, drawn, clinician)
    new = _as_stays(drawn)
    every = Stays(
        **{
            one.name: np.concatenate((getattr(stays, one.name), getattr(new, one.name)))
            for one in fields(Stays)
        }
    )
    planned = int(is_planned[kept].sum())
    return every, len(kept) - planned, planned


def _as_stays(drawn: _Drawn) -> Stays:
    return Stays(
        drawn.person,
        drawn.admission,
        drawn.discharge,
        drawn.is_from_ed,
        drawn.hospital,
        drawn.diagnosis[:, 0],
        drawn.status,
        np.zeros(len(drawn.person), dtype=bool),
    )


def _facility_claims(world: World, drawn: _Drawn) -> tuple[Numbers, Numbers, Numbers]:
    """Hospital bills; returns the stays that were transferred, where to, and until which day.

    An interim stay has two bills (frequency 2 and 4), a transfer one from each hospital.
    """
    rng = world.rng
    ed_pool = codes.pool(("99285", "0450", 1900, 1))

    def bill(
        rows: Numbers,
        first: Numbers,
        last: Numbers,
        share: float,
        frequency: int,
        state: NDArray[np.uint8] | int,
        place: Numbers,
        has_ed: NDArray[np.bool_] | None = None,
    ) -> None:
        parts = 3 + counts(rng, len(rows), (20, 30, 30, 20))
        ed_lines = np.zeros(len(rows), dtype=np.int64) if has_ed is None else has_ed.astype(int)
        factor = drawn.price[rows] * share / parts / 0.118
        world.book.add(
            drawn.person[rows],
            first,
            place,
            None,
            drawn.diagnosis[rows],
            [LineSpec(ed_pool, ed_lines), LineSpec(codes.INPATIENT_LINES, parts, factor=factor)],
            bill_type=11,
            thru=last,
            frequency=frequency,
            discharge_status=state,
            drg=drawn.drg[rows],
            lag_days=44.0,
            may_be_denied=False,
        )

    admission, discharge, status = drawn.admission, drawn.discharge, drawn.status
    hospital, is_from_ed = drawn.hospital, drawn.is_from_ed
    plain = np.flatnonzero(~drawn.is_interim)
    bill(
        plain,
        admission[plain],
        discharge[plain],
        1.0,
        1,
        status[plain],
        hospital[plain],
        is_from_ed[plain],
    )
    split = np.flatnonzero(drawn.is_interim)
    middle = admission[split] + drawn.days[split] // 2
    bill(split, admission[split], middle, 0.5, 2, 30, hospital[split], is_from_ed[split])
    bill(split, middle + 1, discharge[split], 0.5, 4, status[split], hospital[split])
    moved = np.flatnonzero(drawn.is_transfer)
    second = _other_hospital(world, drawn.person[moved], hospital[moved])
    moved, second = moved[second != hospital[moved]], second[second != hospital[moved]]
    until = discharge[moved] + rng.integers(2, 9, len(moved))
    bill(moved, discharge[moved], until, 0.9, 1, 1, second)
    return moved, second, until


def _hospitalists(world: World, drawn: _Drawn) -> Numbers:
    """The daily visits in hospital; returns the clinician of each stay."""
    days = drawn.days
    doctors = world.facility("hospitalists", drawn.person)
    clinician = world.specialist(drawn.person)
    world.book.add(
        drawn.person,
        drawn.admission,
        doctors,
        clinician,
        drawn.diagnosis,
        [
            LineSpec(codes.INPATIENT_ADMIT, place=PLACE["21"]),
            LineSpec(
                codes.INPATIENT_VISITS, np.maximum(days - 1, 0), PLACE["21"], spread_days=days
            ),
            LineSpec(codes.INPATIENT_LEAVE, place=PLACE["21"], spread_days=days * 0),
        ],
        thru=drawn.discharge,
        lag_days=30.0,
    )
    return clinician


def _emergency_doctors(world: World, drawn: _Drawn, clinician: Numbers) -> None:
    """Professional claims of stays that began in the emergency department, some a day before."""
    rows = np.flatnonzero(drawn.is_from_ed)
    shift = -(world.rng.random(len(rows)) < 0.25).astype(np.int64)
    world.book.add(
        drawn.person[rows],
        np.maximum(drawn.admission[rows] + shift, 0),
        world.facility("emergency_group", drawn.person[rows]),
        clinician[rows],
        drawn.diagnosis[rows],
        [LineSpec(codes.ED_PROFESSIONAL, place=PLACE["23"])],
        lag_days=30.0,
        is_ed=True,
        may_be_denied=False,
    )


def _after_discharge(world: World, drawn: _Drawn) -> None:
    """Skilled nursing (discharge status 3) and home health (6)."""
    person, discharge, diagnosis = drawn.person, drawn.discharge, drawn.diagnosis
    rng = world.rng
    rows = np.flatnonzero(drawn.status == 3)
    length = rng.integers(6, 26, len(rows))
    world.book.add(
        person[rows],
        discharge[rows],
        world.facility("snf", person[rows]),
        None,
        diagnosis[rows],
        [LineSpec(codes.SNF, 2 + counts(rng, len(rows), (40, 40, 20)), factor=length / 3.0)],
        bill_type=21,
        thru=discharge[rows] + length,
        discharge_status=1,
        lag_days=40.0,
    )
    rows = np.flatnonzero(drawn.status == 6)
    world.book.add(
        person[rows],
        discharge[rows] + 2,
        world.facility("home_health", person[rows]),
        None,
        diagnosis[rows],
        [LineSpec(codes.HOME_HEALTH, 3 + counts(rng, len(rows), (1, 1, 1, 1)))],
        bill_type=32,
        thru=discharge[rows] + 25,
        discharge_status=1,
        lag_days=40.0,
    )


def _other_hospital(world: World, person: Numbers, hospital: Numbers) -> Numbers:
    """Another hospital of the same market (the same one where there is only one)."""
    out = hospital.copy()
    for number, choices in enumerate(world.providers.facilities["hospital"]):
        here = np.flatnonzero(world.people.market[person] == number)
        position = np.searchsorted(choices, hospital[here])
        out[here] = choices[(position + 1) % len(choices)]
    return out
