"""The forms in which senders write dates, times and amounts: their pattern, and what they mean.

A form is declared, never guessed. Which column has which form does not belong here (`sender.py`),
nor which values are too large (`contract.py`).
"""

import re
from collections.abc import Sequence
from typing import Literal

from orchestration.configuration import suggestion

AmountForm = Literal[
    "thousands_commas",
    "decimal_comma",
    "dollar_sign",
    "leading_plus",
    "trailing_sign",
    "credit_suffix",
    "parentheses_negative",
    "implied_decimals",
    "overpunched_sign",
    "extra_zeros",
]

KNOWN_DATES = (
    "YYYY-MM-DD",
    "YYYYMMDD",
    "MM/DD/YYYY",
    "DD/MM/YYYY",
    "DD.MM.YYYY",
    "DD-MON-YYYY",
    "YYYYDDD",
    "HL7",
)
KNOWN_TIMESTAMPS = ("YYYY-MM-DD HH:MM", "MM/DD/YYYY HH:MM", "DD/MM/YYYY HH:MM", "HL7")

# Years have four digits: of two, nobody knows the century.
_TOKENS = {
    "YYYY": ("[0-9]{4}", "%Y"),
    "DDD": ("[0-9]{3}", "%j"),
    "MON": ("[A-Za-z]{3}", "%b"),
    "MM": ("[0-9]{2}", "%m"),
    "DD": ("[0-9]{2}", "%d"),
}
_PARTS = re.compile("|".join(_TOKENS) + "|[-/. ]")
_DAYS = ({"YYYY", "MM", "DD"}, {"YYYY", "MON", "DD"}, {"YYYY", "DDD"})

_HL7_DATE = (
    "[0-9]{8}(?:[0-9]{4}(?:[0-9]{2}(?:\\.[0-9]{1,4})?)?)?(?:[+-][0-9]{4})?",
    "cast(try_strptime(left({0}, 8), '%Y%m%d') as date)",
)
# A time is the clock of the place it is told from; an offset to another clock is left out. Hour and
# minute must be there: a day alone would be taken for its midnight.
_HL7_TIMESTAMP = (
    "[0-9]{12}(?:[0-9]{2}(?:\\.[0-9]{1,4})?)?(?:[+-][0-9]{4})?",
    "try_strptime(rpad(regexp_extract({0}, '^[0-9]{{12,14}}'), 14, '0'), '%Y%m%d%H%M%S')",
)
_ISO_DATE = ("[0-9]{4}-[0-9]{2}-[0-9]{2}", "try_cast({0} as date)")
_ISO_TIMESTAMP = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?",
    "try_cast({0} as timestamp)",
)

# The last digit of a number with its sign in one character, from 0 to 9: positive, then negative.
_OVERPUNCHED = "{ABCDEFGHI}JKLMNOPQR"
_DIGITS = "01234567890123456789"


def date_form(name: str) -> tuple[str, str]:
    """Full-match pattern of a date form, and SQL that casts a text `{0}` of it, null where none.

    A form is HL7, or the year with month and day, or with the day of the year, in any order:
    YYYY, MM or MON, DD, or DDD, between - / . or blanks. Raises `ValueError` for any other.
    """
    if name == "HL7":
        return _HL7_DATE
    if name == "YYYY-MM-DD":
        return _ISO_DATE
    pattern, parsed = _spelt(name)
    day = f"try_strptime({{0}}, '{parsed}')"
    if "DDD" in name:
        # The engine takes the 366th day of 2023 for the first of 2024.
        day = f"case when strftime({day}, '{parsed}') = {{0}} then {day} end"
    return pattern, f"cast({day} as date)"


def timestamp_form(name: str) -> tuple[str, str]:
    """The same of a day and its time: a date form, a blank, HH:MM; seconds may follow."""
    if name == "HL7":
        return _HL7_TIMESTAMP
    if name == "YYYY-MM-DD HH:MM":
        return _ISO_TIMESTAMP
    day, blank, clock = name.rpartition(" ")
    if not blank or clock != "HH:MM":
        raise ValueError(suggestion(name, KNOWN_TIMESTAMPS))
    pattern, parsed = _spelt(day, KNOWN_TIMESTAMPS)
    forms = f"['{parsed} %H:%M', '{parsed} %H:%M:%S']"
    return f"{pattern} [0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}})?", f"try_strptime({{0}}, {forms})"


