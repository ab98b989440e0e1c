"""What to do about each reason for which a row or message is rejected.

Reasons are given where values are judged (`judge.py`) and records read (`records.py`,
`hl7_messages.py`); those of a contract's own rules are explained by the contract.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestration.ingest.contract import FeedContract
from orchestration.ingest.ledger import Entry

_ASK = "Ask the sender to send the row again"
_OF_VALUES: Mapping[str, str] = {
    "required_value_missing": f"{_ASK} with this value, which the contract requires.",
    "control_character": f"{_ASK} without control characters.",
    "unknown_value": "Map it under values of the sender's file, or ask what it means.",
    "too_long": f"{_ASK}; a text this long is two fields run together.",
    "not_a_calendar_date": f"{_ASK}; there is no such day or hour.",
    "number_too_large": f"{_ASK}; the number does not fit the contract's type.",
    "out_of_range": f"{_ASK}, or widen least and most of the contract if it is genuine.",
    "too_many_fields": f"{_ASK}; a delimiter stands inside a field that is not quoted.",
    "too_few_fields": f"{_ASK}; the line is cut.",
    "record_too_short": f"{_ASK}, or declare trailing_blanks: stripped, or the record's length.",
    "record_too_long": f"{_ASK}, or declare the record's length.",
    "claim_header_missing": "Ask for the claim of this line, or for both files again.",
    "segment_missing": "Ask the hospital for the whole message; this segment must be in it.",
    "segment_unreadable": "Ask for the message again; this line is no segment.",
    "segment_repeated": "Ask for one event a message; this segment may stand once.",
    "separators_unreadable": "Ask for the message again; MSH-1 and MSH-2 name the separators.",
    "field_unreadable": "Ask for the message again; this field cannot be taken apart.",
    "message_too_long": "Ask for the message without attached documents.",
    "not_an_adt_message": "Send other messages under their own feed; this one takes ADT only.",
    "event_differs": "Ask which event is meant; MSH-9 and EVN-1 name two.",
}
NO_LONGER_GIVEN = "The contract had such a rule when the row was judged; it has none today."
_MALFORMED = (
    f"{_ASK} in the declared form, or declare the form the sender uses (dates, times, amounts)."
)


@dataclass(frozen=True)
class Rejection:
    """So many rows of a delivery that were rejected for one reason in one place."""

    place: str
    reason: str
    rows: int
    remedy: str

    def __str__(self) -> str:
        where = f" in {self.place}" if self.place else ""
        return f"{self.rows} rejected: {self.reason}{where}. {self.remedy}"


def remedy(reason: str, contract: FeedContract) -> str:
    """What to do about a reason; rows of old deliveries may have one that is no longer given."""
    if reason.startswith("malformed_"):
        return _MALFORMED
    rules = {rule.name: rule.meaning for rule in contract.rules}
    if reason in rules:
        return f"{rules[reason]} {_ASK}."
    return _OF_VALUES.get(reason, NO_LONGER_GIVEN)


def rejections(entry: Entry, contract: FeedContract) -> Iterator[Rejection]:
    """Every reason of a delivery's rejects, the most frequent first."""
    counts = sorted(entry.rejected_by_reason.items(), key=lambda item: (-item[1], item[0]))
    for told, rows in counts:
        place, _, reason = told.rpartition(": ")
        yield Rejection(place, reason, rows, remedy(reason, contract))
