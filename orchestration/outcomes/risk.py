"""Risk scores from age, sex and the conditions known before the period (METHODS G.3).

The joint fit and the scores belong here, because a score moves a benchmark and both parties must
reach the same cent: what is fitted are sums of whole numbers, the flags' factors are rounded, and
everything after them is exact. The HHS model is scored in dbt, the scores of single members are
written by `risk_score.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache
from itertools import product
from math import fsum
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy import linalg

from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_risk_factor.parquet"
RIDGE = Fraction(50)
CREDIBLE_PERSON_YEARS = Fraction(1_000)

# The flags of G.3, as int_risk_condition names them (`has_…`); a set of them is a number, the first
# flag its lowest bit.
CONDITION_FLAGS = (
    "diabetes",
    "ischemic_heart_disease",
    "congestive_heart_failure",
    "asthma",
    "obesity",
    "hypertension",
    "copd",
    "depression",
    "ckd",
    "cancer",
    "pregnancy",
)
# With fewer member months in the year before, a person's conditions are not known (min_mm_risk).
LEAST_MONTHS_KNOWN = 3
DECILES = 10
# Decimals of a flag's factor: what two processors make of one system of equations differs later.
FLAG_PLACES = 9

# A cell borrows from everyone of its sex in the broader band that holds its first year of age.
PARENT_BANDS_FROM = (0, 18, 45, 65)

_SQUARE_ROOT = Context(prec=28)


@dataclass(frozen=True, order=True)
class RiskCell:
    """Age band (by its first year of age) × sex."""

    age_from: int
    sex: str


@dataclass(frozen=True)
class CostExposure:
    """People with one cell and the same condition flags: their months and truncated cost.

    `squared_cents` is the sum over people of cost² / member months, for the share of variation that
    scores explain; 0 where it is not asked for.
    """

    cell: RiskCell
    flags: frozenset[str]
    member_months: int
    truncated_cents: int
    squared_cents: int = 0


@dataclass(frozen=True)
class RiskModel:
    """Relative factors of cells and flags; the market's mean score is 1 after `market_mean`."""

    cell_factors: Mapping[RiskCell, Fraction]
    flag_factors: Mapping[str, Fraction]
    market_mean: Fraction
    person_years: Mapping[RiskCell, Fraction]

    def score(self, cell: RiskCell, flags: Iterable[str] = ()) -> Fraction:
        """(D + Σ β) / market mean; an unknown flag adds nothing, as on a page without it."""
        raw = self._cell_factor(cell) + sum(
            (self.flag_factors.get(flag, Fraction(0)) for flag in flags), Fraction(0)
        )
        return raw / self.market_mean

    def mean_score(self, exposures: Iterable[CostExposure]) -> Fraction | None:
        """Σ(score × member months) / Σ member months; None without member months."""
        months, scored = self.scored_months(exposures)
        return scored / months if months else None

    def scored_months(self, exposures: Iterable[CostExposure]) -> tuple[int, Fraction]:
        """Member months, and Σ(score × member months): factors are added up, not people."""
        of_cell: dict[RiskCell, int] = defaultdict(int)
        of_flag: dict[str, int] = defaultdict(int)
        for exposure in exposures:
            of_cell[exposure.cell] += exposure.member_months
            for flag in exposure.flags:
                of_flag[flag] += exposure.member_months
        raw = sum(
            (months * self._cell_factor(cell) for cell, months in of_cell.items()), Fraction(0)
        ) + sum(
            (months * self.flag_factors.get(flag, Fraction(0)) for flag, months in of_flag.items()),
            Fraction(0),
        )
        return sum(of_cell.values()), raw / self.market_mean

    def scores(self, exposures: Sequence[CostExposure]) -> list[float]:
        """The score of each exposure as a double, for telling how well the model fits."""
        cells = {exposure.cell for exposure in exposures}
        of_cell = {cell: float(self._cell_factor(cell) / self.market_mean) for cell in cells}
        of_flag = {
            flag: float(factor / self.market_mean) for flag, factor in self.flag_factors.items()
        }
        return [
            of_cell[exposure.cell] + fsum(of_flag.get(flag, 0.0) for flag in exposure.flags)
            for exposure in exposures
        ]

    def _cell_factor(self, cell: RiskCell) -> Fraction:
        if cell in self.cell_factors:
            return self.cell_factors[cell]
        return _parent_factors(self.cell_factors, self.person_years, [cell])[cell]


