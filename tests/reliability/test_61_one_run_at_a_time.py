"""FAULTS 59 and 61: two runs at once, and a run killed while it held the pipeline."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.errors import PipelineBusy
from orchestration.pipeline_lock import Holder, pipeline_lock
from orchestration.settings import Settings, load_settings

HOLD = """
import sys, time
from orchestration.pipeline_lock import pipeline_lock
from orchestration.settings import load_settings
with pipeline_lock(load_settings(), "first", print, print):
    print("held", flush=True)
    time.sleep(60)
"""


def settings_at(data_dir: Path) -> Settings:
    return load_settings({"CARE_DATA_DIR": str(data_dir), "CARE_LOCK_WAIT_SECONDS": "0"})


def process_that_holds(data_dir: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "CARE_DATA_DIR": str(data_dir)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_61_a_second_run_is_told_who_runs_since_when(tmp_path: Path) -> None:
    """Two writers of one warehouse would leave a mix of both."""
    holder = process_that_holds(tmp_path)
    waited_for: list[Holder | None] = []
    try:
        with (
            pytest.raises(PipelineBusy, match=rf"run first \(process {holder.pid}, since 20"),
            pipeline_lock(settings_at(tmp_path), "second", waited_for.append, pytest.fail),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_59_a_killed_holder_frees_the_pipeline_and_is_named(tmp_path: Path) -> None:
    """A lock file left by SIGKILL once stopped every later night until someone deleted it."""
    holder = process_that_holds(tmp_path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    abandoned: list[Holder] = []
    with pipeline_lock(settings_at(tmp_path), "second", pytest.fail, abandoned.append):
        assert [(h.run_id, h.process_id) for h in abandoned] == [("first", holder.pid)]
    with pipeline_lock(settings_at(tmp_path), "third", pytest.fail, abandoned.append):
        assert len(abandoned) == 1, "a run that ended is not taken for a dead one"
