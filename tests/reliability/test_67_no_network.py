"""FAULTS 67: no network at all; everything still runs, and nothing even tries to phone home."""

import socket
from pathlib import Path

import pytest

from expectations.registry import FEED_SUITES, judge_feed
from orchestration.ingest import load_layouts, select_deliveries, take_feed
from orchestration.settings import load_settings
from orchestration.simulator import demo_config, simulate


def test_67_intake_and_expectations_never_open_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The expectations library reports its use unless told not to; a hospital has no way out."""
    asked: list[object] = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments[-1])
        raise OSError("no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    simulate(demo_config(scale=0.002, threads=1), tmp_path / "landing", tmp_path / "truth")
    settings = load_settings({"CARE_DATA_DIR": str(tmp_path)})
    for feed in load_layouts(settings).feeds:
        assert {entry.status for entry in take_feed(settings, feed).entries} == {"loaded"}, feed
    select_deliveries(settings)
    for definition, suite in FEED_SUITES:
        outcome = judge_feed(settings, definition, suite)
        assert outcome.passed, (suite.table, outcome.problems)
    assert asked == []
