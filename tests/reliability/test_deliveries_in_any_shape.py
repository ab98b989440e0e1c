"""FAULTS 13, by property: order, batches, splits and repetition of deliveries change no row."""

import random
import tempfile
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_kit import FILL, Installation, Row, installation

from orchestration.ingest.ledger import rows_path

ROWS = 24
MONTHS = ("2025-01", "2025-02")


def month(period: str) -> list[Row]:
    days = {"FILL_DT": f"{period}-05", "ADJUD_DT": f"{period}-06"}
    return [{**FILL, **days, "RX_CLM_NO": f"{period}-{n}"} for n in range(ROWS)]


def selected_rows(house: Installation) -> list[tuple[object, ...]]:
    """The rows that a run reads; only their place in the senders' files is left out."""
    paths = [str(rows_path(house.settings, entry)) for entry in house.select().selected]
    with duckdb.connect() as connection:
        return connection.execute(
            "select * exclude (delivery_id, row_number) from read_parquet(?) order by all", [paths]
        ).fetchall()


@given(
    cuts=st.lists(st.integers(1, ROWS - 1), unique=True, max_size=3).map(sorted),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_13_orders_splits_and_repetitions_give_the_same_rows(cuts: list[int], seed: int) -> None:
    """One payer sends a month whole, another in parts, twice, and the last month first."""
    rng = random.Random(seed)
    files: list[tuple[str, list[Row]]] = []
    for period in MONTHS:
        for number, (first, last) in enumerate(zip([0, *cuts], [*cuts, ROWS], strict=True)):
            part = f".{'abcd'[number]}" if cuts else ""
            rows = month(period)[first:last]
            files.append((f"{period}{part}.csv.gz", rows))
            if rng.random() < 0.4:
                files.append((f"{period}{part}.v2.csv.gz", rows))
    rng.shuffle(files)
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as pieces:
        simple, other = installation(Path(whole)), installation(Path(pieces))
        for period in MONTHS:
            simple.drop(month(period), f"{period}.csv.gz")
        simple.take()
        for name, rows in files:
            other.drop(rows, name)
            if rng.random() < 0.5:
                other.take()
        other.take()
        assert selected_rows(other) == selected_rows(simple)
