"""FAULTS 70: a statement is verified by newer code than made it."""

from pathlib import Path

import pytest

from orchestration.payment import verification
from orchestration.payment.statement import write_statement
from orchestration.payment.statement_store import read_statement
from tests.conftest import Demo

pytestmark = pytest.mark.xdist_group("pipeline")


def test_70_an_old_statement_is_recomputed_from_its_inputs_and_differences_are_listed(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code changes every week; what was agreed years ago must still be provable, or disproved."""
    folder = demo.settings.published_dir / "current" / "statements"
    path = next(one for one in sorted(folder.glob("*.json")) if ".runout-" not in one.name)
    before = path.read_bytes()
    monkeypatch.setattr(verification, "code_version", lambda: "f" * 64)
    verdict = verification.verify_statement(demo.settings, path, say=lambda _: None)
    assert verdict.is_equal, verification.verdict_text(verdict)
    assert any(note.startswith("recomputed by code ffffffffffff") for note in verdict.notes)

    drafted = verification.draft_statements

    def pays_a_cent_more(*arguments: object) -> list[Path]:
        drafts = drafted(*arguments)  # type: ignore[arg-type]
        for draft in drafts:
            statement = read_statement(draft)
            settlement = statement["settlement"]
            assert isinstance(settlement, dict)
            write_statement(
                draft, {**statement, "settlement": {**settlement, "payment_amount": "0.01"}}
            )
        return drafts

    monkeypatch.setattr(verification, "draft_statements", pays_a_cent_more)
    verdict = verification.verify_statement(demo.settings, path, say=lambda _: None)
    assert not verdict.is_equal
    assert [(one.place, one.found) for one in verdict.differences] == [
        ("settlement.payment_amount", "0.01")
    ]
    assert path.read_bytes() == before
