"""A simulation into an installation's own landing folder: once, and never over another one.

What a simulation holds does not belong here (`simulation.py`).
"""

import json
from collections.abc import Callable

from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings
from orchestration.simulator.config import DEMO_MARKETS, demo_config
from orchestration.simulator.simulation import SimulationReport, simulate


def simulate_into_landing(
    settings: Settings,
    members: int | None,
    seed: int,
    force: bool,
    progress: Callable[[str], None],
) -> SimulationReport | None:
    """Simulate about `members` people (None: true size) for `seed`; None if it is already there.

    Raises `CareWarehouseError` where landing holds another simulation and `force` is not given,
    because the ledger would take the new files as the senders' corrections of the old ones.
    """
    true_size = sum(
        market.others + sum(program.members for program in market.programs)
        for market in DEMO_MARKETS
    )
    scale = 1.0 if members is None else members / true_size
    told = {"members": members, "seed": seed}
    marker = settings.truth_dir / "written.json"
    if marker.exists() and not force:
        before = json.loads(marker.read_text())
        if before == told:
            return None
        raise CareWarehouseError(
            f"{settings.landing_dir} holds another simulation ({before}, not {told}). Run `make"
            " clean`, or set CARE_DATA_DIR to another folder."
        )
    report = simulate(
        demo_config(seed=seed, scale=scale, threads=settings.threads),
        settings.landing_dir,
        settings.truth_dir,
        progress,
    )
    settings.truth_dir.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(told))
    return report
