"""dbt's process: what it must not cost."""

from dagster_dbt import DbtCliResource

from orchestration.defs.resources import DbtProcess


def test_the_library_still_has_the_step_that_is_left_out() -> None:
    """Renamed in an upgrade, the project would again be loaded twice, three seconds, unnoticed."""
    name = DbtProcess._initialize_dbt_core_adapter.__name__
    assert callable(getattr(DbtCliResource, name))
