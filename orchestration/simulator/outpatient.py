"""Hospital outpatient care, infusions, ambulances and urgent care; no emergency department."""

import numpy as np

from orchestration.simulator import codes
from orchestration.simulator.claims import LineSpec
from orchestration.simulator.codes import PLACE
from orchestration.simulator.population import ED_BY_AGE
from orchestration.simulator.world import World, counts


def outpatient_facility(world: World) -> None:
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.15)
    person, day = world.events(0.070 * world.use * reach * (people.age > 1))
    person_dx = world.diagnoses(
        world.any_of(codes.SURGERY_DIAGNOSES, len(person)), person, day, 0.4
    )
    day = world.weekday(day)
    size = np.exp(rng.normal(-0.18, 0.6, len(person)))
    hospital = world.facility("hospital", person)
    world.book.add(
        person,
        day,
        hospital,
        None,
        person_dx,
        [
            LineSpec(codes.SURGERY, factor=size),
            LineSpec(codes.SURGERY_EXTRA, counts(rng, len(person), (10, 30, 30, 20, 10))),
        ],
        bill_type=13,
        discharge_status=1,
        lag_days=36.0,
    )
    surgeon = world.specialist(person)
    world.book.add(
        person,
        day,
        world.providers.organisation[surgeon].astype(np.int64),
        surgeon,
        person_dx,
        [LineSpec(codes.SURGERY, place=PLACE["22"], factor=0.30)],
        lag_days=30.0,
    )
    infused = (rng.random(len(people)) < 0.0042 * world.use) * rng.gamma(1.2, 6.0, len(people))
    person, day = world.events(infused * reach)
    world.book.add(
        person,
        world.weekday(day),
        world.facility("hospital", person),
        None,
        world.diagnoses(
            codes.INFUSION_DIAGNOSES[people.number[person] % len(codes.INFUSION_DIAGNOSES)],
            person,
            day,
            0.3,
        ),
        [
            LineSpec(codes.INFUSION, units=40),
            LineSpec(codes.INFUSION_EXTRA, counts(rng, len(person), (5, 25, 40, 30))),
        ],
        bill_type=13,
        discharge_status=1,
        lag_days=36.0,
    )
    person, day = world.events(0.30 * world.use * reach)
    world.book.add(
        person,
        world.weekday(day),
        world.facility("hospital", person),
        None,
        world.diagnoses(world.reason(person, codes.ACUTE, 0.5), person, day, 0.3),
        [LineSpec(codes.CLINIC_FACILITY, 1 + counts(rng, len(person), (45, 35, 20)))],
        bill_type=13,
        discharge_status=1,
        lag_days=34.0,
    )
    person, day = world.events(0.009 * world.use)
    world.book.add(
        person,
        day,
        world.facility("ambulance", person),
        None,
        world.diagnoses(world.any_of(codes.ED_DIAGNOSES, len(person)), person, day, 0.0),
        [LineSpec(codes.AMBULANCE, 1 + counts(rng, len(person), (20, 80)), PLACE["41"])],
    )


def urgent_care(world: World) -> None:
    people, rng = world.people, world.rng
    rate = 0.20 * ED_BY_AGE[people.age_band] * (0.5 + 0.5 * people.use_frailty)
    person, day = world.events(rate * np.where(people.is_user, 1.0, 0.8))
    in_hospital = rng.random(len(person)) < 0.3
    diagnosis = world.diagnoses(world.reason(person, codes.ACUTE, 0.1), person, day, 0.15)
    who = person[in_hospital]
    world.book.add(
        who,
        day[in_hospital],
        world.facility("hospital", who),
        None,
        diagnosis[in_hospital],
        [
            LineSpec(codes.URGENT_FACILITY),
            LineSpec(codes.ED_EXTRA, np.zeros(len(who), dtype=np.int64)),
        ],
        bill_type=13,
        discharge_status=1,
        lag_days=34.0,
    )
    who, when = person[~in_hospital], day[~in_hospital]
    world.book.add(
        who,
        when,
        world.facility("urgent_care", who),
        world.specialist(who, (0,)),
        diagnosis[~in_hospital],
        [LineSpec(codes.URGENT, place=PLACE["20"])],
    )
