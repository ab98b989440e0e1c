"""Each macro that hides a difference between the engines gives the same answer on both.

The answers are written down here: two engines that are wrong alike would pass a comparison.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import duckdb
import pytest

from orchestration.dbt_process import executable
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.warehouse import dbt_environment

pytestmark = pytest.mark.xdist_group("parity")

MACROS_DIR = PROJECT_ROOT / "dbt_project" / "macros"

LEAP_DAY = "cast('2024-02-29' as date)"
LAST_OF_JANUARY = "cast('2023-01-31' as date)"
LETTERS = '(select {{ columns_to_rows(["\'b\'", "\'c\'", "\'a\'", "null"]) }} as letter) as letters'
QUALITY = "{{ ledger_rows('reported_quality') }}"

# name: (SQL that calls the macro, the answer as text)
ANSWERS: dict[str, tuple[str, str | None]] = {
    "date_plus_days": (f'{{{{ date_plus_days("{LEAP_DAY}", "1") }}}}', "2024-03-01"),
    "date_plus_days_back": (f'{{{{ date_plus_days("{LEAP_DAY}", "-366") }}}}', "2023-02-28"),
    "date_plus_months_clamps": (
        f'{{{{ date_plus_months("{LAST_OF_JANUARY}", "1") }}}}',
        "2023-02-28",
    ),
    "date_plus_months_back": (f'{{{{ date_plus_months("{LEAP_DAY}", "-12") }}}}', "2023-02-28"),
    "whole_days_between": (
        f'{{{{ whole_days_between("{LAST_OF_JANUARY}", "{LEAP_DAY}") }}}}',
        "394",
    ),
    "whole_days_between_negative": (
        f'{{{{ whole_days_between("{LEAP_DAY}", "{LAST_OF_JANUARY}") }}}}',
        "-394",
    ),
    "month_number": (f'{{{{ month_number("{LEAP_DAY}") }}}}', "24289"),
    "first_of_month": (f'{{{{ first_of_month("{LEAP_DAY}") }}}}', "2024-02-01"),
    "end_of_month": (f'{{{{ end_of_month("{LAST_OF_JANUARY}") }}}}', "2023-01-31"),
    "lookback_start": (f'{{{{ lookback_start("{LEAP_DAY}", "24") }}}}', "2022-03-01"),
    "completed_years_before": (
        f'{{{{ completed_years("{LEAP_DAY}", "cast(\'2025-02-28\' as date)") }}}}',
        "0",
    ),
    "completed_years_after": (
        f'{{{{ completed_years("{LEAP_DAY}", "cast(\'2025-03-01\' as date)") }}}}',
        "1",
    ),
    "numbers_below_1000": (
        "(select count(distinct number) * 1000 + max(number) from "
        "({{ numbers_below_1000() }}) as numbers)",
        "1000999",
    ),
    "first_index": (
        "{{ array_of([\"'first'\", \"'second'\"]) }}[{{ first_index() }}]",
        "first",
    ),
    "rounded_quotient_half": ('{{ rounded_quotient("5", "2") }}', "3"),
    "rounded_quotient_below": ('{{ rounded_quotient("7", "3") }}', "2"),
    "rounded_quotient_of_nothing": ('{{ rounded_quotient("5", "0") }}', None),
    "rounded_quotient_large": (
        '{{ rounded_quotient("cast(4000000000000000000 as bigint)", "3") }}',
        "1333333333333333333",
    ),
    "pair_key_is_a_number_of_63_bits": (
        "(select min(key) >= 0 and count(distinct key) = 3 from ("
        "select {{ pair_key(\"'p'\", \"'A'\") }} as key "
        "union all select {{ pair_key(\"'A'\", \"'p'\") }} "
        "union all select {{ pair_key(\"'pA'\", \"''\") }}) as keys)",
        "true",
    ),
    "pair_key_is_repeatable": (
        "{{ pair_key(\"'p'\", \"'A'\") }} = {{ pair_key(\"'p'\", \"concat('', 'A')\") }}",
        "true",
    ),
    "single_bit_lowest": ('{{ single_bit("0") }}', "1"),
    "single_bit_highest": ('{{ single_bit("61") }}', "2305843009213693952"),
    "sorted_concat": (f'(select {{{{ sorted_concat("letter") }}}} from {LETTERS})', "a,b,c"),
    "array_to_rows_keeps_nulls": (f"(select count(*) from {LETTERS})", "4"),
    "columns_to_rows_shortens": (
        "(select count(*) from (select {{ columns_to_rows("
        '["\'a\'", "cast(null as string)", "cast(null as string)"]) }} as letter) as letters)',
        "1",
    ),
    "cents": ("{{ cents(\"cast('-12.34' as decimal(18, 2))\") }}", "-1234"),
    "code_in_range": (
        "{{ code_in_range(\"'7010F'\", \"'70010'\", \"'79999'\") }}",
        "false",
    ),
    "claim_family_id": (
        "{{ claim_family_id(\"'A-02'\", \"'-[0-9]+$'\") }}",
        "A",
    ),
    "claim_family_id_without_suffix": (
        '{{ claim_family_id("\'A-02\'", "cast(null as string)") }}',
        "A-02",
    ),
    "ledger_rows_of_all_files": (f"(select count(*) from {QUALITY})", "2"),
    "ledger_rows_without_a_later_column": (
        f"(select count(weight_scored) from {QUALITY})",
        "1",
    ),
    "run_input": ("(select max(as_of) from {{ run_input('run') }})", "2026-07-10"),
}
ANSWER_BY_ENGINE = {
    "light_materialization": (
        "'{{ light_materialization() }}'",
        {"duckdb": "view", "spark": "table"},
    ),
}


@pytest.fixture(scope="module")
def answers(installation: Settings) -> dict[str, str | None]:
    """All answers of one engine: one start of dbt, one row."""
    _write_ledger(installation)
    columns = [f"'=' || cast({sql} as string) as {name}" for name, (sql, _) in ANSWERS.items()]
    columns += [f"'=' || {sql} as {name}" for name, (sql, _) in ANSWER_BY_ENGINE.items()]
    shown = subprocess.run(
        [
            executable(),
            "--quiet",
            "show",
            "--output",
            "json",
            "--inline",
            "select " + ", ".join(columns),
        ],
        env={**os.environ, **dbt_environment(installation)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout
    (row,) = json.loads(shown.stdout[shown.stdout.index("{") :])["show"]
    return {name: None if text is None else text.removeprefix("=") for name, text in row.items()}


def test_every_macro_answers_as_written_down(
    installation: Settings, answers: dict[str, str | None]
) -> None:
    """The engines spell these things differently; a slip shows in one engine's figures alone."""
    expected = {name: answer for name, (_, answer) in ANSWERS.items()}
    expected |= {name: by[installation.engine] for name, (_, by) in ANSWER_BY_ENGINE.items()}
    assert answers == expected


def test_every_dispatched_macro_is_asked_here() -> None:
    """A macro with two bodies and no test is right on the engine its author used."""
    sources = "\n".join(path.read_text() for path in MACROS_DIR.rglob("*.sql"))
    dispatched = set(re.findall(r"adapter\.dispatch\('(\w+)'", sources))
    asked = " ".join(sql for sql, _ in [*ANSWERS.values(), *ANSWER_BY_ENGINE.values()])
    # Asked through columns_to_rows.
    asked += " array_to_rows(" if "columns_to_rows(" in asked else ""
    assert {name for name in dispatched if f"{name}(" not in asked} == set()


def _write_ledger(settings: Settings) -> None:
    """Two deliveries of one feed, the older without a column that came later, and a run's input."""
    folder = settings.ledger_dir / "reported_quality" / "payer"
    with duckdb.connect() as connection:

        def write(path: Path, query: str) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(f"copy ({query}) to '{path}' (format parquet)")

        write(folder / "2024-01" / "older.parquet", "select 'p' as program_id")
        later = "select 'p' as program_id, cast(80 as decimal(7, 4)) as weight_scored"
        write(folder / "2025-01" / "later.parquet", later)
        write(settings.inputs_dir / "run.parquet", "select date '2026-07-10' as as_of")
