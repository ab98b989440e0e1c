"""Statements: kept, sealed, trued up, shown (docs/adr/0011)."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orchestration.errors import CareWarehouseError, PublicationRefused
from orchestration.outcomes.agreements import Agreement, RunInputs
from orchestration.pages import dollars_text
from orchestration.payment.costs import CostPattern, CostSpread, write_disputed_lines
from orchestration.payment.disputes import (
    all_open_lines,
    raise_dispute,
    read_log,
    resolve_dispute,
)
from orchestration.payment.fee import PANELS_FILE
from orchestration.payment.money import dollars
from orchestration.payment.settlement import Evidence, ProgramSettlement, settle_programs
from orchestration.payment.shared_savings import Quality
from orchestration.payment.statement import (
    LINES_FILE,
    STATEMENT_FILE,
    Json,
    Statement,
    build_statement,
    seal_of,
    waterfall,
    write_statement,
)
from orchestration.payment.statement_page import statement_page
from orchestration.payment.statement_store import (
    PAGE_FILE,
    RUNOUT_FILE,
    differences,
    drafts_dir,
    issue_statements,
    kept_statements,
    line_differences,
    paid_snapshots,
    published_name,
    read_statement,
)
from orchestration.payment.terms import SettlementTerms, settlement_terms
from orchestration.programs import Program, load_programs
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from tests.payment.test_settlement import population

SPREAD = CostSpread(2.5, 0.4)
Change = Callable[[SettlementTerms], SettlementTerms]


@pytest.fixture(scope="module")
def program() -> Program:
    programs = load_programs(load_settings({"CARE_CONFIG_DIR": str(PROJECT_ROOT / "data")}))
    return next(one for one in programs if one.program_id == "prohealth_physicians")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"CARE_DATA_DIR": str(tmp_path)})


def settled(
    program: Program,
    change: Change = lambda terms: terms,
    panel_pmpm: int = 20_500,
    through: str = "2026-06",
) -> ProgramSettlement:
    """16,000 members whose market grew by 10 %, settled on the program's own terms."""
    terms = change(settlement_terms(Agreement(program, program.terms[-1])))
    patterns = [
        CostPattern(program.program_id, *pattern[1:])
        for pattern in (
            *population("panel", "baseline", 12_000, 20_000),
            *population("panel", "performance", 12_000, panel_pmpm),
            *population("market", "baseline", 120_000, 20_000),
            *population("market", "performance", 120_000, 22_000),
        )
    ]
    name = program.program_id
    evidence = Evidence(patterns, {name: Quality(Decimal("0.8200"), Decimal(1))}, {name: SPREAD})
    return settle_programs(evidence, {name: terms}, through).programs[0]


def statement_of(
    program: Program, of: ProgramSettlement, as_of: str = "2026-07-10", through: str = "2026-06"
) -> Statement:
    agreement = Agreement(program, program.terms[-1])
    months = [
        {
            "month": "2025-01",
            "members": 16_000,
            "added": 0,
            "dropped": 0,
            "fee_amount": "48000.00",
            "true_up_amount": "0.00",
        }
    ]
    statement = build_statement(
        of,
        agreement,
        RunInputs(date.fromisoformat(as_of), through, (agreement,)),
        fee={
            "rate_amount": "3.00",
            "result_scale": "1.000000",
            "trued_up_against": None,
            "months": months,
            "fee_amount": "48000.00",
            "true_up_amount": "0.00",
        },
        uncapped={},
        run={"code_version": "c0de", "input_version": "1n"},
    )
    delivery = {
        "feed": "medical_claims",
        "source": "cigna",
        "period": "2025-01",
        "file": f"2025-01.{as_of}.csv.gz",
        "delivery_id": as_of,
        "delivered_on": as_of,
        "sent_sha256": "5e",
        "ledger_sha256": "1e",
    }
    lines = {"file": LINES_FILE, "sha256": "", "rows": 1}
    return {**statement, "lines": {**lines}, "share_out": None, "inputs": [{**delivery}]}


def draft(settings: Settings, statement: Statement, truncated: str = "10.00") -> Path:
    """Put a statement where a run puts its drafts."""
    folder = drafts_dir(settings) / str(statement["program_id"])
    folder.mkdir(parents=True, exist_ok=True)
    for name in (LINES_FILE, PANELS_FILE):
        (folder / name).unlink(missing_ok=True)
    (folder / LINES_FILE).write_text(
        "person_id,period_role,member_months,allowed_amount,truncated_amount\n"
        f"P1,performance,12,20.00,{truncated}\n"
    )
    with duckdb.connect() as connection:
        panel = str(folder / PANELS_FILE)
        connection.execute(
            "copy (select 24300 as month_number, 'P1' as person_id) to '" + panel + "'"
        )
    write_statement(folder / STATEMENT_FILE, statement)
    return folder / STATEMENT_FILE


