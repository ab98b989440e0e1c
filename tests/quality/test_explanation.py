"""What a person is told of a member and a measure is what the warehouse decided."""

from datetime import date
from typing import Any

import pytest

from orchestration.errors import CareWarehouseError
from orchestration.quality.explanation import asked_month, explain, state_in_month
from orchestration.settings import Settings
from orchestration.warehouse import read_warehouse
from tests.conftest import Demo


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2024-02", date(2024, 2, 29)), (None, date(2025, 12, 31)), ("2025-06", date(2025, 6, 30))],
)
def test_a_month_is_its_last_day(text: str | None, expected: date) -> None:
    """A service of the 31st belongs to the month that is asked about."""
    assert asked_month(text, date(2025, 12, 10)) == expected


@pytest.mark.parametrize("text", ["2025", "2025-13", "06-2025", "soon"])
def test_what_is_no_month_is_named(text: str) -> None:
    """A mistyped month must not be answered for another one."""
    with pytest.raises(CareWarehouseError, match=f"{text} is no month"):
        asked_month(text, date(2025, 12, 10))


def test_a_service_after_the_month_had_not_met_it_yet() -> None:
    """Who asks about June must not be told of August's service as if it had been there."""
    row = {
        "is_met": True,
        "evidence_date": date(2025, 8, 3),
        "evaluation_date": date(2025, 12, 31),
    }
    assert "not met yet, the evidence is of 2025-08-03" in state_in_month(row, date(2025, 7, 31))
    assert state_in_month(row, date(2025, 8, 31)).endswith(": met")
    assert state_in_month(row, date(2025, 12, 31)).endswith("as above")
    assert state_in_month({**row, "is_met": False}, date(2025, 8, 31)).endswith("not met")


@pytest.mark.xdist_group("pipeline")
class TestOnTheDemo:
    """Members of each standing, as the demo has them."""

    @staticmethod
    def one(settings: Settings, condition: str) -> dict[str, Any]:
        with read_warehouse(settings) as warehouse:
            found = warehouse.execute(
                f"select * from fct_measure_explanation where {condition}"
                " order by person_id, measure_id limit 1"
            )
            names = [column[0] for column in found.description]
            return dict(zip(names, found.fetchall()[0], strict=True))

    @pytest.mark.parametrize(
        ("condition", "told"),
        [
            ("standing = 'IN' and is_met and measure_id = 'M01' and state = 'CLOSED'", "Met as of"),
            ("state = 'OVERDUE' and measure_id = 'M05'", "Would close it: HbA1c"),
            ("standing = 'OUT' and reason = 'SEX'", "Out: the measure is of the other sex"),
            ("standing = 'OUT' and reason = 'AGE' and measure_id = 'M05'", "is outside the meas"),
            ("standing = 'OUT' and reason = 'CONDITION_OR_EVENT'", "no condition or event of it"),
            ("standing = 'EXCLUDED' and measure_id = 'M15'", "Excluded: "),
        ],
    )
    def test_each_standing_is_put_into_words(self, demo: Demo, condition: str, told: str) -> None:
        """An explanation that fits another member's row would be believed."""
        row = self.one(demo.settings, condition)
        month = f"{row['measure_year']}-01"
        lines = explain(demo.settings, row["person_id"], row["measure_id"], month, row["payer"])
        assert lines[0].startswith(f"{row['measure_id']} {row['measure_name']}")
        assert any(told in line for line in lines), lines
        if row["evidence_claim_key"]:
            assert any("lines of" in line for line in lines), lines

    def test_the_command_prints_it(self, demo: Demo) -> None:
        """A nurse who asks about a gap must get an answer, and a reason when there is none."""
        row = self.one(demo.settings, "state = 'OVERDUE'")
        printed = demo.run("explain", "--member", row["person_id"], "--measure", row["measure_id"])
        assert printed.return_code == 0, printed.output
        assert "Gap: overdue since" in printed.output
        for arguments, message in (
            (("--member", row["person_id"], "--measure", "M99"), "No measure M99"),
            (("--member", "nobody", "--measure", "M01"), "No member nobody"),
        ):
            refused = demo.run("explain", *arguments)
            assert refused.return_code == 1
            assert message in refused.output

    def test_a_year_that_is_not_measured_is_named(self, demo: Demo) -> None:
        """An empty answer would read as "not in the measure"."""
        with pytest.raises(CareWarehouseError, match="measured are"):
            explain(demo.settings, "any", "M01", "2019-01", None)
