"""What `make demo` ends with: each program's published results in words and numbers.

It reads the current publication alone and computes nothing.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import duckdb
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings

Row = Mapping[str, object]

_PROGRAMS = """
    select
        savings.*,
        program.program_name as full_name,
        program.market_area_id
    from agg_shared_savings as savings
    inner join dim_program as program using (program_id)
    order by savings.program_name
"""

_ER_USE = """
    select *
    from agg_er_use_versus_market
    where program_id = ? and period_role = 'performance'
    order by reporting_unit_id, is_headline desc
"""


def program_reports(settings: Settings) -> Iterator[Panel]:
    """One panel a program, then nothing; raises `CareWarehouseError` before a first publication."""
    marts = settings.published_dir / "marts.duckdb"
    if not marts.exists():
        raise CareWarehouseError(f"{marts}: nothing is published yet. Run `make nightly` first.")
    with duckdb.connect(str(marts), read_only=True) as connection:
        for program in _rows(connection, _PROGRAMS):
            er_use = _rows(connection, _ER_USE, [program["program_id"]])
            yield _panel(program, er_use)


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: list[object] | None = None
) -> list[Row]:
    found = connection.execute(query, parameters)
    names = [column[0] for column in found.description]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def _panel(program: Row, er_use: list[Row]) -> Panel:
    members = f"{_number(program['average_members'], ',.0f')} attributed members on average"
    lines = [Text(members + ", performance year to " + str(program["performance_end_date"]))]
    lines.extend(_er_line(row, str(program["program_id"])) for row in er_use)
    sentence = next((row["sentence"] for row in er_use if row["is_headline"]), None)
    if sentence:
        spoken = str(sentence).replace("**", "")
        lines.append(Text(f"“{spoken}”", style="italic"))
    lines.append(_savings_line(program))
    return Panel(Group(*lines), title=str(program["program_name"]), title_align="left")


def _er_line(row: Row, program_id: str) -> Text:
    unit = "" if row["reporting_unit_id"] == program_id else f" {row['reporting_unit_name']}"
    line = Text(f"ER use{unit} v. {str(row['market_basis']).replace('_', ' ')}: ")
    line.append(str(row["verdict"]), style="bold")
    if row["sir"] is not None and row["bootstrap_lower"] is not None:
        lower, upper = (
            _percent_of(row["bootstrap_lower"]),
            _percent_of(row["bootstrap_upper"]),
        )
        line.append(f", {_percent_of(row['sir'])} (95 % CI {lower} to {upper})")
    elif row["insufficient_reasons"]:
        line.append(f" ({row['insufficient_reasons']})")
    if row["is_headline"]:
        line.append(", the published basis")
    return line


def _savings_line(program: Row) -> Text:
    line = Text(
        f"Savings {_number(program['savings_percent'], '.2f')} % against a minimum savings rate of"
        f" {_number(program['msr_percent'], '.2f')} %: "
    )
    if program["is_eligible"]:
        line.append("eligible", style="bold green")
        line.append(f", payment ${_number(program['payment_amount'], ',.2f')}")
    else:
        line.append("not eligible", style="bold red")
        line.append(f" ({str(program['failed_reasons']).replace(',', ', ')})")
    return line


def _percent_of(ratio: object) -> str:
    return f"{100 * (float(str(ratio)) - 1):+.1f} %"


def _number(value: object, form: str) -> str:
    return "*" if value is None else format(Decimal(str(value)), form)
