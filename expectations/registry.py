"""Every expectation suite as a check: its name, the table it judges, and whether it blocks.

Suites themselves do not belong here. Importing this module imports no expectations library.
"""

from orchestration.checks import RegisteredCheck

EXPECTATION_CHECKS: tuple[RegisteredCheck, ...] = ()
