"""The locks: hashed, without index addresses, and alike where they pin the same package."""

import re
import tomllib
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_ROOT

RUN_TIME = PROJECT_ROOT / "requirements.lock"
EXTRAS = sorted(PROJECT_ROOT.glob("requirements-*.lock"))


def pins(lock: Path) -> dict[str, str]:
    """Package and version of every pin."""
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", lock.read_text(), re.MULTILINE))


def test_every_extra_has_its_lock() -> None:
    """`make test` or `make parity` would otherwise fail only where the environment is made."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    names = [lock.stem.removeprefix("requirements-") for lock in EXTRAS]
    assert names == sorted(project["optional-dependencies"])
    for name in names:
        wanted = {
            re.split(r"[<>=]", requirement)[0]
            for requirement in project["optional-dependencies"][name]
        }
        assert wanted <= pins(PROJECT_ROOT / f"requirements-{name}.lock").keys()


@pytest.mark.parametrize("lock", EXTRAS, ids=lambda lock: lock.stem)
def test_an_extra_changes_no_pin_of_the_run_time(lock: Path) -> None:
    """Tests that run against other versions than the night prove nothing about the night."""
    run_time, extra = pins(RUN_TIME), pins(lock)
    assert run_time.items() <= extra.items()
    assert len(extra) > len(run_time) > 100


def test_extras_agree_with_each_other() -> None:
    """One environment must be able to hold all of them: parity is a test that needs Spark."""
    everywhere: dict[str, str] = {}
    for lock in EXTRAS:
        for name, version in pins(lock).items():
            assert everywhere.setdefault(name, version) == version, (lock.name, name)


@pytest.mark.parametrize("lock", [RUN_TIME, *EXTRAS], ids=lambda lock: lock.stem)
def test_every_pin_is_hashed_and_names_no_index(lock: Path) -> None:
    """An index written into a lock would bind everyone to one machine's mirror."""
    text = lock.read_text()
    blocks = re.split(r"^(?=[a-z0-9._-]+(?:\[[^]]*\])?==)", text, flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks[1:])
    assert "://" not in text
