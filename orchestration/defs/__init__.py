"""Dagster glue, one folder a stage: assets, checks, jobs, schedules and sensors.

Every decorator wraps a call of a plain function of `orchestration`; logic does not belong here.
"""
