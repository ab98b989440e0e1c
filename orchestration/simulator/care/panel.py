"""Whose care is coordinated on which day, and how its deliveries are dated and written.

What a feed says does not belong here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from orchestration.simulator.config import NON_PROGRAM, PartnerPlan, SimulationConfig
from orchestration.simulator.encoding import Texts, date_texts
from orchestration.simulator.mess import BadRow
from orchestration.simulator.population import MONTH_STARTS, NO_CLINICIAN, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.writing import (
    Layout,
    Numbers,
    WrittenFile,
    delivered_on,
    write_columns,
)

# Snapshots of the payer, as months counted from the epoch; the last is the demo's present.
SNAPSHOTS = (35, 41)
PRESENT = "2026-07-10"
YESTERDAY = int((np.datetime64(PRESENT) - np.datetime64("2023-01-01")).astype(int)) - 1
DELIMITERS = {"A": ",", "B": ";", "C": "|"}


@dataclass(frozen=True)
class CareDelivery:
    """One file to write, with the rows planted in it that intake must reject or set aside."""

    source: str
    name: str
    layout: Layout
    columns: Sequence[Texts]
    delivered: str
    repeated: Numbers = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    bad: Sequence[BadRow] = ()

    def job(self, landing_dir: Path) -> Callable[[], WrittenFile]:
        """Writes the file, the repeated rows at its end."""
        return partial(
            write_columns,
            landing_dir,
            self.source,
            self.name,
            self.layout,
            self.columns,
            self.delivered,
            np.concatenate((np.arange(len(self.columns[0])), self.repeated)),
            {row.row: row for row in self.bad},
            {"rejected_rows": len(self.bad), "duplicate_rows": len(self.repeated)},
        )

    def rejected_rows(self) -> list[dict[str, str]]:
        """The rows planted to be rejected, as the truth tells them."""
        return [
            {
                "feed": self.layout.feed,
                "period": self.name[:7],
                "column": row.column,
                "reason": row.reason,
                "value": next(iter(row.texts.values())),
            }
            for row in self.bad
        ]


@dataclass(frozen=True)
class Panel:
    """Who truly belongs to a partner that has coordinators, and is covered, on one day."""

    person: Numbers
    partner: Numbers


@dataclass(frozen=True)
class Discharge:
    """A stay that ended: who, of which partner, on which day."""

    person: int
    partner: int
    day: int


def care_partners(config: SimulationConfig) -> dict[str, PartnerPlan]:
    """Partners with coordinators, by id."""
    return {
        partner.partner_id: partner
        for program in config.programs
        for partner in program.partners
        if partner.adt_format is not None
    }


def panel_on(config: SimulationConfig, providers: Providers, people: Population, day: int) -> Panel:
    """Members covered on a day whose own doctor is then on the roster of a care partner."""
    everyone = np.arange(len(people))
    when = np.full(len(people), day)
    home = people.home(everyone, when)
    partner = np.where(home == NO_CLINICIAN, -1, providers.partner[np.maximum(home, 0)])
    in_program = people.true_program(providers, everyone, when) != NON_PROGRAM
    covered = (people.start_day <= day) & (people.end_day >= day) & (people.death_day > day)
    covered &= ~((people.gap_start <= day) & (people.gap_end >= day))
    caring = [providers.partner_ids.index(name) for name in care_partners(config)]
    chosen = np.flatnonzero(in_program & covered & np.isin(partner, caring))
    return Panel(chosen, partner[chosen].astype(np.int64))


def last_day_of(period: int) -> int:
    """Last day that a delivery for a month tells of; the present month is told until yesterday."""
    if period + 1 < len(MONTH_STARTS):
        return min(int(MONTH_STARTS[period + 1]) - 1, YESTERDAY)
    return YESTERDAY


def delivery_day(period: int) -> str:
    return min(delivered_on(period), PRESENT)


def dates(days: Numbers, style: str = "compact") -> Texts:
    return date_texts(days, style)


def said(style: str, code: str) -> str:
    """How a group of a style writes one of the contract's codes."""
    if style == "A":
        return code.replace("_", " ").capitalize()
    return code.upper() if style == "C" else code
