"""Publication: a gate, a complete and checksummed generation, one swap of a symbolic link.

Plain functions that read the warehouse and the outcome files and write `data/published/`.
Computing results does not belong here, nor does anything that knows the orchestrator.
"""

from orchestration.publication.generations import Generation, current_generation, verify_current
from orchestration.publication.publish import publish

__all__ = ["Generation", "current_generation", "publish", "verify_current"]
