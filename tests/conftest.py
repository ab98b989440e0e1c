"""Shared fixtures: one small demo, simulated and run through Dagster once a session."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.manifest import ensure_manifest
from orchestration.settings import PROJECT_ROOT, Settings, load_settings

SMALL_DEMO_MEMBERS = 6_000
COMMAND_SECONDS = 600


@dataclass(frozen=True)
class CommandResult:
    """What a command of the warehouse printed and how it ended."""

    return_code: int
    output: str


def run_command(data_dir: Path, arguments: Sequence[str], **environment: str) -> CommandResult:
    """Run `python -m orchestration …` on a data folder, as the Makefile does."""
    finished = subprocess.run(
        [sys.executable, "-m", "orchestration", *arguments],
        env={**os.environ, "CARE_DATA_DIR": str(data_dir), **environment},
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return CommandResult(finished.returncode, finished.stdout)


@dataclass(frozen=True)
class Demo:
    """A data folder in which the simulator and one night have run."""

    settings: Settings
    night: CommandResult

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    def run(self, *arguments: str, **environment: str) -> CommandResult:
        return run_command(self.data_dir, arguments, **environment)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Read the dbt project once before anything is collected: the definitions need its manifest."""
    if not hasattr(session.config, "workerinput"):
        settings = load_settings()
        ensure_manifest(settings)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to share tests out where a group would not stay together: each worker had its night.

    pytest-xdist tells a group by a node's id, which not every pytest lets it change.
    """
    if not getattr(session.config.option, "loadgroup", False):
        return
    for item in session.items:
        if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
            raise pytest.UsageError("pytest-xdist cannot keep groups together with this pytest.")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The five programs at small scale after one `nightly`."""
    data_dir = tmp_path_factory.mktemp("demo")
    simulated = run_command(data_dir, ["simulate", "--members", str(SMALL_DEMO_MEMBERS)])
    assert simulated.return_code == 0, simulated.output
    night = run_command(data_dir, ["nightly"])
    assert night.return_code == 0, night.output
    return Demo(load_settings({"CARE_DATA_DIR": str(data_dir)}), night)


@pytest.fixture
def test_output() -> Callable[[str], Path]:
    """A path under `test-output/` for what a person may want to look at afterwards."""
    folder = PROJECT_ROOT / "test-output"
    folder.mkdir(exist_ok=True)
    return lambda name: folder / name
