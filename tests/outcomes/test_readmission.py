"""Expected readmissions and the calibration of LACE (METHODS F.3.5, F.5)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from orchestration.outcomes.readmission import (
    Discharges,
    fit_expected,
    fit_lace,
    markdown_table,
    readmission_rows,
    write_readmissions,
)


def discharges(
    program_id: str | None, score: int, stays: int, readmitted: int, **told: object
) -> Discharges:
    band = "high" if score >= 10 else "moderate" if score >= 5 else "low"
    cell = Discharges(
        program_id=program_id,
        market_area_id="m",
        payer="y",
        measure_year=2025,
        age_band="45-54",
        sex="F",
        lace_band=band,
        lace_score=score,
        published_risk=0.1,
        is_surgical=False,
        reason="other",
        stays=stays,
        readmitted=readmitted,
    )
    return replace(cell, **told)  # type: ignore[arg-type]


MARKET = [
    discharges(None, 2, 1_000, 50),
    discharges(None, 7, 1_000, 100),
    discharges(None, 12, 1_000, 200),
]


def test_a_model_of_bands_expects_the_markets_own_shares() -> None:
    """With bands alone, expected is what the market's stays of each band did."""
    panel = [discharges("p", 2, 100, 4), discharges("p", 12, 300, 66)]
    rows = readmission_rows([*MARKET, *panel])
    by_band = {row.lace_band: row for row in rows}
    assert set(by_band) == {"all", "low", "high"}
    assert by_band["low"].expected == pytest.approx(5)
    assert by_band["high"].expected == pytest.approx(60)
    total = by_band["all"]
    assert (total.index_stays, total.readmissions) == (400, 70)
    assert total.expected == pytest.approx(65)
    assert total.observed_over_expected == pytest.approx(70 / 65)
    assert total.interval_lower is not None
    assert total.interval_upper is not None
    assert total.interval_lower < 1 < total.interval_upper
    assert total.is_stated
    assert not by_band["low"].is_stated
    assert (total.market_index_stays, total.market_readmissions) == (3_000, 350)
    assert total.model_terms == 2


def test_the_market_expects_of_itself_what_it_did() -> None:
    """Σ expected over the market equals its readmissions, whatever terms are in."""
    cells = [
        *MARKET,
        discharges(None, 7, 500, 80, sex="M", reason="circulatory"),
        discharges(None, 12, 400, 90, age_band="55-64", is_surgical=True),
        discharges(None, 2, 300, 12, age_band="35-44", reason="mental"),
    ]
    fit = fit_expected(cells)
    assert fit is not None
    assert {"sex_m", "reason_circulatory", "is_surgical"} <= set(fit.terms)
    total = fit.risks(cells) @ np.array([cell.stays for cell in cells])
    assert total == pytest.approx(sum(cell.readmitted for cell in cells))


def test_a_term_without_readmissions_is_left_out() -> None:
    """One cell where nobody came back would get a coefficient of minus infinity."""
    fit = fit_expected([*MARKET, discharges(None, 7, 40, 0, is_surgical=True)])
    assert fit is not None
    assert "is_surgical" not in fit.terms
    assert np.isfinite(fit.coefficients).all()


def test_calibration_recovers_the_line_that_was_planted() -> None:
    """F.5: a and b of logit(p) = a + b × LACE, and the c-statistic above one half."""
    cells = []
    for score in range(20):
        risk = 1 / (1 + np.exp(-(-3.5 + 0.15 * score)))
        cells.append(discharges("p", score, 10_000, round(10_000 * risk)))
    fit = fit_lace(cells)
    assert fit is not None
    assert fit.coefficients == pytest.approx([-3.5, 0.15], abs=0.01)
    assert fit.c_statistic is not None
    assert 0.6 < fit.c_statistic < 0.8


def test_fewer_than_500_stays_are_pooled_and_a_small_market_has_no_model() -> None:
    """A line through fifty discharges is no calibration; nor is a model an expectation."""
    small = [discharges("small", 2, 300, 20), discharges("small", 12, 150, 30)]
    large = [discharges("large", 2, 400, 30), discharges("large", 12, 200, 40)]
    elsewhere = [replace(cell, market_area_id="n") for cell in large]
    rows = {
        row.program_id: row
        for row in readmission_rows([*small, *elsewhere])
        if row.lace_band == "all"
    }
    assert rows["small"].calibrated_on == "pool"
    assert rows["large"].calibrated_on == "program"
    assert rows["small"].expected is None
    assert rows["small"].observed_over_expected is None
    assert not rows["small"].is_stated
    (alone,) = (row for row in readmission_rows(small) if row.lace_band == "all")
    assert alone.calibrated_on is None
    assert alone.calibrated_risk is None
    assert "no model" in markdown_table([alone])


def test_equal_rows_are_equal_bytes(tmp_path: Path) -> None:
    """A file that differs without a cause publishes a new generation every night."""
    rows = readmission_rows([*MARKET, discharges("p", 12, 300, 66)])
    first = write_readmissions(rows, tmp_path / "a")
    second = write_readmissions(
        readmission_rows([*MARKET, discharges("p", 12, 300, 66)]), tmp_path / "b"
    )
    assert first.read_bytes() == second.read_bytes()
    assert pq.read_table(first).num_rows == 2
