"""The payer's own extracts: medical and pharmacy claims and eligibility, row by row in its layout.

Layouts are facts of the sender; `data/payers/*.yml` maps them to the contract.
"""

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator import codes
from orchestration.simulator.claims import Claims, Lines
from orchestration.simulator.config import SimulationConfig
from orchestration.simulator.eligibility import SpanRows
from orchestration.simulator.encoding import (
    MONEY_WIDTH,
    NO_DATE,
    WHOLE_WIDTH,
    Rows,
    Texts,
    date_texts,
    digits,
    lookup_table,
    money,
    whole,
)
from orchestration.simulator.mess import PharmacyFiles
from orchestration.simulator.pharmacy import DRUGS
from orchestration.simulator.population import MONTH_STARTS, NEVER, Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.writing import Encoder, Layout, Numbers, Sums

FIRST_CLAIM_NUMBER = 230_000_000_000
FIRST_FILL_NUMBER = 50_000_000_000
BATCH_CLAIMS = 1_000_000_000
BATCH_FILLS = 500_000_000

ELIGIBILITY = Layout.of(
    "eligibility",
    "MBR_ID|LAST_UPD_RSN|GRP_NO|PROD_CD|COV_CD|COV_EFF_DT|COV_TERM_DT|BIRTH_DT|GNDR_CD|DEATH_DT|"
    "RES_STATE|RES_ZIP|PCP_SEL_NPI|PCP_SEL_EFF_DT",
    "|",
)
MEDICAL = Layout.of(
    "medical_claims",
    "CLM_ID|CLM_LN_NO|ORIG_CLM_REF|FREQ_CD|CLM_TYP|TOB|CLM_STAT|MBR_ID|SVC_FROM_DT|SVC_THRU_DT|"
    "ADM_DT|DSCH_DT|DSCH_STAT|MS_DRG|REV_CD|PROC_CD|MOD_1|MOD_2|UNIT_CNT|POS_CD|DX_1|DX_2|DX_3|"
    "DX_4|DX_5|BILL_TAX_ID|BILL_NPI|RNDR_NPI|FAC_NPI|BILLED_AMT|ALLOW_AMT|PAID_AMT|MBR_LIAB_AMT|"
    "CHK_DT",
    "|",
    "BILLED_AMT",
    "ALLOW_AMT",
    "PAID_AMT",
    "MBR_LIAB_AMT",
)
PHARMACY = Layout.of(
    "pharmacy_claims",
    "RX_CLM_NO,RX_STAT,CARDHOLDER_ID,FILL_DT,NDC_11,DAYS_SUP,QTY_DISP,PRSCR_NPI,PHMCY_NPI,"
    "RX_ALLOW_AMT,RX_PAID_AMT,ADJUD_DT",
    ",",
    "RX_ALLOW_AMT",
    "RX_PAID_AMT",
)


