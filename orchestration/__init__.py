"""The collaborative-care warehouse: from payer and provider extracts to published marts.

Here lives everything Python: the Dagster code location (`definitions`, `defs/`), the stages as
plain functions (`ingest/`, `outcomes/`, `payment/`, `publication/`), `quality/` for who asks about
measures, and the `simulator/` of demo extracts. Table logic does not belong here; it is SQL under
`dbt_project/`.
"""
