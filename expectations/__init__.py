"""Great Expectations suites, one module a table, and the registry that names them as checks.

Plausibility and distribution are judged here, on profiles of feeds and on small tables. Keys,
relations and invariants do not belong here (dbt tests), nor do bytes and types (intake).
"""
