"""A file of data/feeds or data/payers that cannot be used stops only what depends on it."""

from pathlib import Path

import pytest
from intake_kit import CLINICIAN, SPAN, Installation, fills, installation, lines

from orchestration.ingest import landing_problems, load_layouts, pending
from orchestration.ingest.layout_checks import judge_layouts, layout_checks
from orchestration.publication.gate import registered_checks

GROUP_CLINICIAN = {
    "npi": "1234567893",
    "group_tin": "012345678",
    "aco_program": "PGP",
    "aco_partner": "PRIMED",
    "site_id": "S1",
    "site_name": "Main Street",
    "role": "P",
    "cms_specialty": "08",
    "nucc": "207Q00000X",
    "panel": "O",
    "from": "2015-01-01",
    "to": "9999-12-31",
}


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def drop_all(house: Installation) -> None:
    """One delivery of each of four feeds, and a roster of a group."""
    house.drop(fills(2))
    house.drop(lines(2), feed="medical_claims")
    house.drop([SPAN], feed="eligibility")
    house.drop([CLINICIAN], feed="provider_roster")
    roster = [";".join(GROUP_CLINICIAN), ";".join(GROUP_CLINICIAN.values()), ""]
    content = "\n".join(roster).encode()
    house.drop(content, "2025-01.csv", feed="provider_roster", source="primed")


def take_all(house: Installation) -> set[str]:
    """Take every feed; return what was loaded, as sender/feed."""
    return {
        f"{outcome.entry.source_id}/{feed}"
        for feed in load_layouts(house.settings).feeds
        for outcome in house.take(feed).taken
        if outcome.status == "loaded"
    }


def failing(house: Installation) -> set[str]:
    checks = layout_checks(house.settings)
    return {check.asset for check in checks if not check.run(house.settings).passed}


EVERYTHING = {
    "cigna/pharmacy_claims",
    "cigna/medical_claims",
    "cigna/eligibility",
    "cigna/provider_roster",
    "primed/provider_roster",
}


@pytest.mark.parametrize(
    ("file", "before", "after", "place", "waits", "held"),
    [
        (
            "payers/primed.yml",
            "date_format: YYYY-MM-DD",
            "date_format: DMY",
            "feeds.provider_roster.date_format (line 11): found 'DMY'. Known: YYYY-MM-DD",
            {"primed/provider_roster"},
            {"provider_roster"},
        ),
        (
            "payers/primed.yml",
            "feeds:",
            "feeds: [",
            "line",
            {"primed/provider_roster"},
            {"provider_roster"},
        ),
        (
            "payers/cigna.yml",
            "X: reversed",
            "X: reverst",
            "feeds.pharmacy_claims.values.claim_status: found 'reverst'. "
            "The contract does not allow it. Did you mean 'reversed'?",
            {"cigna/pharmacy_claims"},
            {"pharmacy_claims"},
        ),
        (
            "payers/cigna.yml",
            "  pharmacy_claims:",
            "  pharmacy_claim:",
            "feeds.pharmacy_claim: found 'pharmacy_claim'. No contract has this name. "
            "Did you mean 'pharmacy_claims'?",
            {"cigna/pharmacy_claims"},
            {"pharmacy_claims"},
        ),
        (
            "feeds/eligibility.yml",
            "mode: append",
            "mode: add",
            "mode (line 7): found 'add'. Known: period, snapshot, append.",
            {"cigna/eligibility"},
            {"eligibility"},
        ),
        (
            "feeds/medical_claims.yml",
            'pattern: "[0-9]{4}"',
            'pattern: "(?<=x)[0-9]{4}"',
            "columns.revenue_code",
            {"cigna/medical_claims"},
            {"medical_claims"},
        ),
        (
            "feeds/eligibility.yml",
            "feed: eligibility",
            "feed: eligibilty",
            "feed: found 'eligibilty'. Name the file eligibilty.yml, or the feed eligibility.",
            {"cigna/eligibility"},
            {"eligibility"},
        ),
    ],
)
def test_only_what_depends_on_the_file_waits_and_nothing_is_lost(
    house: Installation,
    file: str,
    before: str,
    after: str,
    place: str,
    waits: set[str],
    held: set[str],
) -> None:
    """A typing error in one group's roster once kept the claims of every payer out."""
    drop_all(house)
    spoiled = house.configure(file, {before: after})
    assert take_all(spoiled) == EVERYTHING - waits
    problems = landing_problems(spoiled.settings)
    assert {f"{one.path.parent.parent.name}/{one.feed}" for one in problems} == waits
    for problem in problems:
        assert problem.reason == "configuration_unusable"
        assert Path(file).name in problem.message
        assert place in problem.message
    assert failing(spoiled) == held
    told = judge_layouts(spoiled.settings, *held)
    assert place in told.problems[0]
    assert "1 deliveries of" in told.problems[-1]
    spoiled.configure(file, {after: before})
    assert take_all(spoiled) == waits
    assert failing(spoiled) == set()


def test_what_was_taken_before_does_not_wait_and_is_not_taken_again(house: Installation) -> None:
    """The file is spoiled after the month was loaded: only new deliveries wait for it."""
    drop_all(house)
    take_all(house)
    spoiled = house.configure("payers/cigna.yml", {"X: reversed": "X: reverst"})
    assert landing_problems(spoiled.settings) == ()
    spoiled.drop(fills(3), "2025-02.csv.gz")
    assert pending(spoiled.settings) == ()
    (problem,) = spoiled.take().problems
    assert problem.path.name == "2025-02.csv.gz"
    assert failing(spoiled) == {"pharmacy_claims"}
    mended = spoiled.configure("payers/cigna.yml", {"X: reverst": "X: reversed"})
    assert [outcome.entry.period for outcome in mended.take().taken] == ["2025-02"]


def test_a_file_that_holds_no_delivery_yet_still_holds_its_feed(house: Installation) -> None:
    """The next night would publish by a contract that nobody can read."""
    drop_all(house)
    take_all(house)
    spoiled = house.configure("feeds/pharmacy_claims.yml", {"mode: period": "mode: monthly"})
    assert failing(spoiled) == {"pharmacy_claims"}


def test_a_sender_that_never_sent_is_a_warning(house: Installation) -> None:
    """Half a file of next year's payer must not hold this year's results."""
    drop_all(house)
    drafted = house.configure("payers/primed.yml", {})
    (drafted.settings.payers_dir / "aetna.yml").write_text("source_id: aetna\n", "utf-8")
    assert failing(drafted) == set()
    outcome = judge_layouts(drafted.settings, "eligibility")
    assert "aetna.yml" in outcome.warnings[0]


def test_a_contract_under_a_name_that_no_feed_can_have_holds_all(house: Installation) -> None:
    """A copy made by hand: whether it or the original is meant cannot be said."""
    drop_all(house)
    copied = house.configure("feeds/eligibility.yml", {})
    original = copied.settings.feeds_dir / "eligibility.yml"
    original.with_name("eligibility (copy).yml").write_text(original.read_text("utf-8"), "utf-8")
    assert take_all(copied) == EVERYTHING
    assert failing(copied) == set(load_layouts(copied.settings).feeds)


def test_every_feed_has_a_blocking_check_that_publication_asks_for() -> None:
    """A check that the gate does not know holds nothing."""
    blocking = {check.name for check in registered_checks() if check.blocking}
    feeds = load_layouts(installation(Path("/nowhere")).settings).feeds
    assert {f"layouts_{feed}" for feed in feeds} <= blocking
    assert "medical_claims" in feeds
