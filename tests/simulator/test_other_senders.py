"""A sender is configuration: unlike senders tell the same month in equal rows of the ledger."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from simulated_extract import Extract

from orchestration.ingest import Outcome, load_layouts, take_feed
from orchestration.ingest.contract import PROVENANCE
from orchestration.ingest.ledger import rows_path
from orchestration.ingest.trial import try_file
from orchestration.settings import Settings, load_settings
from orchestration.simulator.other_senders import write_other_senders

PERIOD = "2024-04"
DELIVERED_ON = "2024-05-10"


@pytest.fixture(scope="module")
def written(extract: Extract, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month in all four layouts, below `<source>/<feed>`."""
    into = tmp_path_factory.mktemp("senders")
    write_other_senders(extract.landing_dir, into, PERIOD)
    for feed in ("medical_claims", "eligibility"):
        shutil.copytree(extract.landing_dir / "cigna" / feed, into / "cigna" / feed)
    return into


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    return load_settings({"CARE_DATA_DIR": str(tmp_path), "CARE_SETTLE_SECONDS": "0"})


def taken(house: Settings, written: Path, source: str, feed: str) -> Outcome:
    """The month of one sender, taken into the ledger; exactly one delivery."""
    folder = house.landing_dir / source / feed
    folder.mkdir(parents=True)
    for file in sorted((written / source / feed).glob("*")):
        if source != "cigna" or file.name.startswith(f"{PERIOD}.csv"):
            shutil.copyfile(file, folder / file.name)
        if source != "cigna":
            control = json.dumps({"delivered_on": DELIVERED_ON})
            (folder / f"{file.name}.control.json").write_text(control)
    intake = take_feed(house, feed)
    assert intake.problems == ()
    outcomes = [one for one in intake.taken if one.entry.source_id == source]
    assert [one.status for one in outcomes] == ["loaded"], outcomes
    return outcomes[0]


@pytest.mark.parametrize(
    ("source", "feed"),
    [
        ("laurel_mutual", "medical_claims"),
        ("granite_health", "medical_claims"),
        ("granite_health", "eligibility"),
        ("harbor_plan", "medical_claims"),
    ],
)
def test_the_ledger_rows_are_those_of_the_plain_sender(
    house: Settings, written: Path, source: str, feed: str
) -> None:
    """Encoding, width, signs, dates, codes and files are the sender's; what they say is not."""
    plain = taken(house, written, "cigna", feed)
    other = taken(house, written, source, feed)
    assert other.entry.warnings == ()
    assert other.entry.duplicate_count == plain.entry.duplicate_count
    columns = ", ".join(
        name for name in load_layouts(house).contracts[feed].columns if name not in PROVENANCE
    )
    with duckdb.connect() as engine:
        ours, theirs = (
            engine.execute(
                f"select {columns} from read_parquet(?) order by all", [str(rows_path(house, one))]
            ).fetchall()
            for one in (plain.entry, other.entry)
        )
    assert len(theirs) > 30
    assert theirs == ours


def test_a_pair_is_explained_before_it_is_dropped_and_waits_for_its_other_half(
    house: Settings, written: Path, tmp_path: Path
) -> None:
    """Half of a pair would be lines without members."""
    lines = written / "harbor_plan" / "medical_claims" / "harbor_lines_202404.csv.gz"
    (trial,) = try_file(house, "harbor_plan", lines)
    assert trial.loads
    alone = tmp_path / "outbox" / lines.name
    alone.parent.mkdir()
    shutil.copyfile(lines, alone)
    (trial,) = try_file(house, "harbor_plan", alone)
    assert not trial.loads
    assert "waits for the file of its claims" in str(trial.problems[0])
