"""Care coordination: who is in hospital, who left, what is due, for whom, and who was shown it.

Plain functions over the last generation's identified tables and the ledger's newest messages; no
Dagster, and never the locked warehouse. Which tasks a member has from claims and measures does not
belong here (dbt, `fct_worklist_task`).
"""
