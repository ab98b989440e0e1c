"""Members: age, sex, illness, frailty, home practice, coverage.

A member without a home practice (a non-user) never visits primary care. Services do not belong
here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.codes import CONDITION_CODES, CONDITIONS
from orchestration.simulator.config import (
    EFFECT_START_DAY,
    LAST_SERVICE_DAY,
    NON_PROGRAM,
    OPEN_END,
    SimulationConfig,
)
from orchestration.simulator.providers import Providers

NO_CLINICIAN = -1
NEVER = OPEN_END
MONTH_STARTS: NDArray[np.int64] = (
    np.arange(np.datetime64("2023-01"), np.datetime64("2026-08")).astype("datetime64[D]")
    - np.datetime64("2023-01-01")
).astype(np.int64)
# Newly joined members are not attributed before their first visit, so a cohort holds more
# members than the panel found in it (measured on the demo).
UNSEEN_ALLOWANCE = 1.065
BATCH_NUMBERS = 2_000_000

AGE_EDGES = np.array([0, 1, 6, 18, 25, 35, 45, 55, 65, 74])
AGE_WEIGHTS = np.array([0.012, 0.062, 0.158, 0.107, 0.152, 0.155, 0.163, 0.173, 0.018])
PREVALENCE_BY_AGE = np.array(  # conditions x age bands, users
    [
        [0, 0, 0.004, 0.010, 0.022, 0.050, 0.095, 0.160, 0.22],
        [0, 0, 0, 0.001, 0.003, 0.010, 0.032, 0.075, 0.16],
        [0, 0, 0, 0.001, 0.002, 0.004, 0.010, 0.022, 0.06],
        [0, 0.045, 0.095, 0.085, 0.070, 0.068, 0.068, 0.070, 0.07],
        [0, 0, 0.030, 0.070, 0.110, 0.135, 0.150, 0.155, 0.14],
        [0, 0, 0.002, 0.015, 0.055, 0.130, 0.250, 0.390, 0.55],
        [0, 0, 0, 0, 0, 0.006, 0.020, 0.048, 0.09],
        [0, 0, 0.045, 0.105, 0.105, 0.100, 0.095, 0.090, 0.08],
        [0, 0, 0, 0.002, 0.004, 0.009, 0.020, 0.045, 0.12],
    ]
)
ED_BY_AGE = np.array([1.9, 1.35, 0.85, 1.2, 1.1, 0.92, 0.85, 0.82, 1.0])


@dataclass
class Population:
    """Struct of arrays over members; days count from the epoch."""

    number: NDArray[np.int64]
    cohort: NDArray[np.int16]
    market: NDArray[np.int16]
    birth_day: NDArray[np.int32]
    age: NDArray[np.int16]
    age_band: NDArray[np.int8]
    is_female: NDArray[np.bool_]
    sex: NDArray[np.int8]
    is_user: NDArray[np.bool_]
    conditions: NDArray[np.bool_]
    condition_onset: NDArray[np.int32]
    condition_codes: NDArray[np.uint16]
    condition_count: NDArray[np.int8]
    first_pcp: NDArray[np.int32]
    second_pcp: NDArray[np.int32]
    switch_day: NDArray[np.int32]
    start_day: NDArray[np.int32]
    end_day: NDArray[np.int32]
    gap_start: NDArray[np.int32]
    gap_end: NDArray[np.int32]
    notice_day: NDArray[np.int32]
    death_day: NDArray[np.int32]
    product: NDArray[np.int8]
    employer: NDArray[np.int32]
    zip_code: NDArray[np.int32]
    state: NDArray[np.int8]
    selected_pcp: NDArray[np.int64]
    selected_day: NDArray[np.int32]
    ed_frailty: NDArray[np.float64]
    use_frailty: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def last_service_day(self) -> NDArray[np.int32]:
        """Last day care is used: a retroactive end is not known to doctors before its notice."""
        return np.minimum(
            np.where(self.notice_day < NEVER, self.notice_day, self.end_day), LAST_SERVICE_DAY
        ).astype(np.int32)

    def home(self, person: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.int64]:
        """The member's own primary-care clinician on the day (NO_CLINICIAN for non-users)."""
        return np.where(
            day < self.switch_day[person], self.first_pcp[person], self.second_pcp[person]
        ).astype(np.int64)

    def covered(self, person: NDArray[np.int64], day: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Inside the member's exposure and outside her gap."""
        inside = (day >= self.start_day[person]) & (day <= self.last_service_day[person])
        in_gap = (day >= self.gap_start[person]) & (day <= self.gap_end[person])
        return inside & ~in_gap

    def true_program(
        self, providers: Providers, person: NDArray[np.int64], day: NDArray[np.int64]
    ) -> NDArray[np.int16]:
        """Program of the member's own doctor on the day: where planted effects act."""
        home = self.home(person, day)
        program = providers.program_on(np.maximum(home, 0), day)
        return np.where(home == NO_CLINICIAN, NON_PROGRAM, program).astype(np.int16)


def build_population(
    config: SimulationConfig, providers: Providers, rng: np.random.Generator
) -> Population:
    """Draw the members of every cohort with turnover, so that sizes stay level over the months."""
    monthly = config.annual_turnover / 12
    months = 36
    cohort_parts, start_parts, user_parts = [], [], []
    for number, cohort in enumerate(providers.cohorts):
        is_program = cohort.program != NON_PROGRAM
        present = round(cohort.members * (UNSEEN_ALLOWANCE if is_program else 1.0))
        joiners = round(present * monthly * (months - 1))
        joined = MONTH_STARTS[rng.integers(1, months, joiners)]
        count = present + joiners
        cohort_parts.append(np.full(count, number, dtype=np.int16))
        start_parts.append(np.concatenate((np.zeros(present, dtype=np.int64), joined)))
        share = 0.0 if is_program else config.non_user_share
        user_parts.append(rng.random(count) >= share)
    cohort_of = np.concatenate(cohort_parts)
    start = np.concatenate(start_parts)
    is_user = np.concatenate(user_parts)
    count = len(cohort_of)
    market = np.array([c.market for c in providers.cohorts], dtype=np.int16)[cohort_of]

    end, gap_start, gap_end, notice, death = _coverage(config, start, monthly, rng)
    band = rng.choice(len(AGE_WEIGHTS), count, p=AGE_WEIGHTS / AGE_WEIGHTS.sum())
    low, high = AGE_EDGES[band], AGE_EDGES[band + 1]
    age_days = (low + rng.random(count) * (high - low)) * 365.25
    # Age is drawn for the middle of the performance year.
    birth = (EFFECT_START_DAY + 182 - age_days).astype(np.int32)
    newborn = (birth > start) & (birth < end)
    month = np.searchsorted(MONTH_STARTS, np.maximum(birth, 0), side="right") - 1
    start = np.where(newborn & (birth > 0), MONTH_STARTS[month], start)
    birth = np.where(birth > end, (end - 400).astype(np.int32), birth)
    birth = np.where(birth > start, start, birth).astype(np.int32)
    gap_start = np.where(gap_start <= start + 45, NEVER, gap_start).astype(np.int32)
    gap_end = np.where(gap_start == NEVER, NEVER, gap_end).astype(np.int32)
    is_female = rng.random(count) < 0.51
    sex = np.where(is_female, 0, 1).astype(np.int8)
    sex[rng.random(count) < 0.001] = 2
    use_frailty = rng.gamma(1.6, 1 / 1.6, count)
    conditions, onset, codes = _illness(band, is_user, use_frailty, rng)

    first, second, switch = _homes(config, providers, cohort_of, is_user, age_days, rng)
    ed_frailty = rng.gamma(0.30, 1 / 0.30, count)
    habit = np.exp(rng.normal(0, 0.04, len(providers.practice_market)))
    ed_frailty *= np.where(is_user, habit[providers.practice[np.maximum(first, 0)]], 1.0)

    product = rng.choice(2, count, p=[0.46, 0.54]).astype(np.int8)
    outside = np.array([c.program == NON_PROGRAM for c in providers.cohorts])[cohort_of]
    product[outside & (rng.random(count) < 0.03)] = 2
    selected, selected_day = _selections(providers, market, first, start, rng)
    zip_code, state = _places(config, market, rng)
    return Population(
        number=10_000_000 + config.batch * BATCH_NUMBERS + rng.permutation(count),
        cohort=cohort_of,
        market=market,
        birth_day=birth,
        age=(age_days / 365.25).astype(np.int16),
        age_band=band.astype(np.int8),
        is_female=is_female,
        sex=sex,
        is_user=is_user,
        conditions=conditions,
        condition_onset=onset,
        condition_codes=codes,
        condition_count=conditions.sum(axis=1).astype(np.int8),
        first_pcp=first,
        second_pcp=second,
        switch_day=switch,
        start_day=start.astype(np.int32),
        end_day=end.astype(np.int32),
        gap_start=gap_start,
        gap_end=gap_end,
        notice_day=notice,
        death_day=death,
        product=product,
        employer=(market.astype(np.int32) * 1000 + rng.integers(1, 400, count)).astype(np.int32),
        zip_code=zip_code,
        state=state,
        selected_pcp=selected,
        selected_day=selected_day,
        ed_frailty=ed_frailty,
        use_frailty=use_frailty,
    )


def _coverage(
    config: SimulationConfig, start: NDArray[np.int64], monthly: float, rng: np.random.Generator
) -> tuple[
    NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]
]:
    """End of coverage, gap, day of the notice of a retroactive end, death (NEVER if none)."""
    count = len(start)
    stay = rng.exponential(1 / monthly, count)
    start_month = np.searchsorted(MONTH_STARTS, start, side="right") - 1
    end_month = start_month + np.floor(stay).astype(np.int64)
    leaves = end_month < 36
    end_month = np.minimum(end_month, 36)
    month_end = MONTH_STARTS[end_month + 1] - 1
    mid_month = MONTH_STARTS[end_month] + rng.integers(4, 26, count)
    end = np.where(rng.random(count) < 0.3, mid_month, month_end)
    dies = leaves & (rng.random(count) < 0.012)
    death = np.where(dies, mid_month, NEVER).astype(np.int32)
    end = np.where(dies, mid_month, end)
    # A retroactive end: care goes on until the notice two to four months later.
    late = leaves & ~dies & (rng.random(count) < config.mess.retroactive_terminations)
    notice = np.where(late, end, NEVER)
    shifted = MONTH_STARTS[np.maximum(end_month - rng.integers(2, 5, count), 0)] - 1
    late &= shifted > start + 60
    notice = np.where(late, end, NEVER).astype(np.int32)
    end = np.where(late, shifted, end)
    end = np.where(leaves, end, OPEN_END)
    gap_start = np.full(count, NEVER, dtype=np.int32)
    gap_end = np.full(count, NEVER, dtype=np.int32)
    length = np.minimum(end, LAST_SERVICE_DAY) - start
    with_gap = (rng.random(count) < 0.03) & (length > 400) & ~late
    first_month = start_month + rng.integers(4, 9, count)
    last_month = first_month + rng.integers(1, 5, count)
    gap_start[with_gap] = MONTH_STARTS[np.minimum(first_month, 35)][with_gap]
    gap_end[with_gap] = MONTH_STARTS[np.minimum(last_month, 36)][with_gap] - 1
    return end, gap_start, gap_end, notice, death


