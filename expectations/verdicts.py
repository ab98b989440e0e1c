"""What every expectation said in a run, one file a table, and the report made of it.

Judging does not belong here (`suites.py`). Verdicts hold counts and reasons, never values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from expectations.suites import ExpectationResult, SuiteOutcome
from orchestration.checks import CheckOutcome, RunInputs, read_run_inputs
from orchestration.ingest.ledger import write_whole
from orchestration.pages import render
from orchestration.settings import Settings

REPORT_FILE = "data_quality.html"
_TEMPLATE = "data_quality.html.j2"
_LAYERS = {
    "ledger": "What was delivered",
    "mart": "What was computed",
    "outcome": "Results",
}


@dataclass(frozen=True)
class TableVerdict:
    """One table's suite as it was judged on the run's inputs."""

    table: str
    layer: str
    status: str
    rows: int
    problems: tuple[str, ...]
    verdicts: tuple[ExpectationResult, ...]


def keep_verdicts(settings: Settings, table: str, layer: str, outcome: CheckOutcome) -> None:
    """Keep what a suite's expectations said on the current inputs, instead of earlier words."""
    verdicts = outcome.verdicts if isinstance(outcome, SuiteOutcome) else ()
    told = {
        "table": table,
        "layer": layer,
        "status": outcome.status,
        "rows": outcome.metadata.get("rows", 0),
        "problems": outcome.problems,
        "input_version": read_run_inputs(settings).input_version,
        "verdicts": [asdict(one) for one in verdicts],
    }
    write_whole(_folder(settings) / f"{table}.json", json.dumps(told, indent=1).encode())


def read_verdicts(settings: Settings, inputs: RunInputs) -> list[TableVerdict]:
    """Verdicts on exactly these inputs, by layer and table; those of other runs are no verdicts."""
    found = []
    for path in sorted(_folder(settings).glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        if told["input_version"] == inputs.input_version:
            found.append(
                TableVerdict(
                    told["table"],
                    told["layer"],
                    told["status"],
                    int(told["rows"]),
                    tuple(told["problems"]),
                    tuple(ExpectationResult(**one) for one in told["verdicts"]),
                )
            )
    return sorted(found, key=lambda one: (list(_LAYERS).index(one.layer), one.table))


def write_report(settings: Settings, folder: Path, inputs: RunInputs) -> None:
    """Write the page of a generation; a run in which no suite was judged has none."""
    tables = read_verdicts(settings, inputs)
    if tables:
        page = report_page(tables, inputs.as_of.isoformat())
        (folder / REPORT_FILE).write_text(page, encoding="utf-8")


def report_page(tables: Sequence[TableVerdict], as_of: str) -> str:
    """One page: what was expected of every table, why, and what was found."""
    every = [one for table in tables for one in table.verdicts]
    return render(
        _TEMPLATE,
        as_of=as_of,
        layers=[
            (title, [one for one in tables if one.layer == layer])
            for layer, title in _LAYERS.items()
        ],
        table_count=len(tables),
        expectation_count=len(every),
        by_verdict=_counted([verdict_of(one) for one in every]),
        by_dimension=_counted([one.dimension for one in every]),
        verdict_of=verdict_of,
    )


def verdict_of(one: ExpectationResult) -> str:
    """What an expectation said, in a word."""
    if one.error is not None:
        return "could not be judged"
    if one.success:
        return "met no value" if one.is_unjudged else "holds"
    return "failed" if one.severity == "critical" else "warned"


def _counted(words: Sequence[str]) -> Mapping[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}


def _folder(settings: Settings) -> Path:
    return settings.engine_dir / "expectations"
