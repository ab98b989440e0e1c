"""Risk scores from age, sex and the number of conditions known before the period (METHODS G.3).

The joint fit and the scores belong here, in exact fractions, because a score moves a benchmark and
both parties must reach the same cent. Registry flags and the HHS model are not here yet.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Context, Decimal
from fractions import Fraction
from pathlib import Path

import pyarrow as pa

from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_risk_factor.parquet"
RIDGE = Fraction(50)
CREDIBLE_PERSON_YEARS = Fraction(1_000)

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
    """People with one cell and the same condition flags: their months and truncated cost."""

    cell: RiskCell
    flags: frozenset[str]
    member_months: int
    truncated_cents: int


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
        months, weighted = 0, Fraction(0)
        for exposure in exposures:
            months += exposure.member_months
            weighted += exposure.member_months * self.score(exposure.cell, exposure.flags)
        return weighted / months if months else None

    def _cell_factor(self, cell: RiskCell) -> Fraction:
        if cell in self.cell_factors:
            return self.cell_factors[cell]
        return _parent_factors(self.cell_factors, self.person_years, [cell])[cell]


def condition_flags(condition_tier: int) -> frozenset[str]:
    """The one flag of a condition count: none for 0, `3_or_more_conditions` for the top tier."""
    if condition_tier <= 0:
        return frozenset()
    if condition_tier >= 3:
        return frozenset({"3_or_more_conditions"})
    return frozenset({f"{condition_tier}_condition" + ("s" if condition_tier > 1 else "")})


def fit_risk_model(market: Sequence[CostExposure], ridge: Fraction = RIDGE) -> RiskModel:
    """Joint weighted fit of relative cost on cells and flags (G.3), exact.

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
    person_years: dict[RiskCell, Fraction] = defaultdict(Fraction)
    for exposure in market:
        person_years[exposure.cell] += Fraction(exposure.member_months, 12)
    kept = sorted({flag for exposure in market for flag in exposure.flags})
    while True:
        cell_factors, flag_factors = _least_squares(market, mean_of_a_year, kept, ridge)
        negative = {flag for flag, factor in flag_factors.items() if factor < 0}
        if not negative:
            break
        kept = [flag for flag in kept if flag not in negative]
    parents = _parent_factors(cell_factors, person_years, list(cell_factors))
    credible = {}
    for cell, factor in cell_factors.items():
        z = credibility(person_years[cell])
        credible[cell] = z * factor + (1 - z) * parents[cell]
    raw = RiskModel(credible, flag_factors, Fraction(1), dict(person_years))
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
    """One factor of one fit: a cell or a flag; the columns of `agg_risk_factor`.

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
    """The fit as rows, normalised so that the market's mean score is 1."""
    months = sum(exposure.member_months for exposure in market)
    mean = Fraction(sum(exposure.truncated_cents for exposure in market), months)
    kinds: dict[tuple[str, str], tuple[Fraction, list[CostExposure]]] = {}
    for cell in sorted(model.cell_factors):
        within = [exposure for exposure in market if exposure.cell == cell]
        name = f"{cell.sex} from {cell.age_from}"
        kinds["cell", name] = (model.cell_factors[cell], within)
    for flag in sorted({flag for exposure in market for flag in exposure.flags}):
        within = [exposure for exposure in market if flag in exposure.flags]
        kinds["flag", flag] = (model.flag_factors.get(flag, Fraction(0)), within)
    rows = []
    for (kind, name), (factor, within) in kinds.items():
        actual = sum(exposure.truncated_cents for exposure in within)
        predicted = mean * sum(
            (
                exposure.member_months * model.score(exposure.cell, exposure.flags)
                for exposure in within
            ),
            Fraction(0),
        )
        rows.append(
            RiskFactorRow(
                program_id=program_id,
                period_role=period_role,
                factor_kind=kind,
                factor_name=name,
                factor=float(factor / model.market_mean),
                person_years=sum(exposure.member_months for exposure in within) / 12,
                predictive_ratio=float(predicted / actual) if actual else None,
            )
        )
    return rows


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


def _least_squares(
    market: Sequence[CostExposure],
    mean_of_a_year: Fraction,
    flags: Sequence[str],
    ridge: Fraction,
) -> tuple[dict[RiskCell, Fraction], dict[str, Fraction]]:
    """Normal equations with the cells eliminated, so that only the flags are solved for."""
    number_of = {flag: number for number, flag in enumerate(flags)}
    weight: dict[RiskCell, Fraction] = defaultdict(Fraction)
    outcome: dict[RiskCell, Fraction] = defaultdict(Fraction)
    flagged: dict[RiskCell, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * len(flags))
    size = len(flags)
    matrix = [
        [ridge if row == column else Fraction(0) for column in range(size)] for row in range(size)
    ]
    right = [Fraction(0)] * size
    for exposure in market:
        if not exposure.member_months:
            continue
        of_row = Fraction(exposure.member_months, 12)
        of_cost = exposure.truncated_cents / mean_of_a_year
        weight[exposure.cell] += of_row
        outcome[exposure.cell] += of_cost
        present = [number_of[flag] for flag in exposure.flags if flag in number_of]
        for row in present:
            flagged[exposure.cell][row] += of_row
            right[row] += of_cost
            for column in present:
                matrix[row][column] += of_row
    for cell, of_cell in weight.items():
        for row in range(size):
            right[row] -= flagged[cell][row] * outcome[cell] / of_cell
            for column in range(size):
                matrix[row][column] -= flagged[cell][row] * flagged[cell][column] / of_cell
    solution = _solve(matrix, right)
    cell_factors = {
        cell: (
            outcome[cell] - sum((flagged[cell][i] * solution[i] for i in range(size)), Fraction(0))
        )
        / weight[cell]
        for cell in sorted(weight)
    }
    return cell_factors, dict(zip(flags, solution, strict=True))


def _solve(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Gauss–Jordan elimination of a positive definite system."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for pivot in range(len(rows)):
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for other in range(len(rows)):
            if other != pivot and rows[other][pivot]:
                times = rows[other][pivot]
                rows[other] = [a - times * b for a, b in zip(rows[other], rows[pivot], strict=True)]
    return [row[-1] for row in rows]


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
