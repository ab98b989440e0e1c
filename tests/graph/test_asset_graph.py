"""The asset graph as reviewed: keys, groups, dependencies, owners and checks; no phantoms."""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from orchestration.manifest import ensure_manifest
from orchestration.settings import load_settings

SNAPSHOT = Path(__file__).with_name("asset_graph.snapshot.txt")


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    """The code location, loaded on an empty data folder as on a new machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARE_DATA_DIR", str(tmp_path_factory.mktemp("graph")))
        ensure_manifest(load_settings())
        yield importlib.import_module("orchestration.definitions").defs


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_the_graph_is_the_reviewed_one(specs: dict[str, dg.AssetSpec]) -> None:
    """A renamed key silently makes a phantom asset and cuts its history off."""
    lines = []
    for key, spec in sorted(specs.items()):
        deps = sorted(dep.asset_key.to_user_string() for dep in spec.deps)
        lines.append(f"{key} [{spec.group_name}] <- {', '.join(deps) or '-'}")
    drawn = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(drawn)
    assert drawn == SNAPSHOT.read_text(), (
        "The graph changed. If that is intended, review the difference and run"
        " UPDATE_SNAPSHOT=1 .venv/bin/pytest tests/graph"
    )


def test_every_dependency_is_an_asset_of_ours(specs: dict[str, dg.AssetSpec]) -> None:
    """A literal key with a typing error depends on something nobody makes."""
    wanted = {dep.asset_key.to_user_string() for spec in specs.values() for dep in spec.deps}
    assert wanted <= set(specs)


def test_every_asset_has_owner_description_group_and_kinds(
    specs: dict[str, dg.AssetSpec],
) -> None:
    """Someone on call at night must see what a table is and whom to ask."""
    for key, spec in specs.items():
        assert spec.owners, f"{key} has no owner"
        assert spec.description, f"{key} has no description"
        assert spec.group_name != "default", f"{key} has no group"
        assert spec.kinds, f"{key} names no kind"


def test_every_check_judges_an_asset_of_ours(
    definitions: dg.Definitions, specs: dict[str, dg.AssetSpec]
) -> None:
    """A check on a key that does not exist never runs and never fails."""
    graph = definitions.resolve_asset_graph()
    judged = {key.asset_key.to_user_string() for key in graph.asset_check_keys}
    assert judged <= set(specs)


def test_every_mart_has_a_blocking_check(definitions: dg.Definitions) -> None:
    """A mart without one would be published whatever it holds."""
    graph = definitions.resolve_asset_graph()
    blocked = {
        key.asset_key.to_user_string()
        for key in graph.asset_check_keys
        if graph.get_check_spec(key).blocking
    }
    public = {
        spec.key.to_user_string()
        for spec in definitions.resolve_all_asset_specs()
        if spec.key.path[0] in {"marts", "outcomes", "payment"}
    }
    assert public <= blocked


def test_jobs_schedule_and_sensor_are_there(definitions: dg.Definitions) -> None:
    """The night is started by the schedule, the ledger by what is dropped; others tell of both."""
    repository = definitions.get_repository_def()
    assert {"nightly", "intake", "daily_lists", "settlement"} <= set(repository.job_names)
    for name in repository.job_names:
        assert repository.get_job(name).nodes, f"{name} runs nothing"
    assert dg.validate_run_config(definitions.resolve_job_def("settlement"))
    assert [s.cron_schedule for s in repository.schedule_defs] == ["30 5 * * *"]
    sensors = {sensor.name for sensor in repository.sensor_defs}
    assert sensors == {"landing_sensor", "care_message_sensor", "failure_alert", "watch_alert"}