def _illness(
    band: NDArray[np.int64],
    is_user: NDArray[np.bool_],
    frailty: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.uint16]]:
    """Conditions, their onset day and the four diagnosis codes a doctor writes for them."""
    count = len(band)
    present = np.zeros((count, len(CONDITIONS)), dtype=bool)
    for column in range(len(CONDITIONS)):
        chance = PREVALENCE_BY_AGE[column, band] * np.where(is_user, 1.0, 0.3)
        present[:, column] = rng.random(count) < np.minimum(chance * frailty, 0.9)
    codes = np.zeros((count, 4), dtype=np.uint16)
    onset = np.full((count, 4), -4000, dtype=np.int32)
    filled = np.zeros(count, dtype=np.int64)
    # The rarer, graver conditions are written first.
    for column in (2, 1, 0, 6, 8, 3, 7, 5, 4):
        members = np.flatnonzero(present[:, column] & (filled < 4))
        choices = CONDITION_CODES[column]
        codes[members, filled[members]] = choices[rng.integers(0, len(choices), len(members))]
        incident = rng.random(len(members)) < 0.10
        onset[members, filled[members]] = np.where(
            incident, rng.integers(0, LAST_SERVICE_DAY, len(members)), -4000
        )
        filled[members] += 1
    return present, onset, codes


