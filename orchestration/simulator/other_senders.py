"""A month of the plain sender as three unlike senders would write it: the same rows, other files.

They show that a sender is configuration: `data/payers` reads all four to equal rows. Nothing drops
these files by itself; a payer's claims would stand in the ledger four times.

- `laurel_mutual`: pipes, latin-1 and French names, DD/MM/YYYY, 1.234,50- for less than nothing.
- `granite_health`: fixed width with a leader and a trailer, implied decimals, signs overpunched.
- `harbor_plan`: claims and their lines in two files with trailers; what is taken back has no sign.
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from orchestration.simulator.writing import PAYER

Row = dict[str, str]

_OVERPUNCHED = ("{ABCDEFGHI", "}JKLMNOPQR")
_MEDICAL_DATES = ("SVC_FROM_DT", "SVC_THRU_DT", "ADM_DT", "DSCH_DT", "CHK_DT")
_MEDICAL_AMOUNTS = ("BILLED_AMT", "ALLOW_AMT", "PAID_AMT", "MBR_LIAB_AMT")

_FRENCH = {
    "CHK_DT": "RÉGLÉ_LE",
    "CLM_ID": "NUMÉRO_RÉCLAMATION",
    "CLM_LN_NO": "LIGNE",
    "ORIG_CLM_REF": "RÉCLAMATION_ORIGINALE",
    "FREQ_CD": "FRÉQUENCE",
    "CLM_TYP": "TYPE",
    "TOB": "TYPE_FACTURE",
    "CLM_STAT": "ÉTAT",
    "MBR_ID": "NUMÉRO_ASSURÉ",
    "SVC_FROM_DT": "DÉBUT",
    "SVC_THRU_DT": "FIN",
    "ADM_DT": "ADMISSION",
    "DSCH_DT": "CONGÉ",
    "DSCH_STAT": "STATUT_CONGÉ",
    "MS_DRG": "GROUPE",
    "REV_CD": "CODE_REVENU",
    "PROC_CD": "ACTE",
    "MOD_1": "MODIFICATEUR_1",
    "MOD_2": "MODIFICATEUR_2",
    "UNIT_CNT": "UNITÉS",
    "POS_CD": "LIEU",
    **{f"DX_{number}": f"DIAGNOSTIC_{number}" for number in range(1, 6)},
    "BILL_TAX_ID": "NUMÉRO_FISCAL",
    "BILL_NPI": "NPI_FACTURANT",
    "RNDR_NPI": "NPI_TRAITANT",
    "FAC_NPI": "NPI_ÉTABLISSEMENT",
    "BILLED_AMT": "FACTURÉ",
    "ALLOW_AMT": "ADMIS",
    "PAID_AMT": "PAYÉ",
    "MBR_LIAB_AMT": "PART_ASSURÉ",
}
_FRENCH_STATUS = {"P": "réglé", "D": "refusé", "R": "annulé"}

# Column of the plain sender and its width; digits with a sign are filled with zeros, texts with
# blanks.
_WIDTHS_OF_LINES = {
    "CLM_ID": 15,
    "CLM_LN_NO": 4,
    "ORIG_CLM_REF": 15,
    "FREQ_CD": 1,
    "CLM_TYP": 1,
    "TOB": 4,
    "CLM_STAT": 2,
    "MBR_ID": 12,
    "SVC_FROM_DT": 8,
    "SVC_THRU_DT": 8,
    "ADM_DT": 8,
    "DSCH_DT": 8,
    "DSCH_STAT": 2,
    "MS_DRG": 3,
    "REV_CD": 4,
    "PROC_CD": 5,
    "MOD_1": 2,
    "MOD_2": 2,
    "UNIT_CNT": 11,
    "POS_CD": 2,
    **{f"DX_{number}": 7 for number in range(1, 6)},
    "BILL_TAX_ID": 9,
    "BILL_NPI": 10,
    "RNDR_NPI": 10,
    "FAC_NPI": 10,
    "BILLED_AMT": 12,
    "ALLOW_AMT": 12,
    "PAID_AMT": 12,
    "MBR_LIAB_AMT": 12,
    "CHK_DT": 8,
}
_WIDTHS_OF_SPANS = {
    "MBR_ID": 12,
    "GRP_NO": 10,
    "PROD_CD": 2,
    "COV_CD": 1,
    "COV_EFF_DT": 8,
    "COV_TERM_DT": 8,
    "BIRTH_DT": 8,
    "GNDR_CD": 1,
    "DEATH_DT": 8,
    "RES_STATE": 2,
    "RES_ZIP": 5,
    "PCP_SEL_NPI": 10,
    "PCP_SEL_EFF_DT": 8,
}
_STATUS_OF_TWO = {"P": "PD", "D": "DN", "R": "RV"}

_OF_CLAIM = (
    *("CLM_ID", "ORIG_CLM_REF", "FREQ_CD", "CLM_TYP", "TOB", "MBR_ID", "ADM_DT", "DSCH_DT"),
    *("DSCH_STAT", "MS_DRG", "DX_1", "DX_2", "DX_3", "DX_4", "DX_5", "BILL_TAX_ID", "BILL_NPI"),
    "FAC_NPI",
)
_OF_LINE = (
    *("CLM_ID", "CLM_LN_NO", "CLM_STAT", "SVC_FROM_DT", "SVC_THRU_DT", "REV_CD", "PROC_CD"),
    *("MOD_1", "MOD_2", "UNIT_CNT", "POS_CD", "RNDR_NPI", "BILLED_AMT", "ALLOW_AMT", "PAID_AMT"),
    *("MBR_LIAB_AMT", "CHK_DT"),
)


def write_other_senders(landing_dir: Path, into: Path, period: str) -> list[Path]:
    """Write a month of the plain sender's landing folder as the others would, below `into`.

    The few rows whose dates or amounts are none are left out: no other form can say them.
    """
    lines = list(_rows(landing_dir, "medical_claims", period, "|", _is_line))
    spans = list(_rows(landing_dir, "eligibility", period, "|", _is_span))
    year, month = period.split("-")
    files = {
        f"laurel_mutual/medical_claims/{period}.csv.gz": _french(lines),
        f"granite_health/medical_claims/{period}.txt.gz": _fixed(
            lines, _WIDTHS_OF_LINES, _fixed_line, f"HDR{year}{month}"
        ),
        f"granite_health/eligibility/{period}.txt.gz": _fixed(
            spans, _WIDTHS_OF_SPANS, _fixed_span, f"HDR{year}{month}"
        ),
        f"harbor_plan/medical_claims/harbor_claims_{year}{month}.csv.gz": _claims(lines),
        f"harbor_plan/medical_claims/harbor_lines_{year}{month}.csv.gz": _claim_lines(lines),
    }
    written = []
    for name, content in files.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0))
        written.append(path)
    return written


def _rows(
    landing_dir: Path, feed: str, period: str, delimiter: str, is_sayable: Callable[[Row], bool]
) -> Iterator[Row]:
    path = landing_dir / PAYER / feed / f"{period}.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter=delimiter):
            if is_sayable(row):
                yield row


def _is_line(row: Row) -> bool:
    """Whether dates and amounts are some, and the claim is known to be a member's."""
    amounts = (*_MEDICAL_AMOUNTS, "UNIT_CNT")
    is_told = all(_is_amount(row[name]) for name in amounts) and row["CLM_ID"].isdigit()
    return is_told and bool(row["MBR_ID"]) and all(_is_day(row[name]) for name in _MEDICAL_DATES)


