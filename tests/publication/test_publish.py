"""Publication as its readers meet it: whole generations, one swap, the last good one kept."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from publication_installation import NO_CHECKS, Installation

from orchestration.checks import CheckRecord, write_check_records
from orchestration.errors import PipelineBusy, PublicationRefused
from orchestration.publication import Generation, generations, tables, verify_current
from orchestration.publication import publish as publish_now
from orchestration.publication.gate import registered_checks
from orchestration.settings import Settings


def publish(settings: Settings) -> Generation:
    return publish_now(settings, NO_CHECKS)


_QUERY = "select practice_id, members, is_suppressed from agg_attribution order by practice_id"


def members_of(settings: Settings) -> list[tuple[object, ...]]:
    """What a BI client sees that opens the marts now.

    By the resolved path: within one process DuckDB shares what it opened under an equal path.
    """
    path = (settings.published_dir / "marts.duckdb").resolve(strict=True)
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(_QUERY).fetchall()


def members_in_another_process(settings: Settings) -> list[tuple[object, ...]]:
    """The same through the symbolic links, as another program sees it."""
    script = (
        "import duckdb, sys, json; c = duckdb.connect(sys.argv[1], read_only=True);"
        "print(json.dumps(c.execute(sys.argv[2]).fetchall()))"
    )
    path = str(settings.published_dir / "marts.duckdb")
    output = subprocess.run(
        [sys.executable, "-c", script, path, _QUERY], capture_output=True, text=True, check=True
    ).stdout
    return [tuple(row) for row in json.loads(output)]


def test_a_generation_holds_marts_parquet_meta_and_checksums(installation: Installation) -> None:
    """A reader finds everything of one run in one place, small cells blank."""
    generation = publish(installation.settings)
    names = {str(path.relative_to(generation.path)) for path in generation.path.rglob("*.*")}
    assert names == {
        "agg_attribution.parquet",
        "agg_change_detail.parquet",
        "agg_change_versus_market.parquet",
        "agg_er_use_versus_market.parquet",
        "agg_outcome_versus_market.parquet",
        "agg_shared_savings.parquet",
        "checksums.sha256",
        "manifest.json",
        "marts.duckdb",
        "meta_publication.parquet",
        "meta_publication_input.parquet",
        "restricted/fct_attribution.parquet",
    }
    assert generation.is_new
    assert members_of(installation.settings) == [
        ("A", 60, False),
        ("B", None, True),
        ("C", None, True),
        ("D", 31, False),
    ]


def test_identified_facts_are_readable_by_their_owner_only(installation: Installation) -> None:
    """Identified rows must not lie in the BI file, nor be readable by other accounts."""
    generation = publish(installation.settings)
    restricted = generation.path / "restricted"
    assert restricted.stat().st_mode & 0o777 == 0o700
    assert (restricted / "fct_attribution.parquet").stat().st_mode & 0o777 == 0o600
    assert (generation.path / "marts.duckdb").stat().st_mode & 0o777 == 0o444
    with duckdb.connect(str(generation.path / "marts.duckdb"), read_only=True) as marts:
        names = {row[0] for row in marts.execute("show tables").fetchall()}
    assert "fct_attribution" not in names


def test_small_event_counts_take_every_derived_number_with_them(
    installation: Installation,
) -> None:
    """Five visits must not be read back from a ratio or a sentence beside the blank."""
    generation = publish(installation.settings)
    with duckdb.connect(str(generation.path / "marts.duckdb"), read_only=True) as marts:
        row = marts.execute(
            "select observed_visits, sir, sentence, panel_persons, is_suppressed "
            "from agg_er_use_versus_market"
        ).fetchone()
    assert row == (None, None, None, 400, True)


def test_the_marts_file_is_written_for_older_clients(installation: Installation) -> None:
    """FAULTS 66: a client of DuckDB 1.0 reads storage version 64 and refuses later ones."""
    generation = publish(installation.settings)
    header = (generation.path / "marts.duckdb").read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64


def test_equal_content_is_published_once_and_says_so(
    installation: Installation, published_digest: Callable[[Settings], str]
) -> None:
    """A second night with nothing new keeps generation, digests and folder."""
    first = publish(installation.settings)
    before = published_digest(installation.settings)
    second = publish(installation.settings)
    assert (second.id, second.is_new) == (first.id, False)
    assert published_digest(installation.settings) == before
    assert len(list(generations.generations_dir(installation.settings).iterdir())) == 1


def test_equal_content_in_another_place_and_order_has_an_equal_id(
    installation: Installation,
) -> None:
    """DESIGN decision 2: neither path nor physical row order nor time enters a digest."""
    first = publish(installation.settings)
    installation.warehouse(
        "create table shuffled as select * from agg_attribution order by members desc;"
        "drop table agg_attribution; alter table shuffled rename to agg_attribution;"
        "create table facts as select * from fct_attribution order by hash(person_id);"
        "drop table fct_attribution; alter table facts rename to fct_attribution;"
    )
    shutil.rmtree(installation.settings.published_dir)
    assert publish(installation.settings).id == first.id


def test_large_identified_tables_are_written_with_equal_bytes(
    installation: Installation,
) -> None:
    """Many row groups and several threads must not change the order of rows in the file."""
    digests = set()
    for seed in (1, 2):
        installation.warehouse(
            "create or replace table fct_attribution as select (range * 7919) % 1000003 as "
            f"person_id, range % 17 as program_id from range(400000) order by hash(range + {seed})"
        )
        shutil.rmtree(installation.settings.published_dir, ignore_errors=True)
        digests.add(publish(installation.settings).id)
    assert len(digests) == 1


def test_meta_tells_what_was_published_without_a_clock(installation: Installation) -> None:
    """A contract manager reads from the file itself which claims it stands on."""
    generation = publish(installation.settings)
    with duckdb.connect(str(generation.path / "marts.duckdb"), read_only=True) as marts:
        run = marts.execute("select * from meta_publication").fetchall()
        deliveries = marts.execute(
            "select source_id, delivery_count, row_count, loaded_count, rejected_count, "
            "duplicate_count from meta_publication_input"
        ).fetchall()
        comment = marts.execute(
            "select comment from duckdb_columns() where column_name = 'members'"
        ).fetchall()
    assert [str(value) for value in run[0]] == ["2026-07-10", "2026-06", "abc", "v1"]
    assert deliveries == [("cigna", 1, 10, 8, 1, 1)]
    assert comment == [("People attributed.",)]


def test_64_an_open_reader_keeps_its_data_and_a_new_one_sees_the_new(
    installation: Installation,
) -> None:
    """FAULTS 64: a BI client holds the marts open while the night publishes."""
    publish(installation.settings)
    path = str(installation.settings.published_dir / "marts.duckdb")
    with duckdb.connect(path, read_only=True) as reader:
        installation.warehouse("update agg_attribution set members = 77 where practice_id = 'A'")
        assert publish(installation.settings).is_new
        old = reader.execute(
            "select max(members) from agg_attribution where practice_id = 'A'"
        ).fetchone()
        assert old == (60,)
        assert members_in_another_process(installation.settings)[0] == ("A", 77, False)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (tables, "write_parquet"),
        (tables, "write_arrow"),
        (tables, "write_marts_file"),
        (generations, "seal"),
        (generations, "_sync"),
        (generations, "adopt"),
        (generations, "_point"),
        (os, "rename"),
        (os, "replace"),
        (os, "fsync"),
    ],
)
def test_60_a_full_disk_at_any_step_keeps_the_last_generation(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    """FAULTS 60: no space left; what was current stays, and the next publication succeeds."""
    first = publish(installation.settings)
    before = members_of(installation.settings)
    installation.warehouse("update agg_attribution set members = 77 where practice_id = 'A'")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        with pytest.raises(OSError, match="No space left"):
            publish(installation.settings)
    assert generations.current_generation(installation.settings) == first.id
    assert members_of(installation.settings) == before
    assert publish(installation.settings).is_new
    assert members_of(installation.settings)[0] == ("A", 77, False)
    folder = generations.generations_dir(installation.settings)
    assert not list(folder.glob(".building*"))


def test_60_a_disk_that_fills_inside_the_engine_keeps_the_last_generation(
    installation: Installation,
) -> None:
    """A file-size limit makes the engine's own writes fail, not only ours."""
    first = publish(installation.settings)
    installation.warehouse(
        "create or replace table fct_attribution as select uuid()::varchar as person_id "
        "from range(200000)"
    )
    script = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
    ) + _PUBLISH
    assert _run(script, installation.settings).returncode == 1
    assert generations.current_generation(installation.settings) == first.id
    assert publish(installation.settings).is_new


