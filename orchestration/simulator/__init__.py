"""Demo payers and provider groups with planted truths. All data are synthetic.

`simulate` writes what senders would deliver into a landing folder and, apart from it, the truth;
the pipeline never reads the truth.
"""

from orchestration.simulator.config import SimulationConfig, demo_config
from orchestration.simulator.portfolio import portfolio_config, write_portfolio_configuration
from orchestration.simulator.simulation import SimulationReport, simulate

__all__ = [
    "SimulationConfig",
    "SimulationReport",
    "demo_config",
    "portfolio_config",
    "simulate",
    "write_portfolio_configuration",
]
