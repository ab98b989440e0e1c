"""The page as a nurse opens it: at a desk and on a telephone, without a network."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from care_kit import EMOJI, FORMULA, PROGRAM, SCRIPT, CareInstallation, message
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.ui
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser test is out")
@pytest.mark.parametrize(("device", "width", "height"), [("desk", 1280, 900), ("phone", 390, 844)])
def test_the_page_is_readable_sortable_and_inert(
    care: CareInstallation,
    test_output: Callable[[str], Path],
    device: str,
    width: int,
    height: int,
) -> None:
    """A page that needs a network, scrolls sideways on a telephone or runs a name is not used."""
    care.hospital(
        "2026-03-04",
        *(
            message(person, "A01", f"2026-03-0{day} 08:00", ADM_TS=f"2026-03-0{day} 08:00")
            for day, person in enumerate(("ANN", "BEA", "CORA"), start=1)
        ),
        message("DORA", "A01", "2026-03-01 08:00", ADM_TS="2026-03-01 08:00"),
        message("DORA", "A03", "2026-03-03 08:00", DSCH_TS="2026-03-03 08:00", DISP_CD="01"),
    )
    page_file = care.refresh().folder / PROGRAM / "NPN-N01" / "worklist.html"
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": width, "height": height})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        text = page.inner_text("main")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        table = page.locator("table.sortable").nth(1)
        hospital = [row.split("\n")[0] for row in table.locator("tr:not(.heads)").all_inner_texts()]
        if device == "desk":
            heads = table.locator("th")
            heads.nth(4).click()
            heads.nth(4).click()
            newest_first = table.locator("tr:not(.heads)").all_inner_texts()
            assert "2026-03-03" in newest_first[0]
            assert "2026-03-01" in newest_first[-1]
        page.screenshot(path=test_output(f"worklist-{device}.png"), full_page=True)
        assert page.title().startswith("Worklist")
        browser.close()
    assert asked == [page_file.as_uri()]
    assert len(hospital) == 3
    for name in (FORMULA, SCRIPT, EMOJI):
        assert name in text