_PUBLISH = (
    "from orchestration.publication import publish;"
    "from orchestration.settings import load_settings;"
    "publish(load_settings(), ());"
)


def _run(script: str, settings: Settings) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CARE_DATA_DIR": str(settings.data_dir)}
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "call", "when"),
    [
        ("tables.write_parquet", 1, "before"),
        ("tables.write_parquet", 3, "after"),
        ("tables.write_marts_file", 1, "after"),
        ("generations.seal", 1, "before"),
        ("generations.adopt", 1, "before"),
        ("generations._point", 1, "before"),
        ("generations._point", 1, "after"),
        ("generations._write_history", 1, "before"),
        ("generations.prune", 1, "before"),
    ],
)
def test_59_a_kill_at_any_step_leaves_the_old_or_the_new_generation(
    installation: Installation, name: str, call: int, when: str
) -> None:
    """FAULTS 59: SIGKILL; never a mix, nothing to clean up by hand, the next run succeeds."""
    publish(installation.settings)
    old = members_of(installation.settings)
    installation.warehouse("update agg_attribution set members = 77 where practice_id = 'A'")
    module, function = name.split(".")
    script = f"""
import importlib, os, signal
module = importlib.import_module("orchestration.publication.{module}")
real, calls = getattr(module, {function!r}), []
def killed(*args, **kwargs):
    calls.append(1)
    if len(calls) < {call}:
        return real(*args, **kwargs)
    if {when == "after"}:
        real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, {function!r}, killed)
{_PUBLISH}"""
    assert _run(script, installation.settings).returncode == -signal.SIGKILL
    new = [("A", 77, False), *old[1:]]
    assert members_of(installation.settings) in (old, new)
    assert verify_current(installation.settings) is not None
    publish(installation.settings)
    assert members_of(installation.settings) == new
    folder = generations.generations_dir(installation.settings)
    assert not list(folder.glob(".building*"))
    assert len(generations.history(installation.settings)) == 2


