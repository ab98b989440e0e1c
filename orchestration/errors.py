"""The errors a user can cause and mend, each told with place, value and fix.

Programming mistakes do not belong here: they surface as the built-in exceptions they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class CareWarehouseError(Exception):
    """Base of every error that names what is wrong and how to mend it."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one place: the file, the field or row in it, the value found, the fix."""

    file: Path | str
    place: str
    value: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: found {self.value!r}. {self.fix}"


class ConfigurationError(CareWarehouseError):
    """A program, feed or payer file (or setting) that cannot be used; lists every problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DeliveryError(CareWarehouseError):
    """A delivery that must be quarantined as a whole; `reason` is the stable name of the fault."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class PublicationRefused(CareWarehouseError):
    """The gate did not open: a blocking check failed, is missing, or judged other inputs."""


class RunOvertaken(PublicationRefused):
    """A newer run took the pipeline, so this one may not publish any more."""


class PipelineBusy(CareWarehouseError):
    """Another run holds the pipeline's lock."""
