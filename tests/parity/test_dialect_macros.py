"""Each macro that hides a difference between the engines gives the same answer on both.

The answers are written down in dialect_answers.yml: two engines that are wrong alike would pass a
comparison of one with the other.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.dbt_process import executable
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.warehouse import dbt_environment

pytestmark = pytest.mark.xdist_group("parity")

MACROS_DIR = PROJECT_ROOT / "dbt_project" / "macros"
QUESTIONS = yaml.safe_load(Path(__file__).with_name("dialect_answers.yml").read_text())


@pytest.fixture(scope="module")
def answers(installation: Settings) -> dict[str, str | None]:
    """All answers of one engine: one start of dbt, one row."""
    _write_ledger(installation)
    columns = [
        f"'=' || cast({asked['sql']} as string) as {name}" for name, asked in QUESTIONS.items()
    ]
    command = [executable(), "--quiet", "show", "--output", "json"]
    shown = subprocess.run(
        [*command, "--inline", f"select {', '.join(columns)}"],
        env={**os.environ, **dbt_environment(installation)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout
    (row,) = json.loads(shown.stdout[shown.stdout.index("{") :])["show"]
    return {name: None if text is None else text.removeprefix("=") for name, text in row.items()}


def test_every_macro_answers_as_written_down(
    installation: Settings, answers: dict[str, str | None]
) -> None:
    """The engines spell these things differently; a slip shows in one engine's figures alone."""
    assert answers == {
        name: asked["by_engine"][installation.engine] if "by_engine" in asked else asked["answer"]
        for name, asked in QUESTIONS.items()
    }


def test_every_dispatched_macro_is_asked() -> None:
    """A macro with two bodies and no test is right on the engine that its author used."""
    sources = "\n".join(path.read_text() for path in MACROS_DIR.rglob("*.sql"))
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'", sources))
    asked = " ".join(question["sql"] for question in QUESTIONS.values())
    assert dispatched
    assert {name for name in dispatched if f"{name}(" not in asked} == set()


def _write_ledger(settings: Settings) -> None:
    """Two deliveries of a feed, the older without a column that came later, and a run's input."""
    folder = settings.ledger_dir / "reported_quality" / "payer"
    later = "select 'p' as program_id, cast(80 as decimal(7, 4)) as weight_scored"
    files = {
        folder / "2024-01" / "older.parquet": "select 'p' as program_id",
        folder / "2025-01" / "later.parquet": later,
        settings.inputs_dir / "run.parquet": "select date '2026-07-10' as as_of",
    }
    with duckdb.connect() as connection:
        for path, query in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(f"copy ({query}) to '{path}' (format parquet)")
