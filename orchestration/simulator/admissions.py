"""What hospitals tell the groups as it happens: HL7 v2 messages about stays and emergency visits.

Two windows are told. In the second half of December 2025 the visits are those of the claims. In the
last thirty days before the demo's present they are visits whose claims have not come yet, so that
somebody is in hospital and somebody has just left. What spoils messages is planted here too; the
care that follows does not belong here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.config import EPOCH, PartnerPlan, SimulationConfig
from orchestration.simulator.coordination import (
    PRESENT,
    Discharge,
    Panel,
    care_partners,
    panel_on,
)
from orchestration.simulator.extracts import member_ids
from orchestration.simulator.names import FAMILIES, MEN, WOMEN, Names
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.utilization import MedicalUse
from orchestration.simulator.writing import GzipText, WrittenFile, write_control

MIDNIGHT = datetime.combine(EPOCH, time())
CONNECTED = MIDNIGHT + timedelta(days=int(MONTH_STARTS[35]) + 15)
BILLED_UNTIL = MIDNIGHT + timedelta(days=int(MONTH_STARTS[36]))
NOW = datetime.fromisoformat(PRESENT)
RECENT = NOW - timedelta(days=30)
YEAR = timedelta(days=365)
# Month of a file, its messages' first and last moment, the day it is delivered.
FILES = (
    ("2025-12", CONNECTED, BILLED_UNTIL, "2026-01-02"),
    ("2026-07", RECENT, NOW, PRESENT),
)
UPDATED, MOVED = 0.35, 0.3
NEVER_CAME, LEFT_TOO_EARLY, MOVED_BY_MISTAKE, MERGED = 0.05, 0.05, 0.15, 0.015
LATE, SENT_TWICE, TOLD_TWICE = 0.02, 0.01, 0.02
WITHOUT_MEMBER_ID, MISSPELT = 0.12, 0.015
REASONS = {
    "A": "Fever & chills",
    "C": "Treatment of a tumour",
    "E": "Sugar out of control",
    "F": "Low mood",
    "I": "Chest pain",
    "J": "Short of breath",
    "K": "Pain in the belly, nausea & vomiting",
    "L": "Red, swollen leg",
    "M": "Planned joint surgery",
    "N": "Pain when passing water",
    "O": "Labour",
    "R": "Pain",
    "S": "Fall",
}
WARDS = ("2E", "3W", "4N", "5S", "ICU", "TELE")
# Faults of messages that intake must reject: reason, contract column or segment, what is written.
FAULTS = (
    ("segment_missing", "EVN"),
    ("bad_time", "admitted_at"),
    ("unknown_class", "patient_class"),
    ("visit_number_missing", "visit_number"),
)
# What is planted in messages that are good, and by what it is known.
PLANTED: dict[str, Callable[["Message"], bool]] = {
    "cancelled_admissions": lambda one: one.event == "A11",
    "cancelled_transfers": lambda one: one.event == "A12",
    "cancelled_discharges": lambda one: one.event == "A13",
    "merges": lambda one: one.event == "A40",
    "late": lambda one: one.is_late,
    "told_again_under_another_number": lambda one: one.is_again,
    "without_member_id": lambda one: not one.knows_member,
    "misspelt": lambda one: one.is_misspelt,
}
CSV_HEADER = (
    "MSG_ID|MSG_TS|EVT_CD|EVT_TS|FAC_CD|FAC_NPI|VISIT_NO|MRN|MBR_ID|LAST_NM|FIRST_NM|BIRTH_DT|"
    "GNDR_CD|PAT_CLASS|ADM_TYP|ADM_SRC|SVC|WARD|ADM_TS|DSCH_TS|EXP_DSCH_TS|DISP_CD|DX_CD|DX_TXT|"
    "REASON|ATT_NPI|PCP_NPI|PCP_NM|PRIOR_MRN|PRIOR_VISIT"
)


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


@dataclass(frozen=True)
class AdtDelivery:
    """One file of messages with what was planted in it."""

    source: str
    name: str
    texts: Sequence[str]
    suffix: str
    delivered: str
    bad: Sequence[dict[str, str]]
    repeated: int

    def job(self, landing_dir: Path) -> Callable[[], WrittenFile]:
        return partial(_write, self, landing_dir)


@dataclass(frozen=True)
class Admissions:
    """Every delivery of hospital messages, and the visits they are about.

    `just_left` are the stays of the last thirty days that have ended.
    """

    deliveries: Sequence[AdtDelivery]
    visits: pa.Table
    counts: dict[str, int]
    just_left: Sequence[Discharge]

    def rejected_rows(self) -> list[dict[str, str]]:
        """The messages planted to be rejected, as the truth tells them."""
        return [row for one in self.deliveries for row in one.bad]


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


def draw_admissions(
    config: SimulationConfig,
    providers: Providers,
    people: Population,
    names: Names,
    use: MedicalUse,
    rng: np.random.Generator,
) -> Admissions:
    """Messages about the visits of the care partners' members, told by each partner."""
    partners = care_partners(config)
    found: list[AdtDelivery] = []
    rows: list[dict[str, object]] = []
    just_left: list[Discharge] = []
    counts = dict.fromkeys(
        ("messages", "rejected_rows", "duplicate_rows_within_delivery", *PLANTED), 0
    )
    if partners:
        billed = panel_on(config, providers, people, int(MONTH_STARTS[36]) - 1)
        present = panel_on(config, providers, people, (NOW - MIDNIGHT).days - 1)
        visits = [
            *_billed_visits(use, billed, len(people), rng, CONNECTED, BILLED_UNTIL, timedelta(0)),
            *_recent_visits(people, use, billed, present, rng),
        ]
        ids = member_ids(people).astype(str)
        for name, plan in partners.items():
            position = providers.partner_ids.index(name)
            own = [
                replace(one, number=f"{plan.partner_code}V{number:06d}")
                for number, one in enumerate(
                    (one for one in visits if one.partner == position), start=1
                )
            ]
            teller = _Teller(config, providers, people, names, plan, ids, rng, counts)
            told, own = teller.tell(own)
            found += teller.files(name, told)
            rows += [_visit_row(name, one, providers, ids) for one in own]
            just_left += [
                Discharge(one.person, one.partner, (one.left - MIDNIGHT).days)
                for one in own
                if one.admitted and one.left < NOW and not (one.is_billed or one.is_cancelled)
            ]
    return Admissions(found, pa.Table.from_pylist(rows, VISIT_SCHEMA), counts, just_left)


