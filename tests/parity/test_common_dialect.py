"""Models use only what both engines understand alike; what differs is behind a macro.

The list is DESIGN decision 8's. It is needed beside the comparison of tables: that one runs on
small data and needs Java, and a model that fails on Spark stops the whole of it.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.settings import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt_project"
FORBIDDEN = {
    "max_by or min_by": r"\barg_(max|min)\s*\(",
    "the columns' names": r"\*\s*(exclude|replace|except)\b",
    "macro array_of or sorted_concat": r"\b(list|array_agg|string_agg|listagg)\s*\(",
    "macro array_to_rows": r"\b(unnest|explode)\s*\(",
    "a join on a range": r"\basof\b",
    "macro rounded_quotient": r"//",
    "a sum and a count: an average of decimals differs in type": r"\b(avg|mean)\s*\(",
    "macro first_of_month and its like": r"\b(strftime|strptime|date_format|to_date)\s*\(",
    "like, or regexp_replace with an equality": r"\b(regexp_matches|regexp_full_match|rlike)\b",
    "macro whole_days_between": r"\b(date_diff|datediff)\s*\(",
    "macro date_plus_days or date_plus_months": r"\binterval\b|\b(date_add|add_months)\s*\(",
    "union all with the columns' names": r"\bunion\s+(all\s+)?by\s+name\b",
    "plain names, and 'single quotes' for text": r"\"|`",
    "macro pair_key": r"\b(hash|xxhash64|md5_number)\s*\(",
    "macro ledger_rows": r"\bread_(parquet|csv)\s*\(",
    "bigint, decimal or int": r"\bas\s+(hugeint|uhugeint|u(tiny|small|big)?int(eger)?|enum)\b",
    "the grouped columns' names": r"\bgroup\s+by\s+all\b(?=[\s\S]*\bqualify\b)",
}
EXAMPLES = (
    "select arg_max(npi, visits) from pairs",
    "select * exclude (npi) from pairs",
    "select list(npi) from pairs",
    "select unnest(codes) from pairs",
    "from pairs asof join spans on true",
    "select visits // 2 from pairs",
    "select avg(paid_amount) from pairs",
    "select strftime(visit_date, '%Y') from pairs",
    "select regexp_matches(code, 'A') from pairs",
    "select date_diff('day', a, b) from pairs",
    "select visit_date + interval 1 month from pairs",
    "select npi from pairs union all by name select npi from others",
    'select "npi" from pairs',
    "select hash(npi) from pairs",
    "select npi from read_parquet('x')",
    "select cast(npi as hugeint) from pairs",
    "select npi, count(*) from pairs group by all qualify row_number() over (order by npi) = 1",
)
COMMON = (
    '-- "Quoted" in a comment, and a / b\nselect npi from pairs',
    "{#- unnest(x) -#} select npi from pairs",
    "select '\"', 'a / b', ',11,' from pairs",
    "select {{ pair_key(\"'p'\", 'npi') }} from {{ ref('pairs') }}",
    "select npi, count(*) from pairs group by all",
    "select npi from pairs qualify row_number() over (order by npi) = 1",
)


def findings(sql: str) -> list[str]:
    """What to write instead, for each thing in the SQL that one engine alone understands so."""
    bare = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}|--[^\n]*|'[^']*'", " ", sql, flags=re.DOTALL)
    return [fix for fix, pattern in FORBIDDEN.items() if re.search(pattern, bare, re.IGNORECASE)]


def common_sql() -> Iterator[tuple[Path, str]]:
    """Models, tests, and macros without the bodies that are an engine's own."""
    for folder in ("models", "tests"):
        for path in sorted((DBT_PROJECT / folder).rglob("*.sql")):
            yield path, path.read_text()
    for path in sorted((DBT_PROJECT / "macros").rglob("*.sql")):
        yield (
            path,
            re.sub(
                r"\{%-?\s*macro (default|spark)__.*?\{%-?\s*endmacro",
                " ",
                path.read_text(),
                flags=re.S,
            ),
        )


def test_no_model_uses_what_one_engine_alone_understands() -> None:
    """Such a model works until the other engine first meets it, or means another thing there."""
    found = [
        f"{path.relative_to(PROJECT_ROOT)}: use {fix}"
        for path, sql in common_sql()
        for fix in findings(sql)
    ]
    assert found == []


@pytest.mark.parametrize("sql", EXAMPLES)
def test_each_forbidden_construct_is_found(sql: str) -> None:
    """A pattern that matches nothing forbids nothing."""
    assert len(findings(sql)) == 1


def test_every_pattern_has_an_example() -> None:
    """A new pattern comes with the construct it is for."""
    assert {fix for sql in EXAMPLES for fix in findings(sql)} == set(FORBIDDEN)


@pytest.mark.parametrize("sql", COMMON)
def test_comments_texts_and_macro_calls_are_not_taken_for_sql(sql: str) -> None:
    """A linter that cries wolf is switched off."""
    assert findings(sql) == []
