"""A portfolio of made-up programs: its plan, its configuration files, its parts."""

import gzip
from pathlib import Path

import pytest

from orchestration.errors import CareWarehouseError
from orchestration.ingest import take_feed
from orchestration.programs import load_programs
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.simulator import (
    portfolio_config,
    simulate,
    write_portfolio_configuration,
)
from orchestration.simulator.landing import simulate_into_landing


def test_a_portfolio_holds_the_members_and_programs_asked_for() -> None:
    """A benchmark at a million members must be one of a million members."""
    config = portfolio_config(1_000_000, 100)
    members = sum(
        market.others + sum(p.members for p in market.programs) for market in config.markets
    )
    assert len(config.programs) == 100
    assert members == pytest.approx(1_000_000, rel=0.02)
    assert len(config.split()) >= 3
    assert all(len(batch.markets) >= 1 for batch in config.split())


@pytest.mark.parametrize(("members", "programs"), [(100_000, 101), (100_000, 0), (500, 1)])
def test_an_impossible_portfolio_is_refused(members: int, programs: int) -> None:
    """A panel without members or market would fail far downstream, with another message."""
    with pytest.raises(ValueError, match=r"programs|members"):
        portfolio_config(members, programs)


def test_a_portfolio_in_parts_is_taken_by_intake_with_its_own_configuration(
    tmp_path: Path,
) -> None:
    """Parts share months but never ids, and every program and sender file must be valid."""
    plan = portfolio_config(2_400, 4)
    config = type(plan)(seed=plan.seed, markets=plan.markets, batch_members=1_500)
    assert config.split()[-1].batches > 1
    write_portfolio_configuration(config, tmp_path / "configuration", PROJECT_ROOT / "data")
    simulate(config, tmp_path / "data" / "landing", tmp_path / "data" / "truth")
    settings = load_settings(
        {
            "CARE_DATA_DIR": str(tmp_path / "data"),
            "CARE_CONFIG_DIR": str(tmp_path / "configuration"),
        }
    )
    assert len(load_programs(settings)) == 4
    for feed in ("eligibility", "provider_roster", "reported_quality"):
        entries = take_feed(settings, feed).entries
        assert {entry.status for entry in entries} == {"loaded"}, feed
    seen: set[str] = set()
    for file in sorted((tmp_path / "data/landing/cigna/eligibility").glob("2023-01.p*.csv.gz")):
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()[1:]
        members = {line.split("|")[0] for line in lines}
        assert members.isdisjoint(seen)
        seen |= members
    assert seen


def installation(folder: Path) -> Settings:
    """Settings of an installation with its own data and configuration under `folder`."""
    return load_settings(
        {"CARE_DATA_DIR": str(folder / "data"), "CARE_CONFIG_DIR": str(folder / "configuration")}
    )


def test_the_command_configures_the_portfolio_it_simulates_and_writes_it_once(
    tmp_path: Path,
) -> None:
    """A night on the extracts without their programs would attribute nobody to anyone."""
    settings = installation(tmp_path)
    report = simulate_into_landing(settings, 1_000, 2, 7, False, print)
    assert report is not None
    programs = {program.program_id for program in load_programs(settings)}
    rosters = {path.parent.name for path in settings.landing_dir.glob("*/provider_roster")}
    assert rosters == programs | {"cigna"}
    for file in settings.programs_dir.glob("*.yml"):
        file.unlink()
    assert simulate_into_landing(settings, 1_000, 2, 7, False, print) is None
    assert {program.program_id for program in load_programs(settings)} == programs
    with pytest.raises(CareWarehouseError, match="holds another simulation"):
        simulate_into_landing(settings, 1_000, 2, 8, False, print)


def test_a_portfolio_never_writes_among_other_programs(tmp_path: Path) -> None:
    """The demo's five program files are documents of record; a hundred made-up ones are not."""
    before = sorted((PROJECT_ROOT / "data" / "programs").rglob("*"))
    demo = load_settings({"CARE_DATA_DIR": str(tmp_path / "data")})
    with pytest.raises(CareWarehouseError, match="CARE_CONFIG_DIR"):
        simulate_into_landing(demo, 1_000, 2, 7, False, print)
    assert sorted((PROJECT_ROOT / "data" / "programs").rglob("*")) == before
    settings = installation(tmp_path)
    settings.programs_dir.mkdir(parents=True)
    (settings.programs_dir / "somebody_elses.yml").touch()
    with pytest.raises(CareWarehouseError, match="somebody_elses"):
        simulate_into_landing(settings, 1_000, 2, 7, False, print)
    assert not settings.landing_dir.exists()
