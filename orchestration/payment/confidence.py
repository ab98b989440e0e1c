"""How far chance alone moves savings (METHODS I.7), from the variation of cost.

The variation itself is an input: `costs.py` measures it on the panel.
"""

import math
from decimal import Decimal

from scipy.stats import norm


def savings_standard_error(
    cost_variation: float,
    panel_persons: float,
    market_persons: float | None,
    cost_correlation: float | None = None,
) -> float:
    """SE of savings as a share of the benchmark: CV × √(k/n_panel + 1/n_market).

    `market_persons` None is a market without error. With an own-history benchmark the base year is
    an estimate too: `cost_correlation` ρ gives k = 2(1 − ρ), else k = 1.
    """
    base_year = 1.0 if cost_correlation is None else 2 * (1 - cost_correlation)
    variance = base_year / panel_persons + (1 / market_persons if market_persons else 0.0)
    return cost_variation * math.sqrt(variance)


def probability_if_no_savings(savings_share: float, standard_error: float) -> float:
    """Probability of savings at least this large if true savings were zero."""
    return float(norm.sf(savings_share / standard_error))


def statistical_msr(confidence: Decimal, standard_error: float) -> float:
    """Minimum savings rate at a one-sided confidence, as a share of 1: z_q × SE."""
    return float(norm.ppf(float(confidence))) * standard_error
