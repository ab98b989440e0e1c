"""A settlement under other terms: every term tried is a term that moves something."""

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from orchestration.errors import CareWarehouseError, ConfigurationError
from orchestration.outcomes.agreements import Agreement, RunInputs
from orchestration.payment.what_if import (
    comparison_table,
    overridable_terms,
    overridden,
    settle_what_if,
    tornado,
)
from orchestration.programs import load_programs
from orchestration.settings import PROJECT_ROOT, load_settings
from tests.payment.test_measures import make_measures
from tests.payment.test_settlement import make_members

PROGRAM = "prohealth_physicians"


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    programs = load_programs(load_settings({"CARE_CONFIG_DIR": str(PROJECT_ROOT / "data")}))
    program = next(one for one in programs if one.program_id == PROGRAM)
    return Agreement(program, program.terms[-1])


@pytest.fixture
def inputs(agreement: Agreement) -> RunInputs:
    return RunInputs(date(2026, 7, 10), "2026-06", (agreement,))


@pytest.fixture
def warehouse(agreement: Agreement) -> duckdb.DuckDBPyConnection:
    """2,000 members whose cost fell by a tenth while their market's did not; a score of 0.80."""
    connection = duckdb.connect()
    make_members(connection, PROGRAM, agreement.program.facts.market.area_id)
    make_measures(connection, PROGRAM, agreement.program.facts.market.area_id)
    connection.execute(
        """
        update int_outcome_member_period
        set medical_allowed_cents = medical_allowed_cents * 9 // 10
        where program_id is not null and period_id like '2025%';
        create table stg_ledger__reported_quality as
        select
            'prohealth_physicians' as program_id,
            date '2025-01-01' as period_start_date, date '2025-12-31' as period_end_date,
            0.8::decimal(7, 4) as quality_score, 1::decimal(7, 4) as weight_scored,
            1 as delivery_order, 1 as row_number
        """
    )
    return connection


def paid(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs, **overrides: str
) -> tuple[Decimal, Decimal]:
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    found = settle_what_if(warehouse, inputs, PROGRAM, named, has_swings=False)
    return found.contract.row.payment_amount, found.changed.row.payment_amount


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("savings__max_rate", "0.60"),
        ("savings__sharing_form", "gate_only"),
        ("savings__gate", "0.90"),
        ("savings__min_weight_scored", "1"),
        ("savings__cap", "0.01"),
        ("savings__admin_withhold", "0.02"),
        ("savings__fee_netting", "offset"),
        ("savings__benchmark_method", "concurrent_market"),
        ("savings__blend", "0.5"),
        ("savings__benchmark_rounding", "none"),
        ("savings__min_panel", "5000"),
        ("savings__first_dollar", "false"),
        ("fee__fee_pmpm", "4.00"),
        ("fee__fee_scaled_by_results", "true"),
        ("claims__truncation", "5000"),
        ("claims__include_rx", "false"),
        ("claims__runout_months", '{"interim": 3, "settlement": 9}'),
        ("terminated_on", "2025-06-30"),
    ],
)
def test_each_term_moves_the_payment(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs, term: str, value: str
) -> None:
    """A parameter that nothing reads would be tried, and believed, in vain."""
    if term == "savings__min_weight_scored":
        warehouse.execute("update stg_ledger__reported_quality set weight_scored = 0.9")
    contract, changed = paid(warehouse, inputs, **{term: value})
    assert contract > 0
    assert changed != contract


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("p4p__point_method", "linear"),
        ("p4p__improvement", "false"),
        ("p4p__min_den", "45"),
        ("p4p__min_weight_scored", "1"),
        ("p4p__max_trend_points", "-50"),
        ("p4p__payout", '[{"score": 0.1, "share": 0.9}]'),
        ("p4p__measures", '[{"measure": "M05", "weight": 1}]'),
        ("p4p__measures", "[]"),
    ],
)
def test_each_term_of_points_moves_the_bonus(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs, term: str, value: str
) -> None:
    """Pay for performance is computed from measures, and every term of it is read."""
    scored = '[{"measure": "M05", "weight": 2}, {"measure": "M06"}, {"measure": "M99"}]'
    base = {"p4p.measures": scored, "p4p.min_weight_scored": "0.5"}
    changed = {**base, term.replace("__", "."): value}
    first, second = (
        settle_what_if(warehouse, inputs, PROGRAM, one, has_swings=False).changed.row
        for one in (base, changed)
    )
    assert first.p4p_payment_amount
    assert second.p4p_payment_amount != first.p4p_payment_amount


