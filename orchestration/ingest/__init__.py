"""Intake: from dropped files to the immutable ledger, plain functions without Dagster.

Joining feeds or judging what rows mean together does not belong here; that is dbt's work.
"""

from orchestration.ingest.contract import FeedContract
from orchestration.ingest.intake import (
    FeedIntake,
    Outcome,
    landing_problems,
    pending,
    take_feed,
)
from orchestration.ingest.landing import LandingFile, LandingProblem
from orchestration.ingest.layouts import Layouts, load_layouts
from orchestration.ingest.ledger import Entry
from orchestration.ingest.selection import (
    MissingPeriod,
    Selection,
    read_selection,
    select_deliveries,
)
from orchestration.ingest.terms import take_program_terms

__all__ = [
    "Entry",
    "FeedContract",
    "FeedIntake",
    "LandingFile",
    "LandingProblem",
    "Layouts",
    "MissingPeriod",
    "Outcome",
    "Selection",
    "landing_problems",
    "load_layouts",
    "pending",
    "read_selection",
    "select_deliveries",
    "take_feed",
    "take_program_terms",
]
