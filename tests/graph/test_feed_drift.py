"""Contracts, sources, staging models, suites and senders speak of the same feeds and columns."""

import re

import pytest
import yaml

from expectations.registry import FEED_SUITES
from orchestration.ingest import FeedContract, load_layouts
from orchestration.settings import PROJECT_ROOT, load_settings

STAGING = PROJECT_ROOT / "dbt_project" / "models" / "staging" / "ledger"
LAYOUTS = load_layouts(load_settings({}))
STAMPS = {"payer", "delivery_id", "delivery_order", "row_number", "delivered_on"}


def staged(feed: str) -> tuple[str, set[str]]:
    """Name and columns of the staging model that reads a feed."""
    found = [path for path in STAGING.glob("*.sql") if f"ledger_rows('{feed}')" in path.read_text()]
    assert len(found) == 1, (feed, found)
    columns = re.findall(
        r"^        (?:cast\(.*|\)) as (\w+),?$", found[0].read_text(), re.MULTILINE
    )
    return found[0].stem, set(columns)


def column_names(contract: FeedContract) -> set[str]:
    """A contract's columns as staging calls them: what is answered by yes or no becomes has_."""
    return {
        f"has_{name}" if column.values == ("yes", "no") else name
        for name, column in contract.columns.items()
    }


@pytest.mark.parametrize("feed", sorted(LAYOUTS.contracts))
def test_staging_has_every_column_of_a_contract_and_describes_it(feed: str) -> None:
    """A column added to a contract alone would be accepted, kept and never seen again."""
    model, columns = staged(feed)
    assert columns - {"source_id"} == column_names(LAYOUTS.contracts[feed]) | STAMPS
    described = yaml.safe_load((STAGING / f"{model}.yml").read_text())["models"][0]
    assert {column["name"] for column in described["columns"]} == columns


def test_every_contract_is_a_source_and_has_a_suite() -> None:
    """A feed without a source cannot be read, one without a suite is never doubted."""
    sources = yaml.safe_load((STAGING / "_ledger__sources.yml").read_text())["sources"]
    tables = {table["name"] for table in sources[0]["tables"]}
    assert tables == set(LAYOUTS.contracts) | {"program_terms"}
    assert {definition.feed for definition, _ in FEED_SUITES} == set(LAYOUTS.contracts)
    assert {suite.table for _, suite in FEED_SUITES} == set(LAYOUTS.contracts)


def test_every_contract_has_a_sender() -> None:
    """A contract nobody maps to is a wish."""
    sent = {feed for sender in LAYOUTS.senders.values() for feed in sender.feeds}
    assert sent == set(LAYOUTS.contracts)
    assert LAYOUTS.unusable == ()