def test_61_a_second_publication_at_once_is_told_who_publishes(
    installation: Installation,
) -> None:
    """FAULTS 61: publication is fenced."""
    with (
        generations.publication_lock(installation.settings),
        pytest.raises(PipelineBusy, match=rf"process {os.getpid()}, since 2\d{{3}}-"),
    ):
        publish(installation.settings)


def test_65_a_corrupted_newest_generation_is_set_aside_and_the_previous_served(
    installation: Installation,
) -> None:
    """FAULTS 65: one flipped bit on disk."""
    settings = installation.settings
    first = publish(settings)
    before = members_of(settings)
    installation.warehouse("update agg_attribution set members = 77 where practice_id = 'A'")
    second = publish(settings)
    _flip(second.path / "agg_attribution.parquet")
    verification = verify_current(settings)
    assert verification is not None
    assert verification.current == first.id
    assert verification.corrupted == (second.id,)
    assert "agg_attribution.parquet: its content has changed" in verification.problems[0]
    assert members_of(settings) == before
    assert publish(settings).id == second.id
    assert members_of(settings)[0] == ("A", 77, False)


def test_65_with_no_intact_generation_nothing_is_served(installation: Installation) -> None:
    """No answer is better than a wrong one; the next publication builds anew."""
    generation = publish(installation.settings)
    _flip(generation.path / "marts.duckdb")
    verification = verify_current(installation.settings)
    assert verification is not None
    assert (verification.current, verification.corrupted) == (None, (generation.id,))
    assert generations.current_generation(installation.settings) is None
    assert verify_current(installation.settings) is None
    assert publish(installation.settings).is_new


def test_a_missing_file_is_corruption_too(installation: Installation) -> None:
    """A deleted file would otherwise pass, as no bytes of it differ."""
    generation = publish(installation.settings)
    (generation.path / "agg_shared_savings.parquet").unlink()
    assert generations.corrupted_files(generation.path) == ["agg_shared_savings.parquet: missing"]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def test_pruning_keeps_the_newest_the_current_and_those_in_use(
    installation: Installation,
) -> None:
    """Disk stays bounded, but a reader of Parquet that opens files late loses nothing."""
    settings = installation.settings
    made = [publish(settings).id]
    held = (settings.published_dir / "current" / "agg_attribution.parquet").resolve().open("rb")
    with held:
        for members in range(70, 75):
            installation.warehouse(
                f"update agg_attribution set members = {members} where practice_id = 'A'"
            )
            made.append(publish(settings).id)
        assert generations.history(settings) == [made[0], *made[-3:]]
    generations.prune(settings)
    assert generations.history(settings) == made[-3:]


