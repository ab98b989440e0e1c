"""Deliveries as the senders write them: gzip CSV in each sender's own layout, and control files.

Layouts are facts of the senders; `data/payers/*.yml` maps them to the contract. Same input, same
bytes: no clock, gzip stamp 0.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.claims import Claims, Lines
from orchestration.simulator.config import (
    OPEN_END,
    PAYMENT_MONTHS,
    PartnerPlan,
    ProgramPlan,
    SimulationConfig,
)
from orchestration.simulator.eligibility import SpanRows
from orchestration.simulator.encoding import (
    NO_DATE,
    Bytes,
    date_rows,
    date_table,
    digits,
    flatten,
    lookup_table,
    money,
    money_text,
    put_text,
    row_matrix,
    whole,
)
from orchestration.simulator.mess import BadRow, PharmacyFiles
from orchestration.simulator.pharmacy import DRUGS
from orchestration.simulator.population import MONTH_STARTS, NEVER, Population
from orchestration.simulator.providers import PCP_SPECIALTIES, SPECIALTIES, Providers

Numbers = NDArray[np.int64]
Sums = dict[str, int]
Encoder = Callable[[Numbers], tuple[list[Bytes], Sums]]

PAYER = "cigna"
BLOCK_ROWS = 8_192
COMPRESSION_LEVEL = 1
FIRST_CLAIM_NUMBER = 230_000_000_000
FIRST_FILL_NUMBER = 50_000_000_000

ELIGIBILITY_HEADER = (
    "MBR_ID|LAST_UPD_RSN|GRP_NO|PROD_CD|COV_CD|COV_EFF_DT|COV_TERM_DT|BIRTH_DT|GNDR_CD|DEATH_DT|"
    "RES_STATE|RES_ZIP|PCP_SEL_NPI|PCP_SEL_EFF_DT"
)
MEDICAL_HEADER = (
    "CLM_ID|CLM_LN_NO|ORIG_CLM_REF|FREQ_CD|CLM_TYP|TOB|CLM_STAT|MBR_ID|SVC_FROM_DT|SVC_THRU_DT|"
    "ADM_DT|DSCH_DT|DSCH_STAT|MS_DRG|REV_CD|PROC_CD|MOD_1|MOD_2|UNIT_CNT|POS_CD|DX_1|DX_2|DX_3|"
    "DX_4|DX_5|BILL_TAX_ID|BILL_NPI|RNDR_NPI|FAC_NPI|BILLED_AMT|ALLOW_AMT|PAID_AMT|MBR_LIAB_AMT|"
    "CHK_DT"
)
PHARMACY_HEADER = (
    "RX_CLM_NO,RX_STAT,CARDHOLDER_ID,FILL_DT,NDC_11,DAYS_SUP,QTY_DISP,PRSCR_NPI,PHMCY_NPI,"
    "RX_ALLOW_AMT,RX_PAID_AMT,ADJUD_DT"
)
ROSTER_HEADERS = {
    "A": "Provider NPI,Tax ID,Program,Partner,Practice Code,Practice Name,Provider Role,"
    "CMS Specialty,Taxonomy,Accepting New Patients,Effective Date,Termination Date",
    "B": "from;to;npi;group_tin;aco_program;aco_partner;site_id;site_name;role;cms_specialty;nucc;"
    "panel",
    "C": "NPI_NBR|TAX_ID_NBR|PGM_CD|PARTNER_CD|PRAC_ID|PRAC_NM|PROV_ROLE|SPCLTY_CD|TAXNMY_CD|"
    "PANEL_STAT|EFF_DT|TERM_DT",
    "directory": "NPI_NBR|TAX_ID_NBR|PRAC_ID|PRAC_NM|PROV_ROLE|SPCLTY_CD|TAXNMY_CD|PANEL_STAT|"
    "EFF_DT|TERM_DT",
}
ROSTER_DELIMITERS = {"A": ",", "B": ";", "C": "|", "directory": "|"}
ROSTER_DATES = {"A": "us", "B": "iso", "C": "compact", "directory": "compact"}
ROSTER_ROLES = {
    "A": ("Primary Care", "Specialist"),
    "B": ("P", "S"),
    "C": ("PCP", "SPC"),
    "directory": ("PCP", "SPC"),
}
ROSTER_PANELS = {"A": ("Y", "N"), "B": ("O", "C"), "C": ("O", "C"), "directory": ("O", "C")}
ROSTER_PERIODS = (0, 12, 24, 30, 41)
# Later than any own row, so that the longer membership (METHODS B.5) is the own program's.
GUEST_START_DAY = -20
BATCH_PRACTICES = 20_000
BATCH_CLAIMS = 1_000_000_000
BATCH_FILLS = 500_000_000
QUALITY_HEADER = "PGM_ID,PERF_BEG_DT,PERF_END_DT,QLTY_SCORE,WT_SCORED"


@dataclass(frozen=True)
class WrittenFile:
    """One delivery on disk."""

    source: str
    feed: str
    name: str
    rows: int
    sha256: str
    bytes_raw: int
    delivered_on: str
    planted: dict[str, int]


def period_text(period: int) -> str:
    """Period number to YYYY-MM."""
    return f"{2023 + period // 12}-{period % 12 + 1:02d}"


def delivered_on(period: int) -> str:
    """The tenth of the following month."""
    return f"{period_text(period + 1)}-10"


class GzipText:
    """A gzip file fed with pieces, without a time stamp; hashes what it writes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._packer = isal_zlib.compressobj(COMPRESSION_LEVEL, isal_zlib.DEFLATED, -15)
        self._hash = hashlib.sha256()
        self._crc = 0
        self.size = 0
        self._put(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")

    def _put(self, piece: bytes) -> None:
        self._hash.update(piece)
        self._file.write(piece)

    def write(self, text: bytes) -> None:
        self._crc = isal_zlib.crc32(text, self._crc)
        self.size += len(text)
        self._put(self._packer.compress(text))

    def close(self) -> str:
        """Finish the file; returns the sha256 of its bytes."""
        self._put(self._packer.flush())
        self._put(struct.pack("<II", self._crc, self.size & 0xFFFFFFFF))
        self._file.close()
        return self._hash.hexdigest()


def write_delivery(
    landing_dir: Path,
    source: str,
    feed: str,
    name: str,
    header: str,
    delimiter: str,
    rows: Numbers,
    encode: Encoder,
    delivered: str,
    bad: dict[int, BadRow] | None = None,
    planted: dict[str, int] | None = None,
    sum_columns: Sequence[str] = (),
) -> WrittenFile:
    """Write one CSV.gz with its control file; `bad` faults are put on the listed rows.

    `encode` returns the byte columns of the given rows and the sums (cents) of its amounts.
    """
    path = landing_dir / source / feed / f"{name}.csv.gz"
    columns_by_name = {text: number for number, text in enumerate(header.split(delimiter))}
    file = GzipText(path)
    file.write(header.encode() + b"\n")
    totals = dict.fromkeys(sum_columns, 0)
    is_bad = np.isin(rows, list(bad)) if bad else np.zeros(len(rows), dtype=bool)
    for first in range(0, len(rows), BLOCK_ROWS):
        block = rows[first : first + BLOCK_ROWS]
        columns, sums = encode(block)
        matrix, places = row_matrix(columns, delimiter)
        for column in sum_columns:
            totals[column] += sums[column]
        if bad:
            for row in np.flatnonzero(is_bad[first : first + BLOCK_ROWS]):
                for column, text in bad[int(block[row])].texts.items():
                    if column in totals:
                        _, lost = encode(block[row : row + 1])
                        totals[column] -= lost[column]
                    put_text(matrix, int(row), places[columns_by_name[column]], text)
        file.write(flatten(matrix))
    digest = file.close()
    control = {
        "rows": len(rows),
        "sha256": digest,
        "sums": {column: money_text(total) for column, total in totals.items()},
        "delivered_on": delivered,
    }
    path.with_name(f"{path.name}.control.json").write_text(
        json.dumps(control, indent=1, sort_keys=True) + "\n"
    )
    return WrittenFile(
        source, feed, path.name, len(rows), digest, file.size, delivered, planted or {}
    )


class MedicalEncoder:
    """Bytes of medical rows in the payer's layout."""

    def __init__(
        self,
        providers: Providers,
        people: Population,
        claims: Claims,
        lines: Lines,
        first_claim: int,
    ) -> None:
        self._claims, self._lines, self._people = claims, lines, people
        self._first = first_claim
        self._dates = date_table("compact")
        self._diagnoses = codes.DIAGNOSES.table()
        self._procedures = codes.PROCEDURES.table()
        self._revenues = codes.REVENUES.table()
        self._drgs = codes.DRGS.table()
        self._places = codes.PLACES.table()
        self._modifiers = codes.MODIFIERS.table()
        self._bill_types = lookup_table(
            [f"{kind}{last}" if kind else "" for kind in range(33) for last in range(9)]
        )
        self._status = lookup_table(["P", "D", "R"])
        self._kind = lookup_table(["P", "I"])
        self._members = member_ids(people)
        self._tins = digits(providers.organisation_tin, 9)
        self._npis = digits(providers.organisation_npi, 10)
        # Rendering: -1 none, -2 and below the unknown NPIs; shifted to be an index.
        unknown = digits(providers.unknown_npi[::-1], 10)
        none = np.zeros((1, 10), dtype=np.uint8)
        self._rendering = np.concatenate((unknown, none, digits(providers.npi, 10)))
        self._rendering_shift = len(unknown) + 1

    def __call__(self, rows: Numbers) -> tuple[list[Bytes], Sums]:
        lines, claims = self._lines, self._claims
        claim = lines.claim[rows]
        sign = np.where(claims.is_reversal[claim], -1, 1)
        denied = lines.is_denied[rows]
        cents = lines.cents[rows].astype(np.int64)
        billed = cents * claims.billed_percent[claim] // 100 * sign
        allowed = np.where(denied, 0, cents) * sign
        share = claims.plan_share[claim].astype(np.int64)
        paid = np.where(denied, 0, cents) * share // 100 * sign
        liability = allowed - paid
        institutional = claims.is_institutional[claim]
        from_day = claims.from_day[claim] + lines.day_offset[rows]
        thru_day = np.where(institutional, claims.thru_day[claim], from_day)
        stay = claims.has_stay_dates[claim]
        status = np.where(claims.is_reversal[claim], 2, denied.astype(np.int64))
        organisation = claims.organisation[claim]
        frequency = claims.frequency[claim]
        drg = claims.drg[claim]
        diagnosis = claims.diagnosis[claim]
        facility = self._npis[organisation]
        facility[~institutional] = 0
        discharge = digits(
            np.where(institutional, claims.discharge_status[claim].astype(np.int64), -1), 2
        )
        reference = claims.reference[claim]
        columns = [
            digits(self._first + claim.astype(np.int64), 12),
            whole(lines.number[rows].astype(np.int64)),
            digits(np.where(reference < 0, -1, self._first + reference.astype(np.int64)), 12),
            digits(frequency.astype(np.int64), 1),
            self._kind[institutional.astype(np.int64)],
            self._bill_types[claims.bill_type[claim] * np.int64(9) + frequency],
            self._status[status],
            self._members[claims.person[claim]],
            self._dates[date_rows(from_day)],
            self._dates[date_rows(thru_day)],
            self._dates[date_rows(np.where(stay, claims.from_day[claim], NO_DATE))],
            self._dates[date_rows(np.where(stay, claims.thru_day[claim], NO_DATE))],
            discharge,
            self._drgs[drg],
            self._revenues[lines.revenue[rows]],
            self._procedures[lines.procedure[rows]],
            self._modifiers[lines.modifier_1[rows]],
            self._modifiers[lines.modifier_2[rows]],
            whole(lines.units[rows] * sign),
            self._places[lines.place[rows]],
            *(self._diagnoses[diagnosis[:, column]] for column in range(5)),
            self._tins[organisation],
            self._npis[organisation],
            self._rendering[claims.rendering[claim] + self._rendering_shift],
            facility,
            money(billed),
            money(allowed),
            money(paid),
            money(liability),
            self._dates[date_rows(claims.paid_day[claim])],
        ]
        sums = {
            "BILLED_AMT": int(billed.sum()),
            "ALLOW_AMT": int(allowed.sum()),
            "PAID_AMT": int(paid.sum()),
            "MBR_LIAB_AMT": int(liability.sum()),
        }
        return columns, sums


class PharmacyEncoder:
    """Bytes of pharmacy rows in the benefit manager's layout."""

    def __init__(self, people: Population, files: PharmacyFiles, first_fill: int) -> None:
        self._fills, self._first = files.fills, first_fill
        self._dates = date_table("iso")
        self._status = lookup_table(["P", "X"])
        self._drugs = lookup_table([ndc for ndc, _ in DRUGS])
        self._members = member_ids(people)

    def __call__(self, rows: Numbers) -> tuple[list[Bytes], Sums]:
        fills = self._fills
        sign = np.where(fills.is_reversal[rows], -1, 1)
        cents = fills.cents[rows].astype(np.int64)
        allowed = cents * sign
        paid = cents * fills.plan_share[rows].astype(np.int64) // 100 * sign
        columns = [
            digits(self._first + fills.number[rows], 11),
            self._status[fills.is_reversal[rows].astype(np.int64)],
            self._members[fills.person[rows]],
            self._dates[date_rows(fills.day[rows])],
            self._drugs[fills.drug[rows]],
            whole(fills.days_supply[rows] * sign),
            whole(fills.quantity[rows] * sign),
            digits(fills.prescriber[rows], 10),
            digits(fills.pharmacy[rows], 10),
            money(allowed),
            money(paid),
            self._dates[date_rows(fills.paid_day[rows])],
        ]
        return columns, {"RX_ALLOW_AMT": int(allowed.sum()), "RX_PAID_AMT": int(paid.sum())}


def member_ids(people: Population) -> Bytes:
    """Member ids as the payer writes them: U and eight digits."""
    text = np.full((len(people), 9), ord("U"), dtype=np.uint8)
    text[:, 1:] = digits(people.number, 8)
    return text


def eligibility_encoder(config: SimulationConfig, people: Population, spans: SpanRows) -> Encoder:
    """Bytes of eligibility rows in the payer's layout."""
    dates = date_table("compact")
    members = member_ids(people)
    reasons = lookup_table(["ADD", "CHG", "TRM", "CAN"])
    products = lookup_table(["PP", "OA", "HM"])
    coverages = lookup_table(["M", "D", "B"])
    sexes = lookup_table(["F", "M", "U"])
    states = lookup_table([*(market.state for market in config.markets), "NY"])

    def encode(rows: Numbers) -> tuple[list[Bytes], Sums]:
        person = spans.person[rows]
        end_of_file = MONTH_STARTS[spans.period[rows] + 1] + 8
        death = people.death_day[person]
        selected = people.selected_pcp[person]
        employer = np.full((len(rows), 6), ord("G"), dtype=np.uint8)
        employer[:, 1:] = digits(people.employer[person], 5)
        return [
            members[person],
            reasons[spans.reason[rows]],
            employer,
            products[spans.product[rows]],
            coverages[spans.coverage[rows]],
            dates[date_rows(spans.start[rows])],
            dates[date_rows(spans.end[rows])],
            dates[date_rows(people.birth_day[person])],
            sexes[people.sex[person]],
            dates[date_rows(np.where((death < NEVER) & (death <= end_of_file), death, NO_DATE))],
            states[people.state[person]],
            digits(people.zip_code[person], 5),
            digits(np.where(selected > 0, selected, -1), 10),
            dates[date_rows(np.where(selected > 0, people.selected_day[person], NO_DATE))],
        ], {}

    return encode


def write_rosters(
    parts: Sequence[tuple[SimulationConfig, Providers]], landing_dir: Path
) -> list[WrittenFile]:
    """The payer's directory (of all parts) and each group's roster, with their full history."""
    written = []
    for period in ROSTER_PERIODS:
        directory = [
            _roster_columns(
                "directory",
                config,
                providers,
                np.arange(len(providers.npi)),
                None,
                providers.organisation.astype(np.int64),
                np.full(len(providers.npi), -1461),
                np.full(len(providers.npi), OPEN_END),
            )
            for config, providers in parts
        ]
        written.append(_write_roster(landing_dir, PAYER, period, "directory", directory))
        for config, providers in parts:
            for program in config.programs:
                for partner in program.partners:
                    columns = _group_roster(config, providers, program, partner, period)
                    written.append(
                        _write_roster(
                            landing_dir, partner.partner_id, period, partner.roster_style, [columns]
                        )
                    )
    return written


def _group_roster(
    config: SimulationConfig,
    providers: Providers,
    program: ProgramPlan,
    partner: PartnerPlan,
    period: int,
) -> list[Bytes]:
    """A group's own clinicians and its guests, as known at the snapshot."""
    number = providers.partner_ids.index(partner.partner_id)
    own = np.flatnonzero(providers.partner == number)
    guests = np.flatnonzero(providers.second_partner == number)
    rows = np.concatenate((own, guests))
    is_own = np.arange(len(rows)) < len(own)
    host = providers.organisation[own[0]]
    organisation = np.where(is_own, providers.organisation[rows], host).astype(np.int64)
    # A leaving is known only from the snapshot after it; a joining from the one after it too.
    last_day = int(MONTH_STARTS[period + 1]) - 1
    leaves = providers.roster_end[rows]
    end = np.where(leaves <= last_day, leaves, OPEN_END)
    start = np.where(is_own, providers.roster_start[rows], GUEST_START_DAY)
    known = start <= last_day
    return _roster_columns(
        partner.roster_style,
        config,
        providers,
        rows[known],
        (program, partner.partner_code),
        organisation[known],
        start[known],
        end[known],
    )


def _roster_columns(
    style: str,
    config: SimulationConfig,
    providers: Providers,
    rows: Numbers,
    owner: tuple[ProgramPlan, str] | None,
    organisation: Numbers,
    start: Numbers,
    end: Numbers,
) -> list[Bytes]:
    """Byte columns of a roster in the order of its style's header."""
    dates = date_table(ROSTER_DATES[style])
    roles, panels = lookup_table(ROSTER_ROLES[style]), lookup_table(ROSTER_PANELS[style])
    kinds = [*PCP_SPECIALTIES, *SPECIALTIES]
    kind = providers.specialty[rows] + np.where(providers.is_pcp[rows], 0, len(PCP_SPECIALTIES))
    practice = providers.practice[rows]
    names = lookup_table(
        [
            f"{PRACTICE_WORDS[n % len(PRACTICE_WORDS)]} Practice {n:05d}"
            for n in range(len(providers.practice_market))
        ]
    )
    codes_of = np.full((len(rows), 7), ord("L"), dtype=np.uint8)
    codes_of[:, 1:] = digits(config.batch * BATCH_PRACTICES + practice.astype(np.int64), 6)
    npi = digits(providers.npi[rows], 10)
    tin = digits(providers.organisation_tin[organisation], 9)
    role = roles[np.where(providers.is_pcp[rows], 0, 1)]
    specialty = lookup_table([code for code, _ in kinds])[kind]
    taxonomy = lookup_table([code for _, code in kinds])[kind]
    panel = panels[np.where(providers.is_open[rows], 0, 1)]
    first, last = dates[date_rows(start)], dates[date_rows(end)]

    def fixed(text: str) -> Bytes:
        return np.repeat(lookup_table([text]), len(rows), axis=0)

    if owner is None:
        columns = [
            npi,
            tin,
            codes_of,
            names[practice],
            role,
            specialty,
            taxonomy,
            panel,
            first,
            last,
        ]
    else:
        program, partner = fixed(owner[0].program_code), fixed(owner[1])
        if style == "B":
            columns = [
                first,
                last,
                npi,
                tin,
                program,
                partner,
                codes_of,
                names[practice],
                role,
                specialty,
                taxonomy,
                panel,
            ]
        else:
            columns = [
                npi,
                tin,
                program,
                partner,
                codes_of,
                names[practice],
                role,
                specialty,
                taxonomy,
                panel,
                first,
                last,
            ]
    return columns


def _write_roster(
    landing_dir: Path, source: str, period: int, style: str, parts: Sequence[list[Bytes]]
) -> WrittenFile:
    columns = [_stacked(column) for column in zip(*parts, strict=True)]
    return write_delivery(
        landing_dir,
        source,
        "provider_roster",
        period_text(period),
        ROSTER_HEADERS[style],
        ROSTER_DELIMITERS[style],
        np.arange(len(columns[0])),
        lambda wanted: ([column[wanted] for column in columns], {}),
        delivered_on(period),
    )


def _stacked(parts: Sequence[Bytes]) -> Bytes:
    """Byte columns of different widths under each other."""
    width = max(part.shape[1] for part in parts)
    out = np.zeros((sum(len(part) for part in parts), width), dtype=np.uint8)
    first = 0
    for part in parts:
        out[first : first + len(part), : part.shape[1]] = part
        first += len(part)
    return out


PRACTICE_WORDS = (
    "Harbor",
    "Meadow",
    "Hillside",
    "Riverbend",
    "Maple",
    "Summit",
    "Elm Street",
    "Lakeview",
    "Orchard",
    "Stonebridge",
    "Birch",
    "Valley View",
)


def write_quality(config: SimulationConfig, landing_dir: Path) -> WrittenFile:
    """The quality scores the payer reports for the performance year."""
    rows = [
        f"{program.program_id},2025-01-01,2025-12-31,{program.quality_score},"
        f"{program.weight_scored}"
        for program in config.programs
        if program.quality_score is not None
    ]
    lines = lookup_table(rows) if rows else np.zeros((0, 1), dtype=np.uint8)
    total = sum(
        int(program.quality_score.replace(".", ""))
        for program in config.programs
        if program.quality_score is not None
    )
    written = write_delivery(
        landing_dir,
        PAYER,
        "reported_quality",
        period_text(35),
        QUALITY_HEADER,
        ",",
        np.arange(len(rows)),
        lambda wanted: ([lines[wanted]], {}),
        "2026-06-30",
    )
    path = landing_dir / PAYER / "reported_quality" / f"{written.name}.control.json"
    control = json.loads(path.read_text())
    control["sums"] = {"QLTY_SCORE": f"{total // 10_000}.{total % 10_000:04d}"}
    path.write_text(json.dumps(control, indent=1, sort_keys=True) + "\n")
    return written


def rows_by_period(period: NDArray[np.int8]) -> list[Numbers]:
    """Row numbers of each period, in the original order."""
    order = np.argsort(period, kind="stable")
    edges = np.searchsorted(period[order], np.arange(PAYMENT_MONTHS + 1))
    return [order[edges[n] : edges[n + 1]] for n in range(PAYMENT_MONTHS)]
