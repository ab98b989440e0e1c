"""Laboratory tests, imaging and the yearly checks of members with diabetes."""

import numpy as np

from orchestration.simulator import codes
from orchestration.simulator.claims import LineSpec
from orchestration.simulator.codes import PLACE
from orchestration.simulator.providers import EYE_DOCTOR
from orchestration.simulator.world import World, counts


def diagnostics(world: World) -> None:
    people, rng = world.people, world.rng
    reach = np.where(people.is_user, 1.0, 0.10)
    person, day = world.events(0.90 * world.use * reach)
    diagnosis = world.diagnoses(world.any_of(codes.LAB_DIAGNOSES, len(person)), person, day, 0.4)
    world.book.add(
        person,
        day,
        world.facility("lab", person),
        None,
        diagnosis,
        [LineSpec(codes.LABS, 1 + counts(rng, len(person), (28, 32, 24, 16)), PLACE["81"])],
        lag_days=18.0,
    )
    person, day = world.events(0.40 * world.use * reach)
    woman = people.is_female[person] & (people.age[person] >= 40)
    primary = np.where(
        woman & (rng.random(len(person)) < 0.5),
        world.any_of(codes.SCREENING, len(person)),
        world.any_of(codes.IMAGING_DIAGNOSES, len(person)),
    )
    world.book.add(
        person,
        day,
        world.facility("imaging", person),
        None,
        world.diagnoses(primary, person, day, 0.1),
        [
            LineSpec(codes.IMAGING, place=PLACE["11"]),
            LineSpec(codes.IMAGING, counts(rng, len(person), (85, 15)), PLACE["11"]),
        ],
    )
    person, day = world.events(0.105 * world.use * reach, lambda effects: effects.imaging)
    in_hospital = rng.random(len(person)) < 0.45
    diagnosis = world.diagnoses(
        world.any_of(codes.IMAGING_DIAGNOSES, len(person)), person, day, 0.15
    )
    world.book.add(
        person[~in_hospital],
        day[~in_hospital],
        world.facility("imaging", person[~in_hospital]),
        None,
        diagnosis[~in_hospital],
        [LineSpec(codes.ADVANCED_IMAGING, place=PLACE["11"], factor=0.8)],
    )
    who, when, dx = person[in_hospital], day[in_hospital], diagnosis[in_hospital]
    world.book.add(
        who,
        when,
        world.facility("hospital", who),
        None,
        dx,
        [LineSpec(codes.ADVANCED_IMAGING, factor=1.7)],
        bill_type=13,
        discharge_status=1,
        lag_days=34.0,
    )


def diabetes_services(world: World) -> None:
    """Yearly A1c, eye and kidney checks: the chances that the diabetes effect raises."""
    people, rng = world.people, world.rng
    multipliers = np.array([p.effects.diabetes for p in world.config.programs] + [1.0])
    diabetic = np.flatnonzero(people.conditions[:, 0])
    for year, (first, last) in enumerate(((0, 364), (365, 730), (731, 1095))):
        low = np.maximum(people.start_day[diabetic], first)
        high = np.minimum(people.last_service_day[diabetic], last)
        span = np.maximum(high - low + 1, 0)
        for name, pool, chance, kind in (
            ("a1c", codes.A1C, 0.80, "lab"),
            ("eye", codes.EYE, 0.54, "eye"),
            ("kidney", codes.KIDNEY, 0.56, "lab"),
        ):
            day = low + np.floor(rng.random(len(diabetic)) * span).astype(np.int64)
            program = people.true_program(world.providers, diabetic, day)
            effect = multipliers[program] if year == 2 else 1.0
            reach = np.where(people.is_user[diabetic], 1.0, 0.3)
            has = rng.random(len(diabetic)) < np.minimum(chance * effect * reach, 0.98) * (
                span / 365
            )
            has &= people.covered(diabetic, day)
            person, when = diabetic[has], world.weekday(day[has])
            world.note_test(name, person, when)
            slot = people.condition_codes[person]
            known = np.isin(slot, codes.CONDITION_CODES[0])
            primary = np.where(
                known.any(axis=1),
                slot[np.arange(len(person)), known.argmax(1)],
                codes.LAB_DIAGNOSES[0],
            ).astype(np.uint16)
            diagnosis = world.diagnoses(primary, person, when, 0.0)
            if kind == "lab":
                world.book.add(
                    person,
                    when,
                    world.facility("lab", person),
                    None,
                    diagnosis,
                    [LineSpec(pool, place=PLACE["81"])],
                    lag_days=18.0,
                )
            else:
                doctor = world.specialist(person, (EYE_DOCTOR,))
                world.book.add(
                    person,
                    when,
                    world.providers.organisation[doctor].astype(np.int64),
                    doctor,
                    diagnosis,
                    [LineSpec(pool, place=PLACE["11"])],
                )
    person, day = world.events(np.where(people.is_user, 0.10, 0.03))
    doctor = world.specialist(person, (EYE_DOCTOR,))
    world.book.add(
        person,
        world.weekday(day),
        world.providers.organisation[doctor].astype(np.int64),
        doctor,
        world.diagnoses(world.any_of(codes.EYE_DIAGNOSES, len(person)), person, day, 0.1),
        [LineSpec(codes.EYE, place=PLACE["11"])],
    )
