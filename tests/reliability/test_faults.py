"""Every bad day is tested, by its number."""

from orchestration.settings import PROJECT_ROOT
from tests.reliability.faults import (
    COUNT,
    ELSEWHERE,
    FAULTS,
    covered,
    dbt_unit_tests,
    python_tests,
    table,
)


def test_every_number_has_a_test() -> None:
    """A bad day that nobody tries is one that nobody survives."""
    assert list(FAULTS) == list(range(1, COUNT + 1))
    assert sorted(covered()) == list(FAULTS)


def test_the_tests_named_elsewhere_are_there() -> None:
    """A renamed test would silently stop covering its number."""
    known = {f"{path}: {name}" for path, name in python_tests()}
    known |= {f"dbt: {name}" for name in dbt_unit_tests()}
    named = {test for tests in ELSEWHERE.values() for test in tests}
    assert named <= known, named - known


def test_the_manual_shows_them_as_they_are() -> None:
    """`python -m tests.reliability.faults` prints the tables of docs/faults.md."""
    manual = (PROJECT_ROOT / "docs" / "faults.md").read_text("utf-8")
    assert table().strip() in manual
