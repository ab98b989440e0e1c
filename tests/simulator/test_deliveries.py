"""What the simulated senders deliver: bytes, layout, control files, and the planted mess."""

import gzip
import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from simulated_extract import Extract

from orchestration.ingest import load_layouts, take_feed
from orchestration.settings import load_settings
from orchestration.simulator import demo_config, simulate

MEDICAL_COLUMNS = 34


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_configurations_write_equal_bytes_and_another_seed_others(tmp_path: Path) -> None:
    """A clock, a set's order or a thread's pace in the bytes would make every run a restatement."""
    for name, seed, threads in (("one", 7, 2), ("again", 7, 1), ("other", 8, 2)):
        config = demo_config(seed=seed, scale=0.002, threads=threads)
        simulate(config, tmp_path / name / "landing", tmp_path / name / "truth")
    assert digests(tmp_path / "one") == digests(tmp_path / "again")
    first, other = digests(tmp_path / "one"), digests(tmp_path / "other")
    assert first.keys() == other.keys()
    medical = [name for name in first if "medical_claims" in name and name.endswith(".gz")]
    assert medical
    assert not any(first[name] == other[name] for name in medical)


def test_rows_grow_with_scale(extract: Extract, tmp_path: Path) -> None:
    """Members and claims that did not follow the scale would make every benchmark a lie."""
    twice = simulate(demo_config(scale=0.012), tmp_path / "landing", tmp_path / "truth")
    for feed in ("medical_claims", "pharmacy_claims", "eligibility"):
        ratio = twice.rows[feed] / extract.report.rows[feed]
        assert 1.4 < ratio < 2.6, feed


def test_every_delivery_agrees_with_its_control_file(extract: Extract) -> None:
    """Intake quarantines a file whose rows, digest or sums differ from its control totals."""
    files = sorted(extract.landing_dir.rglob("*.csv.gz"))
    assert len(files) + len(list(extract.landing_dir.rglob("*.hl7.gz"))) == len(
        extract.report.files
    )
    for file in files:
        control = json.loads(Path(f"{file}.control.json").read_text())
        raw = file.read_bytes()
        text = gzip.decompress(raw).decode()
        assert text.endswith("\n")
        lines = text.splitlines()
        assert control["sha256"] == hashlib.sha256(raw).hexdigest()
        assert control["rows"] == len(lines) - 1
        assert raw[4:8] == b"\0\0\0\0", "a gzip time stamp makes equal content unequal bytes"
        delimiter = next(letter for letter in "|;," if letter in lines[0])
        header = lines[0].split(delimiter)
        assert len(set(header)) == len(header)
        for column, total in control["sums"].items():
            place = header.index(column)
            values = [line.split(delimiter)[place] for line in lines[1:]]
            numbers = [Decimal(value) for value in values if value.count(".") <= 1]
            assert sum(numbers) == Decimal(total), (file, column)


def test_months_of_claims_are_all_there_and_the_restated_month_comes_twice(
    extract: Extract,
) -> None:
    """A missing month holds publication; a restatement must replace, never add."""
    names = {path.name for path in (extract.landing_dir / "cigna/medical_claims").glob("*.gz")}
    assert len(names) == 43
    assert {"2023-01.csv.gz", "2025-09.csv.gz", "2025-09.v2.csv.gz", "2026-06.csv.gz"} <= names
    first = extract.number("select count(distinct CLM_ID) from medical where file = '2025-09'")
    second = extract.number("select count(distinct CLM_ID) from medical where file = '2025-09.v2'")
    assert first < second


def test_medical_rows_carry_the_payers_own_columns(extract: Extract) -> None:
    """The sender's layout is a fact the mapping in data/payers is written against."""
    columns = [row[0] for row in extract.engine.execute("describe medical").fetchall()]
    assert len(columns) == MEDICAL_COLUMNS + 1
    assert columns[:3] == ["CLM_ID", "CLM_LN_NO", "ORIG_CLM_REF"]


CURRENT = "(select * from medical where file <> '2025-09')"
DISTINCT = f"(select distinct * exclude file from {CURRENT})"
CLEAN = "MBR_ID is not null and CLM_ID not like '%E%'"


def test_duplicate_rows_are_as_many_as_planted(extract: Extract) -> None:
    """Intake and dbt are held to these counts: within a delivery, and from one to the next."""
    planted = extract.truth("mess")["totals"]["medical_claims"]
    columns = ", ".join(row[0] for row in extract.engine.execute("describe medical").fetchall())
    within = extract.number(
        f"select sum(times - 1) from (select count(*) as times from {CURRENT} group by {columns})"
    )
    assert within == planted["duplicate_rows_within_delivery"]
    rows = extract.number(f"select count(*) from {CURRENT}")
    different = extract.number(f"select count(*) from {DISTINCT}")
    assert rows - different - within == planted["duplicate_rows_across_deliveries"]


