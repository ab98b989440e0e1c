"""Clinicians of a program beside each other: share of measures met, raw and shrunk (METHODS H.9).

True counts of small panels, so for the restricted part of a generation only, for people who know
that a rank among few is mostly chance. Practices are on the program's report.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from orchestration.outcomes.practices import standings

FOLDER = "clinicians"
CLINICIANS, MEASURES = "agg_quality_clinician", "agg_quality_measure"
COLUMNS = (
    "npi",
    "practice_id",
    "measured",
    "raw_share",
    "shrunk_share",
    "lower_limit",
    "upper_limit",
    "place",
)

Row = Mapping[str, object]


def write_clinician_rates(restricted: Path, measures: Path) -> list[Path]:
    """Write `clinicians/<program>.csv` from the tables of a generation; none where one is missing.

    Of the newest measurement year; lower-is-better measures are reversed, all count alike. Limits
    are the 99.8 % funnel's among the program's own clinicians.
    """
    tables = (restricted / f"{CLINICIANS}.parquet", measures)
    if not all(table.exists() for table in tables):
        return []
    rows, measured = (pq.read_table(table).to_pylist() for table in tables)
    is_higher_better = {str(row["measure_id"]): bool(row["is_higher_better"]) for row in measured}
    by_program: dict[str, list[Row]] = defaultdict(list)
    newest = max((int(row["measure_year"]) for row in rows), default=0)
    for row in rows:
        if row["measure_year"] == newest and row["numerator_count"] is not None:
            by_program[str(row["program_id"])].append(row)
    written = []
    for program_id, of_program in sorted(by_program.items()):
        lines = _lines(of_program, is_higher_better)
        if not lines:
            continue
        folder = restricted / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{program_id}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(lines)
        path.chmod(0o600)
        written.append(path)
    return written


def _lines(rows: Sequence[Row], is_higher_better: Mapping[str, bool]) -> list[tuple[object, ...]]:
    met: dict[tuple[str, str], int] = defaultdict(int)
    people: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        measure, among = str(row["measure_id"]), int(str(row["denominator_count"]))
        if measure in is_higher_better and among:
            count = int(str(row["numerator_count"]))
            key = (str(row["npi"]), str(row["practice_id"] or ""))
            met[key] += count if is_higher_better[measure] else among - count
            people[key] += among
    keys = sorted(people)
    placed = standings([(met[key], people[key]) for key in keys])
    return [
        (
            *key,
            people[key],
            *(f"{rate:.4f}" for rate in (one.raw, one.shrunk, one.low, one.high)),
            one.place,
        )
        for key, one in zip(keys, placed, strict=True)
    ]
