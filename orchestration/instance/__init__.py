"""The Dagster instance of one installation: its home folder, its storage, and runs that died in it.

Assets and jobs do not belong here.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from orchestration.errors import ConfigurationError, Problem
from orchestration.settings import Settings

CONFIG_DIR = Path(__file__).parent
CONNECT_SECONDS = 5


def prepare_home(settings: Settings) -> Path:
    """Create DAGSTER_HOME with the committed configuration and point this process at it."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    storage = "storage.postgres.yaml" if settings.postgres_url else "storage.sqlite.yaml"
    parts = [(CONFIG_DIR / name).read_text() for name in ("dagster.yaml", storage)]
    # Swapped in whole: a webserver or a run may be reading it at this moment.
    written = home / f"dagster.yaml.{os.getpid()}"
    written.write_text("".join(parts))
    written.replace(home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    return home


def check_storage(settings: Settings) -> None:
    """See that PostgreSQL, where it is asked for, lets this process in.

    Raises `ConfigurationError` naming the address without its password, and what PostgreSQL said.
    """
    if settings.postgres_url is None:
        return
    address = make_url(settings.postgres_url).render_as_string(hide_password=True)

    def unusable(fix: str) -> ConfigurationError:
        return ConfigurationError([Problem("environment", "CARE_POSTGRES_URL", address, fix)])

    if find_spec("dagster_postgres") is None:
        raise unusable("The extra is not installed: run `make .venv/.postgres`.")
    engine = create_engine(settings.postgres_url, connect_args={"connect_timeout": CONNECT_SECONDS})
    try:
        engine.connect().close()
    except SQLAlchemyError as error:
        said = " ".join(str(getattr(error, "orig", error)).split())
        raise unusable(
            f"It does not let us in: {said} Start PostgreSQL or mend user, password, host, port"
            " or database; left unset, SQLite on this machine is used."
        ) from error
    finally:
        engine.dispose()


def bury_run(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Mark a run whose process died as failed and free its pool slots.

    Returns False when the instance does not know the run or it had already ended; its slots are
    freed in either case, because a killed process frees none (docs/adr/0004).
    """
    run = instance.get_run_by_id(run_id)
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    if run is None or run.is_finished:
        return False
    instance.report_run_failed(run, message="Its process ended without a word; buried by the next.")
    return True
