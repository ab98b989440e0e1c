"""Which visits hospitals tell of: those of the claims, and those whose claims have not come yet.

How they are told does not belong here (`telling.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestration.simulator.care.panel import PRESENT, Panel
from orchestration.simulator.config import EPOCH
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.utilization import MedicalUse

MIDNIGHT = datetime.combine(EPOCH, time())
CONNECTED = MIDNIGHT + timedelta(days=int(MONTH_STARTS[35]) + 15)
BILLED_UNTIL = MIDNIGHT + timedelta(days=int(MONTH_STARTS[36]))
NOW = datetime.fromisoformat(PRESENT)
RECENT = NOW - timedelta(days=30)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Visit:
    """One visit as it truly was, or will be: it may end after the demo's present."""

    person: int
    partner: int
    hospital: int
    came: datetime
    admitted: datetime | None
    left: datetime
    diagnosis: int
    disposition: int
    is_billed: bool
    number: str = ""
    is_cancelled: bool = False


@dataclass(frozen=True)
class Message:
    """One message; texts as the hospital writes them, before any format."""

    identifier: str
    made: datetime
    event: str
    happened: datetime
    visit: Visit
    patient_class: str
    record_number: str
    ward: str = ""
    has_left: bool = False
    diagnosis: str = ""
    prior_record_number: str = ""
    knows_member: bool = True
    is_misspelt: bool = False
    is_late: bool = False
    is_again: bool = False
    fault: str = ""


VISIT_SCHEMA = pa.schema(
    [
        ("source_id", pa.string()),
        ("visit_number", pa.string()),
        ("facility_npi", pa.string()),
        ("person_id", pa.string()),
        ("came_at", pa.timestamp("us")),
        ("admitted_at", pa.timestamp("us")),
        ("left_at", pa.timestamp("us")),
        ("disposition", pa.string()),
        ("is_cancelled", pa.bool_()),
        ("is_billed", pa.bool_()),
    ]
)


def visit_row(
    source: str, visit: Visit, providers: Providers, ids: NDArray[np.str_]
) -> dict[str, object]:
    return {
        "source_id": source,
        "visit_number": visit.number,
        "facility_npi": f"{providers.organisation_npi[visit.hospital]}",
        "person_id": str(ids[visit.person]),
        "came_at": visit.came,
        "admitted_at": visit.admitted,
        "left_at": visit.left,
        "disposition": f"{visit.disposition:02d}",
        "is_cancelled": visit.is_cancelled,
        "is_billed": visit.is_billed,
    }


def billed_visits(
    use: MedicalUse,
    panel: Panel,
    people: int,
    rng: np.random.Generator,
    since: datetime,
    until: datetime,
    later: timedelta,
) -> Iterator[Visit]:
    """Stays and emergency visits of a panel that lie, at least partly, between two moments.

    Hours are drawn, days are those of the claims, moved by `later`.
    """
    partner_of = np.full(people, -1)
    partner_of[panel.person] = panel.partner
    first, last = ((moment - later - MIDNIGHT).days for moment in (since, until))
    stays, ed = use.stays, use.ed_visits
    chosen = (stays.discharge_day >= first) & (stays.admission_day < last)
    for row in np.flatnonzero(chosen & (partner_of[stays.person] >= 0)).tolist():
        is_from_ed = bool(stays.is_from_ed[row])
        day = moment_of(int(stays.admission_day[row]))
        admitted = day + timedelta(minutes=int(rng.integers(7 * 60, 23 * 60))) + later
        leaving = moment_of(int(stays.discharge_day[row])) + later
        left = leaving + timedelta(minutes=int(rng.integers(9 * 60, 18 * 60)))
        yield Visit(
            person=int(stays.person[row]),
            partner=int(partner_of[stays.person[row]]),
            hospital=int(stays.hospital[row]),
            came=admitted - timedelta(minutes=int(rng.integers(90, 400))) * is_from_ed,
            admitted=admitted,
            left=max(left, admitted + timedelta(hours=6)),
            diagnosis=int(stays.diagnosis[row]),
            disposition=int(stays.status[row]),
            is_billed=not later,
        )
    chosen = (ed.day >= first) & (ed.day < last)
    for row in np.flatnonzero(chosen & (partner_of[ed.person] >= 0)).tolist():
        came = moment_of(int(ed.day[row])) + timedelta(minutes=int(rng.integers(0, 1440))) + later
        yield Visit(
            person=int(ed.person[row]),
            partner=int(partner_of[ed.person[row]]),
            hospital=int(ed.hospital[row]),
            came=came,
            admitted=None,
            left=came + timedelta(minutes=int(rng.integers(45, 420))),
            diagnosis=int(ed.diagnosis[row]),
            disposition=1,
            is_billed=not later,
        )


def moment_of(day: int) -> datetime:
    return MIDNIGHT + timedelta(days=day)


def recent_visits(
    people: Population,
    use: MedicalUse,
    billed: Panel,
    present: Panel,
    rng: np.random.Generator,
) -> Iterator[Visit]:
    """Visits as a year ago, but of other members of the same partner: the frail come more often."""
    pools = {}
    for partner in np.unique(present.partner).tolist():
        members = present.person[present.partner == partner]
        weight = people.ed_frailty[members] + people.condition_count[members] + 0.05
        pools[partner] = (members, np.cumsum(weight / weight.sum()))
    busy: set[int] = set()
    for visit in billed_visits(use, billed, len(people), rng, RECENT, NOW, YEAR):
        if visit.partner not in pools:
            continue
        members, cumulative = pools[visit.partner]
        person = int(members[min(np.searchsorted(cumulative, rng.random()), len(members) - 1)])
        if person not in busy:
            busy.add(person)
            yield replace(visit, person=person)
