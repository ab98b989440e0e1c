"""Practices beside each other: how far chance explains how they differ (METHODS H.6, H.9)."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.outcomes.clinicians import write_clinician_rates
from orchestration.outcomes.practices import funnel_of, shrunk_rates

COUNTS = st.lists(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=1,
    max_size=30,
)


def practices(spread: float, seed: int = 5, people: int = 200) -> list[tuple[int, int]]:
    random = np.random.default_rng(seed)
    rates = np.clip(random.normal(0.6, spread, 200), 0.01, 0.99)
    return [(int(random.binomial(people, rate)), people) for rate in rates]


def test_rates_that_only_chance_moves_are_drawn_to_the_mean() -> None:
    """A ranking of practices that do not differ is a ranking of luck."""
    alike, unlike = shrunk_rates(practices(0.0)), shrunk_rates(practices(0.1))
    assert np.ptp(alike.shrunk) < 0.25 * np.ptp(alike.raw)
    assert np.ptp(unlike.shrunk) > 0.8 * np.ptp(unlike.raw)
    # Beta with mean 0.6 and deviation 0.1: strength 0.6 × 0.4 / 0.01 − 1 = 23.
    assert unlike.strength == pytest.approx(23, rel=0.25)


def test_a_small_practice_is_drawn_further_than_a_large_one() -> None:
    """4 of 4 is no better than 380 of 400 until more is known."""
    found = shrunk_rates([*practices(0.05), (4, 4), (380, 400)])
    assert found.raw[-2] > found.raw[-1]
    assert found.shrunk[-2] < found.shrunk[-1]


@given(COUNTS)
def test_a_shrunk_rate_lies_between_raw_rate_and_mean(counts: list[tuple[int, int]]) -> None:
    """Shrinking changes how far, never which way."""
    found = shrunk_rates(counts)
    for raw, drawn in zip(found.raw, found.shrunk, strict=True):
        low, high = sorted((raw, found.mean))
        assert low - 1e-9 <= drawn <= high + 1e-9


def test_funnel_limits_narrow_with_people_and_widen_with_dispersion() -> None:
    """99.8 %: two of a thousand alike practices lie outside, and a true outlier does not hide."""
    alike = funnel_of(practices(0.0))
    assert alike is not None
    low, high = alike.limits(200)
    outside = sum(not low <= events / people <= high for events, people in practices(0.0, seed=6))
    assert outside <= 2
    assert alike.limits(800)[1] - alike.mean == pytest.approx((high - alike.mean) / 2)
    unlike = funnel_of(practices(0.1))
    assert unlike is not None
    assert unlike.dispersion > 3 * alike.dispersion
    with_outlier = funnel_of([*practices(0.0), (10, 200)])
    assert with_outlier is not None
    assert with_outlier.dispersion == pytest.approx(alike.dispersion, rel=0.1)


def test_nothing_to_compare_is_told() -> None:
    """A page without practices draws no funnel; rates of 0 or 1 have no limits."""
    assert funnel_of([]) is None
    assert funnel_of([(5, 5)]) is None
    with pytest.raises(ValueError, match="nothing to shrink"):
        shrunk_rates([])
    assert shrunk_rates([(3, 5)]).shrunk == (0.6,)


def test_clinicians_are_shrunk_in_a_restricted_list(tmp_path: Path) -> None:
    """A clinician of four members must not lead a ranking by luck; true counts are restricted."""
    measures = tmp_path / "agg_quality_measure.parquet"
    pq.write_table(
        pa.Table.from_pylist(
            [
                {"measure_id": "M05", "is_higher_better": True},
                {"measure_id": "M06", "is_higher_better": False},
            ]
        ),
        measures,
    )
    rows = [
        {
            "measure_year": year,
            "measure_id": measure,
            "program_id": "p",
            "practice_id": "l",
            "npi": f"{npi:010d}",
            "denominator_count": people,
            "numerator_count": met,
        }
        for year, measure, npi, met, people in (
            (2025, "M05", 1, 4, 4),
            *((2025, "M05", npi, 30 + npi, 60) for npi in range(2, 20)),
            (2025, "M06", 2, 60, 60),
            (2025, "M05", 20, None, 5),
            (2024, "M05", 2, 0, 60),
        )
    ]
    assert write_clinician_rates(tmp_path, measures) == []
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "agg_quality_clinician.parquet")
    (path,) = write_clinician_rates(tmp_path, measures)
    lines = {line["npi"]: line for line in csv.DictReader(path.open())}
    assert len(lines) == 19, "hidden counts are no line"
    lucky, many = lines["0000000001"], lines["0000000019"]
    assert float(lucky["raw_share"]) > float(many["raw_share"])
    assert float(lucky["shrunk_share"]) < float(many["shrunk_share"])
    assert lines["0000000002"]["measured"] == "120"
    assert float(lines["0000000002"]["raw_share"]) == pytest.approx(32 / 120, abs=1e-4), "reversed"
    assert lines["0000000002"]["place"] == "below"
    assert path.stat().st_mode & 0o777 == 0o600
