"""What groups tell of their practices: what they offer, and what patients said in two surveys."""

from collections.abc import Iterator

import numpy as np

from orchestration.simulator.care.panel import (
    DELIMITERS,
    SNAPSHOTS,
    CareDelivery,
    care_partners,
    dates,
    delivery_day,
    said,
)
from orchestration.simulator.config import OPEN_END, SimulationConfig
from orchestration.simulator.encoding import NO_DATE, Texts, lookup_table
from orchestration.simulator.population import MONTH_STARTS
from orchestration.simulator.providers import Providers
from orchestration.simulator.rosters import ROSTER_DATES, practice_ids
from orchestration.simulator.writing import Layout, Numbers, period_text

HEADERS = {
    "practice_profile": {
        "A": "Practice Code,From,To,Weekday Hours,Weekend Hours,Extended Hours,Weekend Telephone,"
        "Weekend Acute Care,EHR Since,E-Prescribing Since",
        "B": "site_id;from;to;weekday_hours;weekend_hours;extended;weekend_phone;weekend_acute;"
        "ehr_since;erx_since",
        "C": "PRAC_ID|EFF_DT|TERM_DT|WKDY_HRS|WKND_HRS|EXT_HRS|WKND_TEL|WKND_ACUTE|EHR_DT|ERX_DT",
    },
    "patient_experience": {
        "A": "Survey,Practice Code,Field Period End,Respondents,Access,Communication,Coordination,"
        "Overall",
        "B": "survey;site_id;fielded_until;respondents;access;communication;coordination;overall",
        "C": "SRVY_ID|PRAC_ID|SRVY_DT|RESP_CNT|ACCESS|COMMUN|COORD|OVERALL",
    },
}


def practice_files(
    config: SimulationConfig, providers: Providers, rng: np.random.Generator
) -> Iterator[CareDelivery]:
    """Each group's practices: what they offer, and what their patients said in two surveys."""
    period = SNAPSHOTS[0]
    name = f"{period_text(period)}{config.part}"
    surveys = ((24, "S2024"), (36, "S2025"))
    for partner, plan in care_partners(config).items():
        style, form = plan.roster_style, ROSTER_DATES[plan.roster_style]
        number = providers.partner_ids.index(partner)
        practices = np.unique(providers.practice[providers.partner == number]).astype(np.int64)
        count = len(practices)
        ids = practice_ids(config, practices)
        has = {
            feature: rng.random(count) < chance
            for feature, chance in (("late", 0.62), ("phone", 0.7), ("acute", 0.35))
        }
        ehr = -rng.integers(600, 5_000, count)
        prescribing = np.where(rng.random(count) < 0.93, ehr + rng.integers(0, 700, count), NO_DATE)
        weekend = np.where(has["acute"], rng.integers(3, 11, count), 0)
        flags = lookup_table([said(style, "no"), said(style, "yes")])
        hours = 8 + rng.integers(0, 3, count) / 2 + 2.5 * has["late"]
        yield CareDelivery(
            partner,
            name,
            Layout.of("practice_profile", HEADERS["practice_profile"][style], DELIMITERS[style]),
            (
                ids,
                dates(np.full(count, 0), form),
                dates(np.full(count, OPEN_END), form),
                lookup_table([f"{value:.2f}" for value in hours.tolist()]),
                lookup_table([f"{value}.00" for value in weekend.tolist()]),
                flags.take(has["late"].astype(int)),
                flags.take(has["phone"].astype(int)),
                flags.take(has["acute"].astype(int)),
                dates(ehr, form),
                dates(prescribing, form),
            ),
            delivery_day(period),
        )
        answers = rng.integers(11, 90, count * len(surveys))
        level = np.clip(rng.normal(0.72, 0.07, (4, count * len(surveys))), 0.3, 0.98)
        # A score is a count of best answers over those who answered.
        best = np.round(level * answers).astype(np.int64)
        yield CareDelivery(
            partner,
            name,
            Layout.of(
                "patient_experience", HEADERS["patient_experience"][style], DELIMITERS[style]
            ),
            (
                np.repeat(
                    lookup_table([f"{plan.partner_code}-{code}" for _, code in surveys]), count
                ),
                np.tile(ids, len(surveys)),
                dates(
                    np.repeat([int(MONTH_STARTS[month]) - 1 for month, _ in surveys], count), form
                ),
                lookup_table([f"{value}" for value in answers.tolist()]),
                *(_shares(row, answers) for row in best),
            ),
            delivery_day(period),
        )


def _shares(best: Numbers, answers: Numbers) -> Texts:
    """Shares of the best answer with four decimals."""
    pairs = zip(best.tolist(), answers.tolist(), strict=True)
    return lookup_table([f"{top / total:.4f}" for top, total in pairs])
