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
import pyarrow.parquet as pq
from numpy.typing import NDArray

from orchestration.simulator import truth
from orchestration.simulator.adt.telling import draw_admissions
from orchestration.simulator.attribution import find_panels, member_months
from orchestration.simulator.calibration import CostResult, calibrate
from orchestration.simulator.care.deliveries import care_deliveries, care_mess
from orchestration.simulator.clinical import Results, simulate_results
from orchestration.simulator.config import (
    NON_PROGRAM,
    OPEN_END,
    SimulationConfig,
)
from orchestration.simulator.deliveries import delivery_jobs
from orchestration.simulator.eligibility import build_eligibility
from orchestration.simulator.forked import running
from orchestration.simulator.medication import PlantedMedication, plant_medication
from orchestration.simulator.mess import BadRow, spoil_claims, spoil_fills
from orchestration.simulator.names import build_names
from orchestration.simulator.pharmacy import Fills, simulate_fills
from orchestration.simulator.population import Population, build_population
from orchestration.simulator.providers import Providers, build_providers
from orchestration.simulator.results import result_jobs
from orchestration.simulator.rosters import write_quality, write_rosters
from orchestration.simulator.utilization import MedicalUse, simulate_use
from orchestration.simulator.world import MemberDays
from orchestration.simulator.writing import WrittenFile, period_text

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
    hospital_visits: pa.Table
    medication: pa.Table


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
    written += write_rosters(parts, landing_dir)
    written.append(write_quality(config, landing_dir))
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
    pq.write_table(
        pa.concat_tables([item.hospital_visits for item in truths]),
        truth_dir / "true_hospital_visits.parquet",
        compression="zstd",
    )
    pq.write_table(
        pa.concat_tables([item.medication for item in truths]),
        truth_dir / "true_medication.parquet",
        compression="zstd",
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
    with ThreadPoolExecutor(config.threads) as workers:
        drawn_use = workers.submit(
            simulate_use, config, providers, people, stream(config, "utilization")
        )
        drawn_fills = workers.submit(
            simulate_fills, config, providers, people, stream(config, "pharmacy")
        )
        drawn_spans = workers.submit(
            build_eligibility, config, people, stream(config, "eligibility")
        )
    use, fills = drawn_use.result(), drawn_fills.result()
    fills, planted = plant_medication(people, fills, stream(config, "medication"))
    spans, span_mess, bad_spans = drawn_spans.result()
    clock.step(
        "services", f"{len(use.claims):,} claims, {len(use.lines):,} lines, {len(fills):,} fills"
    )
    panels = find_panels(config, providers, people, use.visits, use.claims)
    costs = calibrate(config, providers, people, use.claims, use.lines, fills, panels)
    clock.step("calibration", f"{len(costs)} programs")
    results = simulate_results(
        people,
        use.a1c_tests,
        use.kidney_tests,
        MemberDays(use.visits.person, use.visits.day),
        stream(config, "clinical results"),
    )
    totals = _final_totals(people, use, fills, results, planted)
    medical = spoil_claims(config, people, use.claims, use.lines, stream(config, "medical mess"))
    pharmacy = spoil_fills(config, people, fills, stream(config, "pharmacy mess"))
    clock.step("mess", f"{len(medical.row_line):,} medical rows")
    names = build_names(people, stream(config, "names"))
    admissions = draw_admissions(
        config, providers, people, names, use, stream(config, "admissions")
    )
    care = care_deliveries(
        config,
        providers,
        people,
        names,
        use,
        admissions.just_left,
        stream(config, "coordination"),
    )
    clock.step("care", f"{len(care)} files around care, {admissions.counts['messages']:,} messages")
    jobs = delivery_jobs(
        config, landing_dir, providers, people, medical, pharmacy, spans, bad_spans
    )
    jobs += [one.job(landing_dir) for one in care]
    jobs += [one.job(landing_dir) for one in admissions.deliveries]
    jobs += result_jobs(config, landing_dir, people, results)
    with running(jobs, config.threads) as files:
        program_of = truth.true_programs(providers, people)
        ed_months = truth.visits_by_month(people, use.ed_visits)
        found = _BatchTruth(
            config,
            providers,
            costs,
            [
                *truth.er_estimates(
                    config, people, panels, ed_months, panels.program, "attribution"
                ),
                *truth.er_estimates(config, people, panels, ed_months, program_of[:, 12:], "true"),
            ],
            truth.panel_sizes(config, panels),
            {
                "eligibility": asdict(span_mess),
                "medical_claims": medical.counts,
                "pharmacy_claims": pharmacy.counts,
                "provider_roster": roster_mess(providers),
                **care_mess(care),
                "adt_events": admissions.counts,
            },
            [
                *rejected_rows(
                    ("eligibility", bad_spans, spans.period),
                    ("medical_claims", medical.bad, medical.row_period),
                    ("pharmacy_claims", pharmacy.bad, pharmacy.row_period),
                ),
                *(row for one in care for row in one.rejected_rows()),
                *admissions.rejected_rows(),
            ],
            totals,
            truth.membership_runs(providers, people, program_of),
            admissions.visits,
            planted.table(people),
        )
        written.extend(files)
    clock.step("writing", f"{len(written)} files")
    return found


def _final_totals(
    people: Population,
    use: MedicalUse,
    fills: Fills,
    results: Results,
    planted: PlantedMedication,
) -> dict[str, int]:
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
        "readmissions": use.readmissions,
        "planned_readmissions": use.planned_readmissions,
        **planted.counts(),
        "final_fills": len(fills),
        "clinical_results": len(results),
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
            "period": period_text(int(period[row.row])),
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
