"""Program outcomes against the market: standardised rates, their uncertainty, and risk scores.

Plain functions over small aggregates of the warehouse. Counting visits, months and cost does not
belong here (it is SQL under `dbt_project/`), nor does anything about money owed (`payment/`).
"""
