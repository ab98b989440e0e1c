"""`verify` on the demo's statements: equal, an edited cent, a changed ledger row."""

import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration.defs.payment.what_if import WhatIfConfig, settle_under_other_terms
from orchestration.errors import CareWarehouseError
from orchestration.ingest.ledger import Entry, read_entries, rows_path
from orchestration.payment.statement import LINES_FILE, STATEMENT_FILE
from orchestration.settings import Settings, load_settings
from tests.conftest import CommandResult, Demo

pytestmark = [pytest.mark.end_to_end, pytest.mark.xdist_group("copies")]

PROGRAM = "prohealth_physicians"


@pytest.fixture
def copied(demo: Demo, tmp_path: Path) -> Demo:
    """Ledger, statements and warehouse in a folder of their own, for tests that tamper."""
    for name in ("ledger", "statements", "warehouse"):
        shutil.copytree(demo.data_dir / name, tmp_path / name)
    return Demo(load_settings({"CARE_DATA_DIR": str(tmp_path)}), demo.night)


def final_of(settings: Settings) -> Path:
    (folder,) = (settings.statements_dir / PROGRAM).glob("*/final")
    return folder


def test_every_statement_of_the_demo_is_equal(demo: Demo) -> None:
    """What was published is what the ledger says, from the store and from the generation."""
    kept = sorted(demo.settings.statements_dir.glob(f"*/*/final/{STATEMENT_FILE}"))
    published = sorted((demo.settings.published_dir / "current" / "statements").glob("*.json"))
    assert len(kept) == len(published) == 5
    verdict = demo.run("verify", str(kept[0]), *map(str, published))
    assert verdict.return_code == 0, verdict.output
    assert verdict.output.count("equal to the cent") == 6
    for page in published:
        assert page.with_suffix(".html").stat().st_mode & 0o777 == 0o600
    lines = demo.settings.published_dir / "current" / "restricted" / "statements"
    assert {path.stat().st_mode & 0o777 for path in lines.iterdir()} == {0o600}


def test_an_edited_cent_is_told(copied: Demo) -> None:
    """A statement that went through other hands is not believed."""
    path = final_of(copied.settings) / STATEMENT_FILE
    path.chmod(0o600)
    text = path.read_text()
    cents = text.index('"actual_amount": "') + len('"actual_amount": "')
    end = text.index('"', cents)
    last = str((int(text[end - 1]) + 1) % 10)
    path.write_text(text[: end - 1] + last + text[end:])
    verdict = copied.run("verify", str(path))
    assert verdict.return_code == 1
    assert "changed after it was sealed" in verdict.output
    assert "settlement.actual_amount: stated" in verdict.output


def test_a_changed_ledger_row_is_detected_and_its_member_named(copied: Demo) -> None:
    """The ledger is the truth only while its files are what they were; here one cent is not."""
    settings = copied.settings
    folder = final_of(settings)
    entry, person = raise_one_allowed_amount(settings, folder / LINES_FILE)
    verdict = copied.run("verify", str(folder / STATEMENT_FILE))
    assert verdict.return_code == 1
    assert "recomputed from the ledger, rebuilt" in verdict.output
    assert f"{entry.file_name}: its ledger rows have changed since" in verdict.output
    assert "1 member lines differ" in verdict.output
    assert f"member {person}, performance: stated" in verdict.output


def raise_one_allowed_amount(settings: Settings, lines: Path) -> tuple[Entry, str]:
    """Add a cent to one line of a panel member's claims of 2025, as a careless hand would."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table panel as select person_id from read_csv(?, all_varchar = true) "
            "where period_role = 'performance' and truncated_amount = allowed_amount",
            [str(lines)],
        )
        for entry in read_entries(settings, "medical_claims"):
            path = rows_path(settings, entry)
            if not entry.period.startswith("2025-06") or not path.exists():
                continue
            found = connection.execute(
                """
                select row_number, person_id
                from read_parquet(?)
                where
                    person_id in (from panel)
                    and claim_type = 'P' and frequency_code = '1'
                    and allowed_amount > 0 and claim_status = 'paid'
                    and from_date between date '2025-01-01' and date '2025-12-31'
                order by row_number
                limit 1
                """,
                [str(path)],
            ).fetchone()
            if found:
                changed = path.with_suffix(".changed")
                connection.execute(
                    f"""
                    copy (
                        select * replace (
                            (
                                allowed_amount
                                + case when row_number = {found[0]} then 0.01 else 0 end
                            )::decimal(18, 2) as allowed_amount
                        )
                        from '{path}'
                    ) to '{changed}' (format parquet)
                    """
                )
                changed.replace(path)
                return entry, found[1]
    raise AssertionError("no panel member has a professional claim delivered in June 2025")


def test_a_file_that_is_no_statement_is_refused(demo: Demo) -> None:
    """A wrong path ends with its name and not with a stack trace."""
    refused: CommandResult = demo.run("verify", str(demo.settings.lock_file))
    assert refused.return_code == 1
    assert "statement" in refused.output
    assert "Traceback" not in refused.output


def test_a_what_if_of_the_demo_is_shown_side_by_side(demo: Demo) -> None:
    """The launchpad's answer is the statement's waterfall twice, and refuses another day's data."""
    config = WhatIfConfig(program_id=PROGRAM, overrides={"savings.min_panel": "1"})
    (output,) = settle_under_other_terms(config=config, pipeline=demo.settings)
    table = str(output.metadata["side_by_side"].value)
    assert "| Benchmark |" in table
    assert "| Payable |" in table
    assert "contract: PANEL_TOO_SMALL" in table
    assert str(output.metadata["what_moves_the_payment"].value).startswith("![tornado](data:")
    other_day = WhatIfConfig(program_id=PROGRAM, as_of="2026-01-01")
    with pytest.raises(CareWarehouseError, match="CARE_AS_OF=2026-01-01"):
        list(settle_under_other_terms(config=other_day, pipeline=demo.settings))
    other_year = WhatIfConfig(program_id=PROGRAM, performance_start="2024-01-01")
    with pytest.raises(CareWarehouseError, match="2025-01-01"):
        list(settle_under_other_terms(config=other_year, pipeline=demo.settings))


def test_the_settlement_job_starts_from_the_launchpads_config(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is started by run config, as the launchpad starts it, and shows both settlements."""
    from orchestration.definitions import defs

    for name, value in (("CARE_DATA_DIR", demo.data_dir), ("DAGSTER_HOME", "")):
        monkeypatch.setenv(name, str(value))
    result = defs.resolve_job_def("settlement").execute_in_process(
        run_config={
            "ops": {
                "settle_under_other_terms": {
                    "config": {
                        "program_id": PROGRAM,
                        "overrides": {"fee.fee_pmpm": "4.00", "p4p.p4p_pmpm": "2.00"},
                        "performance_start": "2025-01-01",
                    }
                }
            }
        }
    )
    assert result.success
    (told,) = [
        event.step_output_data.metadata
        for event in result.all_events
        if event.event_type_value == "STEP_OUTPUT"
    ]
    table = str(told["side_by_side"].value)
    assert "`fee.fee_pmpm` = 4.00" in table
    assert "| Coordination fee | $" in table
    assert str(told["what_moves_the_payment"].value).startswith("![tornado](data:")
    refused = defs.resolve_job_def("settlement").execute_in_process(
        run_config={
            "ops": {
                "settle_under_other_terms": {
                    "config": {"program_id": PROGRAM, "overrides": {"savings.max_rat": "1"}}
                }
            }
        },
        raise_on_error=False,
    )
    assert not refused.success