@cache
def flags_of(bits: int) -> frozenset[str]:
    """The set of flags that a number stands for."""
    return frozenset(flag for place, flag in enumerate(CONDITION_FLAGS) if bits >> place & 1)


def fit_risk_model(market: Sequence[CostExposure], ridge: Fraction = RIDGE) -> RiskModel:
    """Joint weighted fit of relative cost on cells and flags (G.3).

    Rows that share cell and flags have one fitted value, so their sums are all the fit needs:
    weight = member months / 12, y = cost of a year over the market's mean. Cells are not
    penalised, flags are (ridge 50); a flag below 0 is set to 0 and the rest fitted again. Cells of
    fewer than 1,000 person-years lean on their parent band by Z = sqrt(n / 1,000).
    Raises ValueError for a market without member months or without cost.
    """
    months = sum(exposure.member_months for exposure in market)
    cents = sum(exposure.truncated_cents for exposure in market)
    if months <= 0 or cents <= 0:
        raise ValueError(f"a market of {months} member months and {cents} cents has no mean cost")
    mean_of_a_year = Fraction(12 * cents, months)
    sums = _Sums.of(market)
    person_years = {cell: Fraction(count, 12) for cell, count in sums.months.items()}
    kept = sorted({flag for exposure in market for flag in exposure.flags})
    while True:
        cell_factors, flag_factors = _least_squares(sums, mean_of_a_year, kept, ridge)
        negative = {flag for flag, factor in flag_factors.items() if factor < 0}
        if not negative:
            break
        kept = [flag for flag in kept if flag not in negative]
    parents = _parent_factors(cell_factors, person_years, list(cell_factors))
    credible = {}
    for cell, factor in cell_factors.items():
        z = credibility(person_years[cell])
        credible[cell] = z * factor + (1 - z) * parents[cell]
    raw = RiskModel(credible, flag_factors, Fraction(1), person_years)
    return RiskModel(
        credible, flag_factors, raw.mean_score(market) or Fraction(1), raw.person_years
    )


def credibility(person_years: Fraction) -> Fraction:
    """Z = min(1, sqrt(n / 1,000)), the root to 28 digits so that every machine has the same."""
    if person_years >= CREDIBLE_PERSON_YEARS:
        return Fraction(1)
    share = person_years / CREDIBLE_PERSON_YEARS
    ratio = _SQUARE_ROOT.divide(Decimal(share.numerator), Decimal(share.denominator))
    return Fraction(_SQUARE_ROOT.sqrt(ratio))


@dataclass(frozen=True)
class RiskFactorRow:
    """One factor of one fit, or one tenth of its market; the columns of `agg_risk_factor`.

    `factor_kind` is cell, flag, decile (of member months by score; the factor is their mean score)
    or fit (r_squared: the share of the variation of people's yearly costs that scores explain).
    `predictive_ratio` is predicted over actual cost in the market that was fitted, to lie in
    0.90–1.10 where person-years reach 1,000 (G.3 step 7).
    """

    program_id: str
    period_role: str
    factor_kind: str
    factor_name: str
    factor: float
    person_years: float
    predictive_ratio: float | None