def _spelt(name: str, known: Sequence[str] = KNOWN_DATES) -> tuple[str, str]:
    parts = _PARTS.findall(name)
    tokens = [part for part in parts if part in _TOKENS]
    is_day = len(tokens) == len(set(tokens)) and set(tokens) in _DAYS
    if "".join(parts) != name or not is_day:
        raise ValueError(suggestion(name, known))
    pattern = "".join(_TOKENS[part][0] if part in _TOKENS else re.escape(part) for part in parts)
    parsed = "".join(_TOKENS[part][1] if part in _TOKENS else part for part in parts)
    return pattern, parsed


def amount_pattern(precision: int, scale: int, forms: Sequence[AmountForm]) -> str:
    """Full-match pattern of a decimal with so many digits in all and after the point."""
    whole = f"[0-9]{{1,{precision - scale}}}"
    if "thousands_commas" in forms or "decimal_comma" in forms:
        mark = r"\." if "decimal_comma" in forms else ","
        grouped = f"[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+"
        whole = f"(?:{whole}|{grouped})" if "thousands_commas" in forms else whole
    point = "," if "decimal_comma" in forms else r"\."
    zeros = "0*" if "extra_zeros" in forms else ""
    number = f"{whole}(?:{point}[0-9]{{1,{scale}}}{zeros})?"
    if "implied_decimals" in forms:
        number = f"[0-9]{{1,{precision}}}"
    if "overpunched_sign" in forms:
        number = f"[0-9]{{0,{precision - 1}}}[{{}}A-R0-9]"
    if "dollar_sign" in forms:
        number = rf"\$?{number}"
    sign = "[-+]?" if "leading_plus" in forms else "-?"
    written = [f"{sign}{number}"]
    if "trailing_sign" in forms:
        written.append(f"{number}[-+]")
    if "credit_suffix" in forms:
        written.append(f"{number} ?CR")
    if "parentheses_negative" in forms:
        written.append(rf"\({number}\)")
    return "|".join(written)


def plain_amount(raw: str, scale: int, forms: Sequence[AmountForm]) -> str:
    """SQL that turns a text of the declared forms into plain digits with a point and a minus."""
    if not forms:
        return raw
    digits = f"translate({raw}, '-+()$CR ', '')"
    is_negative = [f"{raw} like '-%'"]
    if "overpunched_sign" in forms:
        # Letters are digits here, so none may be taken away before.
        digits = f"translate({raw}, '-+()$ ', '')"
        last = f"right({digits}, 1)"
        is_negative.append(f"strpos('{_OVERPUNCHED[10:]}', {last}) > 0")
        kept = f"left({digits}, length({digits}) - 1)"
        digits = f"concat({kept}, translate({last}, '{_OVERPUNCHED}', '{_DIGITS}'))"
    if "thousands_commas" in forms:
        mark = "." if "decimal_comma" in forms else ","
        digits = f"replace({digits}, '{mark}', '')"
    if "decimal_comma" in forms:
        digits = f"replace({digits}, ',', '.')"
    if "implied_decimals" in forms and scale:
        length = f"cast(greatest(length({digits}), {scale + 1}) as integer)"
        padded = f"lpad({digits}, {length}, '0')"
        whole = f"left({padded}, length({padded}) - {scale})"
        digits = f"concat({whole}, '.', right({padded}, {scale}))"
    if "trailing_sign" in forms:
        is_negative.append(f"{raw} like '%-'")
    if "credit_suffix" in forms:
        is_negative.append(f"{raw} like '%CR'")
    if "parentheses_negative" in forms:
        is_negative.append(f"{raw} like '(%'")
    sign = f"case when {' or '.join(is_negative)} then '-' else '' end"
    return f"case when {raw} is not null then concat({sign}, {digits}) end"
