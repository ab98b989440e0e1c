"""A simulation into an installation's own landing folder: once, and never over another one.

What a simulation holds does not belong here (`simulation.py`).
"""

import json
from collections.abc import Callable

from orchestration.errors import CareWarehouseError
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.simulator.config import DEMO_MARKETS, SimulationConfig, demo_config
from orchestration.simulator.portfolio import portfolio_config, write_portfolio_configuration
from orchestration.simulator.simulation import SimulationReport, simulate

TEMPLATE_DIR = PROJECT_ROOT / "data"
PORTFOLIO_MEMBERS = 1_000_000


def simulate_into_landing(
    settings: Settings,
    members: int | None,
    portfolio: int | None,
    seed: int,
    force: bool,
    progress: Callable[[str], None],
) -> SimulationReport | None:
    """Simulate about `members` people (None: true size) for `seed`; None if it is already there.

    They belong to the demo's five programs and their markets, or to a `portfolio` of so many
    made-up programs, whose configuration is written into `settings.config_dir`.

    Raises `CareWarehouseError` where landing holds another simulation and `force` is not given,
    because the ledger would take the new files as the senders' corrections of the old ones; and
    where a portfolio is impossible or would write among the programs of another installation.
    """
    told: dict[str, int | None] = {"members": members, "seed": seed}
    if portfolio is None:
        config = _demo(settings, members, seed)
    else:
        told["portfolio"] = portfolio
        config = _portfolio(settings, members, portfolio, seed)
    marker = settings.truth_dir / "written.json"
    if marker.exists() and not force:
        before = json.loads(marker.read_text())
        if before != told:
            raise CareWarehouseError(
                f"{settings.landing_dir} holds another simulation ({before}, not {told}). Run"
                " `make clean`, or set CARE_DATA_DIR to another folder."
            )
    if portfolio is not None:
        write_portfolio_configuration(config, settings.config_dir, TEMPLATE_DIR)
    if marker.exists() and not force:
        return None
    report = simulate(config, settings.landing_dir, settings.truth_dir, progress)
    settings.truth_dir.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(told))
    return report


def _demo(settings: Settings, members: int | None, seed: int) -> SimulationConfig:
    true_size = sum(
        market.others + sum(program.members for program in market.programs)
        for market in DEMO_MARKETS
    )
    scale = 1.0 if members is None else members / true_size
    return demo_config(seed=seed, scale=scale, threads=settings.threads)


def _portfolio(
    settings: Settings, members: int | None, programs: int, seed: int
) -> SimulationConfig:
    """The plan of a portfolio whose programs may be written into the configuration folder."""
    if settings.config_dir == TEMPLATE_DIR:
        raise CareWarehouseError(
            f"A portfolio brings its own programs, and {TEMPLATE_DIR} holds the demo's. Set"
            " CARE_CONFIG_DIR to a folder of its own; the night needs the same setting."
        )
    try:
        config = portfolio_config(members or PORTFOLIO_MEMBERS, programs, seed, settings.threads)
    except ValueError as error:
        raise CareWarehouseError(str(error)) from error
    own = {program.program_id for program in config.programs}
    others = sorted({path.stem for path in settings.programs_dir.glob("*.yml")} - own)
    if others:
        raise CareWarehouseError(
            f"{settings.programs_dir} holds other programs ({', '.join(others[:3])} …). Set"
            " CARE_CONFIG_DIR to a folder of the portfolio's own."
        )
    return config