def _visit_row(
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


# --- which visits there are ----------------------------------------------------------------------


def _billed_visits(
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
        day = _moment(int(stays.admission_day[row]))
        admitted = day + timedelta(minutes=int(rng.integers(7 * 60, 23 * 60))) + later
        leaving = _moment(int(stays.discharge_day[row])) + later
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
        came = _moment(int(ed.day[row])) + timedelta(minutes=int(rng.integers(0, 1440))) + later
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


def _moment(day: int) -> datetime:
    return MIDNIGHT + timedelta(days=day)


def _recent_visits(
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
    for visit in _billed_visits(use, billed, len(people), rng, RECENT, NOW, YEAR):
        if visit.partner not in pools:
            continue
        members, cumulative = pools[visit.partner]
        person = int(members[min(np.searchsorted(cumulative, rng.random()), len(members) - 1)])
        if person not in busy:
            busy.add(person)
            yield replace(visit, person=person)


# --- how they are told ---------------------------------------------------------------------------


class _Teller:
    """Tells the visits of one partner's members, with the mistakes hospitals make."""

    def __init__(
        self,
        config: SimulationConfig,
        providers: Providers,
        people: Population,
        names: Names,
        plan: PartnerPlan,
        ids: NDArray[np.str_],
        rng: np.random.Generator,
        counts: dict[str, int],
    ) -> None:
        self._config, self._providers, self._people = config, providers, people
        self._names, self._plan, self._ids = names, plan, ids
        self._rng, self._counts = rng, counts
        self._code_of = {
            int(place): f"{config.markets[market].state}H{number:02d}"
            for market, places in enumerate(providers.facilities["hospital"])
            for number, place in enumerate(places, start=1)
        }
        self._number = 0

    def tell(self, visits: Sequence[Visit]) -> tuple[list[Message], list[Visit]]:
        """All messages, in the order they were made, and the visits, cancelled ones included."""
        told: list[Message] = []
        every = list(visits)
        for visit in visits:
            told += self._of_visit(visit)
            if visit.admitted and self._happens(NEVER_CAME):
                every.append(replace(visit, number=f"{visit.number}C", is_cancelled=True))
                told += self._cancelled(every[-1], visit.admitted - timedelta(days=1))
        told = [self._late(one) for one in told]
        told.sort(key=lambda one: (one.made, one.identifier))
        return told, every

    def files(self, source: str, told: Sequence[Message]) -> Iterator[AdtDelivery]:
        """One file a window, of the messages made in it."""
        for number, (period, since, until, delivered) in enumerate(FILES):
            messages = [one for one in told if since <= one.made < until]
            bad: list[dict[str, str]] = []
            if number == 0:
                messages, bad = self._spoilt(messages, period)
            again = [one for one in messages if not one.fault and self._happens(SENT_TWICE)]
            write = self._hl7 if self._plan.adt_format == "hl7" else self._csv
            texts = [write(one) for one in [*messages, *again]]
            self._counts["messages"] += len(texts)
            self._counts["duplicate_rows_within_delivery"] += len(again)
            self._counts["rejected_rows"] += len(bad)
            for name, is_so in PLANTED.items():
                good = (one for one in messages if not one.fault)
                self._counts[name] += sum(map(is_so, good))
            if self._plan.adt_format == "hl7":
                if self._plan.roster_style == "B":
                    texts = _in_batch(texts, delivered)
                suffix = "hl7"
            else:
                texts = [f"{CSV_HEADER}\n", *texts]
                suffix = "csv"
            file_name = f"{period}{self._config.part}"
            yield AdtDelivery(source, file_name, texts, suffix, delivered, bad, len(again))

    def _happens(self, chance: float) -> bool:
        return bool(self._rng.random() < chance)

    def _after(self, moment: datetime, least: int, most: int) -> datetime:
        return moment + timedelta(minutes=int(self._rng.integers(least, most)))

    def _message(self, visit: Visit, event: str, happened: datetime, **said: object) -> Message:
        self._number += 1
        plain: dict[str, object] = {
            "patient_class": "I" if visit.admitted else "E",
            "record_number": f"MR{self._people.number[visit.person]}",
        }
        return Message(
            identifier=f"{self._plan.partner_code}{self._number:07d}",
            made=self._after(happened, 0, 15),
            event=event,
            happened=happened,
            visit=visit,
            **{**plain, **said},  # type: ignore[arg-type]
        )

    def _of_visit(self, visit: Visit) -> list[Message]:
        """The messages of one visit, mistakes and their cancellations among them."""
        known = not self._happens(WITHOUT_MEMBER_ID)
        misspelt = self._happens(MISSPELT)
        about: dict[str, object] = {"knows_member": known, "is_misspelt": misspelt}
        ward = WARDS[int(self._rng.integers(0, len(WARDS)))]
        own_number = f"MR{self._people.number[visit.person]}"
        first_number = own_number
        is_merged = self._happens(MERGED)
        if is_merged:
            first_number = f"TMP{visit.number}"
            about["record_number"] = first_number
        code = codes.DIAGNOSES.texts[visit.diagnosis]
        dotted = code if len(code) < 4 else f"{code[:3]}.{code[3:]}"
        told = []
        if visit.admitted is None or visit.came < visit.admitted:
            told.append(self._message(visit, "A04", visit.came, patient_class="E", **about))
        if visit.admitted:
            event = "A06" if told else "A01"
            told.append(self._message(visit, event, visit.admitted, ward=ward, **about))
        last = told[-1].happened
        if is_merged:
            merged = self._after(last, 20, 90)
            about["record_number"] = own_number
            told.append(
                self._message(visit, "A40", merged, **about, prior_record_number=first_number)
            )
        left = visit.left
        if self._happens(UPDATED):
            updated = last + (left - last) / 2
            told.append(self._message(visit, "A08", updated, ward=ward, diagnosis=dotted, **about))
        if visit.admitted and self._happens(MOVED):
            moved = last + (left - last) * 2 / 3
            told.append(self._message(visit, "A02", moved, ward="ICU", **about))
            if self._happens(MOVED_BY_MISTAKE):
                back = self._after(moved, 5, 60)
                told.append(self._message(visit, "A12", back, ward=ward, **about))
        if visit.admitted and self._happens(LEFT_TOO_EARLY):
            early = left - timedelta(hours=4)
            told.append(
                self._message(visit, "A03", early, diagnosis=dotted, has_left=True, **about)
            )
            told.append(self._message(visit, "A13", self._after(early, 20, 120), **about))
        told.append(self._message(visit, "A03", left, diagnosis=dotted, has_left=True, **about))
        if self._happens(TOLD_TWICE):
            again = told[int(self._rng.integers(0, len(told)))]
            self._number += 1
            told.append(
                replace(
                    again,
                    identifier=f"{self._plan.partner_code}{self._number:07d}",
                    made=self._after(again.made, 1, 30),
                    is_again=True,
                )
            )
        return told

    def _cancelled(self, visit: Visit, booked: datetime) -> list[Message]:
        """An admission that was booked and did not happen."""
        taken_back = self._after(booked, 20, 240)
        return [
            self._message(visit, "A01", booked, ward="2E"),
            self._message(visit, "A11", taken_back, ward="2E"),
        ]

    def _late(self, message: Message) -> Message:
        """Some messages are made hours after others about later events."""
        if not self._happens(LATE):
            return message
        return replace(message, made=self._after(message.made, 6 * 60, 30 * 60), is_late=True)

    def _spoilt(
        self, messages: list[Message], period: str
    ) -> tuple[list[Message], list[dict[str, str]]]:
        """Messages with one more for each fault, if there are enough to bear them."""
        bad: list[dict[str, str]] = []
        clean = [one for one in messages if one.event == "A03"]
        for (reason, column), message in zip(FAULTS, clean, strict=False):
            if len(messages) < 2 * len(FAULTS) or (self._plan.adt_format, column) == ("csv", "EVN"):
                continue
            self._number += 1
            identifier = f"{self._plan.partner_code}{self._number:07d}"
            messages = [*messages, replace(message, identifier=identifier, fault=reason)]
            bad.append(
                {
                    "feed": "adt_events",
                    "period": period,
                    "column": column,
                    "reason": reason,
                    "value": identifier,
                }
            )
        return messages, bad

    def _fields(self, message: Message) -> dict[str, str]:
        """What both formats write, as texts; times with minutes and seconds."""
        people, visit = self._people, message.visit
        person = visit.person
        last = FAMILIES[self._names.last[person]]
        birth = _moment(int(people.birth_day[person]))
        if message.is_misspelt:
            last, birth = f"{last[:-1]}{'e' if last[-1] != 'e' else 'a'}", birth + timedelta(days=1)
        home = int(people.home(np.array([person]), np.array([(visit.came - MIDNIGHT).days]))[0])
        specialists = self._providers.specialists_by_market[int(people.market[person])]
        attending = specialists[int(people.number[person]) % len(specialists)]
        code = codes.DIAGNOSES.texts[visit.diagnosis]
        is_urgent = visit.admitted is None or visit.came < visit.admitted
        sent_class = "Q" if message.fault == "unknown_class" else message.patient_class
        return {
            "identifier": message.identifier,
            "made": _stamp(message.made),
            "event": message.event,
            "happened": _stamp(message.happened),
            "facility": self._code_of[visit.hospital],
            "facility_npi": f"{self._providers.organisation_npi[visit.hospital]}",
            "visit": "" if message.fault == "visit_number_missing" else visit.number,
            "record": message.record_number,
            "member": str(self._ids[person]) if message.knows_member else "",
            "last": last,
            "first": (*WOMEN, *MEN)[self._names.first[person]],
            "birth": f"{birth:%Y%m%d}",
            "sex": "FMU"[people.sex[person]],
            "class": sent_class,
            "type": "E" if is_urgent else "C",
            "source": "7" if is_urgent and visit.admitted else "1",
            "service": "EMR" if message.patient_class == "E" else "MED",
            "ward": message.ward,
            "admitted": (
                "20251301000000"
                if message.fault == "bad_time"
                else _stamp(visit.admitted if message.patient_class == "I" else visit.came)
            ),
            "left": _stamp(message.happened) if message.has_left else "",
            "expected": _stamp(visit.left) if message.event in ("A01", "A06") else "",
            "disposition": f"{visit.disposition:02d}" if message.has_left else "",
            "diagnosis": message.diagnosis,
            "reason": REASONS.get(code[:1], "Not well"),
            "attending": f"{self._providers.npi[attending]}",
            "pcp": f"{self._providers.npi[home]}",
            "pcp_name": FAMILIES[int(self._providers.npi[home]) % len(FAMILIES)],
            "prior_record": message.prior_record_number,
        }

    def _hl7(self, message: Message) -> str:
        """One message, its segments ended by carriage returns."""
        said = {name: _escaped(text) for name, text in self._fields(message).items()}
        numbers = [f"{said['record']}^^^{said['facility']}^MR"]
        if said["member"]:
            numbers.append(f"{said['member']}^^^PAYER^MB")
        merge = f"MRG|{said['prior_record']}^^^{said['facility']}^MR\r"
        # PV1: class 2, ward 3, type 4, attending 7, service 10, source 14, visit 19,
        # disposition 36, admitted 44, left 45.
        visit = (
            f"PV1|1|{said['class']}|{said['ward']}|{said['type']}|||{said['attending']}^"
            f"|||{said['service']}||||{said['source']}|||||{said['visit']}{'|' * 17}"
            f"{said['disposition']}{'|' * 8}{said['admitted']}|{said['left']}\r"
            f"PV2|||^{said['reason']}||||||{said['expected']}\r"
        )
        event = f"EVN||{said['happened']}\r"
        return (
            f"MSH|^~\\&|ADT|{said['facility']}^{said['facility_npi']}^NPI|HUB|"
            f"{self._plan.partner_code}|{said['made']}||ADT^{said['event']}|{said['identifier']}|P|"
            "2.5.1\r"
            f"{'' if message.fault == 'segment_missing' else event}"
            f"PID|1||{'~'.join(numbers)}||{said['last']}^{said['first']}||{said['birth']}|"
            f"{said['sex']}\r"
            f"PD1||||{said['pcp']}^{said['pcp_name']}\r"
            f"{merge if said['event'] == 'A40' else visit}"
            + (
                f"DG1|1||{said['diagnosis']}^{said['reason']}^I10\r"
                if said["diagnosis"] and said["event"] != "A40"
                else ""
            )
        )

    def _csv(self, message: Message) -> str:
        """One row, in the order of `CSV_HEADER`."""
        said = self._fields(message)
        is_merge = message.event == "A40"
        times = {
            name: f"{said[name][:4]}-{said[name][4:6]}-{said[name][6:8]} "
            f"{said[name][8:10]}:{said[name][10:12]}:{said[name][12:]}"
            if said[name]
            else ""
            for name in ("made", "happened", "admitted", "left", "expected")
        }
        birth = said["birth"]
        values = (
            said["identifier"],
            times["made"],
            said["event"],
            times["happened"],
            said["facility"],
            said["facility_npi"],
            "" if is_merge else said["visit"],
            said["record"],
            said["member"],
            said["last"],
            said["first"],
            birth,
            said["sex"],
            *(
                ("",) * 14
                if is_merge
                else (
                    said["class"],
                    said["type"],
                    said["source"],
                    said["service"],
                    said["ward"],
                    times["admitted"],
                    times["left"],
                    times["expected"],
                    said["disposition"],
                    said["diagnosis"],
                    said["reason"] if said["diagnosis"] else "",
                    said["reason"],
                    said["attending"],
                    said["pcp"],
                )
            ),
            said["pcp_name"],
            said["prior_record"],
            "",
        )
        return "|".join(values) + "\n"


def _stamp(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y%m%d%H%M%S}"


def _escaped(text: str) -> str:
    """Separators inside a text as HL7 writes them."""
    for mark, name in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        text = text.replace(mark, f"\\{name}\\")
    return text


def _in_batch(texts: Sequence[str], delivered: str) -> list[str]:
    """Messages between the headers and trailers of a batch file."""
    day = delivered.replace("-", "")
    return [
        f"FHS|^~\\&|HUB|||{day}\r",
        f"BHS|^~\\&|HUB|||{day}\r",
        *texts,
        f"BTS|{len(texts)}\r",
        "FTS|1\r",
    ]


def _write(delivery: AdtDelivery, landing_dir: Path) -> WrittenFile:
    """Write one file of messages with its control file."""
    folder = landing_dir / delivery.source / "adt_events"
    path = folder / f"{delivery.name}.{delivery.suffix}.gz"
    file = GzipText(path)
    for text in delivery.texts:
        file.write(text.encode())
    digest = file.close()
    is_message = "MSH|" if delivery.suffix == "hl7" else ""
    rows = sum(text.startswith(is_message) for text in delivery.texts)
    rows -= delivery.suffix == "csv"
    write_control(path, rows, digest, {}, delivery.delivered)
    planted = {"rejected_rows": len(delivery.bad), "duplicate_rows": delivery.repeated}
    return WrittenFile(
        delivery.source,
        "adt_events",
        path.name,
        rows,
        digest,
        file.size,
        delivery.delivered,
        planted,
    )
