"""Where things are and how much of the machine they may use: the only reader of the environment.

Business parameters do not belong here; they are terms of a program in `data/programs/*.yml`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from orchestration.errors import ConfigurationError, Problem

PROJECT_ROOT = Path(__file__).resolve().parent.parent
POSTGRES_SCHEMES = ("postgresql+psycopg2://", "postgresql://")

Engine = Literal["duckdb", "spark"]
ENGINES: tuple[Engine, ...] = ("duckdb", "spark")


@dataclass(frozen=True)
class Settings:
    """Absolute paths and limits of one installation."""

    data_dir: Path
    config_dir: Path
    engine: Engine
    java_home: Path | None
    as_of: date | None
    memory_limit: str
    threads: int
    settle_seconds: int
    lock_wait_seconds: int
    keep_generations: int
    postgres_url: str | None = field(default=None, repr=False)
    nightly_cron: str | None = None
    alert_webhook: str | None = field(default=None, repr=False)
    alert_after_hours: int = 26
    token: int | None = None
    """The present run's, by which publication knows whether it was overtaken (`fence.py`)."""

    @property
    def programs_dir(self) -> Path:
        return self.config_dir / "programs"

    @property
    def feeds_dir(self) -> Path:
        return self.config_dir / "feeds"

    @property
    def payers_dir(self) -> Path:
        return self.config_dir / "payers"

    @property
    def landing_dir(self) -> Path:
        return self.data_dir / "landing"

    @property
    def ledger_dir(self) -> Path:
        return self.data_dir / "ledger"

    @property
    def truth_dir(self) -> Path:
        return self.data_dir / "simulated_truth"

    @property
    def warehouse_dir(self) -> Path:
        return self.data_dir / "warehouse"

    @property
    def engine_dir(self) -> Path:
        """What one engine built, and what was judged and computed from it; the other's is apart."""
        return self.spark_dir if self.engine == "spark" else self.warehouse_dir

    @property
    def warehouse_file(self) -> Path:
        return self.warehouse_dir / "warehouse.duckdb"

    @property
    def completed_build_file(self) -> Path:
        """What the warehouse was last built from, whole; absent while it is not."""
        return self.warehouse_dir / "completed_build.json"

    @property
    def spark_dir(self) -> Path:
        return self.warehouse_dir / "spark"

    @property
    def spill_dir(self) -> Path:
        return self.engine_dir / "spill"

    @property
    def lock_file(self) -> Path:
        return self.warehouse_dir / "warehouse.lock"

    @property
    def inputs_dir(self) -> Path:
        return self.warehouse_dir / "inputs"

    @property
    def checks_dir(self) -> Path:
        return self.engine_dir / "checks"

    @property
    def outcomes_dir(self) -> Path:
        return self.engine_dir / "outcomes"

    @property
    def dbt_target_dir(self) -> Path:
        return self.engine_dir / "dbt_target"

    @property
    def dbt_manifest_file(self) -> Path:
        return self.dbt_target_dir / "manifest.json"

    @property
    def dbt_log_dir(self) -> Path:
        return self.engine_dir / "dbt_logs"

    @property
    def dagster_home(self) -> Path:
        return self.warehouse_dir / "dagster_home"

    @property
    def alert_log(self) -> Path:
        """What was alerted, one JSON object a line; also how it is known what was told before."""
        return self.warehouse_dir / "alerts.jsonl"

    @property
    def published_dir(self) -> Path:
        return self.data_dir / "published"

    @property
    def statements_dir(self) -> Path:
        """Statements that were issued: legal records, to be backed up, never rebuilt."""
        return self.data_dir / "statements"

    @property
    def attribution_dir(self) -> Path:
        """Attribution snapshots as first known: legal records, to be backed up, never rebuilt."""
        return self.data_dir / "attribution"

    @property
    def dbt_project_dir(self) -> Path:
        return PROJECT_ROOT / "dbt_project"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read `CARE_*` and `JAVA_HOME`; raise `ConfigurationError` naming every unusable one."""
    problems: list[Problem] = []

    def whole_number(name: str, default: int, least: int) -> int:
        text = environ.get(name, str(default))
        if not text.isdecimal() or int(text) < least:
            fix = f"Set {name} to a whole number of {least} or more."
            problems.append(Problem("environment", name, text, fix))
            return default
        return int(text)

    def day(name: str) -> date | None:
        text = environ.get(name)
        if not text:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            problems.append(Problem("environment", name, text, "Write a date as YYYY-MM-DD."))
            return None

    def known_engine(name: str) -> Engine:
        text = environ.get(name, "duckdb")
        for engine in ENGINES:
            if text == engine:
                return engine
        fix = f"Write one of {', '.join(ENGINES)}."
        problems.append(Problem("environment", name, text, fix))
        return "duckdb"

    postgres_url = environ.get("CARE_POSTGRES_URL") or None
    if postgres_url and not postgres_url.startswith(POSTGRES_SCHEMES):
        fix = f"Write {POSTGRES_SCHEMES[0]}user:password@host:5432/database, or leave it unset."
        hidden = "(not shown: it may hold a password)"
        problems.append(Problem("environment", "CARE_POSTGRES_URL", hidden, fix))
    alert_webhook = environ.get("CARE_ALERT_WEBHOOK") or None
    if alert_webhook and not alert_webhook.startswith(("https://", "http://")):
        fix = "Write an http(s) address that takes JSON, or leave it unset for the log alone."
        hidden = "(not shown: it may hold a password)"
        problems.append(Problem("environment", "CARE_ALERT_WEBHOOK", hidden, fix))
    memory_limit = environ.get("CARE_MEMORY_LIMIT", "6GB")
    if not re.fullmatch(r"[1-9][0-9]*(MB|GB|MiB|GiB)", memory_limit):
        fix = "Write a size such as 6GB or 512MB."
        problems.append(Problem("environment", "CARE_MEMORY_LIMIT", memory_limit, fix))
    settings = Settings(
        data_dir=Path(environ.get("CARE_DATA_DIR", PROJECT_ROOT / "data")).resolve(),
        config_dir=Path(environ.get("CARE_CONFIG_DIR", PROJECT_ROOT / "data")).resolve(),
        engine=known_engine("CARE_ENGINE"),
        java_home=Path(environ["JAVA_HOME"]) if environ.get("JAVA_HOME") else None,
        as_of=day("CARE_AS_OF"),
        memory_limit=memory_limit,
        threads=whole_number("CARE_THREADS", len(os.sched_getaffinity(0)), 1),
        settle_seconds=whole_number("CARE_SETTLE_SECONDS", 60, 0),
        lock_wait_seconds=whole_number("CARE_LOCK_WAIT_SECONDS", 600, 0),
        keep_generations=whole_number("CARE_KEEP_GENERATIONS", 7, 1),
        postgres_url=postgres_url,
        nightly_cron=environ.get("CARE_NIGHTLY_CRON") or None,
        alert_webhook=alert_webhook,
        alert_after_hours=whole_number("CARE_ALERT_AFTER_HOURS", 26, 1),
    )
    if problems:
        raise ConfigurationError(problems)
    return settings
