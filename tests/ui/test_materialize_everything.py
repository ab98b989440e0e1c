"""The Dagster UI as its users meet it: opened in a browser, everything materialized."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import sync_playwright

from orchestration.settings import PROJECT_ROOT
from tests.conftest import Demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
START_SECONDS = 120
RUN_SECONDS = 400
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("pipeline")]


def graphql(url: str, query: str) -> Any:
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["data"]


def newest_run(url: str) -> dict[str, Any]:
    data = graphql(url, "{ runsOrError(limit: 1) { ... on Runs { results { runId status } } } }")
    results = data["runsOrError"]["results"]
    return results[0] if results else {"runId": "", "status": "NONE"}


def wait_until(what: str, seconds: float, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return
        time.sleep(1)
    pytest.fail(f"{what} did not happen within {seconds} s")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@pytest.fixture
def dagster_url(demo: Demo, test_output: Callable[[str], Path]) -> Iterator[str]:
    """`make ui` on a free port; every process it started is ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with test_output("dagster-ui.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "orchestration", "ui", "--port", str(port)],
            env={**os.environ, "CARE_DATA_DIR": str(demo.data_dir)},
            cwd=PROJECT_ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until("the UI's start", START_SECONDS, lambda: answers(url))
            yield url
        finally:
            end_with_children(server.pid)
            server.wait()


def end_with_children(pid: int) -> None:
    parent = psutil.Process(pid)
    family = [*parent.children(recursive=True), parent]
    for process in family:
        process.terminate()
    for process in psutil.wait_procs(family, timeout=10)[1]:
        process.kill()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser test is out")
def test_everything_materializes_from_the_browser(
    dagster_url: str, test_output: Callable[[str], Path]
) -> None:
    """What a data engineer does first; a job that only runs from a shell is half a product."""
    before = newest_run(dagster_url)["runId"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{dagster_url}/asset-groups", wait_until="domcontentloaded")
        page.get_by_text("Materialize all").first.click(timeout=60_000)
        wait_until("a new run", 60, lambda: newest_run(dagster_url)["runId"] != before)
        run_id = newest_run(dagster_url)["runId"]
        page.goto(f"{dagster_url}/runs/{run_id}", wait_until="domcontentloaded")
        wait_until(
            "the end of the run",
            RUN_SECONDS,
            lambda: newest_run(dagster_url)["status"] in {"SUCCESS", "FAILURE", "CANCELED"},
        )
        page.wait_for_timeout(3_000)
        page.screenshot(path=test_output("dagster-run.png"))
        page.goto(
            f"{dagster_url}/assets/outcomes/agg_er_use_versus_market",
            wait_until="domcontentloaded",
        )
        page.wait_for_timeout(8_000)
        page.screenshot(path=test_output("dagster-er-use-asset.png"))
        browser.close()
    run = newest_run(dagster_url)
    assert (run["runId"], run["status"]) == (run_id, "SUCCESS")
