"""The files of `docs/deploy` against the programs that will read them; needs no server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_ROOT, load_settings

DEPLOY = PROJECT_ROOT / "docs" / "deploy"
SETTINGS = (PROJECT_ROOT / "orchestration" / "settings.py").read_text()


def test_every_name_of_the_example_is_a_setting() -> None:
    """A setting that was renamed would be set for years and read by nobody."""
    named = re.findall(r"^(CARE_\w+)=", (DEPLOY / "care.env.example").read_text(), re.MULTILINE)
    assert named
    assert [name for name in named if f'"{name}"' not in SETTINGS] == []


def test_the_example_can_be_used_as_it_stands() -> None:
    """Who changes only the password must not be told that another line is wrong."""
    pairs = re.findall(
        r'^(CARE_\w+)="?(.*?)"?$', (DEPLOY / "care.env.example").read_text(), re.MULTILINE
    )
    settings = load_settings(dict(pairs))
    assert settings.nightly_cron == "30 5 * * *"
    assert settings.data_dir == Path("/srv/care/data")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """systemd leaves out a line that it does not know, with a word in a log nobody reads."""
    units = []
    for unit in DEPLOY.glob("*.service"):
        copy = tmp_path / unit.name
        # The one thing that is right only where it is installed.
        copy.write_text(unit.read_text().replace("/opt/care/.venv/bin/python", sys.executable))
        units.append(str(copy))
    assert len(units) == 2
    verified = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
