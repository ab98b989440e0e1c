"""The worked example of a task's priority (METHODS L.1)."""

from care_kit import CareInstallation, did, message


def test_a_late_call_after_discharge_comes_first(care: CareInstallation) -> None:
    """EX-L2: HR1, DISCHARGE, LACE 12, contact 3 days overdue: 100 + (50 + 24) + 2·3 = 180."""
    care.hospital(
        "2026-03-02",
        message("ANN", "A04", "2026-03-02 07:10", PAT_CLASS="E", ADM_TS="2026-03-02 07:10"),
        message("ANN", "A06", "2026-03-02 09:00", ADM_TS="2026-03-02 09:00"),
    )
    # Four days 4 + acute 3 + comorbidity 5 = 12; two business days after Friday is Tuesday.
    care.hospital(
        "2026-03-06",
        message(
            "ANN",
            "A03",
            "2026-03-06 15:00",
            DSCH_TS="2026-03-06 15:00",
            DISP_CD="01",
            DX_CD="I50.9",
        ),
    )
    care.nurse("2026-03-13", did("DORA", "2026-03-13", "EDUCATION", "COMPLETED"))
    lists = care.refresh()
    assert lists.left["ANN"]["lace"] == "12"
    assert lists.left["ANN"]["contact_due_date"] == "2026-03-10"
    assert lists.cards["ANN"]["priority"] == "180"
