"""dbt's manifest, which tells Dagster what models there are: parsed anew only when stale.

Building models does not belong here.
"""

import fcntl
import os
import subprocess
from pathlib import Path

from orchestration.dbt_process import executable
from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings
from orchestration.warehouse import dbt_environment

PARSED_SUFFIXES = {".sql", ".yml", ".csv", ".md"}


def ensure_manifest(settings: Settings) -> Path:
    """Parse the dbt project unless its manifest is newer than every file of the project.

    Raises `CareWarehouseError` with dbt's own words where the project cannot be parsed.
    """
    manifest = settings.dbt_manifest_file
    if _is_fresh(manifest, settings):
        return manifest
    settings.dbt_target_dir.mkdir(parents=True, exist_ok=True)
    # Webserver and daemon start together; two that parse into one folder tear its files.
    with (settings.dbt_target_dir / "parse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_fresh(manifest, settings):
            _parse(manifest, settings)
    return manifest


def _parse(manifest: Path, settings: Settings) -> None:
    environment = {**os.environ, **dbt_environment(settings)}
    parse = subprocess.run(
        [executable(), "parse"], env=environment, capture_output=True, text=True, check=False
    )
    if parse.returncode != 0:
        raise CareWarehouseError(f"dbt cannot parse {settings.dbt_project_dir}:\n{parse.stdout}")
    os.utime(manifest)


def _is_fresh(manifest: Path, settings: Settings) -> bool:
    if not manifest.exists():
        return False
    return manifest.stat().st_mtime > _newest_source(settings.dbt_project_dir)


def _newest_source(project_dir: Path) -> float:
    return max(
        path.stat().st_mtime
        for path in project_dir.rglob("*")
        if path.suffix in PARSED_SUFFIXES and "target" not in path.relative_to(project_dir).parts
    )