def test_computed_points_may_decide_shared_savings_too(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs
) -> None:
    """One composite gates both payments only where the contract says so (I.4, J.3)."""
    measures = {"p4p.measures": '[{"measure": "M06", "weight": 1}]'}
    apart = settle_what_if(warehouse, inputs, PROGRAM, measures, has_swings=False).changed.row
    assert apart.quality_score == Decimal("0.8")
    assert apart.p4p_score != apart.quality_score
    together = {**measures, "p4p.scores_savings": "true"}
    joined = settle_what_if(warehouse, inputs, PROGRAM, together, has_swings=False).changed.row
    assert joined.quality_score == joined.p4p_score == apart.p4p_score
    assert "QUALITY_GATE" in joined.failed_reasons


def test_a_minimum_rate_above_the_savings_pays_nothing(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs
) -> None:
    """`msr_fixed` counts once `msr_type` says so; alone it changes nothing, as in a contract."""
    contract, alone = paid(warehouse, inputs, savings__msr_fixed="0.90")
    assert alone == contract
    assert paid(warehouse, inputs, savings__msr_fixed="0.90", savings__msr_type="fixed")[1] == 0
    certain = {"savings__msr_type": "statistical", "savings__msr_confidence": "0.9999999999999999"}
    assert paid(warehouse, inputs, **certain)[1] <= contract


def test_losses_and_pay_for_performance_are_side_by_side(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs
) -> None:
    """A group weighs a two-sided offer: its gain, its risk, and its bonus in one table."""
    warehouse.execute(
        "update int_outcome_member_period set medical_allowed_cents = 3 * medical_allowed_cents "
        "where program_id is not null and period_id like '2025%'"
    )
    two_sided = {"savings.loss_rate": "0.30", "savings.mlr": "0.01", "savings.loss_cap": "0.05"}
    found = settle_what_if(
        warehouse, inputs, PROGRAM, {**two_sided, "p4p.p4p_pmpm": "2.00"}, has_swings=False
    )
    assert found.contract.row.loss_amount == 0 < found.changed.row.loss_amount
    assert found.changed.row.p4p_payment_amount == 2 * (
        found.contract.row.p4p_payment_amount or Decimal(0)
    )
    table = comparison_table(found)
    assert f"${found.changed.row.loss_amount:,.2f}" in table
    assert "`savings.loss_rate` = 0.30" in table


def test_a_term_that_cannot_be_tried_is_named_with_its_neighbour(agreement: Agreement) -> None:
    """A slip in the launchpad must not settle by the contract and look like a what-if."""
    with pytest.raises(ConfigurationError, match=r"Did you mean savings\.max_rate\?"):
        overridden(agreement, {"savings.max_rates": "0.6"})
    with pytest.raises(ConfigurationError, match="Terms to try"):
        overridden(agreement, {"attribution.lookback_months": "12"})
    with pytest.raises(ConfigurationError, match=r"savings\.max_rate"):
        overridden(agreement, {"savings.max_rate": "1.6"})
    with pytest.raises(ConfigurationError, match="base_weights"):
        overridden(agreement, {"savings.base_weights": "[0.4, 0.6]"})
    assert "savings.max_rate" in set(overridable_terms())


def test_an_unknown_program_is_told_with_the_known(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs
) -> None:
    with pytest.raises(CareWarehouseError, match="known are prohealth_physicians"):
        settle_what_if(warehouse, inputs, "prohealth", {})


def test_the_tornado_tells_what_moves_the_payment_most(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs
) -> None:
    """Every swing is one term at another value, settled like a contract of its own."""
    found = settle_what_if(warehouse, inputs, PROGRAM, {})
    assert found.contract.row == found.changed.row
    by_rate = {swing.value: swing.payment for swing in found.swings if swing.term == "max_rate"}
    contract = found.contract.row.payment_amount
    assert by_rate["0.4"] < contract < by_rate["0.6"]
    svg = tornado(found).decode()
    assert svg.startswith("<svg")
    assert "max rate" in svg
