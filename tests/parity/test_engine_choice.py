"""CARE_ENGINE chooses the engine of everything, and says at once where it cannot run."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import duckdb
import pytest

from orchestration.errors import CareWarehouseError, ConfigurationError
from orchestration.settings import Settings, load_settings
from orchestration.warehouse import (
    clear_for_rebuild,
    dbt_environment,
    prepare_engine,
    read_warehouse,
    relation_row_counts,
)
from tests.conftest import run_command


@pytest.fixture
def on_spark(tmp_path: Path) -> Settings:
    return load_settings({"CARE_DATA_DIR": str(tmp_path), "CARE_ENGINE": "spark"})


def write_table(settings: Settings, name: str, query: str, is_complete: bool = True) -> None:
    """A table's folder as Spark leaves it: parts, and a mark once the last one is written."""
    folder = settings.spark_dir / "tables" / "care.db" / name
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to '{folder}/part-00000.parquet' (format parquet)")
    if is_complete:
        (folder / "_SUCCESS").touch()


def pretend_java(home: Path, version: str) -> Path:
    """A JAVA_HOME whose java says this version."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return home


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    """dbt would say that a target is missing, after the intake."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"CARE_ENGINE": "snowflake"})
    (problem,) = caught.value.problems
    assert (problem.place, problem.value) == ("CARE_ENGINE", "snowflake")
    assert "duckdb, spark" in problem.fix


@pytest.mark.parametrize(
    ("java", "told"), [(None, "there is no Java"), ("11.0.2", "is 11"), ("1.8.0_392", "is 1")]
)
def test_a_missing_or_old_java_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, java: str | None, told: str
) -> None:
    """PySpark says that a gateway exited before sending its port number."""
    monkeypatch.setattr("orchestration.warehouse.SPARK_PACKAGES", ())
    home = pretend_java(tmp_path / "java", java) if java else tmp_path / "none"
    environ = {"CARE_DATA_DIR": str(tmp_path), "CARE_ENGINE": "spark", "JAVA_HOME": str(home)}
    with pytest.raises(CareWarehouseError) as caught:
        prepare_engine(load_settings(environ))
    assert told in str(caught.value)
    assert "openjdk-17-jre-headless" in str(caught.value)


def test_a_java_new_enough_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check must not refuse what works."""
    monkeypatch.setattr("orchestration.warehouse.SPARK_PACKAGES", ())
    home = pretend_java(tmp_path / "java", "21.0.4")
    environ = {"CARE_DATA_DIR": str(tmp_path), "CARE_ENGINE": "spark", "JAVA_HOME": str(home)}
    settings = load_settings(environ)
    prepare_engine(settings)
    assert settings.spill_dir.is_dir()


def test_missing_packages_are_named_with_the_command_that_adds_them(
    on_spark: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default environment has no Spark in it."""

    def not_installed(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("orchestration.warehouse.version", not_installed)
    with pytest.raises(CareWarehouseError, match=r"dbt-spark is not installed. Run `make spark`"):
        prepare_engine(on_spark)


def test_a_night_on_an_engine_that_cannot_run_begins_no_work(tmp_path: Path) -> None:
    """One clear error first, not one after the intake of a night."""
    night = run_command(
        tmp_path, ["nightly"], CARE_ENGINE="spark", JAVA_HOME=str(tmp_path / "no_java")
    )
    assert night.return_code == 1
    assert night.output.startswith("error: CARE_ENGINE is spark")
    assert not (tmp_path / "ledger").exists()
    assert not (tmp_path / "warehouse" / "inputs").exists()


def test_tables_of_spark_are_read_by_the_names_they_have_on_duckdb(on_spark: Settings) -> None:
    """Outcomes, payment and publication are written once, for both engines."""
    amounts = "select 1 as person_key, cast(2.50 as decimal(18, 2)) as amount"
    write_table(on_spark, "int_cost", f"{amounts} union all {amounts}")
    write_table(on_spark, "dim_program", "select 1 as person_key")
    write_table(on_spark, "half_written", "select 1 as person_key", is_complete=False)
    with read_warehouse(on_spark) as warehouse:
        summed = warehouse.execute("select sum(amount)::varchar from int_cost").fetchall()
        by_schema = warehouse.execute('select count(*) from "care"."int_cost"').fetchall()
        kinds = warehouse.execute("describe int_cost").fetchall()
    assert summed == [("5.00",)]
    assert by_schema == [(2,)]
    assert [kind for _, kind, *_ in kinds] == ["INTEGER", "DECIMAL(18,2)"]
    assert relation_row_counts(on_spark) == {"dim_program": 1, "int_cost": 2}


def test_a_warehouse_that_spark_has_not_built_is_told(on_spark: Settings) -> None:
    """An empty list of tables would look like an empty warehouse."""
    with (
        pytest.raises(CareWarehouseError, match="Spark has built no warehouse yet"),
        read_warehouse(on_spark),
    ):
        pass


def test_each_engine_keeps_its_results_and_verdicts_apart(on_spark: Settings) -> None:
    """Publishing Spark's tables with the checks of DuckDB's would open the gate to anything."""
    on_duckdb = load_settings({"CARE_DATA_DIR": str(on_spark.data_dir)})
    for name in ("checks_dir", "outcomes_dir", "dbt_target_dir", "dbt_log_dir", "spill_dir"):
        assert getattr(on_duckdb, name) != getattr(on_spark, name)
    for name in ("ledger_dir", "inputs_dir", "published_dir", "lock_file", "dagster_home"):
        assert getattr(on_duckdb, name) == getattr(on_spark, name)
    assert dbt_environment(on_duckdb)["CARE_ENGINE"] == "duckdb"
    assert dbt_environment(on_spark)["CARE_ENGINE"] == "spark"


def test_a_rebuild_on_spark_starts_without_what_a_killed_one_left(on_spark: Settings) -> None:
    """Spark refuses for ever to write a table into a folder that its catalogue does not know."""
    write_table(on_spark, "int_cost", "select 1 as person_key", is_complete=False)
    (on_spark.spark_dir / "metastore").mkdir()
    on_spark.checks_dir.mkdir()
    on_spark.warehouse_file.touch()
    clear_for_rebuild(on_spark)
    assert not (on_spark.spark_dir / "tables").exists()
    assert not (on_spark.spark_dir / "metastore").exists()
    assert on_spark.checks_dir.is_dir()
    assert on_spark.warehouse_file.exists()


def test_memory_is_told_to_java_in_its_own_words(tmp_path: Path) -> None:
    """Java does not start with -Xmx6GB."""
    told = {
        limit: dbt_environment(
            load_settings({"CARE_DATA_DIR": str(tmp_path), "CARE_MEMORY_LIMIT": limit})
        )["CARE_SPARK_MEMORY"]
        for limit in ("6GB", "512MB", "4GiB", "700MiB")
    }
    assert told == {"6GB": "5722m", "512MB": "488m", "4GiB": "4096m", "700MiB": "700m"}
