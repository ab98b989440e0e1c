"""What the simulator's tests share: a written extract, and the true state behind one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.simulator import SimulationReport
from orchestration.simulator.attribution import Panels
from orchestration.simulator.calibration import CostResult
from orchestration.simulator.config import SimulationConfig
from orchestration.simulator.pharmacy import Fills
from orchestration.simulator.population import Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.utilization import MedicalUse


@dataclass(frozen=True)
class Extract:
    """A written simulation: its folders, its report and its rows as text in DuckDB."""

    landing_dir: Path
    truth_dir: Path
    report: SimulationReport
    engine: duckdb.DuckDBPyConnection

    def truth(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.truth_dir / f"{name}.json").read_text())
        return content

    def number(self, query: str) -> int:
        return int(self.engine.execute(query).fetchall()[0][0])


@dataclass(frozen=True)
class Simulated:
    """The true state behind the extracts, before any mess."""

    config: SimulationConfig
    providers: Providers
    people: Population
    use: MedicalUse
    fills: Fills
    panels: Panels
    costs: list[CostResult]