# --- The waterfall -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda terms: terms,
        lambda terms: replace(terms, benchmark_rounding="none", fee_netting="offset"),
        lambda terms: replace(terms, first_dollar=False, admin_withhold=Decimal("0.02")),
        lambda terms: replace(terms, cap=Decimal("0.001"), blend=Decimal("0.3")),
        lambda terms: replace(terms, benchmark_method="concurrent_market", fee_netting="none"),
        lambda terms: replace(terms, gate=Decimal("0.90")),
        lambda terms: replace(terms, is_terminated=True),
        lambda terms: replace(terms, msr_type="fixed", msr_fixed=Decimal("0.30")),
    ],
)
@pytest.mark.parametrize("panel_pmpm", [20_501, 23_007])
def test_the_steps_add_up_from_the_base_to_the_payment(
    program: Program, change: Change, panel_pmpm: int
) -> None:
    """Both parties add the column up; it must end at the cent that is paid."""
    of = settled(program, change, panel_pmpm)
    steps = waterfall(of)
    reached = steps[0].amount_cents
    for step in steps[1:]:
        reached += step.amount_cents
        assert step.reached_cents == reached, step.step
    totals = {step.step: step.reached_cents for step in steps if step.is_total}
    assert totals["benchmark"] == of.settlement.benchmark_cents
    assert totals["gross"] == of.settlement.savings_cents
    assert totals["payable"] == of.settlement.payment_cents


def test_an_interim_statement_tells_what_would_be_paid(program: Program) -> None:
    """Nothing is payable before run-out; the group plans with the outlook all the same."""
    of = settled(program, through="2026-03")
    assert of.settlement.payment_cents == 0
    statement = statement_of(program, of, "2026-04-10", "2026-03")
    assert statement["kind"] == "interim"
    final = settled(program)
    settlement = statement["settlement"]
    assert isinstance(settlement, dict)
    assert settlement["indicative_payment_amount"] == str(final.row.payment_amount)
    assert "Outlook, not payable yet" in statement_page({**statement, "seal": "5ea1"})


# --- Keeping -------------------------------------------------------------------------------------


def test_a_final_statement_is_written_once(program: Program, settings: Settings) -> None:
    """A later run that comes to the same leaves the record alone, to the byte and read-only."""
    draft(settings, statement_of(program, settled(program)))
    (issued,) = issue_statements(settings, "1n")
    assert (issued.name, issued.is_new) == ("final", True)
    kept = issued.path / STATEMENT_FILE
    before = kept.read_bytes()
    assert (issued.path / PAGE_FILE).exists()
    assert all(path.stat().st_mode & 0o377 == 0 for path in issued.path.iterdir())
    draft(settings, statement_of(program, settled(program), as_of="2026-08-10"))
    assert issue_statements(settings, "1n") == []
    assert kept.read_bytes() == before


def test_a_later_restatement_gives_a_run_out_line(program: Program, settings: Settings) -> None:
    """The final payment stands; what has changed since is told with its cause and its members."""
    draft(settings, statement_of(program, settled(program)))
    (final,) = issue_statements(settings, "1n")
    before = (final.path / STATEMENT_FILE).read_bytes()
    dearer = settled(program, panel_pmpm=20_600)
    draft(settings, statement_of(program, dearer, "2026-08-10"), truncated="11.00")
    (issued,) = issue_statements(settings, "1n")
    assert (issued.name, issued.is_new) == ("runout-2026-08-10", True)
    told = json.loads((issued.path / RUNOUT_FILE).read_text())
    paid = settled(program).row.payment_amount
    assert Decimal(told["payment_amount"]) == dearer.row.payment_amount - paid < 0
    assert [entry["delivery_id"] for entry in told["deliveries"]] == ["2026-08-10"]
    assert {"place", "final", "now"} == set(told["differences"][0])
    assert "settlement.payment_amount" in {one["place"] for one in told["differences"]}
    assert told["member_lines_changed"] == 1
    assert "member P1, performance" in (issued.path / "members.txt").read_text()
    assert (final.path / STATEMENT_FILE).read_bytes() == before
    assert [folder.name for folder in kept_statements(settings)] == ["final", "runout-2026-08-10"]
    assert not issue_statements(settings, "1n")[0].is_new, "told once"