def _is_span(row: Row) -> bool:
    return all(_is_day(row[name]) for name in row if name.endswith("_DT"))


def _is_amount(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()


def _is_day(text: str) -> bool:
    try:
        return not text or date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}") is not None
    except ValueError:
        return False


def _delimited(
    header: Sequence[str], rows: Sequence[Mapping[str, str]], delimiter: str, encoding: str
) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([row[name] for name in header] for row in rows)
    return text.getvalue().encode(encoding)


def _french(lines: Sequence[Row]) -> bytes:
    rows = []
    for line in lines:
        told = {_FRENCH[name]: value for name, value in line.items()}
        for name in _MEDICAL_DATES:
            day = line[name]
            told[_FRENCH[name]] = f"{day[6:]}/{day[4:6]}/{day[:4]}" if day else ""
        for name in (*_MEDICAL_AMOUNTS, "UNIT_CNT"):
            told[_FRENCH[name]] = _french_amount(line[name])
        told["ÉTAT"] = _FRENCH_STATUS[line["CLM_STAT"]]
        rows.append(told)
    return _delimited(list(_FRENCH.values()), rows, "|", "latin-1")


def _french_amount(text: str) -> str:
    whole, point, cents = text.removeprefix("-").partition(".")
    grouped = f"{int(whole):,}".replace(",", ".")
    return f"{grouped}{',' if point else ''}{cents}{'-' if text.startswith('-') else ''}"


