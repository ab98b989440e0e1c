"""The committed programs hold every stated fact, and a bad file is told with place and fix."""

import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.errors import ConfigurationError, Problem
from orchestration.programs import Program, load_portfolios, load_programs
from orchestration.settings import PROJECT_ROOT, Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose configuration may be spoiled."""
    config_dir = tmp_path / "config"
    for folder in ("programs", "feeds", "payers"):
        shutil.copytree(PROJECT_ROOT / "data" / folder, config_dir / folder)
    return replace(load_settings({"CARE_DATA_DIR": str(tmp_path)}), config_dir=config_dir)


def committed() -> dict[str, Program]:
    return {program.program_id: program for program in load_programs(load_settings({}))}


def problems_after(settings: Settings, before: str, after: str, name: str) -> list[Problem]:
    """Replace a text in a program file and return what is said about it."""
    file = settings.programs_dir / f"{name}.yml"
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_programs(settings)
    return list(caught.value.problems)


def test_stated_sizes_dates_and_bonus_words_are_those_of_the_sources() -> None:
    """A wrong effective date or bonus word in a contract page is a complaint from the group."""
    stated = {
        name: (
            program.facts.members.count,
            program.facts.members.precision,
            program.facts.clinicians.count,
            program.facts.effective.date,
            program.facts.effective.precision,
            program.facts.bonus.label,
        )
        for name, program in committed().items()
    }
    assert stated == {
        "evergreenhealth_partners": (3300, "nearly", 150, None, "not_stated", "pay for value"),
        "primed_greenwich": (
            12000,
            "more_than",
            200,
            date(2014, 1, 1),
            "month",
            "pay for performance",
        ),
        "integrated_care_partners": (
            16000,
            "nearly",
            1200,
            date(2014, 4, 1),
            "day",
            "pay for value",
        ),
        "valley_preferred": (
            5500,
            "approximately",
            None,
            date(2013, 7, 1),
            "day",
            "pay for performance",
        ),
        "prohealth_physicians": (
            30000,
            "approximately",
            None,
            date(2009, 10, 1),
            "month",
            "pay for performance",
        ),
    }


def test_the_paid_entity_is_told_apart_from_the_physicians_and_the_employer() -> None:
    """In Washington the network has the panel and the nurses, another organization the money."""
    roles = {
        name: {partner.partner_id: partner.roles for partner in program.facts.partners}
        for name, program in committed().items()
    }
    assert roles["evergreenhealth_partners"] == {
        "northwest_physicians_network": ("physician_network", "coordinator_employer"),
        "evergreenhealth_partners": ("paid_entity",),
    }
    assert "coordinator_employer" in roles["integrated_care_partners"]["hartford_healthcare"]
    both = committed()["primed_greenwich"].facts
    assert both.panel_partners() == ("primed", "greenwich_physicians_association")
    assert both.practices.count == 80
    assert both.coordinators.credentials == ("registered_nurse", "patient_navigator")
    assert both.coordinators.engagement == ("employed", "engaged")


def test_the_fifth_care_guide_is_left_open_and_can_be_chosen(settings: Settings) -> None:
    guides = committed()["prohealth_physicians"].facts.care_guides
    assert guides is not None
    assert len(guides.all_conditions()) == 4
    file = settings.programs_dir / "prohealth_physicians.yml"
    chosen = file.read_text("utf-8").replace("fifth_condition: null", "fifth_condition: copd")
    file.write_text(chosen, "utf-8")
    (prohealth,) = (p for p in load_programs(settings) if p.facts.care_guides)
    assert prohealth.facts.care_guides is not None
    assert prohealth.facts.care_guides.all_conditions()[-1] == "copd"


def test_joining_and_referral_rules_are_stated_only_where_the_source_states_them() -> None:
    rules = {name: program.facts.member_rules for name, program in committed().items()}
    joins = {name for name, rule in rules.items() if rule.joins_by_choosing_a_program_doctor}
    assert joins == {"integrated_care_partners", "valley_preferred"}
    assert {name for name, r in rules.items() if r.changes_referral_requirements is False} == joins


def test_the_portfolio_keeps_the_payers_own_figures() -> None:
    (portfolio,) = load_portfolios(load_settings({}))
    assert (portfolio.commercial.arrangements.count, portfolio.commercial.states) == (89, 27)
    assert portfolio.with_medicare.specialists.count == 39_000
    assert (portfolio.goal.year, portfolio.goal.arrangements) == (2014, 100)


def test_terms_left_out_have_the_defaults_of_methods_p() -> None:
    terms = committed()["valley_preferred"].terms[0]
    assert terms.claims.truncation == Decimal("100000.00")
    assert terms.attribution.min_mm.outcomes == 6
    assert terms.er.bootstrap_seed == 20150520
    assert (terms.savings.min_panel, terms.savings.max_rate) == (1000, Decimal("0.50"))
    assert terms.fee.fee_pmpm == Decimal("3.00")


def test_a_program_read_back_from_the_ledgers_json_is_equal() -> None:
    """Outcomes compute with the terms in the ledger, not with today's files."""
    for program in committed().values():
        assert Program.model_validate_json(program.model_dump_json()) == program