class MedicalEncoder:
    """Medical rows: what belongs to a claim is formatted once, and repeated for its lines."""

    def __init__(
        self,
        providers: Providers,
        people: Population,
        claims: Claims,
        lines: Lines,
        first_claim: int,
    ) -> None:
        self._claims, self._lines = claims, lines
        self._first = first_claim
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
        self._discharge = lookup_table(["", *(f"{status:02d}" for status in range(100))])
        self._members = member_ids(people)
        self._tins = digits(providers.organisation_tin, 9)
        self._npis = digits(providers.organisation_npi, 10)
        # Facility: position 0 none. Rendering: -1 none, -2 and below the unknown NPIs; shifted
        # to be a position.
        none = np.array([b""], dtype="S10")
        unknown = digits(providers.unknown_npi[::-1], 10)
        self._facilities = np.concatenate((none, self._npis))
        self._rendering = np.concatenate((unknown, none, digits(providers.npi, 10)))
        self._rendering_shift = len(unknown) + 1

    def __call__(self, rows: Numbers) -> tuple[Rows, Sums]:
        claim = self._lines.claim.take(rows)
        begins = np.flatnonzero(np.diff(claim, prepend=-1))
        owner = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(claim)))
        encoded = self._claim_rows(claim.take(begins)).take(owner)
        return encoded, self._put_lines(encoded, rows, claim)

    def _claim_rows(self, claim: NDArray[np.int32]) -> Rows:
        """One row a claim, with room for what is told of its lines."""
        claims = self._claims
        institutional = claims.is_institutional.take(claim)
        stay = claims.has_stay_dates.take(claim)
        organisation = claims.organisation.take(claim)
        frequency = claims.frequency.take(claim)
        bill_type = claims.bill_type.take(claim).astype(np.int64)
        diagnosis = claims.diagnosis.take(claim, axis=0)
        reference = claims.reference.take(claim).astype(np.int64)
        discharge = claims.discharge_status.take(claim).astype(np.int64) + 1
        admitted = np.where(stay, claims.from_day.take(claim), NO_DATE)
        left = np.where(stay, claims.thru_day.take(claim), NO_DATE)
        diagnoses = {
            f"DX_{column + 1}": self._diagnoses.take(diagnosis[:, column]) for column in range(5)
        }
        return MEDICAL.rows(
            {
                "CLM_ID": digits(self._first + claim.astype(np.int64), 12),
                "CLM_LN_NO": WHOLE_WIDTH,
                "ORIG_CLM_REF": digits(np.where(reference < 0, -1, self._first + reference), 12),
                "FREQ_CD": digits(frequency, 1),
                "CLM_TYP": self._kind.take(institutional.astype(np.int8)),
                "TOB": self._bill_types.take(bill_type * 9 + frequency),
                "CLM_STAT": 1,
                "MBR_ID": self._members.take(claims.person.take(claim)),
                "SVC_FROM_DT": 8,
                "SVC_THRU_DT": 8,
                "ADM_DT": date_texts(admitted, "compact"),
                "DSCH_DT": date_texts(left, "compact"),
                "DSCH_STAT": self._discharge.take(np.where(institutional, discharge, 0)),
                "MS_DRG": self._drgs.take(claims.drg.take(claim)),
                "REV_CD": self._revenues.itemsize,
                "PROC_CD": self._procedures.itemsize,
                "MOD_1": self._modifiers.itemsize,
                "MOD_2": self._modifiers.itemsize,
                "UNIT_CNT": WHOLE_WIDTH,
                "POS_CD": self._places.itemsize,
                **diagnoses,
                "BILL_TAX_ID": self._tins.take(organisation),
                "BILL_NPI": self._npis.take(organisation),
                "RNDR_NPI": self._rendering.take(
                    claims.rendering.take(claim) + self._rendering_shift
                ),
                "FAC_NPI": self._facilities.take(np.where(institutional, organisation + 1, 0)),
                "BILLED_AMT": MONEY_WIDTH,
                "ALLOW_AMT": MONEY_WIDTH,
                "PAID_AMT": MONEY_WIDTH,
                "MBR_LIAB_AMT": MONEY_WIDTH,
                "CHK_DT": date_texts(claims.paid_day.take(claim), "compact"),
            }
        )

    def _put_lines(self, encoded: Rows, rows: Numbers, claim: NDArray[np.int32]) -> Sums:
        """What is told of each line; returns the sums of its amounts in cents."""
        lines, claims = self._lines, self._claims
        reversal = claims.is_reversal.take(claim)
        sign = np.where(reversal, np.int64(-1), np.int64(1))
        denied = lines.is_denied.take(rows)
        cents = lines.cents.take(rows).astype(np.int64)
        billed = cents * claims.billed_percent.take(claim) // 100 * sign
        covered = np.where(denied, 0, cents)
        allowed = covered * sign
        paid = covered * claims.plan_share.take(claim) // 100 * sign
        first = claims.from_day.take(claim) + lines.day_offset.take(rows)
        last = np.where(claims.is_institutional.take(claim), claims.thru_day.take(claim), first)
        encoded.put("CLM_LN_NO", whole(lines.number.take(rows).astype(np.int64)))
        encoded.put("CLM_STAT", self._status.take(np.where(reversal, 2, denied)))
        encoded.put("SVC_FROM_DT", date_texts(first, "compact"))
        encoded.put("SVC_THRU_DT", date_texts(last, "compact"))
        encoded.put("REV_CD", self._revenues.take(lines.revenue.take(rows)))
        encoded.put("PROC_CD", self._procedures.take(lines.procedure.take(rows)))
        encoded.put("MOD_1", self._modifiers.take(lines.modifier_1.take(rows)))
        encoded.put("MOD_2", self._modifiers.take(lines.modifier_2.take(rows)))
        encoded.put("UNIT_CNT", whole(lines.units.take(rows) * sign))
        encoded.put("POS_CD", self._places.take(lines.place.take(rows)))
        amounts = {
            "BILLED_AMT": billed,
            "ALLOW_AMT": allowed,
            "PAID_AMT": paid,
            "MBR_LIAB_AMT": allowed - paid,
        }
        for column, amount in amounts.items():
            encoded.put(column, money(amount))
        return {column: int(amount.sum()) for column, amount in amounts.items()}


