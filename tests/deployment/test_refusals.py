"""Settings a server cannot run with: one error before any work, with setting, value and fix."""

from pathlib import Path

import pytest

from orchestration.defs.jobs import schedule_nightly
from orchestration.errors import ConfigurationError
from orchestration.instance import check_storage
from orchestration.settings import load_settings
from tests.conftest import run_command
from tests.deployment.server_kit import free_port

PASSWORD = "s3cret-of-the-database"


def test_a_postgresql_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    """A night that began and could not write its first event would leave a half-taken delivery."""
    pytest.importorskip("dagster_postgres", reason="make .venv/.postgres")
    address = f"127.0.0.1:{free_port()}/care_dagster"
    url = f"postgresql+psycopg2://care:{PASSWORD}@{address}"
    for command in ("nightly", "daemon", "webserver"):
        refused = run_command(tmp_path, [command], CARE_POSTGRES_URL=url)
        assert refused.return_code == 1
        assert f"CARE_POSTGRES_URL: found 'postgresql+psycopg2://care:***@{address}'" in (
            refused.output
        )
        assert "Connection refused" in refused.output
        assert "Start PostgreSQL" in refused.output
        assert PASSWORD not in refused.output
        assert "Traceback" not in refused.output
    assert not (tmp_path / "ledger").exists()


def test_the_missing_extra_is_named_with_the_command_that_adds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`ModuleNotFoundError: dagster_postgres` from inside Dagster helps nobody on call."""
    monkeypatch.setattr("orchestration.instance.find_spec", lambda _: None)
    settings = load_settings({"CARE_POSTGRES_URL": f"postgresql://care:{PASSWORD}@db/care"})
    with pytest.raises(ConfigurationError, match=r"make \.venv/\.postgres") as refused:
        check_storage(settings)
    assert PASSWORD not in str(refused.value)


def test_an_address_of_another_kind_is_refused_and_not_repeated() -> None:
    """`mysql://…` or a bare password would be told to a log that many may read."""
    with pytest.raises(ConfigurationError, match="CARE_POSTGRES_URL") as refused:
        load_settings({"CARE_POSTGRES_URL": f"mysql://care:{PASSWORD}@db/care"})
    assert "postgresql+psycopg2://user:password@host" in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_settings_keep_the_password_out_of_what_they_print() -> None:
    """A settings object printed in a traceback goes to the event log."""
    url = f"postgresql://care:{PASSWORD}@db/care"
    assert PASSWORD not in repr(load_settings({"CARE_POSTGRES_URL": url}))


def test_a_time_that_is_no_cron_expression_stops_the_service(tmp_path: Path) -> None:
    """A daemon that runs without its schedule is found out in the morning."""
    with pytest.raises(ConfigurationError, match="CARE_NIGHTLY_CRON: found 'at night'"):
        schedule_nightly("at night")
    refused = run_command(tmp_path, ["daemon"], CARE_NIGHTLY_CRON="30 25 * * *")
    assert refused.return_code == 1
    assert "CARE_NIGHTLY_CRON: found '30 25 * * *'" in refused.output
    assert "'30 5 * * *' for 05:30 every day" in refused.output
    assert "Traceback" not in refused.output
