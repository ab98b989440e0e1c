"""FAULTS 59 and 61: two runs at once, and a run killed while it held the pipeline."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.errors import CareWarehouseError, PipelineBusy, RunOvertaken
from orchestration.fence import take_token
from orchestration.pipeline_lock import Holder, pipeline_lock
from orchestration.publication import current_generation, generations, publish
from orchestration.settings import Settings, load_settings
from tests.publication.publication_installation import NO_CHECKS, make_installation

# The package's function has the module's name.
publishing = importlib.import_module("orchestration.publication.publish")

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


def test_61_every_run_takes_a_greater_token(tmp_path: Path) -> None:
    """Also where the warehouse, and the lock in it, was deleted meanwhile."""
    tokens = []
    for run_id in ("first", "second", "third"):
        with pipeline_lock(settings_at(tmp_path), run_id, pytest.fail, pytest.fail) as token:
            tokens.append(token)
        shutil.rmtree(settings_at(tmp_path).warehouse_dir)
    assert tokens == sorted(set(tokens))


def test_61_a_run_that_was_overtaken_may_not_publish(tmp_path: Path) -> None:
    """A run was stopped, its lock file deleted, another published; then the first woke up.

    Its older tables would have replaced the newer ones, and the next night would not have known.
    """
    installation = make_installation(tmp_path / "data")
    settings = installation.settings
    stale = replace(settings, token=take_token(settings, "run first (process 1)"))
    fresh = replace(settings, token=take_token(settings, "run second (process 2)"))
    published = publish(fresh, NO_CHECKS)
    installation.warehouse("update agg_attribution set members = 77 where practice_id = 'A'")
    with pytest.raises(RunOvertaken, match=r"token 1\).*run second \(process 2\) since 20"):
        publish(stale, NO_CHECKS)
    assert current_generation(settings) == published.id
    assert publish(fresh, NO_CHECKS).is_new


@pytest.mark.parametrize("step", ["_issue_statements", "generations.seal"])
def test_61_a_run_overtaken_while_it_publishes_is_refused_at_the_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The check and the swap are one step; a token taken a moment before voids all that was built.

    Statements are issued under the same fence: a stale one cannot be called back.
    """
    settings = make_installation(tmp_path / "data").settings
    owner, name = (generations, "seal") if "." in step else (publishing, step)
    real = getattr(owner, name)

    def overtaken(*arguments: object) -> None:
        take_token(settings, "run second (process 2)")
        real(*arguments)

    monkeypatch.setattr(owner, name, overtaken)
    with pytest.raises(RunOvertaken, match="run second"):
        publish(replace(settings, token=take_token(settings, "run first")), NO_CHECKS)
    assert current_generation(settings) is None
    assert not list(generations.generations_dir(settings).iterdir())


def test_61_a_damaged_token_file_says_what_to_do(tmp_path: Path) -> None:
    """Counting from one again could let an old run in."""
    settings = make_installation(tmp_path / "data").settings
    publish(settings, NO_CHECKS)
    (settings.published_dir / ".fence.json").write_text("{")
    with pytest.raises(CareWarehouseError, match=r"\.fence\.json.*remove it"):
        publish(settings, NO_CHECKS)
