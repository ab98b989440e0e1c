"""Quality measures for people: why a member is in or out of one, and what each of them is.

The measures themselves are dbt models (`models/intermediate/quality`); nothing is computed here.
"""
