"""Fixtures of the publication tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
from publication_installation import Installation, make_installation

from orchestration.settings import Settings


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Everything that `publish` asks for, with every blocking check passed on inputs v1."""
    return make_installation(tmp_path / "data")


@pytest.fixture
def published_digest() -> Callable[[Settings], str]:
    """The manifest of the current generation, which is equal for equal content."""

    def read(settings: Settings) -> str:
        return (settings.published_dir / "current" / "manifest.json").read_text()

    return read
