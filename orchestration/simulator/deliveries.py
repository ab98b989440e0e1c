"""The payer's monthly files of one batch, as jobs that write one file each.

What a row looks like is in extracts.py, how a file gets on disk in writing.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.config import SimulationConfig
from orchestration.simulator.eligibility import SpanRows
from orchestration.simulator.extracts import (
    BATCH_CLAIMS,
    BATCH_FILLS,
    ELIGIBILITY,
    FIRST_CLAIM_NUMBER,
    FIRST_FILL_NUMBER,
    MEDICAL,
    PHARMACY,
    MedicalEncoder,
    PharmacyEncoder,
    eligibility_encoder,
)
from orchestration.simulator.mess import (
    ACROSS_DELIVERIES,
    RESTATED_PERIOD,
    WITHIN_DELIVERY,
    BadRow,
    MedicalFiles,
    PharmacyFiles,
)
from orchestration.simulator.population import Population
from orchestration.simulator.providers import Providers
from orchestration.simulator.writing import (
    PAYER,
    Encoder,
    Numbers,
    WrittenFile,
    delivered_on,
    period_text,
    rows_by_period,
    write_delivery,
)

Job = Callable[[], WrittenFile]


@dataclass(frozen=True)
class _Place:
    """Where a batch's files go, and the part their names carry."""

    landing_dir: Path
    part: str

    def name(self, period: int) -> str:
        return f"{period_text(period)}{self.part}"


def delivery_jobs(
    config: SimulationConfig,
    landing_dir: Path,
    providers: Providers,
    people: Population,
    medical: MedicalFiles,
    pharmacy: PharmacyFiles,
    spans: SpanRows,
    bad_spans: dict[int, BadRow],
) -> list[Job]:
    """One job a file: medical claims, fills and spans of every month, the largest first."""
    place = _Place(landing_dir, config.part)
    first_claim = FIRST_CLAIM_NUMBER + config.batch * BATCH_CLAIMS
    first_fill = FIRST_FILL_NUMBER + config.batch * BATCH_FILLS
    medical_rows = MedicalEncoder(providers, people, medical.claims, medical.lines, first_claim)
    pharmacy_rows = PharmacyEncoder(people, pharmacy, first_fill)
    span_rows = eligibility_encoder(config, people, spans)
    jobs: list[Job] = []
    for period, positions in enumerate(rows_by_period(medical.row_period)):
        jobs += _medical_jobs(place, medical, medical_rows, period, positions)
    for period, positions in enumerate(rows_by_period(pharmacy.row_period)):
        jobs.append(_pharmacy_job(place, pharmacy, pharmacy_rows, period, positions))
    for period, positions in enumerate(rows_by_period(spans.period.astype(np.int8))):
        bad = _of_period(bad_spans, spans.period, period)
        jobs.append(_eligibility_job(place, span_rows, bad, period, positions))
    return jobs


def _repeats(kinds: NDArray[np.int8]) -> dict[str, int]:
    """Rows that repeat one of the same file, and rows that repeat one of an earlier delivery."""
    return {
        "duplicate_rows": int((kinds == WITHIN_DELIVERY).sum()),
        "repeated_rows": int((kinds == ACROSS_DELIVERIES).sum()),
    }


def _adjustments(files: MedicalFiles, rows: Numbers) -> dict[str, int]:
    """Claims in a file that void or replace another."""
    frequency = files.claims.frequency[np.unique(files.lines.claim[rows])]
    return {
        "void_claims": int((frequency == 8).sum()),
        "replacement_claims": int((frequency == 7).sum()),
    }


def _medical_jobs(
    place: _Place,
    files: MedicalFiles,
    encoder: MedicalEncoder,
    period: int,
    positions: Numbers,
) -> list[Job]:
    """Jobs that write one paid month; the restated month is written twice."""
    bad = _of_period(files.bad, files.row_period, period)

    def write(name: str, wanted: Numbers, delivered: str) -> WrittenFile:
        rows = files.row_line[wanted]
        planted = {
            **_repeats(files.row_repeats[wanted]),
            "rejected_rows": len(bad),
            **_adjustments(files, rows[~np.isin(rows, list(bad))]),
        }
        return write_delivery(
            place.landing_dir, PAYER, name, MEDICAL, rows, encoder, delivered, bad, planted
        )

    text, delivered = place.name(period), delivered_on(period)
    if period != RESTATED_PERIOD:
        return [partial(write, text, positions, delivered)]
    first = positions[~files.row_is_missing_in_first_version[positions]]
    return [
        partial(write, text, first, delivered),
        partial(write, f"{text}.v2", positions, delivered_on(period + 1)),
    ]


def _pharmacy_job(
    place: _Place,
    files: PharmacyFiles,
    encoder: PharmacyEncoder,
    period: int,
    positions: Numbers,
) -> Job:
    bad = _of_period(files.bad, files.row_period, period)

    def write() -> WrittenFile:
        return write_delivery(
            place.landing_dir,
            PAYER,
            place.name(period),
            PHARMACY,
            files.row_fill[positions],
            encoder,
            delivered_on(period),
            bad,
            {**_repeats(files.row_repeats[positions]), "rejected_rows": len(bad)},
        )

    return write


def _eligibility_job(
    place: _Place,
    encoder: Encoder,
    bad: dict[int, BadRow],
    period: int,
    rows: Numbers,
) -> Job:
    return partial(
        write_delivery,
        place.landing_dir,
        PAYER,
        place.name(period),
        ELIGIBILITY,
        rows,
        encoder,
        delivered_on(period),
        bad,
        {"rejected_rows": len(bad)},
    )


def _of_period(
    bad: dict[int, BadRow], periods: NDArray[np.integer], period: int
) -> dict[int, BadRow]:
    """The bad rows of one file; a row's position is that of its period."""
    return {row: fault for row, fault in bad.items() if periods[row] == period}
