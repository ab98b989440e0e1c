"""What every asset is handed: the settings, the run's exclusive hold on the pipeline, and dbt.

Assets do not belong here.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration.dbt_process import executable
from orchestration.instance import bury_run
from orchestration.memory import require_memory
from orchestration.pipeline_lock import Holder, pipeline_lock
from orchestration.settings import Settings, load_settings
from orchestration.warehouse import dbt_environment, prepare_engine


class Pipeline(dg.ConfigurableResource[Settings]):
    """Gives an asset the settings while its run alone holds the pipeline.

    The in-process executor makes a resource once a run, so the lock spans the run (docs/adr/0004).
    """

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Settings]:
        settings = load_settings()
        prepare_engine(settings)
        require_memory(settings)
        log, instance = context.log, context.instance
        if log is None or instance is None:
            raise dg.DagsterInvariantViolationError("The pipeline resource needs a run.")

        def on_wait(holder: Holder | None) -> None:
            log.warning(f"Waiting for {holder or 'another process'} to let go of the warehouse.")

        def on_abandoned(holder: Holder) -> None:
            bury_run(instance, holder.run_id)
            log.warning(f"{holder} died at its work; this run takes over from what was complete.")

        run_id = context.run_id or "unknown"
        with pipeline_lock(settings, run_id, on_wait, on_abandoned) as token:
            os.environ.update(dbt_environment(settings))
            yield replace(settings, token=token)


class DbtProcess(DbtCliResource):
    """dbt as a subprocess alone.

    The library would load project and adapter into this process too, to ask the warehouse for
    column types and counts; nothing here asks it (docs/adr/0003), and it took three seconds.
    """

    def _initialize_dbt_core_adapter(  # type: ignore[override]
        self,
        args: Sequence[str],  # noqa: ARG002
    ) -> None:
        return None


def dbt_resource(settings: Settings) -> DbtProcess:
    """dbt as a subprocess which dies with its run."""
    return DbtProcess(
        project_dir=os.fspath(settings.dbt_project_dir),
        profiles_dir=os.fspath(settings.dbt_project_dir),
        dbt_executable=executable(),
    )