@pytest.mark.parametrize(
    ("before", "after", "place", "value", "fix"),
    [
        ("max_rate: 0.50", "max_rat: 0.50", "max_rat", "0.50", "Did you mean 'max_rate'"),
        ("max_rate: 0.50", "max_rate: half", "savings.max_rate", "half", "decimal number"),
        ("max_rate: 0.50", "max_rate: 1.50", "savings.max_rate", "1.50", "less than or equal to 1"),
        ("mm_rule: mid_month", "mm_rule: midmonth", "mm_rule", "midmonth", "mean 'mid_month'"),
        ("fee_pmpm: 3.00", 'fee_pmpm: "free"', "fee.fee_pmpm", "free", "such as 3.00"),
        ("lookback_months: 24", "lookback_months: 24.0", "lookback_months", "24.0", "whole"),
        ('zip3: ["180", "181"]', 'zip3: [180, "181"]', "market.zip3.0", "180", "in quotes"),
        ("2025-12-31", "2025-12-30", "terms.0.performance", "2025", "ends on a last of a month"),
        ("has_panel: true", "has_panel: 1", "partners.0.has_panel", "1", "true or false"),
        ("payer: cigna\n", "", "payer", "nothing", "Add this field"),
        ("label: pay for performance", "label: bonus", "bonus.label", "bonus", "pay for value"),
        (
            "organizations: [valley_preferred]",
            "organizations: [valey_preferred]",
            "facts",
            "valey_preferred",
            "Did you mean 'valley_preferred'",
        ),
    ],
)
def test_an_error_names_file_field_value_and_fix(
    settings: Settings, before: str, after: str, place: str, value: str, fix: str
) -> None:
    """Contract managers edit these files; "validation error" would not help them."""
    (problem,) = problems_after(settings, before, after, "valley_preferred")
    assert Path(problem.file).name == "valley_preferred.yml"
    assert place in problem.place
    assert "(line " in problem.place
    assert value in problem.value
    assert fix in problem.fix


def test_all_problems_of_all_files_are_told_at_once(settings: Settings) -> None:
    for name in ("primed_greenwich", "valley_preferred"):
        file = settings.programs_dir / f"{name}.yml"
        text = file.read_text("utf-8").replace("cap: 0.10", "cap: 10")
        file.write_text(text.replace("gate: 0.60", "gait: 0.60"), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_programs(settings)
    assert len(caught.value.problems) == 4


def test_rules_that_compete_for_the_same_members_must_be_equal(settings: Settings) -> None:
    """Two programs of one payer with different look-backs could both claim one member."""
    (problem,) = problems_after(
        settings, "lookback_months: 24", "lookback_months: 12", "valley_preferred"
    )
    assert "terms.attribution.lookback_months" in problem.place
    assert "valley_preferred.yml" in str(problem.file)
    assert "evergreenhealth_partners.yml" in problem.fix
    assert "24" in problem.fix


def test_programs_may_differ_in_what_is_their_own(settings: Settings) -> None:
    file = settings.programs_dir / "valley_preferred.yml"
    text = file.read_text("utf-8").replace("truncation: 100000.00", "truncation: 250000.00")
    file.write_text(text.replace("fee_pmpm: 3.00", "fee_pmpm: 2.50"), "utf-8")
    assert len(load_programs(settings)) == 5


def test_one_area_has_one_extent(settings: Settings) -> None:
    (problem,) = problems_after(settings, "zip3: []", 'zip3: ["068"]', "primed_greenwich")
    assert "connecticut" in problem.place
    assert "integrated_care_partners.yml" in problem.fix


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "an empty file"),
        ("- a\n", "list"),
        ("program_id: [\n", "line"),
        ("program_id: a\nprogram_id: b\n", "stands twice"),
    ],
)
def test_a_file_that_is_no_mapping_is_told(settings: Settings, text: str, told: str) -> None:
    (settings.programs_dir / "other.yml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"other\.yml") as caught:
        load_programs(settings)
    assert told in str(caught.value)


def test_the_newest_agreement_of_the_day_is_in_force() -> None:
    program = committed()["valley_preferred"]
    later = program.terms[0].model_copy(update={"agreed_on": date(2025, 6, 1)})
    amended = program.model_copy(update={"terms": (program.terms[0], later)})
    assert amended.terms_as_of(date(2022, 1, 1)) is None
    assert amended.terms_as_of(date(2025, 5, 31)) == program.terms[0]
    assert amended.terms_as_of(date(2025, 6, 1)) == later