def test_going_back_to_earlier_content_reuses_its_generation(installation: Installation) -> None:
    """A correction undone publishes the old digests again, and counts as the newest."""
    settings = installation.settings
    first = publish(settings)
    installation.warehouse("update agg_attribution set members = 77 where practice_id = 'A'")
    second = publish(settings)
    installation.warehouse("update agg_attribution set members = 60 where practice_id = 'A'")
    third = publish(settings)
    assert (third.id, third.is_new) == (first.id, True)
    assert generations.history(settings) == [second.id, first.id]


class TestGate:
    """Nothing is published unless every blocking check passed on the inputs being published."""

    def refused(self, installation: Installation, match: str) -> None:
        with pytest.raises(PublicationRefused, match=match):
            publish(installation.settings)
        assert generations.current_generation(installation.settings) is None

    def test_a_missing_result_refuses(self, installation: Installation) -> None:
        shutil.rmtree(installation.settings.checks_dir)
        self.refused(installation, r"(?s)test\.care\.unique_members: has no result")

    def test_a_result_on_other_inputs_refuses(self, installation: Installation) -> None:
        installation.run("v2")
        self.refused(installation, "judged inputs v1, not v2")

    def test_a_failure_refuses_and_is_named(self, installation: Installation) -> None:
        write_check_records(
            installation.settings,
            [
                CheckRecord(
                    "test.care.unique_members",
                    "agg_attribution",
                    True,
                    False,
                    "v1",
                    {"status": "fail", "message": "Got 3 results"},
                )
            ],
        )
        self.refused(installation, "unique_members on agg_attribution: fail. Got 3 results")

    def test_every_registered_blocking_check_is_expected(self, installation: Installation) -> None:
        """A suite that was never run must stand in the way by name."""
        with pytest.raises(PublicationRefused) as refused:
            publish_now(installation.settings)
        for check in registered_checks():
            assert (f"{check.name}: has no result" in str(refused.value)) == check.blocking

    def test_an_unreadable_record_refuses(self, installation: Installation) -> None:
        path = installation.settings.checks_dir / "test.care.unique_members.json"
        path.write_text('{"check": "test.care')
        self.refused(installation, "unique_members: has no result")

    def test_a_failed_check_unknown_to_the_code_refuses(self, installation: Installation) -> None:
        write_check_records(
            installation.settings, [CheckRecord("outcome_x", "agg_x", True, False, "v1")]
        )
        self.refused(installation, "outcome_x on agg_x: failed")

    def test_content_changed_after_it_was_judged_refuses(self, installation: Installation) -> None:
        record = CheckRecord(
            "gx_savings", "agg_shared_savings", True, True, "v1", {"content_digest": "0" * 64}
        )
        write_check_records(installation.settings, [record])
        self.refused(installation, "agg_shared_savings has changed since it was judged")

    def test_a_missing_outcome_refuses(self, installation: Installation) -> None:
        (installation.settings.outcomes_dir / "agg_shared_savings.parquet").unlink()
        self.refused(installation, "Materialize agg_shared_savings first")

    def test_a_mart_without_suppression_rules_refuses(self, installation: Installation) -> None:
        path = installation.settings.dbt_manifest_file
        content = json.loads(path.read_text())
        del content["nodes"]["model.care.agg_attribution"]["config"]["meta"]["suppression"]
        path.write_text(json.dumps(content))
        self.refused(installation, "suppression is missing")

    def test_rules_naming_an_unknown_column_refuse(self, installation: Installation) -> None:
        path = installation.settings.dbt_manifest_file
        content = json.loads(path.read_text())
        meta = content["nodes"]["model.care.agg_attribution"]["config"]["meta"]
        meta["suppression"]["count_columns"] = ["member_count"]
        path.write_text(json.dumps(content))
        self.refused(installation, "name member_count, which it does not have")
