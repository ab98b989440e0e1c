"""What chance alone does to savings (METHODS I.7)."""

from decimal import Decimal

import pytest

from orchestration.payment.confidence import (
    probability_if_no_savings,
    savings_standard_error,
    statistical_msr,
)


@pytest.mark.parametrize(
    ("persons", "percent", "probability", "msr_90", "msr_95"),
    [(16_000, 1.976, 0.0254, 2.53, 3.25), (3_300, 4.352, 0.19, 5.58, 7.16)],
)
def test_confidence_of_the_worked_example(
    persons: int, percent: float, probability: float, msr_90: float, msr_95: float
) -> None:
    """EX-I4: 3,300 members can hardly show real savings in one year."""
    error = savings_standard_error(2.5, persons, None)
    assert 100 * error == pytest.approx(percent, abs=5e-4)
    assert probability_if_no_savings(0.0386, error) == pytest.approx(probability, abs=3e-3)
    assert 100 * statistical_msr(Decimal("0.90"), error) == pytest.approx(msr_90, abs=6e-3)
    assert 100 * statistical_msr(Decimal("0.95"), error) == pytest.approx(msr_95, abs=6e-3)


def test_a_base_year_estimated_from_the_same_people_widens_the_error() -> None:
    """I.7: ρ = 0.4 multiplies the panel's term by √1.2 and turns 0.025 into about 0.037."""
    error = savings_standard_error(2.5, 16_000, None, 0.4)
    assert probability_if_no_savings(0.0386, error) == pytest.approx(0.037, abs=1e-3)


def test_the_markets_error_is_added() -> None:
    """A market as large as the panel doubles the variance."""
    alone = savings_standard_error(2.5, 16_000, None)
    both = savings_standard_error(2.5, 16_000, 16_000)
    assert both == pytest.approx(alone * 2**0.5)
