"""Every delivery of the feeds around care, and what is planted in them."""

from collections.abc import Sequence

import numpy as np

from orchestration.simulator.care.log import SPRING, CareLog, log_files
from orchestration.simulator.care.panel import (
    SNAPSHOTS,
    CareDelivery,
    Discharge,
    care_partners,
    last_day_of,
    panel_on,
)
from orchestration.simulator.care.payer_feeds import (
    contact_files,
    draw_support,
    gap_reports,
    missing_services,
    risk_scores,
    service_days,
    support_files,
)
from orchestration.simulator.care.practices import practice_files
from orchestration.simulator.config import SimulationConfig
from orchestration.simulator.names import Names
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.utilization import MedicalUse


def care_mess(deliveries: Sequence[CareDelivery]) -> dict[str, dict[str, int]]:
    """Planted faults by feed."""
    counts = {
        feed: {"rejected_rows": 0, "duplicate_rows_within_delivery": 0}
        for feed in ("member_contact", "payer_gap_report", "care_log")
    }
    for one in deliveries:
        if one.layout.feed in counts:
            counts[one.layout.feed]["rejected_rows"] += len(one.bad)
            counts[one.layout.feed]["duplicate_rows_within_delivery"] += len(one.repeated)
    return counts


def care_deliveries(
    config: SimulationConfig,
    providers: Providers,
    people: Population,
    names: Names,
    use: MedicalUse,
    just_left: Sequence[Discharge],
    rng: np.random.Generator,
) -> list[CareDelivery]:
    """Every delivery of the six feeds around care; none where no partner has coordinators.

    `just_left` are stays of the last weeks, which no claim tells of yet.
    """
    if not care_partners(config):
        return []
    panels = {
        period: panel_on(config, providers, people, last_day_of(period))
        for period in (SPRING, *SNAPSHOTS)
    }
    services = service_days(use)
    gaps = {
        period: missing_services(people, services, panel, last_day_of(period))
        for period, panel in panels.items()
    }
    panel = panels[SNAPSHOTS[0]]
    support = draw_support(people, panel, rng)
    log = CareLog(people, panel, use, rng)
    log.after_stays(use, just_left)
    log.about_gaps(gaps[SPRING], services, int(MONTH_STARTS[SPRING + 1]), 150, 0.25)
    log.about_gaps(gaps[SNAPSHOTS[0]], services, int(MONTH_STARTS[36]) + 12, 138, 0.12)
    log.about_support(support)
    log.for_the_ill(panel)
    return [
        *contact_files(config, people, names, {one: panels[one] for one in SNAPSHOTS}, rng),
        *gap_reports(config, people, {one: gaps[one] for one in SNAPSHOTS}),
        *support_files(config, people, support),
        *risk_scores(config, people),
        *log_files(config, providers, people, log.entries(), rng),
        *practice_files(config, providers, rng),
    ]
