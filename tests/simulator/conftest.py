"""One small extract on disk and a larger simulation in memory, shared by the simulator's tests."""

import duckdb
import pytest
from simulated_extract import Extract, Simulated

from orchestration.simulator import demo_config, simulate
from orchestration.simulator.attribution import find_panels
from orchestration.simulator.calibration import calibrate
from orchestration.simulator.pharmacy import simulate_fills
from orchestration.simulator.population import build_population
from orchestration.simulator.providers import build_providers
from orchestration.simulator.simulation import stream
from orchestration.simulator.utilization import simulate_use

SMALL_SCALE = 0.006
LARGER_SCALE = 0.1


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Extract:
    """About 2,500 members, every sender and feed; tables medical, pharmacy and eligibility."""
    folder = tmp_path_factory.mktemp("extract")
    report = simulate(demo_config(scale=SMALL_SCALE), folder / "landing", folder / "truth")
    engine = duckdb.connect()
    for table, feed, delimiter in (
        ("medical", "medical_claims", "|"),
        ("pharmacy", "pharmacy_claims", ","),
        ("eligibility", "eligibility", "|"),
    ):
        files = folder / "landing" / "cigna" / feed / "*.csv.gz"
        engine.execute(
            f"""create table {table} as
            select * exclude filename, split_part(parse_filename(filename), '.csv', 1) as file
            from read_csv('{files}', all_varchar = true, delim = '{delimiter}', filename = true,
                quote = '', escape = '')"""
        )
    return Extract(folder / "landing", folder / "truth", report, engine)


@pytest.fixture(scope="session")
def simulated() -> Simulated:
    """A tenth of the demo in memory: enough people for rates and distributions."""
    config = demo_config(scale=LARGER_SCALE)
    providers = build_providers(config, stream(config, "providers"))
    people = build_population(config, providers, stream(config, "population"))
    use = simulate_use(config, providers, people, stream(config, "utilization"))
    fills = simulate_fills(config, providers, people, stream(config, "pharmacy"))
    panels = find_panels(config, providers, people, use.visits, use.claims)
    costs = calibrate(config, providers, people, use.claims, use.lines, fills, panels)
    return Simulated(config, providers, people, use, fills, panels, costs)