def test_interim_statements_pay_snapshots_that_the_next_one_trues_up(
    program: Program, settings: Settings
) -> None:
    """L.3: the snapshot that was paid is the newest one issued before, not the newest known."""
    for day in ("2026-04-10", "2026-05-10"):
        of = settled(program, through="2026-03")
        draft(settings, statement_of(program, of, day, "2026-03"))
        issue_statements(settings, "1n")
    key = (program.program_id, "2025-01-01_2025-12-31")
    assert paid_snapshots(settings, "2026-06-10")[key].statement.endswith("interim-2026-05-10")
    assert paid_snapshots(settings, "2026-05-10")[key].statement.endswith("interim-2026-04-10")
    assert paid_snapshots(settings, "2026-04-10") == {}
    names = [published_name(folder) for folder in kept_statements(settings)]
    assert names == [f"{program.program_id}.2025-01-01_2025-12-31.interim-2026-05-10"]


def test_a_disputed_line_is_held_apart_and_keeps_the_statement_from_being_final(
    program: Program, settings: Settings, tmp_path: Path
) -> None:
    """A party that disputes a line in time must not find it paid on; the log is only added to."""
    name, period = program.program_id, "2025-01-01_2025-12-31"
    line = ("P1", "performance")

    def disputing(day: str, which: tuple[str, str] = line) -> None:
        raise_dispute(settings, name, period, which, "not ours", "ann", date.fromisoformat(day))

    with pytest.raises(CareWarehouseError, match="no interim statement"):
        disputing("2026-04-11")
    interim = {**statement_of(program, settled(program), "2026-04-10"), "kind": "interim"}
    draft(settings, interim)
    issue_statements(settings, "1n")
    with pytest.raises(CareWarehouseError, match="no line of member 'P2'"):
        disputing("2026-04-11", ("P2", "performance"))
    with pytest.raises(CareWarehouseError, match="window ended on 2026-06-09"):
        disputing("2026-06-10")
    disputing("2026-06-09")
    with pytest.raises(CareWarehouseError, match="in dispute already"):
        disputing("2026-06-09")
    assert all_open_lines(settings, date(2026, 6, 8)) == {}, "a replay sees the disputes of its day"
    (lines,) = all_open_lines(settings, date(2026, 7, 10)).values()
    assert list(lines) == [line]

    with duckdb.connect() as connection:
        members = tmp_path / "members.csv"
        members.write_text(
            "person_id,period_role,member_months,allowed_amount,truncated_amount\n"
            "P1,baseline,12,9.00,9.00\nP1,performance,11,20.00,10.50\n"
        )
        held = write_disputed_lines(
            connection, members, [line, ("P9", "baseline")], tmp_path / "disputed.csv"
        )
    assert held == (1, 11, 11, 1_050), "a line that a restatement took away is not held"
    assert (tmp_path / "disputed.csv").read_text().splitlines()[1:] == [
        "P1,performance,11,20.00,10.50"
    ]
    told: Json = {
        "lines": 1,
        "member_months": 11,
        "truncated_amount": "10.50",
        "fee_amount": "33.00",
    }
    waiting = {**statement_of(program, settled(program)), "kind": "interim", "disputes": told}
    page = statement_page({**waiting, "seal": "5ea1"})
    assert "In dispute" in page
    assert "$10.50" in page
    draft(settings, waiting)
    assert [one.name for one in issue_statements(settings, "1n")] == ["interim-2026-07-10"]

    resolve_dispute(settings, name, period, line, "rejected", "was ours", "bob", date(2026, 7, 11))
    with pytest.raises(CareWarehouseError, match="not in dispute"):
        resolve_dispute(settings, name, period, line, "upheld", "x", "bob", date(2026, 7, 11))
    assert all_open_lines(settings, date(2026, 7, 12)) == {}
    draft(settings, statement_of(program, settled(program), "2026-07-12"))
    assert [one.name for one in issue_statements(settings, "1n")] == ["final"]
    with pytest.raises(CareWarehouseError, match="final"):
        disputing("2026-04-12")
    log = read_log(settings.statements_dir / name / period)
    assert [(entry.event, entry.by) for entry in log] == [("raised", "ann"), ("rejected", "bob")]


def test_drafts_of_other_inputs_are_not_issued(program: Program, settings: Settings) -> None:
    """A run that failed after drafting must not be paid on by the next one's publication."""
    draft(settings, statement_of(program, settled(program)))
    with pytest.raises(PublicationRefused, match="drafted on other inputs"):
        issue_statements(settings, "other")
    assert not list(settings.statements_dir.glob("*"))


