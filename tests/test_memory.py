"""A memory limit that cannot do is refused before any work, with what would do."""

from pathlib import Path

import pytest
from intake_kit import installation, lines

from orchestration import memory
from orchestration.errors import ConfigurationError
from orchestration.settings import load_settings
from tests.conftest import run_command


def test_a_limit_too_small_begins_no_work(tmp_path: Path) -> None:
    """The engine would spill for an hour and then give up in the middle of a build."""
    night = run_command(tmp_path, ["nightly"], CARE_MEMORY_LIMIT="100MB")
    assert night.return_code == 1
    assert night.output.startswith("error: environment: CARE_MEMORY_LIMIT: found '100MB'")
    assert "0 claim lines in the ledger need at least 500 MiB" in night.output
    assert not (tmp_path / "ledger").exists()


def test_the_more_claims_the_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What did for the first year need not do for the fifth."""
    house = installation(tmp_path)
    house.drop(lines(20), feed="medical_claims")
    house.take("medical_claims")
    memory.require_memory(house.settings)
    monkeypatch.setattr(memory, "MEBIBYTES_A_MILLION_LINES", 10**9)
    with pytest.raises(
        ConfigurationError, match="20 claim lines in the ledger need at least 20,500 MiB"
    ):
        memory.require_memory(house.settings)


def test_a_limit_beyond_the_machine_is_refused() -> None:
    """The system would end the process, and no line would say why."""
    settings = load_settings({"CARE_MEMORY_LIMIT": "90000GB"})
    with pytest.raises(ConfigurationError, match="Leave a quarter of it"):
        memory.require_memory(settings)


def test_two_models_are_built_side_by_side_where_memory_is_ample(tmp_path: Path) -> None:
    """Two large models at once would spill what each alone keeps in memory."""
    sizes = {"CARE_DATA_DIR": str(tmp_path)}
    assert memory.models_at_once(load_settings({**sizes, "CARE_MEMORY_LIMIT": "2100MB"})) == 2
    assert memory.models_at_once(load_settings({**sizes, "CARE_MEMORY_LIMIT": "1900MB"})) == 1
