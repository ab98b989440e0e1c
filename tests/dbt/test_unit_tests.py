"""dbt's unit tests, which hold the models to METHODS' examples on hand-made rows.

No night runs them: they judge code, not data.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from orchestration.dbt_process import executable
from orchestration.warehouse import dbt_environment
from tests.conftest import Demo

pytestmark = pytest.mark.xdist_group("pipeline")

EXAMPLES = {
    *("EX-A1", "EX-A2", "EX-A3", "EX-A4"),
    *("EX-B1", "EX-B2", "EX-B3", "EX-B4"),
    *("EX-C1", "EX-C2"),
    *("EX-D1", "EX-D2", "EX-D3", "EX-D4", "EX-D5", "EX-D6", "EX-D7"),
    *("EX-E1", "EX-E2", "EX-E3", "EX-E4"),
    *("EX-F1", "EX-F2", "EX-F3"),
    "EX-G1",
    "EX-J3",
}


def test_every_dbt_unit_test_passes_and_the_worked_examples_are_among_them(
    demo: Demo, tmp_path: Path
) -> None:
    """A unit test that nothing runs is a comment."""
    environment = {
        **os.environ,
        **dbt_environment(demo.settings),
        "DBT_TARGET_PATH": str(tmp_path),
        # As the night parsed it, which is half of what this test would do otherwise.
        "DBT_PARTIAL_PARSE_FILE_PATH": str(demo.settings.dbt_target_dir / "partial_parse.msgpack"),
    }
    ran = subprocess.run(
        [executable(), "test", "--select", "test_type:unit"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    results = json.loads((tmp_path / "run_results.json").read_text())["results"]
    assert {result["status"] for result in results} == {"pass"}
    unit_tests = json.loads((tmp_path / "manifest.json").read_text())["unit_tests"]
    assert {result["unique_id"] for result in results} == set(unit_tests)
    told = " ".join(unit_test["description"] or "" for unit_test in unit_tests.values())
    assert set(re.findall(r"EX-[A-Z][0-9]", told)) >= EXAMPLES