class PharmacyEncoder:
    """Pharmacy rows as the benefit manager writes them."""

    def __init__(self, people: Population, files: PharmacyFiles, first_fill: int) -> None:
        self._fills, self._first = files.fills, first_fill
        self._status = lookup_table(["P", "X"])
        self._drugs = lookup_table([ndc for ndc, _ in DRUGS])
        self._members = member_ids(people)

    def __call__(self, rows: Numbers) -> tuple[Rows, Sums]:
        fills = self._fills
        reversal = fills.is_reversal.take(rows)
        sign = np.where(reversal, np.int64(-1), np.int64(1))
        cents = fills.cents.take(rows).astype(np.int64)
        allowed = cents * sign
        paid = cents * fills.plan_share.take(rows) // 100 * sign
        encoded = PHARMACY.rows(
            {
                "RX_CLM_NO": digits(self._first + fills.number.take(rows), 11),
                "RX_STAT": self._status.take(reversal.astype(np.int8)),
                "CARDHOLDER_ID": self._members.take(fills.person.take(rows)),
                "FILL_DT": date_texts(fills.day.take(rows), "iso"),
                "NDC_11": self._drugs.take(fills.drug.take(rows)),
                "DAYS_SUP": whole(fills.days_supply.take(rows) * sign),
                "QTY_DISP": whole(fills.quantity.take(rows) * sign),
                "PRSCR_NPI": digits(fills.prescriber.take(rows), 10),
                "PHMCY_NPI": digits(fills.pharmacy.take(rows), 10),
                "RX_ALLOW_AMT": money(allowed),
                "RX_PAID_AMT": money(paid),
                "ADJUD_DT": date_texts(fills.paid_day.take(rows), "iso"),
            }
        )
        return encoded, {"RX_ALLOW_AMT": int(allowed.sum()), "RX_PAID_AMT": int(paid.sum())}


def member_ids(people: Population) -> Texts:
    """Member ids as the payer writes them: U and eight digits."""
    return _lettered("U", digits(people.number, 8))


def _lettered(letter: str, numbers: Texts) -> Texts:
    return np.strings.add(letter.encode(), numbers)


def eligibility_encoder(config: SimulationConfig, people: Population, spans: SpanRows) -> Encoder:
    """Eligibility rows: one a new or changed span of coverage."""
    members = member_ids(people)
    reasons = lookup_table(["ADD", "CHG", "TRM", "CAN"])
    products = lookup_table(["PP", "OA", "HM"])
    coverages = lookup_table(["M", "D", "B"])
    sexes = lookup_table(["F", "M", "U"])
    states = lookup_table([*(market.state for market in config.markets), "NY"])

    def encode(rows: Numbers) -> tuple[Rows, Sums]:
        person = spans.person[rows]
        end_of_file = MONTH_STARTS[spans.period[rows] + 1] + 8
        death = people.death_day[person]
        selected = people.selected_pcp[person]
        known_death = np.where((death < NEVER) & (death <= end_of_file), death, NO_DATE)
        chosen = np.where(selected > 0, people.selected_day[person], NO_DATE)
        encoded = ELIGIBILITY.rows(
            {
                "MBR_ID": members[person],
                "LAST_UPD_RSN": reasons[spans.reason[rows]],
                "GRP_NO": _lettered("G", digits(people.employer[person], 5)),
                "PROD_CD": products[spans.product[rows]],
                "COV_CD": coverages[spans.coverage[rows]],
                "COV_EFF_DT": date_texts(spans.start[rows], "compact"),
                "COV_TERM_DT": date_texts(spans.end[rows], "compact"),
                "BIRTH_DT": date_texts(people.birth_day[person], "compact"),
                "GNDR_CD": sexes[people.sex[person]],
                "DEATH_DT": date_texts(known_death, "compact"),
                "RES_STATE": states[people.state[person]],
                "RES_ZIP": digits(people.zip_code[person], 5),
                "PCP_SEL_NPI": digits(np.where(selected > 0, selected, -1), 10),
                "PCP_SEL_EFF_DT": date_texts(chosen, "compact"),
            }
        )
        return encoded, {}

    return encode