def risk_factor_rows(
    program_id: str, period_role: str, model: RiskModel, market: Sequence[CostExposure]
) -> list[RiskFactorRow]:
    """The fit as rows, normalised so that the market's mean score is 1, and how well it fits."""
    months = sum(exposure.member_months for exposure in market)
    mean = Fraction(sum(exposure.truncated_cents for exposure in market), months)
    of_cell: dict[RiskCell, list[CostExposure]] = defaultdict(list)
    of_flag: dict[str, list[CostExposure]] = defaultdict(list)
    for exposure in market:
        of_cell[exposure.cell].append(exposure)
        for flag in exposure.flags:
            of_flag[flag].append(exposure)

    def row(
        kind: str, name: str, factor: float, within: Sequence[CostExposure], predicted: float
    ) -> RiskFactorRow:
        actual = sum(exposure.truncated_cents for exposure in within)
        return RiskFactorRow(
            program_id=program_id,
            period_role=period_role,
            factor_kind=kind,
            factor_name=name,
            factor=factor,
            person_years=sum(exposure.member_months for exposure in within) / 12,
            predictive_ratio=predicted / actual if actual else None,
        )

    def fitted(kind: str, name: str, factor: Fraction, within: list[CostExposure]) -> RiskFactorRow:
        _, scored = model.scored_months(within)
        return row(kind, name, float(factor / model.market_mean), within, float(mean * scored))

    rows = [
        fitted("cell", f"{cell.sex} from {cell.age_from}", model.cell_factors[cell], within)
        for cell, within in sorted(of_cell.items())
    ]
    rows += [
        fitted("flag", flag, model.flag_factors.get(flag, Fraction(0)), within)
        for flag, within in sorted(of_flag.items())
    ]
    scores = model.scores(market)
    for number, places in enumerate(_tenths(market, scores), start=1):
        within = [market[place] for place in places]
        of_tenth = sum(exposure.member_months for exposure in within)
        scored_months = fsum(scores[place] * market[place].member_months for place in places)
        if of_tenth:
            factor = scored_months / of_tenth
            predicted = float(mean) * scored_months
            rows.append(row("decile", f"{number:02d}", factor, within, predicted))
    explained = _r_squared(market, scores)
    if explained is not None:
        rows.append(row("fit", "r_squared", explained, market, float(mean * months)))
    return rows


def unfit_factors(rows: Iterable[RiskFactorRow]) -> list[RiskFactorRow]:
    """Factors and tenths of 1,000 person-years and more that predict outside of 0.90–1.10."""
    return [
        row
        for row in rows
        if row.predictive_ratio is not None
        and row.person_years >= CREDIBLE_PERSON_YEARS
        and not 0.90 <= row.predictive_ratio <= 1.10
    ]


def write_risk_factors(rows: Sequence[RiskFactorRow], outcomes_dir: Path) -> Path:
    """Write `agg_risk_factor.parquet`, ordered by its key; equal rows give equal bytes."""
    types: dict[str, pa.DataType] = {
        field.name: pa.string() if field.type is str else pa.float64()
        for field in fields(RiskFactorRow)
    }
    ordered = sorted(
        rows, key=lambda row: (row.program_id, row.period_role, row.factor_kind, row.factor_name)
    )
    file = outcomes_dir / FILE_NAME
    write_table(table_of(ordered, RiskFactorRow, types), file)
    return file


def _tenths(market: Sequence[CostExposure], scores: Sequence[float]) -> list[list[int]]:
    """Places of the exposures by tenth of the member months, lowest scores first.

    An exposure is not torn apart: it lies where its middle lies.
    """
    order = sorted(
        range(len(market)), key=lambda at: (scores[at], market[at].cell, sorted(market[at].flags))
    )
    total = sum(exposure.member_months for exposure in market)
    tenths: list[list[int]] = [[] for _ in range(DECILES)]
    before = 0
    for place in order:
        months = market[place].member_months
        middle = DECILES * (2 * before + months) // max(2 * total, 1)
        tenths[min(middle, DECILES - 1)].append(place)
        before += months
    return tenths


def _r_squared(market: Sequence[CostExposure], scores: Sequence[float]) -> float | None:
    """1 - Σw(y - ŷ)² / Σw(y - ȳ)² over people, y a year's cost, w member years; None if untold."""
    squares = 12 * sum(exposure.squared_cents for exposure in market)
    years = sum(exposure.member_months for exposure in market) / 12
    if not squares or not years:
        return None
    mean = sum(exposure.truncated_cents for exposure in market) / years
    total = squares - years * mean**2
    cross = fsum(
        mean * score * exposure.truncated_cents
        for exposure, score in zip(market, scores, strict=True)
    )
    own = fsum(
        (mean * score) ** 2 * exposure.member_months / 12
        for exposure, score in zip(market, scores, strict=True)
    )
    return 1 - (squares - 2 * cross + own) / total if total > 0 else None


