"""Clinicians, practices, billing organisations and facilities of every market.

Rosters are written elsewhere (rosters.py); who visits whom does not belong here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.config import (
    EFFECT_START_DAY,
    NON_PROGRAM,
    OPEN_END,
    SimulationConfig,
)

PCP_SPECIALTIES = (
    ("08", "207Q00000X"),
    ("11", "207R00000X"),
    ("37", "208000000X"),
    ("50", "363LF0000X"),
    ("97", "363A00000X"),
)
PCP_WEIGHTS = (0.42, 0.33, 0.13, 0.07, 0.05)
SPECIALTIES = (
    ("06", "207RC0000X"),
    ("07", "207N00000X"),
    ("16", "207V00000X"),
    ("20", "207X00000X"),
    ("10", "207RG0100X"),
    ("13", "2084N0400X"),
    ("26", "2084P0800X"),
    ("18", "207W00000X"),
    ("04", "207Y00000X"),
    ("34", "208800000X"),
    ("46", "207RE0101X"),
    ("29", "207RP1001X"),
    ("83", "207RH0003X"),
    ("02", "208600000X"),
    ("65", "225100000X"),
    ("68", "103T00000X"),
)
SPECIALTY_WEIGHTS = (9, 9, 12, 10, 7, 5, 6, 8, 5, 5, 3, 4, 4, 6, 4, 3)
OBSTETRICIAN, EYE_DOCTOR, PSYCHIATRIST, THERAPIST, PSYCHOLOGIST = 2, 7, 6, 14, 15
# Tier-2 specialties of METHODS B.2, as positions: a member without any primary-care visit follows
# one of these into a panel.
SECOND_TIER = (0, 2, 5, 6, 10, 11, 12)
FACILITY_KINDS = (
    "hospital",
    "lab",
    "imaging",
    "snf",
    "home_health",
    "dme",
    "ambulance",
    "urgent_care",
    "emergency_group",
    "hospitalists",
)


@dataclass(frozen=True)
class Cohort:
    """Members of one partner of a program, or all others of a market (program NON_PROGRAM)."""

    market: int
    program: int
    partner: int
    members: int
    practices: NDArray[np.int64]


@dataclass
class Providers:
    """Struct of arrays; clinicians, practices and organisations refer to each other by position."""

    npi: NDArray[np.int64]
    practice: NDArray[np.int32]
    organisation: NDArray[np.int32]
    market: NDArray[np.int16]
    program: NDArray[np.int16]
    partner: NDArray[np.int16]
    is_pcp: NDArray[np.bool_]
    specialty: NDArray[np.int16]
    roster_start: NDArray[np.int32]
    roster_end: NDArray[np.int32]
    is_open: NDArray[np.bool_]
    second_program: NDArray[np.int16]
    second_partner: NDArray[np.int16]
    organisation_tin: NDArray[np.int64]
    organisation_npi: NDArray[np.int64]
    practice_organisation: NDArray[np.int32]
    practice_market: NDArray[np.int16]
    practice_program: NDArray[np.int16]
    practice_weight: NDArray[np.float64]
    practice_first_pcp: NDArray[np.int32]
    practice_pcp_count: NDArray[np.int32]
    child_pcp: NDArray[np.int32]
    adult_pcp: NDArray[np.int32]
    specialists_by_market: list[NDArray[np.int64]]
    pcps_by_market: list[NDArray[np.int64]]
    facilities: dict[str, list[NDArray[np.int64]]]
    unknown_npi: NDArray[np.int64]
    pharmacy_npi: list[NDArray[np.int64]]
    cohorts: list[Cohort]
    partner_ids: list[str]
    program_ids: list[str]

    def program_on(
        self, clinician: NDArray[np.int64], day: NDArray[np.int64] | np.int64
    ) -> NDArray[np.int16]:
        """Program whose roster holds the clinician on the day, NON_PROGRAM if none."""
        inside = (day >= self.roster_start[clinician]) & (day <= self.roster_end[clinician])
        return np.where(inside, self.program[clinician], NON_PROGRAM).astype(np.int16)


def luhn_npis(bases: NDArray[np.int64]) -> NDArray[np.int64]:
    """Ten-digit NPIs from nine-digit bases: the last digit is the Luhn check with prefix 80840."""
    total = np.full(len(bases), 24, dtype=np.int64)
    rest = bases.copy()
    for place in range(9):
        digit = rest % 10
        rest //= 10
        doubled = digit * 2 if place % 2 == 0 else digit
        total += np.where(doubled > 9, doubled - 9, doubled)
    return bases * 10 + (10 - total % 10) % 10


def build_providers(config: SimulationConfig, rng: np.random.Generator) -> Providers:
    """Draw every clinician and organisation of the configuration's markets."""
    columns: dict[str, list[NDArray[np.int64]]] = {
        name: []
        for name in (
            "practice",
            "organisation",
            "market",
            "program",
            "partner",
            "is_pcp",
            "specialty",
        )
    }
    practice_org: list[int] = []
    practice_market: list[int] = []
    practice_program: list[int] = []
    practice_weight: list[float] = []
    first_pcp: list[int] = []
    pcp_count: list[int] = []
    organisations = 0
    clinicians = 0
    cohorts: list[Cohort] = []
    partner_ids: list[str] = []
    program_ids = [program.program_id for program in config.programs]

    def add_group(
        market: int,
        program: int,
        partner: int,
        pcps: int,
        specialists: int,
        practices: int,
        members: int,
        tin_sizes: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        nonlocal organisations, clinicians
        tin_of = np.repeat(np.arange(len(tin_sizes)), tin_sizes)
        first_practice = len(practice_org)
        practice_org.extend((organisations + tin_of).tolist())
        organisations += len(tin_sizes)
        practice_market.extend([market] * practices)
        practice_program.extend([program] * practices)
        sizes = np.full(practices, pcps // practices)
        sizes[: pcps - sizes.sum()] += 1
        weight = sizes * rng.gamma(8.0, 1 / 8.0, practices)
        weight *= members / weight.sum()
        practice_weight.extend(weight.tolist())
        starts = clinicians + np.concatenate(([0], np.cumsum(sizes)[:-1]))
        first_pcp.extend(starts.tolist())
        pcp_count.extend(sizes.tolist())
        pcp_practice = first_practice + np.repeat(np.arange(practices), sizes)
        other_practice = first_practice + rng.integers(0, practices, specialists)
        every = np.concatenate((pcp_practice, other_practice))
        count = len(every)
        columns["practice"].append(every)
        columns["organisation"].append(np.array(practice_org)[every])
        for name, value in (("market", market), ("program", program), ("partner", partner)):
            columns[name].append(np.full(count, value))
        columns["is_pcp"].append((np.arange(count) < pcps).astype(np.int64))
        pcp_kind = rng.choice(len(PCP_SPECIALTIES), pcps, p=PCP_WEIGHTS)
        weights = np.array(SPECIALTY_WEIGHTS) / sum(SPECIALTY_WEIGHTS)
        columns["specialty"].append(
            np.concatenate((pcp_kind, rng.choice(len(SPECIALTIES), specialists, p=weights)))
        )
        clinicians += count
        return np.arange(first_practice, first_practice + practices)

    program_number = 0
    for market_number, market in enumerate(config.markets):
        for program in market.programs:
            for partner in program.partners:
                pcps = config.scaled(partner.pcps, 4)
                practices = min(config.scaled(partner.practices, 3), pcps)
                tins = min(config.scaled(partner.tins, 1), practices)
                sizes = np.full(tins, practices // tins)
                sizes[: practices - sizes.sum()] += 1
                members = config.scaled(partner.members, 60)
                specialists = config.scaled(partner.specialists, 1) if partner.specialists else 0
                numbers = add_group(
                    market_number,
                    program_number,
                    len(partner_ids),
                    pcps,
                    specialists,
                    practices,
                    members,
                    sizes,
                )
                cohorts.append(
                    Cohort(market_number, program_number, len(partner_ids), members, numbers)
                )
                partner_ids.append(partner.partner_id)
            program_number += 1
        others = config.scaled(market.others, 300)
        pcps = max(12, round(others * (1 - config.non_user_share) / 62))
        practices = max(6, pcps // 3)
        sizes_list: list[int] = []
        while sum(sizes_list) < practices:
            drawn = int(min(rng.pareto(1.1) + 1, practices / 6 + 1))
            sizes_list.append(min(drawn, practices - sum(sizes_list)))
        numbers = add_group(
            market_number,
            NON_PROGRAM,
            -1,
            pcps,
            max(32, others // 110),
            practices,
            round(others * (1 - config.non_user_share)),
            np.array(sizes_list),
        )
        cohorts.append(Cohort(market_number, NON_PROGRAM, -1, others, numbers))

    facilities: dict[str, list[NDArray[np.int64]]] = {kind: [] for kind in FACILITY_KINDS}
    for market in config.markets:
        people = config.scaled(market.others + sum(p.members for p in market.programs), 500)
        for kind in FACILITY_KINDS:
            count = max(3, people // 16_000) if kind in ("hospital", "urgent_care") else 3
            facilities[kind].append(np.arange(organisations, organisations + count))
            organisations += count

    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    pharmacies = 30
    markets = len(config.markets)
    needed = clinicians + organisations + 60 + pharmacies * markets
    npi_range, tin_range = 180_000_000 // config.batches, 980_000_000 // config.batches
    npis = luhn_npis(
        100_000_000 + config.batch * npi_range + rng.choice(npi_range, needed, replace=False)
    )
    rng.shuffle(npis)
    tin_numbers = (
        10_000_000 + config.batch * tin_range + rng.choice(tin_range, organisations, replace=False)
    )
    is_pcp = joined["is_pcp"].astype(bool)
    practice_first = np.array(first_pcp, dtype=np.int32)
    practice_count = np.array(pcp_count, dtype=np.int32)
    child, adult = _age_fit(joined["specialty"], practice_first, practice_count)
    start, end, second_program, second_partner = _roster_moves(joined, is_pcp, config, rng)
    return Providers(
        npi=npis[:clinicians],
        practice=joined["practice"].astype(np.int32),
        organisation=joined["organisation"].astype(np.int32),
        market=joined["market"].astype(np.int16),
        program=joined["program"].astype(np.int16),
        partner=joined["partner"].astype(np.int16),
        is_pcp=is_pcp,
        specialty=joined["specialty"].astype(np.int16),
        roster_start=start,
        roster_end=end,
        is_open=rng.random(clinicians) < 0.85,
        second_program=second_program,
        second_partner=second_partner,
        organisation_tin=tin_numbers,
        organisation_npi=npis[clinicians : clinicians + organisations],
        practice_organisation=np.array(practice_org, dtype=np.int32),
        practice_market=np.array(practice_market, dtype=np.int16),
        practice_program=np.array(practice_program, dtype=np.int16),
        practice_weight=np.array(practice_weight),
        practice_first_pcp=practice_first,
        practice_pcp_count=practice_count,
        child_pcp=child,
        adult_pcp=adult,
        specialists_by_market=[
            np.flatnonzero(~is_pcp & (joined["market"] == m)) for m in range(markets)
        ],
        pcps_by_market=[np.flatnonzero(is_pcp & (joined["market"] == m)) for m in range(markets)],
        facilities=facilities,
        unknown_npi=npis[clinicians + organisations : clinicians + organisations + 60],
        pharmacy_npi=list(npis[clinicians + organisations + 60 :].reshape(markets, pharmacies)),
        cohorts=cohorts,
        partner_ids=partner_ids,
        program_ids=program_ids,
    )


def _age_fit(
    specialty: NDArray[np.int64], first: NDArray[np.int32], count: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Per practice a clinician who sees children and one who sees adults (the first if none)."""
    child, adult = first.copy(), first.copy()
    for practice in range(len(first)):
        kinds = specialty[first[practice] : first[practice] + count[practice]]
        for_children = np.flatnonzero((kinds == 2) | (kinds == 0))
        for_adults = np.flatnonzero(kinds != 2)
        if len(for_children):
            child[practice] += for_children[0]
        if len(for_adults):
            adult[practice] += for_adults[0]
    return child, adult


def _roster_moves(
    columns: dict[str, NDArray[np.int64]],
    is_pcp: NDArray[np.bool_],
    config: SimulationConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int16], NDArray[np.int16]]:
    """Roster dates; a few leave or join a program mid-way, a few stand on two rosters."""
    count = len(is_pcp)
    program, market, partner = columns["program"], columns["market"], columns["partner"]
    start = -rng.integers(30, 3000, count).astype(np.int32)
    end = np.full(count, OPEN_END, dtype=np.int32)
    second_program = np.full(count, NON_PROGRAM, dtype=np.int16)
    second_partner = np.full(count, -1, dtype=np.int16)
    numbers = range(len(config.programs))
    for number in numbers:
        doctors = np.flatnonzero(is_pcp & (program == number))
        moving = max(1, len(doctors) // 80)
        chosen = rng.choice(doctors, min(2 * moving, len(doctors) - 1), replace=False)
        end[chosen[:moving]] = rng.choice(
            [EFFECT_START_DAY - 184, EFFECT_START_DAY + 90, EFFECT_START_DAY + 181], moving
        )
        start[chosen[moving:]] = rng.choice(
            [EFFECT_START_DAY - 366, EFFECT_START_DAY - 275], len(chosen) - moving
        )
        home = market[doctors[0]]
        rivals = [n for n in numbers if n != number and (market[program == n] == home).any()]
        if rivals:
            shared = np.setdiff1d(doctors, chosen)[:moving]
            rival = rivals[0]
            second_program[shared] = rival
            second_partner[shared] = partner[program == rival][0]
    return start, end, second_program, second_partner
