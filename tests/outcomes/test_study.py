"""The simulation study draws the worlds it says and counts what becomes of them."""

import json
from pathlib import Path

import pytest

from orchestration.outcomes import study
from orchestration.outcomes.study import StudyCell, run_cell, worlds_of
from orchestration.payment import study as payment_study
from orchestration.payment import study_report
from orchestration.payment.study import run_payment_cell

PLANTED = StudyCell(3_300, 1.6, 0.0, False, 0.5)


def test_a_planted_half_is_found_and_equal_seeds_draw_equal_worlds() -> None:
    """A study that cannot find a halved rate would also praise an interval that never covers."""
    found = run_cell(PLANTED, worlds=12, draws=200)
    assert found == run_cell(PLANTED, worlds=12, draws=200)
    assert (found.lower, found.higher, found.insufficient) == (1, 0, 0)
    assert found.coverage_planted == found.coverage_expected >= 0.75
    assert abs(found.bias_planted_percent) < 5
    assert found != run_cell(PLANTED, worlds=12, draws=200, seed=1)


def test_group_effects_and_confounders_move_what_is_expected_not_what_is_planted() -> None:
    """Only the expected estimate can be held to an interval of one panel and year."""
    confounded = run_cell(StudyCell(30_000, 1.6, 0.0, True), worlds=12, draws=200)
    assert confounded.coverage_expected > confounded.coverage_planted
    assert confounded.bias_planted_percent == pytest.approx(
        100 * (study.confounded_ratio(True) - 1), abs=1.5
    )
    assert worlds_of(PLANTED, 100) == 100
    assert worlds_of(StudyCell(3_300, 1.6, 0.05, False), 100) == 10
    assert len(study.grid()) == 42


def test_zero_true_savings_are_paid_by_chance_alone() -> None:
    """The share of worlds paid falls with the rate that savings must reach."""
    by_kind = {one.msr_type: one for one in run_payment_cell(3_300, 0.0, 150, seed=3)}
    assert {one.worlds for one in by_kind.values()} == {150}
    assert by_kind["fixed"].paid > by_kind["sliding"].paid > by_kind["statistical"].paid
    assert by_kind["statistical"].tail == pytest.approx(0.05, abs=0.06)
    assert by_kind["fixed"].cost_correlation == pytest.approx(0.4, abs=0.15)


def test_cells_are_kept_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long study is stopped and gone on with; the page says what was drawn."""
    monkeypatch.setattr(study, "PANEL_SIZES", (3_300,))
    monkeypatch.setattr(study, "DISPERSIONS", (1.6,))
    monkeypatch.setattr(study, "GROUP_SPREADS", (0.0,))
    monkeypatch.setattr(payment_study, "PANEL_SIZES", (3_300,))
    monkeypatch.setattr(payment_study, "GROUP_SPREADS", (0.0,))
    told: list[str] = []
    study_report.run_study(10, 100, 5, 2, told.append, tmp_path)
    assert len(told) == 2
    study_report.run_study(10, 100, 5, None, told.append, tmp_path)
    assert len(told) == 4, "three cells of ER use, one of payment, none drawn twice"
    page = (tmp_path / "study.md").read_text()
    assert "21 worlds of ER use in 3 cells" in page
    assert "5 worlds of cost without any savings" in page
    assert len(json.loads((tmp_path / "results.json").read_text())) == 4
    assert (tmp_path / "study.svg").read_text().startswith("<svg")
