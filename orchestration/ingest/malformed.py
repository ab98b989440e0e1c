"""A record that cannot be read as one: where, what stands there, why. Never a reason to guess.

Values that can be read and are wrong do not belong here (`judge.py`).
"""

from dataclasses import dataclass

LONGEST_VALUE = 200


@dataclass(frozen=True)
class Malformed:
    """One record, or message, that was taken out of a file: `number` counts from 1.

    `place` names a field inside it where only that one is at fault, such as the HL7 field PV1-44.
    """

    number: int
    value: str
    reason: str
    place: str = ""
