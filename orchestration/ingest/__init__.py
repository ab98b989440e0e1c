"""Intake: from dropped files to the immutable ledger, plain functions without Dagster.

Joining feeds or judging what rows mean together does not belong here; that is dbt's work.
"""
