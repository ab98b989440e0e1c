"""Panels as first known, kept for ever, and what became known of them since (METHODS B.7).

Who belongs to whom is decided in dbt; the fee and its true-up are `orchestration/payment`.
"""
