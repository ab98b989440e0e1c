"""A server as `docs/deploy.md` describes it, run for real: what it serves, and to whom."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psutil
import pytest

from orchestration.settings import PROJECT_ROOT
from tests.deployment import server_kit
from tests.deployment.server_kit import UI_USER, Server

pytestmark = [
    pytest.mark.deployment,
    pytest.mark.xdist_group("deployment"),
    pytest.mark.skipif(
        server_kit.what_is_missing() is not None, reason=str(server_kit.what_is_missing())
    ),
]

MEMBERS = 1_500
EVERY_MINUTE = "* * * * *"
NIGHT_SECONDS = 900
DAGSTER = Path(sys.executable).with_name("dagster")
RUNS = """{ runsOrError(filter: {pipelineName: "nightly"}) { ... on Runs {
    results { runId status tags { key value } } } } }"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_kit.server(MEMBERS, EVERY_MINUTE) as running:
        yield running


@pytest.fixture(scope="module")
def first_night(server: Server) -> dict[str, str]:
    """The tags of the first nightly run that succeeded, as the proxy's GraphQL tells them.

    The daemon ends with it: it would start another night every minute.
    """
    deadline = time.monotonic() + NIGHT_SECONDS
    seen: list[str] = []
    while time.monotonic() < deadline:
        runs = server.graphql(RUNS)["runsOrError"]["results"]  # type: ignore[index]
        seen = [run["status"] for run in runs]
        assert "FAILURE" not in seen, server.daemon_log.read_text()[-5000:]
        for run in runs:
            if run["status"] == "SUCCESS":
                server_kit.end_at_once(server.daemon)
                return {"run_id": run["runId"], **{t["key"]: t["value"] for t in run["tags"]}}
        time.sleep(2)
    pytest.fail(f"no night succeeded, only {seen}:\n{server.daemon_log.read_text()[-5000:]}")


def test_the_daemon_starts_a_night_on_schedule_and_it_publishes(
    server: Server, first_night: dict[str, str]
) -> None:
    """Nobody is there at 05:30; the project's own schedule must do it all."""
    assert first_night["dagster/schedule_name"] == "nightly_schedule"
    marts = server.data_dir / "published" / "marts.duckdb"
    with duckdb.connect(str(marts), read_only=True) as published:
        assert published.execute("select count(*) from dim_program").fetchall() == [(5,)]


def test_runs_and_events_are_in_postgresql_alone(
    server: Server, first_night: dict[str, str]
) -> None:
    """Two storages would show two histories, and only one of them is backed up."""
    run_id = first_night["run_id"]
    kept = server.database.ask(
        f"select status from runs where run_id = '{run_id}'"
        f" union all select count(*)::text from event_logs where run_id = '{run_id}'"
        " and dagster_event_type in ('ASSET_MATERIALIZATION', 'RUN_SUCCESS')"
    ).splitlines()
    assert kept[0] == "SUCCESS"
    assert int(kept[1]) > 50
    assert not (server.data_dir / "warehouse" / "dagster_home" / "history").exists()


def test_a_dump_of_the_database_restores_every_run(
    server: Server, first_night: dict[str, str]
) -> None:
    """The backup that docs/deploy.md describes is worth what its restore is worth."""
    dump = server.data_dir.parent / "care_dagster.dump"
    server.database.run("pg_dump", "--format=custom", f"--file={dump}", "care_dagster")
    server.database.run("createdb", "--owner=care", "restored")
    server.database.run("pg_restore", "--dbname=restored", "--exit-on-error", str(dump))
    status = f"select status from runs where run_id = '{first_night['run_id']}'"
    assert server.database.ask(status, "restored") == "SUCCESS"


def test_the_database_migrates_as_the_manual_says(
    server: Server, first_night: dict[str, str]
) -> None:
    """An upgrade is the worst moment to find that a shell cannot read the services' settings."""
    script = f"""set -a; . {server.environment_file}
        DAGSTER_HOME=$CARE_DATA_DIR/warehouse/dagster_home exec {DAGSTER} instance migrate"""
    migrated = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, cwd=PROJECT_ROOT
    )
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    status = f"select status from runs where run_id = '{first_night['run_id']}'"
    assert server.database.ask(status) == "SUCCESS"


def test_who_brings_no_password_or_a_wrong_one_is_refused(server: Server) -> None:
    """Dagster's UI asks nobody who he is: whoever reaches it may start and delete runs."""
    assert server.get("/", None, None) == 401
    assert server.get("/graphql", None, None) == 401
    assert server.get("/", UI_USER, "wrong") == 401
    assert server.get("/", "somebody", server.ui_password) == 401
    assert server.get("/", UI_USER, server.ui_password) == 200
    assert f"- {UI_USER} [" in server.proxy_log.read_text(), "the access log names the user"


def test_the_ui_listens_on_loopback_alone(server: Server) -> None:
    """A UI that listens on every address is open to all who can reach the machine."""
    process = psutil.Process(server.webserver.pid)
    listening = {
        connection.laddr.ip
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                with socket.socket() as probe:
                    probe.settimeout(5)
                    assert probe.connect_ex((address.address, server.ui_port)) != 0