def _homes(
    config: SimulationConfig,
    providers: Providers,
    cohort_of: NDArray[np.int16],
    is_user: NDArray[np.bool_],
    age_days: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Own clinician, the one after a change of practice, and the day of the change."""
    count = len(cohort_of)
    first = np.full(count, NO_CLINICIAN, dtype=np.int32)
    for number, cohort in enumerate(providers.cohorts):
        members = np.flatnonzero((cohort_of == number) & is_user)
        first[members] = pick_pcp(providers, cohort.practices, age_days[members] < 18 * 365.25, rng)
    second = first.copy()
    moves = np.flatnonzero(is_user & (rng.random(count) < 0.07))
    markets = providers.practice_market
    of_market = np.array([c.market for c in providers.cohorts])[cohort_of[moves]]
    for market in range(len(config.markets)):
        movers = moves[of_market == market]
        practices = np.flatnonzero(markets == market)
        second[movers] = pick_pcp(providers, practices, age_days[movers] < 18 * 365.25, rng)
    switch = np.full(count, NEVER, dtype=np.int32)
    switch[moves] = rng.integers(30, LAST_SERVICE_DAY, len(moves))
    return first, second, switch


def pick_pcp(
    providers: Providers,
    practices: NDArray[np.int64],
    is_child: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """A primary-care clinician of a practice drawn by weight, fit for the member's age."""
    weight = np.cumsum(providers.practice_weight[practices])
    drawn = np.searchsorted(weight, rng.random(len(is_child)) * weight[-1], side="right")
    return within_practice(providers, practices[drawn], is_child, rng)


def within_practice(
    providers: Providers,
    practice: NDArray[np.int64],
    is_child: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """A primary-care clinician of the given practices, fit for the member's age."""
    pcp = providers.practice_first_pcp[practice] + np.floor(
        rng.random(len(practice)) * providers.practice_pcp_count[practice]
    ).astype(np.int32)
    kind = providers.specialty[pcp]
    pcp = np.where(is_child & (kind == 1), providers.child_pcp[practice], pcp)
    return np.where(~is_child & (kind == 2), providers.adult_pcp[practice], pcp).astype(np.int32)


def _selections(
    providers: Providers,
    market: NDArray[np.int16],
    first: NDArray[np.int32],
    start: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Chosen PCP as NPI (0 if none): mostly the own one, some another, some no longer known."""
    count = len(market)
    draw = rng.random(count)
    chosen = np.zeros(count, dtype=np.int64)
    own = (draw < 0.064) & (first != NO_CLINICIAN)
    chosen[own] = providers.npi[first[own]]
    for number, doctors in enumerate(providers.pcps_by_market):
        other = np.flatnonzero((draw >= 0.064) & (draw < 0.072) & (market == number))
        chosen[other] = providers.npi[rng.choice(doctors, len(other))]
    unknown = np.flatnonzero((draw >= 0.072) & (draw < 0.078))
    chosen[unknown] = rng.choice(providers.unknown_npi, len(unknown))
    return chosen, np.maximum(start, 0).astype(np.int32)


def _places(
    config: SimulationConfig, market: NDArray[np.int16], rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """ZIP code and state (position in the market list; -1 = New York, outside every market)."""
    count = len(market)
    zip_code = np.zeros(count, dtype=np.int32)
    for number, plan in enumerate(config.markets):
        members = np.flatnonzero(market == number)
        prefix = np.array([int(text) for text in plan.zip3])
        # Codes 01-69 of a prefix: plausible, not a register of real ones.
        zip_code[members] = prefix[rng.integers(0, len(prefix), len(members))] * 100
        zip_code[members] += rng.integers(1, 70, len(members))
    state = market.astype(np.int8)
    away = rng.random(count) < 0.006
    zip_code[away] = 10000 + rng.integers(1, 40, int(away.sum()))
    state[away] = -1
    return zip_code, state
