"""Fixtures of the tests of care coordination."""

from pathlib import Path

import pytest
from care_kit import CareInstallation, make_care_installation


@pytest.fixture
def care(tmp_path: Path) -> CareInstallation:
    """A group with seven members, published, and hospitals that have said nothing yet."""
    return make_care_installation(tmp_path / "data")
