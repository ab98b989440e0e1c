"""HL7 v2 files: what becomes a row, what a reject, what stops the whole file."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import hl7
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from intake_kit import Installation, installation

from orchestration.ingest.hl7_messages import FieldPath, MessageReader

SOURCE = "prohealth_physicians"
MESSAGE = (
    "MSH|^~\\&|ADT|CTH01^1234567893^NPI|HUB|PHP|20250201101500||ADT^A03|{number}|P|2.5.1\r"
    "EVN||20250201101000\r"
    "PID|1||MR77^^^CTH01^MR~U10000001^^^PAYER^MB||O'NEIL^MARY||19800229|F\r"
    "PD1||||1987654328^DOE\r"
    "PV1|1|I|4W^401|E|||1234567893^GREEN|||MED||||7|||||V1{last}|||||||||||||||||01||||||||"
    "20250130221000|20250201101000\r"
    "PV2|||^Nausea \\T\\ vomiting\r"
    "DG1|1||I50.9^Heart failure^I10\r"
    "DG1|2||E11.9^Diabetes^I10\r"
)


def message(number: str = "M1") -> str:
    """One discharge."""
    return MESSAGE.format(number=number, last=number)


def changed(text: str, before: str, after: str) -> str:
    assert before in text, before
    return text.replace(before, after, 1)


@pytest.fixture
def intake(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def drop(intake: Installation, texts: Sequence[str], name: str = "2025-01.hl7.gz") -> None:
    content = "".join(texts).encode()
    packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
    intake.drop(packed, name, "adt_events", SOURCE)


def test_every_message_becomes_a_row_of_the_contract(intake: Installation) -> None:
    """Values are found by segment, field, component and kind of identifier, and unescaped."""
    drop(intake, [message()])
    outcome = intake.take_one("adt_events")
    assert (outcome.status, outcome.entry.loaded_count) == ("loaded", 1), outcome
    columns = (
        "message_id, event_type, event_at::text, facility_code, facility_npi, visit_number,"
        " medical_record_number, person_id, last_name, first_name, birth_date::text, sex,"
        " patient_class, admission_type, admit_source_code, location, admitted_at::text,"
        " discharged_at::text, discharge_disposition_code, diagnosis_code, admit_reason,"
        " primary_care_npi, prior_visit_number"
    )
    assert intake.rows(outcome, columns) == [
        (
            "M1",
            "A03",
            "2025-02-01 10:10:00",
            "CTH01",
            "1234567893",
            "V1M1",
            "MR77",
            "U10000001",
            "O'NEIL",
            "MARY",
            "1980-02-29",
            "F",
            "inpatient",
            "emergency",
            "7",
            "4W",
            "2025-01-30 22:10:00",
            "2025-02-01 10:10:00",
            "01",
            "I50.9",
            "Nausea & vomiting",
            "1987654328",
            None,
        )
    ]


def test_the_same_contract_is_fed_by_rows_of_text(intake: Installation) -> None:
    """Where a hub makes rows of messages, nothing downstream may see a difference."""
    header = (
        "MSG_ID|MSG_TS|EVT_CD|EVT_TS|FAC_CD|FAC_NPI|VISIT_NO|MRN|MBR_ID|LAST_NM|FIRST_NM|BIRTH_DT|"
        "GNDR_CD|PAT_CLASS|ADM_TYP|ADM_SRC|SVC|WARD|ADM_TS|DSCH_TS|EXP_DSCH_TS|DISP_CD|DX_CD|"
        "DX_TXT|REASON|ATT_NPI|PCP_NPI|PCP_NM|PRIOR_MRN|PRIOR_VISIT"
    )
    row = (
        "M1|2025-02-01 10:15|A03|2025-02-01 10:10:00|WAH01|1234567893|V1|MR77|U1|LEE|ANN|19800229|F"
        "|I|E|7|MED|4W|2025-01-30 22:10:00|2025-02-01 10:10:00||01|I50.9|Heart|Chest|1234567893|"
        "1987654328|DOE||"
    )
    intake.drop(
        f"{header}\n{row}\n".encode(), "2025-01.csv", "adt_events", "northwest_physicians_network"
    )
    outcome = intake.take_one("adt_events")
    columns = "event_at::text, patient_class, discharged_at::text, admission_type"
    assert intake.rows(outcome, columns) == [
        ("2025-02-01 10:10:00", "inpatient", "2025-02-01 10:10:00", "emergency")
    ]


@pytest.mark.parametrize(
    ("before", "after", "place", "value", "reason"),
    [
        ("EVN||20250201101000\r", "", "EVN", "", "segment_missing"),
        ("PD1|", "PD1\x00|", "segment 4", "PD1\x00", "segment_unreadable"),
        ("PD1|", "PID|", "PID", "PID|", "segment_repeated"),
        ("^~\\&|ADT", "^^^^|ADT", "MSH-2", "MSH|^^^^", "separators_unreadable"),
        ("ADT^A03", "ORU^R01", "MSH-9.1", "ORU", "not_an_adt_message"),
        ("EVN||", "EVN|A01|", "EVN-1", "A01", "event_differs"),
        ("MED||||7", "MED||||\\X1F\\", "PV1-14", "\x1f", "control_character"),
        ("20250130221000", "20250132221000", "admitted_at (PV1-44)", None, "not_a_calendar_date"),
        ("20250130221000", "20250130", "admitted_at (PV1-44)", None, "malformed_timestamp"),
        ("|1|I|", "|1|Q|", "patient_class (PV1-2)", "Q", "unknown_value"),
        ("V1M1", "", "event_type (MSH-9.2)", "A03", "visit_number_missing"),
        ("ADT^A03", "ADT^A40", "event_type (MSH-9.2)", "A40", "merge_without_prior_number"),
        ("||20250201101000", "||20250301101000", "event_at (EVN-6 or EVN-2)", None, "event_after"),
    ],
)
def test_a_message_that_cannot_be_used_is_a_reject_with_its_place(
    intake: Installation, before: str, after: str, place: str, value: str | None, reason: str
) -> None:
    """Who has to ask the hospital needs the message's number, the field, what stood there, why."""
    good = [message(f"M{number}") for number in range(2, 30)]
    drop(intake, [*good[:3], changed(message(), before, after), *good[3:]])
    outcome = intake.take_one("adt_events")
    assert (outcome.entry.row_count, outcome.entry.loaded_count) == (29, 28), outcome.entry
    ((number, found_place, found_value, found_reason),) = intake.rejects(outcome)
    assert (number, found_place) == (4, place)
    assert str(found_reason).startswith(reason)
    assert value is None or str(found_value).startswith(value)
    assert intake.rows(outcome, "row_number")[3] == (5,), "later rows keep the message's number"


