"""How visits are told: message by message, with the mistakes hospitals make.

Which visits there are does not belong here (`visits.py`), nor how a message is written
(`formats.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from orchestration.simulator import codes
from orchestration.simulator.adt.formats import MessageWriter
from orchestration.simulator.adt.visits import (
    BILLED_UNTIL,
    CONNECTED,
    MIDNIGHT,
    NOW,
    RECENT,
    VISIT_SCHEMA,
    Message,
    Visit,
    billed_visits,
    recent_visits,
    visit_row,
)
from orchestration.simulator.care.panel import PRESENT, Discharge, care_partners, panel_on
from orchestration.simulator.config import PartnerPlan, SimulationConfig
from orchestration.simulator.extracts import member_ids
from orchestration.simulator.names import Names
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.utilization import MedicalUse
from orchestration.simulator.writing import GzipText, WrittenFile, write_control

# Month of a file, its messages' first and last moment, the day it is delivered.
FILES = (
    ("2025-12", CONNECTED, BILLED_UNTIL, "2026-01-02"),
    ("2026-07", RECENT, NOW, PRESENT),
)
UPDATED, MOVED = 0.35, 0.3
NEVER_CAME, LEFT_TOO_EARLY, MOVED_BY_MISTAKE, MERGED = 0.05, 0.05, 0.15, 0.015
LATE, SENT_TWICE, TOLD_TWICE = 0.02, 0.01, 0.02
WITHOUT_MEMBER_ID, MISSPELT = 0.12, 0.015
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
            *billed_visits(use, billed, len(people), rng, CONNECTED, BILLED_UNTIL, timedelta(0)),
            *recent_visits(people, use, billed, present, rng),
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
            writer = MessageWriter(config, providers, people, names, plan, ids)
            teller = _Teller(config, people, plan, writer, rng, counts)
            told, own = teller.tell(own)
            found += teller.files(name, told)
            rows += [visit_row(name, one, providers, ids) for one in own]
            just_left += [
                Discharge(one.person, one.partner, (one.left - MIDNIGHT).days)
                for one in own
                if one.admitted and one.left < NOW and not (one.is_billed or one.is_cancelled)
            ]
    return Admissions(found, pa.Table.from_pylist(rows, VISIT_SCHEMA), counts, just_left)


class _Teller:
    """Tells the visits of one partner's members, with the mistakes hospitals make."""

    def __init__(
        self,
        config: SimulationConfig,
        people: Population,
        plan: PartnerPlan,
        writer: MessageWriter,
        rng: np.random.Generator,
        counts: dict[str, int],
    ) -> None:
        self._config, self._people, self._plan = config, people, plan
        self._writer, self._rng, self._counts = writer, rng, counts
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
            told_here = [*messages, *again]
            self._counts["messages"] += len(told_here)
            self._counts["duplicate_rows_within_delivery"] += len(again)
            self._counts["rejected_rows"] += len(bad)
            for name, is_so in PLANTED.items():
                good = (one for one in messages if not one.fault)
                self._counts[name] += sum(map(is_so, good))
            texts = self._writer.file_texts(told_here, delivered)
            file_name = f"{period}{self._config.part}"
            yield AdtDelivery(
                source, file_name, texts, self._writer.suffix, delivered, bad, len(again)
            )

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