def test_a_replay_of_an_earlier_day_issues_nothing(program: Program, settings: Settings) -> None:
    """Whoever looks at March again in August must not leave a statement that was never sent."""
    early, late = settled(program, through="2026-03"), settled(program, panel_pmpm=20_600)
    draft(settings, statement_of(program, early, "2026-05-10", "2026-03"))
    issue_statements(settings, "1n")
    draft(settings, statement_of(program, early, "2026-04-10", "2026-03"))
    assert issue_statements(settings, "1n") == []
    draft(settings, statement_of(program, settled(program)))
    issue_statements(settings, "1n")
    draft(settings, statement_of(program, late, "2026-07-09"))
    assert issue_statements(settings, "1n") == []


def test_another_delivery_of_the_day_replaces_the_interim_statement(
    program: Program, settings: Settings
) -> None:
    """Interim statements are as the day's claims stand; two of one day would contradict."""
    for pmpm in (20_500, 20_600):
        of = settled(program, panel_pmpm=pmpm, through="2026-03")
        draft(settings, statement_of(program, of, "2026-04-10", "2026-03"))
        (issued,) = issue_statements(settings, "1n")
        assert issued.is_new
    kept = read_statement(issued.path / STATEMENT_FILE)
    assert not differences(kept, statement_of(program, of, "2026-04-10", "2026-03"))


# --- Telling what differs ------------------------------------------------------------------------


def test_one_changed_cent_breaks_the_seal_and_is_named(program: Program, tmp_path: Path) -> None:
    """An edited payment must not pass for the one that was agreed."""
    path = tmp_path / STATEMENT_FILE
    write_statement(path, statement_of(program, settled(program)))
    kept = read_statement(path)
    assert seal_of(kept) == kept["seal"]
    paid = str(settled(program).row.payment_amount)
    cent_more = str(Decimal(paid) + Decimal("0.01"))
    place = f'"payment_amount": "{paid}"'
    assert place in path.read_text()
    path.write_text(path.read_text().replace(place, f'"payment_amount": "{cent_more}"'))
    edited = read_statement(path)
    assert seal_of(edited) != edited["seal"]
    named = [one for one in differences(edited, kept) if one.place.startswith("settlement.")]
    assert [(one.place, one.stated, one.found) for one in named] == [
        ("settlement.payment_amount", cent_more, paid)
    ]


def test_members_whose_lines_differ_are_named(tmp_path: Path) -> None:
    """Changed, gone and new: each is one member's line."""
    header = "person_id,period_role,member_months,allowed_amount,truncated_amount\n"
    stated, found = tmp_path / "stated.csv", tmp_path / "found.csv"
    stated.write_text(header + "A,baseline,12,5.00,5.00\nB,baseline,1,1.00,1.00\n")
    found.write_text(header + "A,baseline,12,5.01,5.00\nC,baseline,2,0.00,0.00\n")
    count, named = line_differences(stated, found)
    assert count == 3
    assert [one.place for one in named] == [f"member {one}, baseline" for one in "ABC"]
    assert "5.01" in named[0].found
    assert (named[1].found, named[2].stated) == ("", "")


def test_a_file_that_is_no_statement_is_told(tmp_path: Path) -> None:
    """`verify` of the wrong file must not say equal."""
    path = tmp_path / "other.json"
    for content in ("{}", "[1]", "not json"):
        path.write_text(content)
        with pytest.raises(CareWarehouseError, match=r"other\.json"):
            read_statement(path)


# --- The page ------------------------------------------------------------------------------------


def test_the_page_is_whole_by_itself(program: Program) -> None:
    """It is mailed and printed: no script, no network, both pictures, every step to the cent."""
    of = settled(program)
    sealed = {**statement_of(program, of), "seal": "5ea1"}
    page = statement_page(sealed)
    assert "<script" not in page
    links = set(re.findall(r'(?:href|src)="(?!#)[^"]*|url\(http[^)]*', page))
    assert not links
    assert page.count("<svg") == 2
    assert f"${of.row.payment_amount:,.2f}" in page
    for step in waterfall(of):
        assert dollars_text(dollars(step.reached_cents)) in page
    assert statement_page(sealed) == page


@pytest.mark.parametrize(
    ("change", "pmpm", "told"),
    [
        (lambda terms: replace(terms, gate=Decimal("0.90")), 20_500, "quality gate was missed"),
        (lambda terms: replace(terms, loss_rate=Decimal("0.3")), 24_000, "Owed by the group"),
        (lambda terms: terms, 21_950, "below the minimum savings rate"),
    ],
)
def test_the_page_says_why_nothing_is_paid(
    program: Program, change: Change, pmpm: int, told: str
) -> None:
    """A group that gets nothing reads the reason first."""
    of = settled(program, change, pmpm)
    assert told in statement_page({**statement_of(program, of), "seal": "5ea1"})
