"""The seventy bad days, in our words, and where each is tested.

A test covers a number by its name (`test_59_…`, `test_13_and_17_…`), wherever it stands. Where a
test bears another name, `ELSEWHERE` names it. Tests do not belong here.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from orchestration.settings import PROJECT_ROOT

COUNT = 70

TRANSPORT, FORMAT, VALUES, RUNNING = range(1, 21), range(21, 41), range(41, 59), range(59, 71)

FAULTS: Mapping[int, tuple[str, str]] = {
    1: ("archive cut short", "quarantined"),
    2: ("archive with a wrong checksum", "quarantined"),
    3: ("archive without its trailer", "quarantined"),
    4: ("a bit flipped against the control file's sha256", "quarantined"),
    5: ("file still uploading", "left alone until complete"),
    6: ("no bytes at all", "quarantined"),
    7: ("header without rows", "quarantined unless the feed may be empty"),
    8: ("rows or sums differ from the control totals", "quarantined"),
    9: ("the same bytes again", "nothing happens, and is logged"),
    10: ("a known name with new bytes", "a new version, with what differs"),
    11: ("known bytes under a new name", "no new rows"),
    12: ("a corrected month sent again", "replaces, never adds"),
    13: ("deliveries in any order", "the same result"),
    14: ("a month missing in a sequence", "publication held, month named"),
    15: ("archive that explodes", "quarantined before it is unpacked"),
    16: ("name or link that leads out of landing", "not followed, told"),
    17: ("two files claim one month", "ordered by day, version and content; told"),
    18: ("odd characters in a file name", "works or is told; never a shell"),
    19: ("ten times the usual rows", "a warning"),
    20: ("a tenth of the usual rows", "publication held"),
    21: ("another delimiter than declared", "quarantined"),
    22: ("delimiter inside an unquoted field", "row rejected"),
    23: ("byte-order mark", "accepted"),
    24: ("UTF-16", "converted if declared, else quarantined"),
    25: ("undeclared Latin-1 or CP1252", "quarantined"),
    26: ("mixed line ends", "accepted"),
    27: ("quote never closed", "quarantined"),
    28: ("line end inside quotes", "accepted"),
    29: ("NUL or control character", "row rejected"),
    30: ("a column too many", "accepted with a warning"),
    31: ("column renamed", "quarantined, nearest name told"),
    32: ("column missing", "quarantined"),
    33: ("columns in another order", "mapped by name"),
    34: ("header twice", "quarantined"),
    35: ("row too long or too short", "row rejected"),
    36: ("total row at the end", "left out if declared, else rejected"),
    37: ("last line cut", "quarantined"),
    38: ("leading zeros", "kept"),
    39: ("ids in scientific notation", "row rejected"),
    40: ("amounts with commas, signs or brackets", "parsed if declared, else rejected"),
    41: ("negative amount that reverses nothing", "kept and flagged"),
    42: ("reversal before its original", "undoes nothing until it arrives, then nets"),
    43: ("chain of adjustments in any order", "the same net"),
    44: ("adjustment after the settlement closed", "a run-out line; the statement stands"),
    45: ("service after delivery", "row rejected"),
    46: ("service before birth or after death", "kept, flagged, in no member's month"),
    47: ("paid before service", "row rejected"),
    48: ("overlapping eligibility", "a member's month counts once"),
    49: ("termination known late", "months and attribution go, the fee is trued up"),
    50: ("clinician nobody knows", "kept, counted, attributes nobody"),
    51: ("roster row outside its dates", "ignored on those days"),
    52: ("person merged or split by the payer", "restated, and back"),
    53: ("newborn under the mother's id, twins", "never merged"),
    54: ("empty join keys", "counted, never lost"),
    55: ("text that would be code", "inert wherever it is shown"),
    56: ("absurd amount", "row rejected"),
    57: ("29 February, age on a birthday", "by the calendar"),
    58: ("code of no value set", "kept under `other`, with its dollars"),
    59: ("killed at any step", "old or new publication; the next night makes it good"),
    60: ("disk full at any write", "the same"),
    61: ("two runs at once", "one waits or is told; publication is fenced"),
    62: ("clock, time zone, daylight saving", "no effect"),
    63: ("memory limit met", "spills, or fails and keeps the last publication"),
    64: ("a client reads during publication", "it keeps what it opened"),
    65: ("newest generation damaged", "found, the one before is served"),
    66: ("old client", "opens the marts"),
    67: ("no network", "everything runs, nothing asks for it"),
    68: ("one model breaks", "nothing is published"),
    69: ("expectations, column or table missing", "an error, never a pass"),
    70: ("statement verified by newer code", "equal, or every difference is listed"),
}

ELSEWHERE: Mapping[int, tuple[str, ...]] = {
    42: (
        "dbt: int_claim_version_resolved.a_void_without_an_original_is_an_orphan",
        "dbt: int_pharmacy_claim_resolved.the_last_action_on_a_fill_wins",
        "dbt: int_claim_version_resolved.the_order_of_delivery_decides_nothing_in_a_chain",
    ),
    43: ("dbt: int_claim_version_resolved.the_order_of_delivery_decides_nothing_in_a_chain",),
    44: ("payment/test_statements.py: test_a_later_restatement_gives_a_run_out_line",),
    46: ("dbt: int_coverage_version.the_newest_version_holds_cancelled_spans_go_and_death_cuts",),
    48: (
        "dbt: int_coverage_segment.the_later_start_governs_and_the_earlier_span_resumes_after_it",
    ),
    49: (
        "dbt: int_coverage_version.the_newest_version_holds_cancelled_spans_go_and_death_cuts",
        "payment/test_fee.py: test_a_month_is_paid_and_the_last_one_trued_up",
    ),
    50: ("golden/test_planted_truth.py: test_lines_of_unknown_clinicians_are_kept_and_counted",),
    51: ("dbt: int_clinician_month.rows_outside_their_dates_are_ignored_and_the_longer_row_wins",),
    53: ("dbt: int_person.twins_are_two_and_a_newborn_under_the_mothers_id_is_not_guessed",),
    57: (
        "dbt: int_outcome_member_period.age_is_taken_at_the_periods_end_and_conditions_before_it",
    ),
    58: ("dbt: int_claim_line.the_first_category_that_matches_wins",),
    66: ("publication/test_publish.py: test_the_marts_file_is_written_for_older_clients",),
    68: (
        "publication/test_checks.py: test_whatever_is_not_a_pass_is_a_failure",
        "publication/test_publish.py: test_a_failure_refuses_and_is_named",
    ),
}

_NUMBERED = re.compile(r"test_(\d\d(?:_and_\d\d)*)_")


def python_tests() -> Iterator[tuple[Path, str]]:
    """Every test function under `tests/`, with its file below that folder."""
    tests = PROJECT_ROOT / "tests"
    for path in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield path.relative_to(tests), node.name


def dbt_unit_tests() -> set[str]:
    """Every unit test of the dbt project as `<model>.<name>`."""
    found = set()
    for path in sorted((PROJECT_ROOT / "dbt_project" / "models").rglob("*.yml")):
        content = yaml.safe_load(path.read_text("utf-8")) or {}
        found |= {f"{test['model']}.{test['name']}" for test in content.get("unit_tests") or ()}
    return found


def covered() -> dict[int, list[str]]:
    """The tests of each number: those that bear it, and those that `ELSEWHERE` names."""
    tests: dict[int, list[str]] = defaultdict(list)
    for path, name in python_tests():
        if numbered := _NUMBERED.match(name):
            for number in numbered.group(1).split("_and_"):
                tests[int(number)].append(f"{path}: {name}")
    for number, named in ELSEWHERE.items():
        tests[number].extend(named)
    return dict(tests)


def table() -> str:
    """The seventy as Markdown, as `docs/faults.md` shows them."""
    lines = []
    for title, numbers in (
        ("Transport and file", TRANSPORT),
        ("Format", FORMAT),
        ("Values", VALUES),
        ("Running", RUNNING),
    ):
        lines += [f"### {title}", "", "| # | Bad day | What happens |", "|---:|---|---|"]
        lines += [f"| {number} | {' | '.join(FAULTS[number])} |" for number in numbers]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
