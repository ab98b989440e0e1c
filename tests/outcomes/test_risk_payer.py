"""Mean risk scores by the payer's own model (METHODS G.1)."""

from datetime import date
from fractions import Fraction

import duckdb
import pytest

from orchestration.outcomes.risk_payer import MeanScore, read_payer_scores, score_of_panel

START = date(2025, 1, 1)
PERIODS = [("p", "performance", START)]


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    """Persons 1 and 2 in the panel, 3 to 5 in its market; 12 months each, person 2 six."""
    connection = duckdb.connect()
    connection.execute(
        """
        create table members as
        select 'p' as program_id, 'performance' as period_role, side as comparison,
            person as person_key, months as member_months
        from (values ('panel', 1, 12), ('panel', 2, 6), ('market', 3, 12), ('market', 4, 12),
            ('market', 5, 12)) as told(side, person, months);
        create table int_person as
        select person as person_key, 'y' as payer, 'm' || person as person_id
        from range(1, 6) as numbered(person);
        create table stg_ledger__payer_risk_score (
            payer text, person_id text, model_name text, risk_score decimal(9, 4), scored_on date,
            delivery_order bigint, row_number bigint
        );
        insert into stg_ledger__payer_risk_score values
            ('y', 'm1', 'a', 1.5, '2024-12-31', 1, 1),
            ('y', 'm2', 'a', 3.0, '2024-12-31', 1, 2),
            ('y', 'm3', 'a', 1.0, '2024-12-31', 1, 3),
            ('y', 'm4', 'a', 0.5, '2024-12-31', 1, 4)
        """
    )
    return connection


def means(warehouse: duckdb.DuckDBPyConnection) -> dict[str, MeanScore]:
    return {
        key[2]: value for key, value in read_payer_scores(warehouse, "members", PERIODS).items()
    }


def test_means_are_weighted_by_months_and_who_has_no_score_counts_in_neither(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """A member without a score taken as 0, or as 1, would move a benchmark."""
    found = means(warehouse)
    assert found["panel"] == MeanScore(Fraction(36), 18, 18)
    assert found["market"] == MeanScore(Fraction(18), 24, 36)
    scores = read_payer_scores(warehouse, "members", PERIODS)
    assert score_of_panel(scores, "p", "performance") == Fraction(2) / Fraction(3, 4)


def test_the_newest_score_made_before_the_period_counts(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """A score of the period itself holds what the program did in it."""
    warehouse.execute(
        """
        insert into stg_ledger__payer_risk_score values
            ('y', 'm1', 'a', 9.0, '2025-01-01', 9, 1),
            ('y', 'm1', 'a', 8.0, '2023-12-31', 9, 2),
            ('y', 'm2', 'a', 4.0, '2024-12-31', 2, 1)
        """
    )
    assert means(warehouse)["panel"].weighted == Fraction(3, 2) * 12 + 4 * 6


def test_scores_of_another_model_are_left_out(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Two models have two scales; a mean over both is of nothing."""
    warehouse.execute(
        "update stg_ledger__payer_risk_score set model_name = 'b' where person_id = 'm1'"
    )
    assert means(warehouse)["panel"] == MeanScore(Fraction(18), 6, 18)


def test_without_scores_on_either_side_nothing_is_said(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """A missing score taken as the market's mean would settle on a guess."""
    warehouse.execute("delete from stg_ledger__payer_risk_score where person_id in ('m3', 'm4')")
    scores = read_payer_scores(warehouse, "members", PERIODS)
    assert scores["p", "performance", "market"].mean is None
    assert score_of_panel(scores, "p", "performance") is None
    assert score_of_panel(scores, "q", "performance") is None
    assert read_payer_scores(warehouse, "members", []) == {}