def test_a_message_sent_again_is_a_duplicate_and_another_about_the_same_is_not(
    intake: Installation,
) -> None:
    """Rows in = loaded + rejected + duplicates; which of two messages holds is decided later."""
    drop(intake, [message("M1"), message("M2"), message("M1")])
    entry = intake.take_one("adt_events").entry
    assert (entry.row_count, entry.loaded_count, entry.duplicate_count) == (3, 2, 1)


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n"])
def test_a_batch_with_headers_and_trailers_holds_only_its_messages(
    intake: Installation, line_end: str
) -> None:
    """Hubs wrap a day's messages, and some write line feeds between segments."""
    texts = [
        "FHS|^~\\&|HUB\r",
        "BHS|^~\\&|HUB\r",
        message("M1"),
        message("M2"),
        "BTS|2\r",
        "FTS|1\r",
    ]
    drop(intake, ["".join(texts).replace("\r", line_end)], "2025-01.hl7")
    assert intake.take_one("adt_events").entry.loaded_count == 2


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["BHS|^~\\&|H\r", message(), "BTS|2\r"], "batch_count_differs"),
        (["FHS|^~\\&|H\r", "BHS|^~\\&|H\r", message(), "BTS|1\r"], "batch_unbalanced"),
        (["BHS|^~\\&|H\r", message()], "batch_unbalanced"),
        ([message(), "BTS|1\r"], "batch_unbalanced"),
        (["FHS|^~\\&|H\r", "BHS|^~\\&|H\r", message(), "FTS|1\r"], "batch_unbalanced"),
        (["\x0b", message(), "\x1c\r"], "not_hl7"),
        (["claim,amount\r", message()], "not_hl7"),
        (["PID|1\r"], "not_hl7"),
        ([message()[:-1]], "final_newline_missing"),
        (["FHS|^~\\&|H\r", "FTS|0\r"], "header_only"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_set_aside_whole(
    intake: Installation, texts: Sequence[str], reason: str
) -> None:
    """A batch cut in two, or another format, loads nothing."""
    drop(intake, texts)
    outcome = intake.take_one("adt_events")
    assert (outcome.status, outcome.entry.reason) == ("quarantined", reason), outcome


def test_messages_are_held_against_the_control_file(intake: Installation) -> None:
    """Half a file of whole messages looks complete but for the count."""
    content = (message("M1") + message("M2")).encode()
    intake.drop(content, "2025-01.hl7", "adt_events", SOURCE, control={"rows": 3})
    assert intake.take_one("adt_events").entry.reason == "row_count_differs"


def test_a_layout_that_names_no_field_of_a_message_is_refused_with_an_example(
    intake: Installation,
) -> None:
    """A typing error would otherwise read as an empty column for ever."""
    broken = intake.configure(
        f"payers/{SOURCE}.yml", {"visit_number: PV1-19": "visit_number: PV-19"}
    )
    drop(broken, [message()])
    (problem,) = broken.take("adt_events").problems
    assert "'PV-19' is no field of a message" in problem.message
    assert "PV1-44" in problem.message


def test_a_path_is_segment_field_kind_component_and_part() -> None:
    """The grammar that sender files are written in."""
    assert FieldPath.of("PID-3[MR].1") == FieldPath("PID", 3, "MR", 1, 1)
    assert FieldPath.of("MSH-9.2") == FieldPath("MSH", 9, None, 2, 1)
    assert FieldPath.of("PV1-3.4.2") == FieldPath("PV1", 3, None, 4, 2)
    for text in ("PV1", "PV1.3", "pv1-3", "PID-0", "PID-3.0"):
        with pytest.raises(ValueError, match="no field of a message"):
            FieldPath.of(text)


WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)


