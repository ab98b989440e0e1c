"""Results that records and registries know: test values, blood pressure, doses given to children.

Drawn after all services, from a stream of its own, for members who need them: values of the tests
that claims were simulated for, pressures of members with hypertension, the immunisation history of
those who turn 2 or 13 in the performance year, and what practices' records tell of the first visit
of that year (depression, weight, tobacco). How a row is written is in results.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.codes import CONDITIONS
from orchestration.simulator.config import EFFECT_START_DAY, LAST_SERVICE_DAY
from orchestration.simulator.population import Population
from orchestration.simulator.world import MemberDays

Numbers = NDArray[np.int64]

# (kind, code system, code); the position of a row is what a result points to.
CODES = (
    ("L", "LN", "4548-4"),
    ("L", "LN", "98979-8"),
    ("L", "LN", "14959-1"),
    ("V", "LN", "85354-9"),
    ("I", "CVX", "08"),
    ("I", "CVX", "20"),
    ("I", "CVX", "10"),
    ("I", "CVX", "49"),
    ("I", "CVX", "133"),
    ("I", "CVX", "119"),
    ("I", "CVX", "03"),
    ("I", "CVX", "21"),
    ("I", "CVX", "83"),
    ("I", "CVX", "150"),
    ("I", "CVX", "114"),
    ("I", "CVX", "115"),
    ("I", "CVX", "165"),
    ("V", "LN", "44261-6"),
    ("V", "LN", "39156-5"),
    ("V", "LN", "59576-9"),
    ("V", "LN", "8302-2"),
    ("V", "LN", "29463-7"),
    ("V", "LN", "72166-2"),
    ("L", "LN", "10230-1"),
    ("S", "HC", "97802"),
    ("S", "HC", "S9451"),
)
A1C, EGFR, UACR, PRESSURE = range(4)
UNITS = ("%", "mL/min/1.73m2", "mg/g", "mmHg")
SETTINGS = ("L", "O", "E", "")
LABORATORY, OFFICE, EMERGENCY, UNTOLD = range(4)
STATUSES = ("F", "P")
NO_VALUE = -1

# (code, day of life) of the usual schedule; 665 and 695 days are the second winter's doses.
CHILD_DOSES = (
    ("08", 1), ("08", 60), ("08", 200),
    ("20", 60), ("20", 120), ("20", 180), ("20", 470),
    ("10", 60), ("10", 120), ("10", 200),
    ("49", 60), ("49", 120), ("49", 400),
    ("133", 60), ("133", 120), ("133", 180), ("133", 400),
    ("119", 60), ("119", 120),
    ("03", 380), ("21", 380), ("83", 400),
    ("150", 220), ("150", 250),
)  # fmt: skip
TEEN_DOSES = (("114", 4050, 0.80), ("115", 4050, 0.86), ("165", 4060, 0.66), ("165", 4260, 0.58))

# Chances that the record of a year's first visit tells of depression, of tobacco, of an adult's
# weight, and of a child's weight with counselling; a score of 10 is positive.
SCREENED, ASKED, WEIGHED, COUNSELLED = 0.34, 0.42, 0.38, 0.36
POSITIVE, TOBACCO_USERS = 0.12, 0.14
EJECTION_MEASURED = 0.55


@dataclass(frozen=True)
class Results:
    """One entry a result; days count from the epoch, values in hundredths (NO_VALUE if none)."""

    person: Numbers
    day: Numbers
    code: Numbers
    value: Numbers
    second_value: Numbers
    setting: Numbers
    status: Numbers

    def __len__(self) -> int:
        return len(self.person)

    @classmethod
    def of(
        cls,
        person: Numbers,
        day: Numbers,
        code: int | Numbers,
        value: NDArray[np.float64] | None = None,
        second_value: NDArray[np.float64] | None = None,
        setting: int | Numbers = UNTOLD,
    ) -> "Results":
        size = len(person)

        def hundredths(numbers: NDArray[np.float64] | None) -> Numbers:
            if numbers is None:
                return np.full(size, NO_VALUE)
            return np.round(numbers * 100).astype(np.int64)

        return cls(
            person,
            day,
            np.broadcast_to(code, size).astype(np.int64),
            hundredths(value),
            hundredths(second_value),
            np.broadcast_to(setting, size).astype(np.int64),
            np.zeros(size, dtype=np.int64),
        )


def simulate_results(
    people: Population,
    a1c: MemberDays,
    kidney: MemberDays,
    visits: MemberDays,
    rng: np.random.Generator,
) -> Results:
    """Results of everyone, by service day, of the tests and visits that were."""
    parts = [
        *_tests(people, a1c, kidney, rng),
        _pressures(people, rng),
        _childhood(people, rng),
        _adolescence(people, rng),
        *_records(people, visits, rng),
        _ejections(people, rng),
    ]
    fields = ("person", "day", "code", "value", "second_value", "setting", "status")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in fields}
    order = np.argsort(joined["day"], kind="stable")
    results = Results(**{name: numbers[order] for name, numbers in joined.items()})
    # A few laboratory results are on their way: a date, no value yet.
    waiting = (results.setting == LABORATORY) & (rng.random(len(results)) < 0.004)
    results.status[waiting] = 1
    results.value[waiting] = NO_VALUE
    return results


def _tests(
    people: Population, a1c: MemberDays, kidney: MemberDays, rng: np.random.Generator
) -> list[Results]:
    level = 5.7 + rng.gamma(2.0, 0.75, len(people))
    person, day = a1c.since(EFFECT_START_DAY - 366)
    value = np.clip(level[person] + rng.normal(0, 0.4, len(person)), 4.4, 15.0)
    glucose = Results.of(person, day, A1C, np.round(value, 1), setting=LABORATORY)
    who, when = kidney.since(EFFECT_START_DAY - 366)
    ill = people.conditions[who, CONDITIONS.index("chronic_kidney_disease")]
    rate = np.clip(rng.normal(np.where(ill, 46, 88), 14, len(who)), 8, 130)
    ratio = np.clip(rng.lognormal(np.where(ill, 4.2, 2.3), 0.9, len(who)), 1, 3000)
    return [
        glucose,
        Results.of(who, when, EGFR, np.round(rate), setting=LABORATORY),
        Results.of(who, when, UACR, np.round(ratio), setting=LABORATORY),
    ]


def _pressures(people: Population, rng: np.random.Generator) -> Results:
    """A reading or two on one day of each of the last two years, some in an emergency room."""
    mine = people.conditions[:, CONDITIONS.index("hypertension")] & people.is_user
    ill = np.flatnonzero(mine)
    upper = rng.normal(131, 9, len(people))
    lower = rng.normal(80, 6, len(people))
    parts: list[tuple[Numbers, Numbers]] = []
    for first in (EFFECT_START_DAY - 366, EFFECT_START_DAY):
        seen = ill[rng.random(len(ill)) < 0.78]
        day = first + rng.integers(0, 365, len(seen))
        again = rng.random(len(seen)) < 0.15
        parts += [(seen, day), (seen[again], day[again])]
    person = np.concatenate([part[0] for part in parts]).astype(np.int64)
    day = np.concatenate([part[1] for part in parts])
    kept = people.covered(person, day)
    person, day = person[kept], day[kept]
    hurried = rng.random(len(person)) < 0.04
    systolic = upper[person] + rng.normal(0, 8, len(person)) + np.where(hurried, 22, 0)
    diastolic = lower[person] + rng.normal(0, 5, len(person)) + np.where(hurried, 9, 0)
    return Results.of(
        person,
        day,
        PRESSURE,
        np.clip(np.round(systolic), 85, 230),
        np.clip(np.round(diastolic), 45, 130),
        np.where(hurried, EMERGENCY, OFFICE),
    )


def _childhood(people: Population, rng: np.random.Generator) -> Results:
    children = _turning(people, 2)
    codes = np.array([_code(code) for code, _ in CHILD_DOSES])
    offsets = np.array([day for _, day in CHILD_DOSES])
    whole = rng.random(len(children)) < 0.62
    shape = (len(children), len(CHILD_DOSES))
    given = whole[:, None] | (rng.random(shape) < 0.86)
    given &= (codes != _code("150")) | (rng.random(shape) < 0.88)
    day = people.birth_day[children, None] + offsets + rng.integers(0, 9, shape)
    return _doses(children, day, np.broadcast_to(codes, shape), given)


def _adolescence(people: Population, rng: np.random.Generator) -> Results:
    children = _turning(people, 13)
    codes = np.array([_code(code) for code, _, _ in TEEN_DOSES])
    offsets = np.array([day for _, day, _ in TEEN_DOSES])
    shape = (len(children), len(TEEN_DOSES))
    willing = rng.random((len(children), 1))
    given = willing < np.array([chance for _, _, chance in TEEN_DOSES])
    day = people.birth_day[children, None] + offsets + rng.integers(0, 90, shape)
    return _doses(children, day, np.broadcast_to(codes, shape), given)


def _doses(children: Numbers, day: Numbers, codes: Numbers, given: NDArray[np.bool_]) -> Results:
    given = given & (day <= LAST_SERVICE_DAY)
    row, column = np.nonzero(given)
    return Results.of(children[row], day[row, column].astype(np.int64), codes[row, column])


def _records(people: Population, visits: MemberDays, rng: np.random.Generator) -> list[Results]:
    """What was recorded at each member's first visit of the performance year."""
    person, day = visits.since(EFFECT_START_DAY)
    first = np.full(len(people), LAST_SERVICE_DAY + 1)
    np.minimum.at(first, person, day)
    seen = np.flatnonzero(first <= LAST_SERVICE_DAY)
    age = people.age[seen]

    def some(least: int, most: int, chance: float) -> Numbers:
        chosen = (age >= least) & (age <= most) & (rng.random(len(seen)) < chance)
        return seen[chosen].astype(np.int64)

    screened, asked = some(11, 120, SCREENED), some(11, 120, ASKED)
    weighed, counselled = some(18, 120, WEIGHED), some(2, 17, COUNSELLED)
    score = np.where(
        rng.random(len(screened)) < POSITIVE,
        rng.integers(10, 28, len(screened)),
        rng.integers(0, 10, len(screened)),
    )
    uses = (rng.random(len(asked)) < TOBACCO_USERS).astype(float)
    heavy = people.conditions[weighed, CONDITIONS.index("obesity")]
    index = rng.normal(np.where(heavy, 34.0, 25.5), 3.2)
    years = people.age[counselled]
    height = 76 + 6.0 * years + rng.normal(0, 5, len(counselled))
    child = [
        Results.of(counselled, first[counselled], _code(code), value)
        for code, value in (
            ("59576-9", rng.integers(2, 99, len(counselled)).astype(float)),
            ("8302-2", np.round(height)),
            ("29463-7", np.round(8 + 2.6 * years + rng.normal(0, 3, len(counselled)))),
            ("97802", None),
            ("S9451", None),
        )
    ]
    return [
        Results.of(screened, first[screened], _code("44261-6"), score.astype(float)),
        Results.of(asked, first[asked], _code("72166-2"), uses),
        Results.of(weighed, first[weighed], _code("39156-5"), np.clip(np.round(index, 1), 14, 60)),
        *child,
    ]


def _ejections(people: Population, rng: np.random.Generator) -> Results:
    """Ejection fractions of members with heart failure, in the year before the performance year."""
    failing = people.conditions[:, CONDITIONS.index("congestive_heart_failure")] & people.is_user
    measured = np.flatnonzero(failing & (rng.random(len(people)) < EJECTION_MEASURED))
    day = EFFECT_START_DAY - 366 + rng.integers(0, 366, len(measured))
    kept = people.covered(measured, day)
    fraction = np.clip(np.round(rng.normal(42, 11, len(measured))), 12, 75)
    return Results.of(
        measured[kept].astype(np.int64), day[kept], _code("10230-1"), fraction[kept], setting=OFFICE
    )


def _turning(people: Population, years: int) -> Numbers:
    """Members with a doctor who reach the age in the performance year."""
    birthday = people.birth_day + round(years * 365.25)
    reached = (birthday >= EFFECT_START_DAY) & (birthday <= LAST_SERVICE_DAY)
    return np.flatnonzero(reached & people.is_user).astype(np.int64)


def _code(text: str) -> int:
    return next(number for number, row in enumerate(CODES) if row[2] == text)
