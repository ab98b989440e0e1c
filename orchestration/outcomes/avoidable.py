"""Avoidable ER visits by the NYU weights of diagnoses, where somebody supplied them (METHODS H.8).

The table is not shipped with this project: `data/reference/README.md` says where it is put and how
it looks. Counting visits does not belong here (`use.py`), nor does judging a single one: the
weights are not made for it.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.errors import ConfigurationError, Problem
from orchestration.outcomes.agreements import Agreement
from orchestration.outcomes.er_row import ATTRIBUTED_ELSEWHERE, MINIMUM_OBSERVED_VISITS
from orchestration.outcomes.outcome_row import (
    AVOIDABLE,
    DESCRIBED,
    PER_1000,
    SHARE,
    UNCLASSIFIED,
    OutcomeRow,
    blank_row,
)

FILE = Path("reference") / "nyu_ed_weights.csv"
UNITS = 10_000
"""Parts a visit is counted in, so that sums of fractions are whole numbers."""

_CODE = "icd10_code"
_AVOIDABLE = ("non_emergent", "primary_care_treatable")
_CLASSES = (
    *_AVOIDABLE,
    "ed_needed_preventable",
    "ed_needed_not_preventable",
    "injury",
    "mental_health",
    "alcohol",
    "drug",
    "unclassified",
)
_SHORTEST = 3
_ROUNDING = Decimal("0.01")


@dataclass(frozen=True)
class Weights:
    """Avoidable part in 1/10,000 and unclassified part of a visit, by diagnosis without its dot."""

    avoidable: Mapping[str, int]
    unclassified: Mapping[str, int]

    def of(self, code: str) -> tuple[int, int]:
        """Parts of a diagnosis: its own, else those of the nearest shorter code (H.8)."""
        for length in range(len(code), _SHORTEST - 1, -1):
            if code[:length] in self.avoidable:
                return self.avoidable[code[:length]], self.unclassified[code[:length]]
        return 0, UNITS


def load_weights(config_dir: Path) -> Weights | None:
    """The supplied weights; None where there is no file.

    Raises `ConfigurationError` naming every line that cannot be used: a part that is no number from
    0 to 1, parts that do not add up to 1, a code twice.
    """
    path = config_dir / FILE
    if not path.exists():
        return None
    problems: list[Problem] = []
    avoidable: dict[str, int] = {}
    unclassified: dict[str, int] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        expected = [_CODE, *_CLASSES]
        if reader.fieldnames is None or sorted(reader.fieldnames) != sorted(expected):
            found = ", ".join(reader.fieldnames or ["nothing"])
            fix = f"The columns are {', '.join(expected)}."
            raise ConfigurationError([Problem(str(FILE), "header", found, fix)])
        for line in reader:
            code = str(line[_CODE]).replace(".", "").strip().upper()
            where = f"line {reader.line_num}"
            try:
                parts = {name: Decimal(str(line[name]).strip() or "0") for name in _CLASSES}
            except InvalidOperation:
                fix = "A weight is a number from 0 to 1."
                problems.append(Problem(str(FILE), where, code, fix))
                continue
            total = sum(parts.values(), Decimal(0))
            if min(parts.values()) < 0 or abs(total - 1) > _ROUNDING:
                fix = f"Weights of {code} add up to 1."
                problems.append(Problem(str(FILE), where, str(total), fix))
            if code in avoidable:
                fix = "Each diagnosis has one line."
                problems.append(Problem(str(FILE), where, code, fix))
            avoidable[code] = round(UNITS * sum(parts[name] for name in _AVOIDABLE))
            unclassified[code] = round(UNITS * parts["unclassified"])
    if problems:
        raise ConfigurationError(problems)
    return Weights(avoidable, unclassified)


def avoidable_visits(codes: Iterable[str], weights: Weights) -> Decimal:
    """Sum of the avoidable fractions of visits by principal diagnosis."""
    units = sum(weights.of(code.replace(".", "").upper())[0] for code in codes)
    return Decimal(units) / UNITS


def weight_table(warehouse: duckdb.DuckDBPyConnection, weights: Weights | None) -> pa.Table:
    """Parts of every diagnosis that a visit has; no row where no weights were supplied."""
    codes: list[str] = []
    if weights is not None:
        found = warehouse.execute(
            """
            select distinct principal_diagnosis_code
            from int_ed_visit
            where principal_diagnosis_code is not null
            order by all
            """
        ).fetchall()
        codes = [code for (code,) in found]
    parts = [weights.of(code) for code in codes] if weights else []
    return pa.table(
        {
            "code": pa.array(codes, pa.string()),
            "units": pa.array([one for one, _ in parts], pa.int32()),
            "unclassified_units": pa.array([one for _, one in parts], pa.int32()),
        }
    )


def without_weights(agreement: Agreement, basis: str) -> OutcomeRow:
    """The row that says why avoidable visits are not told."""
    reason = f"no NYU weights were supplied (data/{FILE})"
    return replace(blank_row(agreement, AVOIDABLE, basis, PER_1000), insufficient_reasons=reason)


def unclassified_row(agreement: Agreement, visits: int, units: int) -> OutcomeRow:
    """Share of the panel's visits that the weights do not classify; described, not compared."""
    row = blank_row(agreement, UNCLASSIFIED, ATTRIBUTED_ELSEWHERE, SHARE)
    if visits < MINIMUM_OBSERVED_VISITS:
        return replace(row, insufficient_reasons=f"fewer than {MINIMUM_OBSERVED_VISITS} visits")
    share = units / UNITS / visits
    is_telling = 0 < min(share, 1 - share) * visits < MINIMUM_OBSERVED_VISITS
    return replace(
        row, verdict=DESCRIBED, panel_count=visits, panel_value=None if is_telling else share
    )