def escaped(text: str) -> str:
    for mark, name in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        text = text.replace(mark, f"\\{name}\\")
    return text


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5), st.integers(1, 40))
def test_any_text_comes_through_whatever_the_blocks(
    people: list[tuple[str, str, str]], block: int
) -> None:
    """Names with separators in them, cut anywhere by the size of a read."""
    texts = [
        f"MSH|^~\\&|A|B|C|D|20250101||ADT^A01|{number}|P|2.5\nEVN||20250101\n"
        f"PID|1||{escaped(record)}^^^H^MR||{escaped(last)}^{escaped(first)}\n"
        for number, (last, first, record) in enumerate(people)
    ]
    content = "".join(texts).encode()
    reader = MessageReader(
        {"id": ["MSH-10"], "mrn": ["PID-3[MR]"], "last": ["PID-5.1"], "first": ["PID-5.2"]}, True
    )
    blocks = (content[at : at + block] for at in range(0, len(content), block))
    records = [record.decode()[:-1].split("\x1f") for record in reader.records(blocks)]
    assert reader.malformed == []
    wanted = [
        [str(number), record, last, first] for number, (last, first, record) in enumerate(people)
    ]
    assert records == wanted


FIELDS = st.lists(st.sampled_from(["A", "B ", "\t", "^", "^^^^", "~", "&"])).map("".join)
PATHS = ("PID-3", "PID-3.2", "PID-3.2.2", "PID-3.1.2", "PID-3[A]", "PID-3[A].2", "PID-3.5")


@settings(deadline=None, max_examples=200)
@example("A^^^^A\t^")
@given(FIELDS)
def test_what_is_split_here_is_split_as_the_library_does(field: str) -> None:
    """Fields without escapes do not pass through the library; nobody may see a difference."""
    header = "MSH|^~\\&|A|B|C|D|20250101||ADT^A01|1|P|2.5"
    text = f"{header}\nEVN||20250101\nPID|1||{field}|\n"
    reader = MessageReader({path: [path] for path in PATHS}, True)
    (record,) = reader.records(iter([text.encode()]))
    segment = hl7.parse(f"{header}\rPID|1||{field.rstrip()}").segment("PID")

    def found(repetition: int, component: int, part: int) -> str:
        try:
            value = str(segment.extract_field(1, 3, repetition, component, part))
        except IndexError:
            return ""
        return value.replace("\t", " ").strip(" ")

    kinds = [found(n, 5, 1) for n in range(1, field.rstrip().count("~") + 2)]
    kind = kinds.index("A") + 1 if "A" in kinds else None
    assert record.decode()[:-1].split("\x1f") == [
        found(1, 1, 1),
        found(1, 2, 1),
        found(1, 2, 2),
        found(1, 1, 2),
        found(kind, 1, 1) if kind else "",
        found(kind, 2, 1) if kind else "",
        found(1, 5, 1),
    ]


@pytest.mark.parametrize("escape", ["\\.spx\\", "\\.in+4000000000\\", "\\.sp9999999999999999\\"])
def test_an_escape_that_cannot_be_followed_rejects_its_message_alone(
    intake: Installation, escape: str
) -> None:
    """Two dozen bytes that ask for blanks by the gigabyte; or for so many that it is no number."""
    drop(intake, [message(), changed(message("M2"), "MARY", f"MA{escape}RY")])
    outcome = intake.take_one("adt_events")
    assert outcome.entry.loaded_count == 1, outcome.entry.message
    assert [row[-1] for row in intake.rejects(outcome)] == ["field_unreadable"]
