"""Every measure's unit tests stand on both sides of what decides whom it concerns and who meets it.

The rows are dbt's; here only that none of them is missing is held, measure by measure.
"""

import csv
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestration.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
MEASURES = DBT_PROJECT / "models" / "intermediate" / "quality" / "measures"
YEAR = 2024
# Covers a measure can ask for beside the year's own, and the column that says a member has it.
COVERS = {
    "since_october": "is_enrolled_since_october",
    "rx": "is_enrolled_rx",
    "two_years": "is_enrolled_two_years",
    "two_years_rx": "is_enrolled_rx_two_years",
}


RULE = ("age_basis", "age_low", "age_high", "sex", "enrolment")


@dataclass(frozen=True)
class Case:
    """A member given to a unit test, with the rates that the test expects for her."""

    told: str
    birth_date: date
    expected: tuple[dict[str, str], ...]

    def age(self, basis: str) -> int:
        day = date(YEAR, 1, 1) if basis == "start" else date(YEAR, 12, 31)
        birth = self.birth_date
        return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.strip().splitlines()))


def cases(path: Path) -> list[Case]:
    """All members of all unit tests of a measure."""
    found = []
    for unit_test in yaml.safe_load(path.read_text())["unit_tests"]:
        given = {one["input"]: one["rows"] for one in unit_test["given"]}
        expected: list[dict[str, Any]] = csv_rows(unit_test["expect"]["rows"])
        (lines,) = re.findall(
            r'given_members\(\s*"(.*?)"', given["ref('int_quality_member')"], re.S
        )
        for line in lines.strip().splitlines():
            person, birth_date, *_ = (part.strip() for part in line.split(";"))
            rows = tuple(row for row in expected if row["person_key"] == person)
            found.append(Case(line, date.fromisoformat(birth_date), rows))
    return found


def rules() -> dict[str, dict[str, str]]:
    """The rule in force in the year of the tests of every measure's leading rate, by its file."""
    with (DBT_PROJECT / "seeds" / "quality_measure.csv").open() as rows:
        return {
            row["measure_id"].lower(): row
            for row in csv.DictReader(rows)
            if re.fullmatch(r"M\d\d", row["measure_id"])
            and int(row["first_year"]) <= YEAR <= int(row["last_year"])
        }


@pytest.mark.parametrize("measure", sorted(rules()))
def test_unit_tests_try_the_rule_that_is_in_force(measure: str) -> None:
    """Limits that only a test has, and not the seed, prove nothing of a night."""
    for unit_test in yaml.safe_load((MEASURES / f"measure_{measure}.yml").read_text())[
        "unit_tests"
    ]:
        given = {one["input"]: one["rows"] for one in unit_test["given"]}
        tried = [
            row
            for row in csv_rows(given["ref('quality_measure')"])
            if row["measure_id"] == measure.upper()
            and int(row["first_year"]) <= YEAR <= int(row["last_year"])
        ]
        assert [[row[name] for name in RULE] for row in tried] == [
            [rules()[measure][name] for name in RULE]
        ], unit_test["name"]


@pytest.mark.parametrize("measure", sorted(rules()))
def test_a_measures_unit_tests_stand_on_both_sides(measure: str) -> None:
    """A limit that is tested from one side alone may lie anywhere on the other."""
    rule, given = rules()[measure], cases(MEASURES / f"measure_{measure}.yml")
    missing = []
    ages = {
        is_in: {case.age(rule["age_basis"]) for case in given if bool(case.expected) is is_in}
        for is_in in (True, False)
    }
    low, high = int(rule["age_low"]), int(rule["age_high"])
    # M18 asks for the day a child turns 15 or 30 months, which its tests have on both sides.
    if measure == "m18":
        low, high = 0, 999
    if low > 0 and not (low in ages[True] and low - 1 in ages[False]):
        missing.append(f"age {low - 1} out, {low} in")
    if high < 999 and not (high in ages[True] and high + 1 in ages[False]):
        missing.append(f"age {high} in, {high + 1} out")
    if rule["sex"] and not any("sex=" in case.told and not case.expected for case in given):
        missing.append("the other sex")
    cover = COVERS.get(rule["enrolment"])
    if cover and not any(f"{cover}=false" in case.told and not case.expected for case in given):
        missing.append(f"{cover}=false")
    rows = [row for case in given for row in case.expected]
    for value in ("true", "false"):
        if not any(row.get("is_numerator") == value for row in rows):
            missing.append(f"is_numerator {value}")
    if not any(row.get("is_denominator") == "false" for row in rows):
        missing.append("who is excluded")
    if not any("common_exclusion=" in case.told for case in given):
        missing.append("who is excluded from every measure")
    assert not missing, f"measure_{measure}.yml has no row for: {'; '.join(missing)}"