def _fixed(
    rows: Sequence[Row], widths: Mapping[str, int], told: Callable[[Row], Row], leader: str
) -> bytes:
    length = sum(widths.values())
    records = [
        "".join(told(row)[name].ljust(width) for name, width in widths.items()) for row in rows
    ]
    around = (leader.ljust(length), f"TRL{len(rows):09d}".ljust(length))
    return "".join(f"{line}\n" for line in (around[0], *records, around[1])).encode("ascii")


def _fixed_line(line: Row) -> Row:
    told = {**line, "CLM_STAT": _STATUS_OF_TWO[line["CLM_STAT"]]}
    told["TOB"] = line["TOB"].zfill(4) if line["TOB"] else ""
    told["CLM_LN_NO"] = line["CLM_LN_NO"].zfill(4)
    for name in ("ADM_DT", "DSCH_DT"):
        told[name] = line[name] or "00000000"
    for name in _MEDICAL_AMOUNTS:
        told[name] = _overpunched(line[name], 2, _WIDTHS_OF_LINES[name])
    told["UNIT_CNT"] = _overpunched(line["UNIT_CNT"], 3, _WIDTHS_OF_LINES["UNIT_CNT"])
    return told


def _fixed_span(span: Row) -> Row:
    return {**span, "DEATH_DT": span["DEATH_DT"] or "00000000"}


def _overpunched(text: str, scale: int, width: int) -> str:
    """Digits without a point, the last one telling the sign as well."""
    digits = str(abs(int(Decimal(text).scaleb(scale)))).zfill(width)
    return digits[:-1] + _OVERPUNCHED[text.startswith("-")][int(digits[-1])]


def _claims(lines: Sequence[Row]) -> bytes:
    """Each claim once, with what its lines sum to."""
    claims: dict[str, Row] = {}
    totals: dict[str, Decimal] = {}
    for line in lines:
        claims.setdefault(line["CLM_ID"], {name: line[name] for name in _OF_CLAIM})
        amount = abs(Decimal(line["ALLOW_AMT"]))
        totals[line["CLM_ID"]] = totals.get(line["CLM_ID"], Decimal(0)) + amount
    for number, claim in claims.items():
        claim["ALLOW_TOTAL"] = str(totals[number])
    rows = list(claims.values())
    text = _delimited([*_OF_CLAIM, "ALLOW_TOTAL"], rows, ";", "utf-8")
    return text + f"T;{len(rows)}\n".encode()


def _claim_lines(lines: Sequence[Row]) -> bytes:
    """Every line of the claims; what is taken back is told by the status alone."""
    rows = []
    for line in lines:
        told = {name: line[name] for name in _OF_LINE}
        for name in (*_MEDICAL_AMOUNTS, "UNIT_CNT"):
            if line[name].startswith("-") and line["CLM_STAT"] != "R":
                raise ValueError(f"{line['CLM_ID']}: {line[name]} without a reversal")
            told[name] = line[name].removeprefix("-")
        rows.append(told)
    total = sum((Decimal(row["ALLOW_AMT"]) for row in rows), Decimal(0))
    text = _delimited(_OF_LINE, rows, ";", "utf-8")
    return text + f"T;{len(rows)};{total}\n".encode()
