"""A throw-away installation whose landing folder a test fills by hand with the payer's files."""

import csv
import gzip
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orchestration.ingest import FeedIntake, Outcome, Selection, select_deliveries, take_feed
from orchestration.ingest.ledger import rejects_path, rows_path
from orchestration.ingest.parsing import Parsed, ParseJob, open_engine, parse
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.warehouse import limits

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DELIVERED_ON = "2025-02-10"

Row = dict[str, str]

FILL: Row = {
    "RX_CLM_NO": "R100",
    "RX_STAT": "P",
    "CARDHOLDER_ID": "U1",
    "FILL_DT": "2025-01-05",
    "NDC_11": "00002143380",
    "DAYS_SUP": "30",
    "QTY_DISP": "30",
    "PRSCR_NPI": "1234567893",
    "PHMCY_NPI": "1987654328",
    "RX_ALLOW_AMT": "41.50",
    "RX_PAID_AMT": "31.50",
    "ADJUD_DT": "2025-01-06",
}

LINE: Row = {
    "CLM_ID": "C100",
    "CLM_LN_NO": "1",
    "ORIG_CLM_REF": "",
    "FREQ_CD": "1",
    "CLM_TYP": "P",
    "TOB": "",
    "CLM_STAT": "P",
    "MBR_ID": "U1",
    "SVC_FROM_DT": "20250105",
    "SVC_THRU_DT": "20250105",
    "ADM_DT": "",
    "DSCH_DT": "",
    "DSCH_STAT": "",
    "MS_DRG": "",
    "REV_CD": "",
    "PROC_CD": "99213",
    "MOD_1": "",
    "MOD_2": "",
    "UNIT_CNT": "1",
    "POS_CD": "11",
    "DX_1": "E119",
    "DX_2": "",
    "DX_3": "",
    "DX_4": "",
    "DX_5": "",
    "BILL_TAX_ID": "012345678",
    "BILL_NPI": "1234567893",
    "RNDR_NPI": "1987654328",
    "FAC_NPI": "",
    "BILLED_AMT": "150.00",
    "ALLOW_AMT": "110.00",
    "PAID_AMT": "90.00",
    "MBR_LIAB_AMT": "20.00",
    "CHK_DT": "20250120",
}

SPAN: Row = {
    "MBR_ID": "U1",
    "LAST_UPD_RSN": "ADD",
    "GRP_NO": "G1",
    "PROD_CD": "PP",
    "COV_CD": "B",
    "COV_EFF_DT": "20240101",
    "COV_TERM_DT": "99991231",
    "BIRTH_DT": "19800229",
    "GNDR_CD": "F",
    "DEATH_DT": "",
    "RES_STATE": "CT",
    "RES_ZIP": "06101",
    "PCP_SEL_NPI": "",
    "PCP_SEL_EFF_DT": "",
}

CLINICIAN: Row = {
    "NPI_NBR": "1234567893",
    "TAX_ID_NBR": "012345678",
    "PRAC_ID": "L1",
    "PRAC_NM": "Elm Street Practice",
    "PROV_ROLE": "PCP",
    "SPCLTY_CD": "08",
    "TAXNMY_CD": "207Q00000X",
    "PANEL_STAT": "O",
    "EFF_DT": "20150101",
    "TERM_DT": "99991231",
}

SAMPLE = {
    "pharmacy_claims": FILL,
    "medical_claims": LINE,
    "eligibility": SPAN,
    "provider_roster": CLINICIAN,
}
DELIMITER = {"pharmacy_claims": ","}


def fills(count: int) -> list[Row]:
    """Good fills, all different."""
    return [{**FILL, "RX_CLM_NO": f"R{number}"} for number in range(100, 100 + count)]


def lines(count: int) -> list[Row]:
    """Good claim lines, all different."""
    return [{**LINE, "CLM_ID": f"C{number}"} for number in range(100, 100 + count)]


def as_csv(rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> bytes:
    """Rows as a sender writes them: one header line, quotes only where needed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@dataclass(frozen=True)
class Installation:
    """One installation under a temporary folder."""

    settings: Settings

    def configure(self, part: str, replacements: Mapping[str, str]) -> "Installation":
        """A copy of the configuration in which texts of one file were replaced."""
        config_dir = self.settings.data_dir / "config"
        if not config_dir.exists():
            for folder in ("programs", "feeds", "payers"):
                shutil.copytree(PROJECT_ROOT / "data" / folder, config_dir / folder)
        file = config_dir / part
        text = file.read_text("utf-8")
        for before, after in replacements.items():
            assert before in text, before
            text = text.replace(before, after)
        file.write_text(text, "utf-8")
        return Installation(replace(self.settings, config_dir=config_dir))

    def folder(self, feed: str = "pharmacy_claims", source: str = "cigna") -> Path:
        folder = self.settings.landing_dir / source / feed
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def drop(
        self,
        rows: Sequence[Mapping[str, str]] | bytes,
        name: str = "2025-01.csv.gz",
        feed: str = "pharmacy_claims",
        source: str = "cigna",
        control: Mapping[str, object] | None = None,
        with_control: bool = True,
    ) -> Path:
        """Drop a file; bytes are dropped as they are, rows are written as the payer would.

        The control file tells the truth about the bytes unless `control` says otherwise.
        """
        path = self.folder(feed, source) / name
        content = rows
        if not isinstance(content, bytes):
            content = as_csv(content, DELIMITER.get(feed, "|"))
            if name.endswith(".gz"):
                content = gzip.compress(content, mtime=0)
        path.write_bytes(content)
        if with_control:
            stated = {
                "sha256": hashlib.sha256(content).hexdigest(),
                "delivered_on": DELIVERED_ON,
                **(control or {}),
            }
            path.with_name(f"{name}.control.json").write_text(json.dumps(stated))
        else:
            os.utime(path, (NOW.timestamp() - 3600,) * 2)
        return path

    def take(self, feed: str = "pharmacy_claims", now: datetime = NOW) -> FeedIntake:
        return take_feed(self.settings, feed, now=now)

    def take_one(self, feed: str = "pharmacy_claims") -> Outcome:
        """Take the feed, in which exactly one file must be new."""
        taken = self.take(feed).taken
        assert len(taken) == 1, taken
        return taken[0]

    def select(self, as_of: str | None = None) -> Selection:
        return select_deliveries(
            self.settings, datetime.fromisoformat(as_of).date() if as_of else None
        )

    def rows(self, outcome: Outcome, columns: str = "*") -> list[tuple[object, ...]]:
        """Loaded rows of a delivery, in the order of the file."""
        path = rows_path(self.settings, outcome.entry)
        query = f"select {columns} from '{path}' order by row_number"
        with duckdb.connect() as connection:
            return connection.execute(query).fetchall()

    def rejects(self, outcome: Outcome) -> list[tuple[object, ...]]:
        """Row number, column, value and reason of every row that was not loaded."""
        path = rejects_path(self.settings, outcome.entry)
        if not path.exists():
            return []
        with duckdb.connect() as connection:
            return connection.execute(f"select * from '{path}' order by all").fetchall()


def parse_here(settings: Settings, job: ParseJob) -> Parsed:
    """Parse in this process, as `parse_apart` does in another: for what a test changes in it."""
    with open_engine(limits(settings)) as engine, ThreadPoolExecutor(settings.threads) as workers:
        return parse(job, engine, workers)


def installation(folder: Path, **environment: str) -> Installation:
    """An installation with the committed programs, feeds and senders."""
    return Installation(load_settings({"CARE_DATA_DIR": str(folder), **environment}))