def test_adjustments_are_as_many_as_planted(extract: Extract) -> None:
    """Reversals, replacements and voids of unknown claims, counted in what was really written."""
    planted = extract.truth("mess")["totals"]["medical_claims"]
    extract.engine.execute(
        f"""create or replace table version as
        select CLM_ID, any_value(ORIG_CLM_REF) as reference, any_value(FREQ_CD) as frequency,
            min(replace(file, '.v2', '')) as file
        from {CURRENT} where {CLEAN} group by CLM_ID"""
    )
    voids = extract.number("select count(*) from version where frequency = '8'")
    assert voids == planted["reversals"]
    orphans = extract.number(
        """select count(*) from version as void
        where frequency = '8' and not exists (
            select 1 from version as original where original.CLM_ID = void.reference)"""
    )
    assert orphans == planted["orphan_voids"]
    replacements = extract.number("select count(*) from version where frequency = '7'")
    assert replacements == planted["replaced_claims"] + planted["replaced_without_reversal"]
    without = extract.number(
        """select count(*) from version as later
        where frequency = '7' and not exists (
            select 1 from version as void
            where void.frequency = '8' and void.reference = later.reference)"""
    )
    assert without == planted["replaced_without_reversal"]
    late = extract.number(
        """select count(*) from version as void join version as original
            on void.reference = original.CLM_ID
        where void.frequency = '8' and original.file > void.file"""
    )
    assert late == planted["out_of_order_originals"]
    assert late > 0


def test_adjusted_claims_are_a_realistic_share(extract: Extract) -> None:
    """An extract of mostly corrections would test the rule but not the speed, and fool the eye."""
    planted = extract.truth("mess")["totals"]["medical_claims"]
    final_claims = extract.truth("totals")["final_claims"]
    changed = planted["replaced_claims"] + planted["voided_claims"]
    assert 0.015 < changed / final_claims < 0.035
    rows = extract.report.rows["medical_claims"]
    assert 0.001 < planted["duplicate_rows_within_delivery"] / rows < 0.01


def test_eligibility_mess_is_as_much_as_planted(extract: Extract) -> None:
    """Cancelled spans and retroactive ends are what member months stand or fall with."""
    planted = extract.truth("mess")["totals"]["eligibility"]
    cancelled = extract.number(
        "select count(*) from eligibility where COV_TERM_DT < COV_EFF_DT and LAST_UPD_RSN = 'CAN'"
    )
    assert cancelled == planted["cancelled_spans"]
    assert planted["retroactive_terminations"] > 0
    retroactive = extract.number(
        """select count(distinct MBR_ID) from eligibility
        where LAST_UPD_RSN = 'TRM'
            and strptime(COV_TERM_DT, '%Y%m%d') < strptime(file, '%Y-%m') - interval 45 days"""
    )
    assert retroactive == planted["retroactive_terminations"]


def test_intake_rejects_the_planted_rows_and_no_others(extract: Extract, tmp_path: Path) -> None:
    """Every other value must satisfy the feed contracts, or the demo would teach false alarms."""
    (tmp_path / "landing").symlink_to(extract.landing_dir)
    settings = load_settings({"CARE_DATA_DIR": str(tmp_path)})
    planted = extract.truth("mess")
    for feed in load_layouts(settings).feeds:
        entries = take_feed(settings, feed).entries
        assert {entry.status for entry in entries} == {"loaded"}, feed
        expected = [row for row in planted["rejected_rows"] if row["feed"] == feed]
        assert sum(entry.rejected_count for entry in entries) == len(expected), feed
        repeated = sum(
            delivery["planted"].get("duplicate_rows", 0)
            for delivery in planted["deliveries"]
            if delivery["feed"] == feed
        )
        assert sum(entry.duplicate_count for entry in entries) == repeated, feed


def test_reversed_fills_cancel_themselves(extract: Extract) -> None:
    """What remains after netting must be the true fills, to the cent."""
    remaining = extract.engine.execute(
        """with clean as (
            select distinct * exclude file from pharmacy
            where QTY_DISP <> '1e3' and length(NDC_11) = 11)
        select count(*) filter (RX_STAT = 'P') - count(*) filter (RX_STAT = 'X'),
            sum(RX_ALLOW_AMT::decimal(18, 2)) from clean"""
    ).fetchall()[0]
    totals = extract.truth("totals")
    assert remaining[0] == totals["final_fills"]
    assert remaining[1] == Decimal(totals["final_fill_allowed_cents"]) / 100


@pytest.mark.parametrize(
    ("source", "delimiter"),
    [
        ("primed", ";"),
        ("greenwich_physicians_association", ";"),
        ("valley_preferred", ";"),
        ("prohealth_physicians", ","),
        ("integrated_care_partners", ","),
        ("northwest_physicians_network", "|"),
    ],
)
def test_groups_send_rosters_in_their_own_styles(
    extract: Extract, source: str, delimiter: str
) -> None:
    """One mapping file per sender is only proven by senders who differ."""
    files = sorted((extract.landing_dir / source / "provider_roster").glob("*.csv.gz"))
    assert len(files) == 5
    header = gzip.decompress(files[-1].read_bytes()).decode().splitlines()[0]
    assert header.count(delimiter) == 11
