"""Pages people read: one style, one way to write money, self-contained HTML without a script.

What a page says does not belong here, nor computing it; each page has a module of its own.
"""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

SVG_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


def render(template: str, **values: object) -> str:
    """Fill a template of this folder; a name that it uses and nobody gave is an error."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> "Environment":
    """Templates stay compiled: a hundred coordinators' pages are one template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        dollars=dollars_text,
        share=share_text,
        percent=percent_text,
        change=change_text,
        number=number_text,
        term=term_text,
    )
    return environment


def dollars_text(amount: object, is_signed: bool = False) -> str:
    """`$1,234.56`, with a true minus sign; a sign for gains too where asked for."""
    if amount is None or amount == "":
        return "–"
    value = Decimal(str(amount))
    sign = "−" if value < 0 else "+" if is_signed and value > 0 else ""
    return f"{sign}${abs(value):,.2f}"


def percent_text(value: object, places: int = 2, is_signed: bool = False) -> str:
    """A number that is a percentage already, rounded half up."""
    if value is None:
        return "–"
    text = f"{_half_up(value, places)} %".replace("-", "−")
    return f"+{text}" if is_signed and Decimal(str(value)) > 0 else text


def change_text(ratio: object, places: int = 1) -> str:
    """A ratio as the percentage by which it is more or less than 1."""
    return "–" if ratio is None else percent_text(100 * (Decimal(str(ratio)) - 1), places, True)


def share_text(value: object, places: int = 1) -> str:
    """A share of 1 as a percentage; a dash where there is none."""
    return "–" if value is None else percent_text(Decimal(str(value)) * 100, places)


def number_text(value: object, places: int = 0) -> str:
    """A number with thousands apart, rounded half up; a dash where there is none."""
    return "–" if value is None else f"{_half_up(value, places):,}".replace("-", "−")


def _half_up(value: object, places: int) -> Decimal:
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def term_text(value: object) -> str:
    """A term as people write it: yes and no, a dash for what was left empty."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(term_text(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {term_text(one)}" for name, one in value.items())
    return str(value).replace("_", " ")
