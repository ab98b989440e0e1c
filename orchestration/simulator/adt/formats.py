"""Hospital messages as text: HL7 v2 or rows, each as one hub writes them.

What is told does not belong here (`telling.py`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.adt.visits import MIDNIGHT, Message, moment_of
from orchestration.simulator.config import PartnerPlan, SimulationConfig
from orchestration.simulator.names import FAMILIES, MEN, WOMEN, Names
from orchestration.simulator.population import Population
from orchestration.simulator.providers import Providers

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
CSV_HEADER = (
    "MSG_ID|MSG_TS|EVT_CD|EVT_TS|FAC_CD|FAC_NPI|VISIT_NO|MRN|MBR_ID|LAST_NM|FIRST_NM|BIRTH_DT|"
    "GNDR_CD|PAT_CLASS|ADM_TYP|ADM_SRC|SVC|WARD|ADM_TS|DSCH_TS|EXP_DSCH_TS|DISP_CD|DX_CD|DX_TXT|"
    "REASON|ATT_NPI|PCP_NPI|PCP_NM|PRIOR_MRN|PRIOR_VISIT"
)


class MessageWriter:
    """Writes messages of one partner's hub in its format."""

    def __init__(
        self,
        config: SimulationConfig,
        providers: Providers,
        people: Population,
        names: Names,
        plan: PartnerPlan,
        ids: NDArray[np.str_],
    ) -> None:
        self._providers, self._people = providers, people
        self._names, self._plan, self._ids = names, plan, ids
        self._code_of = {
            int(place): f"{config.markets[market].state}H{number:02d}"
            for market, places in enumerate(providers.facilities["hospital"])
            for number, place in enumerate(places, start=1)
        }

    @property
    def suffix(self) -> str:
        return "hl7" if self._plan.adt_format == "hl7" else "csv"

    def file_texts(self, messages: Sequence[Message], delivered: str) -> list[str]:
        """A file's pieces: messages, in a batch or under a header where the hub sends one."""
        if self._plan.adt_format != "hl7":
            return [f"{CSV_HEADER}\n", *(self._csv(one) for one in messages)]
        texts = [self._hl7(one) for one in messages]
        return _in_batch(texts, delivered) if self._plan.roster_style == "B" else texts

    def _fields(self, message: Message) -> dict[str, str]:
        """What both formats write, as texts; times with minutes and seconds."""
        people, visit = self._people, message.visit
        person = visit.person
        last = FAMILIES[self._names.last[person]]
        birth = moment_of(int(people.birth_day[person]))
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
