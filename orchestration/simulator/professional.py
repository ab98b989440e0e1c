"""Professional claims of office-based care: primary care, specialists, therapies, equipment.

Laboratories and imaging are in diagnostics.py, hospitals in outpatient.py and inpatient.py.
"""

import numpy as np

from orchestration.simulator import codes
from orchestration.simulator.claims import LineSpec
from orchestration.simulator.codes import MODIFIER, PLACE
from orchestration.simulator.providers import (
    OBSTETRICIAN,
    PSYCHIATRIST,
    PSYCHOLOGIST,
    THERAPIST,
)
from orchestration.simulator.world import USE_BY_AGE, World, counts


def primary_care(world: World) -> None:
    people, rng = world.people, world.rng
    users = np.flatnonzero(people.is_user)
    for year in range(3):
        low = np.maximum(people.start_day[users], (0, 365, 731)[year])
        high = np.minimum(people.last_service_day[users], (364, 730, 1095)[year])
        span = high - low + 1
        chance = np.where(people.age_band[users] < 2, 1.0, 0.80) * np.clip(span, 0, 366) / 365
        person = users[rng.random(len(users)) < chance]
        pick = np.searchsorted(users, person)
        day = low[pick] + np.floor(rng.random(len(person)) * span[pick]).astype(np.int64)
        keep = people.covered(person, day)
        person, day = person[keep], world.weekday(day[keep])
        for is_child, kinds, reasons in (
            (True, codes.PREVENTIVE_CHILD, codes.CHILD_PREVENTIVE_DIAGNOSES),
            (False, codes.PREVENTIVE_ADULT, codes.PREVENTIVE_DIAGNOSES),
        ):
            mine = world.is_child[person] == is_child
            who, when = person[mine], day[mine]
            extra = counts(rng, len(who), (40, 30, 18, 12) if is_child else (55, 28, 12, 5))
            diagnosis = world.diagnoses(world.any_of(reasons, len(who)), who, when, 0.85)
            specs = [
                LineSpec(kinds, place=PLACE["11"]),
                LineSpec(codes.VACCINES, extra, PLACE["11"]),
            ]
            world.add_primary_care(who, when, diagnosis, specs, is_preventive=True)
    rate = np.where(
        people.is_user,
        1.25
        * USE_BY_AGE[people.age_band] ** 0.4
        * (1 + 0.55 * people.condition_count)
        * (0.4 + 0.6 * people.use_frailty)
        * world.habit,
        0.0,
    )
    person, day = world.events(rate)
    day = world.weekday(day)
    remote = rng.random(len(person)) < 0.08
    diagnosis = world.diagnoses(world.reason(person, codes.ACUTE, 0.55), person, day, 0.72)
    who, when = person[~remote], day[~remote]
    extra = counts(rng, len(who), (58, 26, 11, 5))
    specs = [
        LineSpec(codes.OFFICE, place=PLACE["11"]),
        LineSpec(codes.OFFICE_EXTRA, extra, PLACE["11"]),
    ]
    world.add_primary_care(who, when, diagnosis[~remote], specs, is_preventive=False)
    specs = [LineSpec(codes.OFFICE, place=PLACE["10"], modifier_1=MODIFIER["95"], factor=0.92)]
    world.add_primary_care(person[remote], day[remote], diagnosis[remote], specs, False)


def specialists(world: World) -> None:
    people, rng = world.people, world.rng
    # Non-users see few specialists: a tier-2 visit would bring them into a panel.
    rate = 0.92 * world.use * np.where(people.is_user, 1.0, 0.012)
    person, day = world.events(rate)
    day = world.weekday(day)
    doctor = world.specialist(person)
    world.add_specialist(
        person,
        day,
        doctor,
        world.diagnoses(world.reason(person, codes.ACUTE, 0.6), person, day, 0.5),
        [
            LineSpec(codes.SPECIALIST, place=PLACE["11"]),
            LineSpec(
                codes.SPECIALIST_EXTRA, counts(rng, len(person), (52, 31, 12, 5)), PLACE["11"]
            ),
        ],
    )
    women = people.is_female & (people.age >= 16) & (people.age < 66)
    person, day = world.events(np.where(women, np.where(people.is_user, 0.42, 0.015), 0.0))
    day = world.weekday(day)
    world.add_specialist(
        person,
        day,
        world.specialist(person, (OBSTETRICIAN,)),
        world.diagnoses(world.any_of(codes.WOMEN_DIAGNOSES, len(person)), person, day, 0.2),
        [
            LineSpec(codes.PREVENTIVE_ADULT, place=PLACE["11"]),
            LineSpec(codes.LABS, counts(rng, len(person), (60, 30, 10)), PLACE["11"]),
        ],
    )
    person, day = world.events(0.045 * world.use * np.where(people.is_user, 1.0, 0.1))
    doctor = world.specialist(person)
    world.book.add(
        person,
        day,
        world.providers.organisation[doctor].astype(np.int64),
        doctor,
        world.diagnoses(world.reason(person, codes.THERAPY_DIAGNOSES, 0.3), person, day, 0.3),
        [LineSpec(codes.OFFICE_DRUGS, place=PLACE["11"])],
    )


def therapies(world: World) -> None:
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.15)
    course = rng.gamma(0.10, 1 / 0.10, len(people))
    person, day = world.events(0.62 * np.minimum(course, 25) * reach * (people.age > 8))
    therapist = world.specialist(person, (THERAPIST,))
    world.book.add(
        person,
        world.weekday(day),
        world.providers.organisation[therapist].astype(np.int64),
        therapist,
        world.diagnoses(world.any_of(codes.THERAPY_DIAGNOSES, len(person)), person, day, 0.05),
        [
            LineSpec(
                codes.THERAPY,
                1 + counts(rng, len(person), (30, 45, 25)),
                PLACE["11"],
                MODIFIER["GP"],
            )
        ],
    )
    depressed = people.conditions[:, 7]
    course = rng.gamma(0.18, 1 / 0.18, len(people))
    rate = (
        np.where(depressed, 3.6, 0.30) * np.minimum(course, 16) * np.where(people.is_user, 1.0, 0.4)
    )
    person, day = world.events(rate * (people.age > 5))
    counselor = world.specialist(person, (PSYCHOLOGIST, PSYCHIATRIST))
    primary = world.any_of(codes.BEHAVIORAL_DIAGNOSES, len(person))
    known = people.condition_codes[person]
    depression = np.isin(known, codes.CONDITION_CODES[7])
    primary = np.where(
        depression.any(axis=1), known[np.arange(len(person)), depression.argmax(axis=1)], primary
    )
    remote = rng.random(len(person)) < 0.4
    for far, place, modifier in ((False, "11", 0), (True, "10", MODIFIER["95"])):
        mine = remote == far
        who = person[mine]
        world.book.add(
            who,
            world.weekday(day[mine]),
            world.providers.organisation[counselor[mine]].astype(np.int64),
            counselor[mine],
            world.diagnoses(primary[mine].astype(np.uint16), who, day[mine], 0.05),
            [LineSpec(codes.BEHAVIORAL, place=PLACE[place], modifier_1=modifier)],
        )
    person, day = world.events(0.07 * world.use * reach)
    world.book.add(
        person,
        day,
        world.facility("dme", person),
        None,
        world.diagnoses(world.reason(person, codes.THERAPY_DIAGNOSES, 0.6), person, day, 0.2),
        [LineSpec(codes.DME, 1 + counts(rng, len(person), (70, 30)), PLACE["12"])],
    )
