"""The benchmark's arithmetic: a wrong exponent would approve a model that does not scale."""

import json
from pathlib import Path

import pytest

from orchestration.benchmark import (
    WHOLE,
    Figures,
    MeasuredRun,
    Night,
    Sample,
    ScaleResult,
    growth_exponents,
    hold_back,
    keep_results,
    markdown_table,
    members_of,
    put_back,
)
from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings, load_settings

MEBIBYTE = 1 << 20


def result(members: int, lines: int, seconds: float) -> ScaleResult:
    figures = Figures(seconds, seconds * 2, 100, 7)
    night = Night(lines, {WHOLE: figures, "warehouse": figures}, {"int_claim_line": seconds})
    return ScaleResult(members, lines, 0.5, "2026-01-31", "abc", {"first load": night})


def test_scales_are_written_as_people_say_them() -> None:
    """A misread scale would be kept under the wrong name for ever."""
    assert [members_of(scale) for scale in ("10k", "1M", "2500")] == [10_000, 1_000_000, 2_500]
    with pytest.raises(CareWarehouseError, match=r"found 'big'\. Write 10k"):
        members_of("big")


@pytest.mark.parametrize(("seconds", "exponent"), [(10.0, 1.0), (100.0, 2.0), (1.0, 0.0)])
def test_growth_is_the_exponent_of_seconds_over_lines(seconds: float, exponent: float) -> None:
    """1 is linear, more is worse than linear."""
    results = {"10k": result(10_000, 1_000, 1.0), "100k": result(100_000, 10_000, seconds)}
    assert growth_exponents(results) == {
        ("first load", WHOLE): exponent,
        ("first load", "warehouse"): exponent,
    }


def test_one_scale_alone_has_no_growth() -> None:
    """A division by zero here would throw away an hour of measuring."""
    assert growth_exponents({"10k": result(10_000, 1_000, 1.0)}) == {}


def test_a_stage_takes_the_samples_that_lie_in_it() -> None:
    """The peak of the stage before would be blamed on the one after."""
    samples = [
        Sample(100.0, 0.0, 10 * MEBIBYTE, 0),
        Sample(101.0, 1.5, 90 * MEBIBYTE, 0),
        Sample(102.0, 3.0, 40 * MEBIBYTE, 5 * MEBIBYTE),
        Sample(103.0, 3.5, 20 * MEBIBYTE, 0),
    ]
    run = MeasuredRun(100.0, 103.0, 4.0, samples)
    assert run.part(101.9, 103.0) == Figures(1.1, 0.5, 40, 5)
    assert run.part(101.01, 101.02).peak_mebibytes == 90, "too short for a sample of its own"
    assert run.whole() == Figures(3.0, 4.0, 90, 5)


def test_the_table_sets_each_stage_against_the_floor() -> None:
    """Seconds of two machines cannot be compared; multiples of one scan can."""
    table = markdown_table({"10k": result(10_000, 1_000, 4.0)})
    assert "| 10k | first load | in all | 1,000 | 4.0 | 8.0 | 8.0 | 100 | 7 |  |" in table
    assert "1,000 medical lines, one scan of all their columns 0.50 s" in table


def test_a_scale_measured_again_replaces_itself_and_keeps_the_others(tmp_path: Path) -> None:
    """A million members take half an hour and are not measured again with every small change."""
    path = tmp_path / "results.json"
    keep_results({"1m": result(1_000_000, 9, 9.0)}, path)
    keep_results({"10k": result(10_000, 1, 1.0)}, path)
    keep_results({"10k": result(10_000, 1, 2.0)}, path)
    kept = json.loads(path.read_text())
    assert list(kept["scales"]) == ["10k", "1m"]
    nights = [scale["nights"]["first load"] for scale in kept["scales"].values()]
    assert [night["stages"][WHOLE]["seconds"] for night in nights] == [2.0, 9.0]
    assert {"cores", "memory_gibibytes", "cpu"} <= kept["machine"].keys()


@pytest.fixture
def landing(tmp_path: Path) -> Settings:
    """Thirty-six months of 100 lines delivered in the month after, then two almost empty ones."""
    settings = load_settings({"CARE_DATA_DIR": str(tmp_path)})
    for month in range(38):
        for feed in ("medical_claims", "eligibility"):
            file = settings.landing_dir / "payer" / feed / f"{month:02d}.csv.gz"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"x")
            year, ordinal = divmod(month + 1, 12)
            told = {"rows": 100 if month < 36 else 1}
            told |= {"delivered_on": f"{2023 + year}-{ordinal + 1:02d}-10"}
            file.with_name(f"{file.name}.control.json").write_text(json.dumps(told))
    return settings


def test_the_newest_deliveries_of_an_average_month_are_held_back_and_put_back(
    landing: Settings,
) -> None:
    """A night with an empty file would look ten times faster than a night with a month."""
    before = sorted(landing.landing_dir.rglob("*"))
    moved = hold_back(landing)
    held = sorted(path.name for path in moved if path.parent.name == "medical_claims")
    assert held == [f"{month}.csv.gz.control.json" for month in (35, 36, 37)]
    assert len(moved) == 6, "every feed's deliveries of those days"
    assert not [path for path in landing.landing_dir.rglob("*") if path.name.startswith("35")]
    put_back(landing)
    assert sorted(landing.landing_dir.rglob("*")) == before
