"""The environment is read in one place, and every unusable variable is named at once."""

from pathlib import Path

import pytest

from orchestration.errors import ConfigurationError
from orchestration.settings import load_settings


def test_paths_are_absolute_whatever_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative DuckDB path once made two warehouses, one for each working directory."""
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"CARE_DATA_DIR": "here"})
    assert settings.data_dir == tmp_path / "here"
    assert settings.warehouse_file.is_absolute()
    assert settings.dbt_project_dir.is_absolute()


def test_every_unusable_variable_is_named_with_its_value_and_fix() -> None:
    """One error a run would send a person round the loop once for each typo."""
    environ = {"CARE_MEMORY_LIMIT": "lots", "CARE_THREADS": "0", "CARE_AS_OF": "1/7/2026"}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ)
    places = [problem.place for problem in caught.value.problems]
    assert sorted(places) == ["CARE_AS_OF", "CARE_MEMORY_LIMIT", "CARE_THREADS"]
    message = str(caught.value)
    assert "'lots'" in message
    assert "such as 6GB" in message
    assert "YYYY-MM-DD" in message
