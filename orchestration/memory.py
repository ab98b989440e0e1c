"""Whether the memory that the engine may use can do for the claims there are, and for how much.

Handing the limit to an engine does not belong here (`warehouse.py`).
"""

import os

from orchestration.errors import ConfigurationError, Problem
from orchestration.ingest.ledger import read_entries
from orchestration.settings import Settings
from orchestration.warehouse import mebibytes

CLAIMS_FEED = "medical_claims"
LEAST_MEBIBYTES = 500
MEBIBYTES_A_MILLION_LINES = 50
AMPLE = 4
"""So many times what is needed: two models of any size fit side by side."""


def require_memory(settings: Settings) -> None:
    """Raise `ConfigurationError` where `CARE_MEMORY_LIMIT` is too small for the ledger's claims.

    Less makes the engine spill until it gives up in the middle of a build; more than the machine
    has lets the system end the process.
    """
    lines = _claim_lines(settings)
    needed = _needed_mebibytes(lines)
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    limit = mebibytes(settings.memory_limit)
    if needed <= limit <= has:
        return
    fix = f"This machine has {has:,} MiB. "
    if limit < needed:
        fix += f"{lines:,} claim lines in the ledger need at least {needed:,} MiB."
    else:
        fix += "Leave a quarter of it to everything else."
    raise ConfigurationError(
        [Problem("environment", "CARE_MEMORY_LIMIT", settings.memory_limit, fix)]
    )


def models_at_once(settings: Settings) -> int:
    """How many models may be built side by side: two where memory is ample, else one.

    The engine uses every thread for one model, but between models it waits for dbt: a fifth of a
    night of many small ones.
    """
    is_ample = mebibytes(settings.memory_limit) >= AMPLE * _needed_mebibytes(_claim_lines(settings))
    return 2 if is_ample else 1


def _claim_lines(settings: Settings) -> int:
    return sum(entry.loaded_count for entry in read_entries(settings, CLAIMS_FEED))


def _needed_mebibytes(claim_lines: int) -> int:
    return LEAST_MEBIBYTES + claim_lines * MEBIBYTES_A_MILLION_LINES // 10**6