@dataclass(frozen=True)
class _Sums:
    """What the fit needs of a market, in whole months and cents."""

    months: Mapping[RiskCell, int]
    cents: Mapping[RiskCell, int]
    flag_months: Mapping[tuple[RiskCell, str], int]
    flag_cents: Mapping[str, int]
    pair_months: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, market: Iterable[CostExposure]) -> "_Sums":
        months: dict[RiskCell, int] = defaultdict(int)
        cents: dict[RiskCell, int] = defaultdict(int)
        flag_months: dict[tuple[RiskCell, str], int] = defaultdict(int)
        flag_cents: dict[str, int] = defaultdict(int)
        set_months: dict[frozenset[str], int] = defaultdict(int)
        for one in market:
            if not one.member_months:
                continue
            months[one.cell] += one.member_months
            cents[one.cell] += one.truncated_cents
            set_months[one.flags] += one.member_months
            for flag in one.flags:
                flag_months[one.cell, flag] += one.member_months
                flag_cents[flag] += one.truncated_cents
        pair_months: dict[tuple[str, str], int] = defaultdict(int)
        for flags, of_set in set_months.items():
            for one_flag, other in product(flags, flags):
                pair_months[one_flag, other] += of_set
        return cls(months, cents, flag_months, flag_cents, pair_months)


def _least_squares(
    sums: _Sums, mean_of_a_year: Fraction, flags: Sequence[str], ridge: Fraction
) -> tuple[dict[RiskCell, Fraction], dict[str, Fraction]]:
    """Normal equations with the cells eliminated, so that only the flags are solved for."""
    size = range(len(flags))
    matrix = [
        [
            Fraction(sums.pair_months.get((row, column), 0), 12)
            + (ridge if row == column else Fraction(0))
            for column in flags
        ]
        for row in flags
    ]
    right = [sums.flag_cents.get(flag, 0) / mean_of_a_year for flag in flags]
    weight = {cell: Fraction(months, 12) for cell, months in sums.months.items()}
    outcome = {cell: sums.cents[cell] / mean_of_a_year for cell in weight}
    flagged = {
        cell: [Fraction(sums.flag_months.get((cell, flag), 0), 12) for flag in flags]
        for cell in weight
    }
    for cell, of_cell in weight.items():
        for row in size:
            right[row] -= flagged[cell][row] * outcome[cell] / of_cell
            for column in size:
                matrix[row][column] -= flagged[cell][row] * flagged[cell][column] / of_cell
    solution = _solve(matrix, right)
    cell_factors = {
        cell: (outcome[cell] - sum((flagged[cell][i] * solution[i] for i in size), Fraction(0)))
        / weight[cell]
        for cell in sorted(weight)
    }
    return cell_factors, dict(zip(flags, solution, strict=True))


def _solve(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """The solution of a positive definite system, rounded so that every machine has the same."""
    if not right:
        return []
    found = linalg.solve(
        np.array([[float(value) for value in row] for row in matrix]),
        np.array([float(value) for value in right]),
        assume_a="pos",
    )
    return [Fraction(round(value * 10**FLAG_PLACES), 10**FLAG_PLACES) for value in found.tolist()]


def _parent_factors(
    factors: Mapping[RiskCell, Fraction],
    person_years: Mapping[RiskCell, Fraction],
    cells: Iterable[RiskCell],
) -> dict[RiskCell, Fraction]:
    """Person-year weighted mean factor of each cell's parent band; of everyone if it is empty."""

    def band(cell: RiskCell) -> tuple[int, str]:
        return (max(start for start in PARENT_BANDS_FROM if start <= cell.age_from), cell.sex)

    def mean(of: list[RiskCell]) -> Fraction:
        years = sum((person_years[cell] for cell in of), Fraction(0))
        return sum((person_years[cell] * factors[cell] for cell in of), Fraction(0)) / years

    everyone = sorted(factors)
    parents = {}
    for cell in cells:
        siblings = [other for other in everyone if band(other) == band(cell)]
        parents[cell] = mean(siblings or everyone)
    return parents
