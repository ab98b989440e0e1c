"""Runs one simulation from configuration to landing files and truth.

The order of steps lives here; what each step draws or writes lives in its own module.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestration.simulator import truth, writing
from orchestration.simulator.attribution import find_panels, member_months
from orchestration.simulator.calibration import CostResult, calibrate
from orchestration.simulator.config import (
    NON_PROGRAM,
    OPEN_END,
    PAYMENT_MONTHS,
    SimulationConfig,
)
from orchestration.simulator.eligibility import build_eligibility
from orchestration.simulator.mess import (
    ACROSS_DELIVERIES,
    RESTATED_PERIOD,
    WITHIN_DELIVERY,
    BadRow,
    MedicalFiles,
    PharmacyFiles,
    spoil_claims,
    spoil_fills,
)
from orchestration.simulator.pharmacy import Fills, simulate_fills
from orchestration.simulator.population import Population, build_population
from orchestration.simulator.providers import Providers, build_providers
from orchestration.simulator.utilization import MedicalUse, simulate_use
from orchestration.simulator.writing import WrittenFile

Progress = Callable[[str], None]


@dataclass(frozen=True)
class SimulationReport:
    """What was written: members, rows by feed, files, seconds by step."""

    members: int
    rows: dict[str, int]
    files: tuple[WrittenFile, ...]
    seconds: dict[str, float]


def stream(config: SimulationConfig, name: str) -> np.random.Generator:
    """An independent random stream per step, so that a change in one leaves the others alone."""
    key = [config.seed, config.batch, *name.encode()]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(key)))


@dataclass(frozen=True)
class _BatchTruth:
    """What one batch leaves behind for the truth; its claims are on disk already."""

    config: SimulationConfig
    providers: Providers
    costs: list[CostResult]
    estimates: list[truth.ErEstimate]
    panel_sizes: dict[str, dict[str, float]]
    mess: dict[str, dict[str, int]]
    rejected: list[dict[str, str]]
    totals: dict[str, int]
    membership: pa.Table


def simulate(
    config: SimulationConfig,
    landing_dir: Path,
    truth_dir: Path,
    progress: Progress | None = None,
) -> SimulationReport:
    """Write every delivery of `config` under `landing_dir` and its truth under `truth_dir`.

    Equal configurations write equal bytes. Existing files of the same name are replaced.
    """
    clock = _Clock(progress)
    written: list[WrittenFile] = []
    truths = [_simulate_batch(batch, landing_dir, written, clock) for batch in config.split()]
    parts = [(item.config, item.providers) for item in truths]
    written += writing.write_rosters(parts, landing_dir)
    written.append(writing.write_quality(config, landing_dir))
    clock.step("rosters", f"{len(written)} files")
    rows: dict[str, int] = {}
    for file in written:
        rows[file.feed] = rows.get(file.feed, 0) + file.rows
    costs = [cost for item in truths for cost in item.costs]
    estimates = [estimate for item in truths for estimate in item.estimates]
    sizes = {name: size for item in truths for name, size in item.panel_sizes.items()}
    truth.write_json(
        truth_dir / "effects.json",
        {**truth.planted_effects(config, costs, estimates), "panel_sizes": sizes},
    )
    truth.write_json(
        truth_dir / "mess.json",
        {
            "totals": {
                feed: truth.summed([item.mess[feed] for item in truths]) for feed in truths[0].mess
            },
            "rejected_rows": [row for item in truths for row in item.rejected],
            "deliveries": truth.deliveries(written),
        },
    )
    totals = truth.summed([item.totals for item in truths])
    truth.write_json(
        truth_dir / "totals.json",
        {"seed": config.seed, "scale": config.scale, "rows": rows, **totals},
    )
    truth.write_membership(
        [item.membership for item in truths], truth_dir / "true_membership.parquet"
    )
    clock.step("truth", f"{len(estimates)} estimates")
    return SimulationReport(totals["members"], rows, tuple(written), clock.seconds)


def _simulate_batch(
    config: SimulationConfig, landing_dir: Path, written: list[WrittenFile], clock: "_Clock"
) -> _BatchTruth:
    """Draw one batch of markets and write its claims, fills and spans."""
    providers = build_providers(config, stream(config, "providers"))
    people = build_population(config, providers, stream(config, "population"))
    clock.step("members", f"{len(people):,} members")
    use = simulate_use(config, providers, people, stream(config, "utilization"))
    clock.step("services", f"{len(use.claims):,} claims, {len(use.lines):,} lines")
    fills = simulate_fills(config, providers, people, stream(config, "pharmacy"))
    clock.step("fills", f"{len(fills):,} fills")
    panels = find_panels(config, providers, people, use.visits, use.claims)
    costs = calibrate(config, providers, people, use.claims, use.lines, fills, panels)
    clock.step("calibration", f"{len(costs)} programs")
    totals = _final_totals(people, use, fills)
    medical = spoil_claims(config, people, use.claims, use.lines, stream(config, "medical mess"))
    pharmacy = spoil_fills(config, people, fills, stream(config, "pharmacy mess"))
    spans, span_mess, bad_spans = build_eligibility(config, people, stream(config, "eligibility"))
    clock.step("mess", f"{len(medical.row_line):,} medical rows")

    first_claim = writing.FIRST_CLAIM_NUMBER + config.batch * writing.BATCH_CLAIMS
    medical_encoder = writing.MedicalEncoder(
        providers, people, medical.claims, medical.lines, first_claim
    )
    first_fill = writing.FIRST_FILL_NUMBER + config.batch * writing.BATCH_FILLS
    pharmacy_encoder = writing.PharmacyEncoder(people, pharmacy, first_fill)
    span_encoder = writing.eligibility_encoder(config, people, spans)
    span_rows = writing.rows_by_period(spans.period.astype(np.int8))
    place = _Place(landing_dir, config.part)
    jobs: list[Callable[[], list[WrittenFile]]] = []
    for period, rows in enumerate(writing.rows_by_period(medical.row_period)):
        jobs.append(_medical_job(place, medical, medical_encoder, period, rows))
    for period, rows in enumerate(writing.rows_by_period(pharmacy.row_period)):
        jobs.append(_pharmacy_job(place, pharmacy, pharmacy_encoder, period, rows))
    for period in range(PAYMENT_MONTHS):
        jobs.append(_eligibility_job(place, span_encoder, bad_spans, period, span_rows[period]))
    with ThreadPoolExecutor(max_workers=config.threads) as workers:
        for files in workers.map(lambda job: job(), jobs):
            written.extend(files)
    clock.step("writing", f"{len(written)} files")

    program_of = truth.true_programs(providers, people)
    ed_months = truth.visits_by_month(people, use.ed_visits)
    return _BatchTruth(
        config,
        providers,
        costs,
        [
            *truth.er_estimates(config, people, panels, ed_months, panels.program, "attribution"),
            *truth.er_estimates(config, people, panels, ed_months, program_of[:, 12:], "true"),
        ],
        truth.panel_sizes(config, panels),
        {
            "eligibility": asdict(span_mess),
            "medical_claims": medical.counts,
            "pharmacy_claims": pharmacy.counts,
            "provider_roster": roster_mess(providers),
        },
        rejected_rows(
            ("eligibility", bad_spans, spans.period),
            ("medical_claims", medical.bad, medical.row_period),
            ("pharmacy_claims", pharmacy.bad, pharmacy.row_period),
        ),
        totals,
        truth.membership_runs(providers, people, program_of),
    )


@dataclass(frozen=True)
class _Place:
    """Where a batch's files go, and the part their names carry."""

    landing_dir: Path
    part: str

    def name(self, period: int) -> str:
        return f"{writing.period_text(period)}{self.part}"


