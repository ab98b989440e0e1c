"""docs/measures.md says what the seeds say."""

from datetime import date

from orchestration.quality.catalogue import PAGE, Basis, Rate, measure_page, without_rates


def test_the_page_is_current_but_for_its_rates() -> None:
    """A page that tells of another version of a measure misleads who reads a rate by it."""
    assert without_rates(PAGE.read_text()) == without_rates(measure_page({})), (
        "docs/measures.md is older than its seeds. Run `python -m orchestration measures`."
    )


def test_a_rate_is_told_with_its_counts_and_year() -> None:
    """A percentage without its numbers hides how few it stands on."""
    page = measure_page({"M01": Rate(2025, 1_234, 2_000)})
    assert "- Rate in the demo: 61.7 % (1,234 of 2,000, 2025)\n" in page
    assert page.count("nobody was measured") == page.count("\n## ") - 1


def test_every_measure_of_methods_is_there() -> None:
    """METHODS D.1 lists M01 to M34; a measure left out is one nobody misses."""
    page = measure_page({})
    assert all(f"\n## M{number:02d} " in page for number in range(1, 35))
    assert "- Counted: Lower is better" in page


def test_the_page_says_how_much_data_its_rates_stand_on() -> None:
    """A rate of a small demo is a matter of chance, and looks like one of a large one."""
    page = measure_page({}, Basis(352_501, 76_012, date(2026, 7, 20)))
    told = "352,501 members, 76,012 of them in panels of the measured years, as of 2026-07-20."
    assert f"\nRates below: {told}\n" in page
    assert without_rates(page) == without_rates(measure_page({}))