def _final_totals(people: Population, use: MedicalUse, fills: Fills) -> dict[str, int]:
    """What remains when every adjustment is resolved; money in cents."""
    allowed = np.where(use.lines.is_denied, 0, use.lines.cents.astype(np.int64))
    share = use.claims.plan_share[use.lines.claim].astype(np.int64)
    year = (use.ed_visits.day >= 365).astype(int) + (use.ed_visits.day >= 731)
    ed_year = np.bincount(year, minlength=3)
    from_ed = int(use.stays.is_from_ed.sum())
    return {
        "members": len(people),
        "member_months": int(member_months(people).sum()),
        "final_claims": len(use.claims),
        "final_lines": len(use.lines),
        "denied_lines": int(use.lines.is_denied.sum()),
        "final_allowed_cents": int(allowed.sum()),
        "final_paid_cents": int((allowed * share // 100).sum()),
        "ed_visits_treat_and_release": len(use.ed_visits.person),
        "ed_visits_treat_and_release_2023": int(ed_year[0]),
        "ed_visits_treat_and_release_2024": int(ed_year[1]),
        "ed_visits_treat_and_release_2025": int(ed_year[2]),
        "ed_visits_all": len(use.ed_visits.person) + from_ed,
        "ed_visits_denied": use.denied_ed_visits,
        "inpatient_stays": len(use.stays.person),
        "interim_bills": use.interim_bills,
        "transfers": use.transfers,
        "final_fills": len(fills),
        "final_fill_allowed_cents": int(fills.cents.astype(np.int64).sum()),
    }


def roster_mess(providers: Providers) -> dict[str, int]:
    """Clinicians who leave or join a program mid-way, and those on two rosters."""
    in_program = providers.program != NON_PROGRAM
    return {
        "leavers": int((in_program & (providers.roster_end < OPEN_END)).sum()),
        "joiners": int((in_program & (providers.roster_start > 0)).sum()),
        "on_two_rosters": int((providers.second_program != NON_PROGRAM).sum()),
    }


def rejected_rows(
    *feeds: tuple[str, dict[int, BadRow], NDArray[np.integer]],
) -> list[dict[str, str]]:
    """Every row planted to be rejected: its file, the column at fault, the reason, the value.

    Each feed comes as (name, bad rows by position, period of every position).
    """
    return [
        {
            "feed": feed,
            "period": writing.period_text(int(period[row.row])),
            "column": row.column,
            "reason": row.reason,
            "value": next(iter(row.texts.values())),
        }
        for feed, bad, period in feeds
        for row in bad.values()
    ]


class _Clock:
    """Tells progress and keeps the seconds of each step (never part of any output)."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def step(self, name: str, message: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
        if self._progress is not None:
            self._progress(f"{name}: {message} ({self.seconds[name]:.1f} s)")


def _repeats(kinds: NDArray[np.int8]) -> dict[str, int]:
    """Rows that repeat one of the same file, and rows that repeat one of an earlier delivery."""
    return {
        "duplicate_rows": int((kinds == WITHIN_DELIVERY).sum()),
        "repeated_rows": int((kinds == ACROSS_DELIVERIES).sum()),
    }


def _adjustments(files: MedicalFiles, rows: writing.Numbers) -> dict[str, int]:
    """Claims in a file that void or replace another."""
    frequency = files.claims.frequency[np.unique(files.lines.claim[rows])]
    return {
        "void_claims": int((frequency == 8).sum()),
        "replacement_claims": int((frequency == 7).sum()),
    }


def _medical_job(
    place: _Place,
    files: MedicalFiles,
    encoder: writing.MedicalEncoder,
    period: int,
    positions: writing.Numbers,
) -> Callable[[], list[WrittenFile]]:
    """Write one paid month; the restated month is written twice."""

    def write(name: str, wanted: writing.Numbers, delivered: str) -> WrittenFile:
        rows = files.row_line[wanted]
        bad = {row: files.bad[row] for row in rows.tolist() if row in files.bad}
        return writing.write_delivery(
            place.landing_dir,
            writing.PAYER,
            "medical_claims",
            name,
            writing.MEDICAL_HEADER,
            "|",
            rows,
            encoder,
            delivered,
            bad,
            {
                **_repeats(files.row_repeats[wanted]),
                "rejected_rows": len(bad),
                **_adjustments(files, rows[~np.isin(rows, list(bad))]),
            },
            ("BILLED_AMT", "ALLOW_AMT", "PAID_AMT", "MBR_LIAB_AMT"),
        )

    def job() -> list[WrittenFile]:
        text, delivered = place.name(period), writing.delivered_on(period)
        if period != RESTATED_PERIOD:
            return [write(text, positions, delivered)]
        first = positions[~files.row_is_missing_in_first_version[positions]]
        return [
            write(text, first, delivered),
            write(f"{text}.v2", positions, writing.delivered_on(period + 1)),
        ]

    return job


def _pharmacy_job(
    place: _Place,
    files: PharmacyFiles,
    encoder: writing.PharmacyEncoder,
    period: int,
    positions: writing.Numbers,
) -> Callable[[], list[WrittenFile]]:
    def job() -> list[WrittenFile]:
        rows = files.row_fill[positions]
        bad = {row: files.bad[row] for row in rows.tolist() if row in files.bad}
        return [
            writing.write_delivery(
                place.landing_dir,
                writing.PAYER,
                "pharmacy_claims",
                place.name(period),
                writing.PHARMACY_HEADER,
                ",",
                rows,
                encoder,
                writing.delivered_on(period),
                bad,
                {**_repeats(files.row_repeats[positions]), "rejected_rows": len(bad)},
                ("RX_ALLOW_AMT", "RX_PAID_AMT"),
            )
        ]

    return job


def _eligibility_job(
    place: _Place,
    encoder: writing.Encoder,
    bad_spans: dict[int, BadRow],
    period: int,
    rows: writing.Numbers,
) -> Callable[[], list[WrittenFile]]:
    def job() -> list[WrittenFile]:
        bad = {row: bad_spans[row] for row in rows.tolist() if row in bad_spans}
        return [
            writing.write_delivery(
                place.landing_dir,
                writing.PAYER,
                "eligibility",
                place.name(period),
                writing.ELIGIBILITY_HEADER,
                "|",
                rows,
                encoder,
                writing.delivered_on(period),
                bad,
                {"rejected_rows": len(bad)},
            )
        ]

    return job
