"""`make study`: the worlds of ER use and of payment, kept cell by cell, as a page of `docs/`.

Drawing worlds does not belong here (`outcomes/study.py`, `study.py`). A cell that was drawn with
the same numbers is not drawn again, so a long study may be stopped and gone on with.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from orchestration.ingest.ledger import write_whole
from orchestration.outcomes import study as er_study
from orchestration.outcomes.study import StudyCell, StudyResult
from orchestration.pages.drawing import svg_of
from orchestration.payment import study as payment_study
from orchestration.payment.study import PaymentResult, error_of
from orchestration.settings import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "docs" / "study"
RESULTS_FILE, PICTURE_FILE = "results.json", "study.svg"
PAGE = PROJECT_ROOT / "docs" / "study.md"

Told = Callable[[str], None]


@dataclass(frozen=True)
class PipelineWorld:
    """One seed through simulate and nightly: estimates and intervals beside the planted truth."""

    seed: int
    program_id: str
    planted: float
    expected: float
    sir: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Study:
    """Everything drawn so far."""

    er: tuple[StudyResult, ...]
    payment: tuple[PaymentResult, ...]
    pipeline: tuple[PipelineWorld, ...]


def run_study(
    worlds: int, draws: int, seed: int, at_most: int | None, told: Told, folder: Path = FOLDER
) -> Study:
    """Draw the cells that are not kept yet (at most so many), keep each, write page and picture."""
    kept = _kept(folder)
    left = at_most
    for cell in er_study.grid():
        count = er_study.worlds_of(cell, worlds)
        key = json.dumps(["er", er_study.METHOD, *asdict(cell).values(), count, draws, seed])
        if key in kept or left == 0:
            continue
        result = er_study.run_cell(cell, count, draws, seed)
        kept[key] = asdict(result)
        told(f"{cell}: coverage {result.coverage_expected:.3f}")
        _keep(folder, kept)
        left = None if left is None else left - 1
    for size in payment_study.PANEL_SIZES:
        for spread in payment_study.GROUP_SPREADS:
            count = payment_study.worlds_of(worlds)
            key = json.dumps(["payment", size, spread, count, seed])
            if key in kept or left == 0:
                continue
            found = payment_study.run_payment_cell(size, spread, count, seed)
            kept[key] = [asdict(one) for one in found]
            told(f"payment {size} {spread}: {[one.paid for one in found]}")
            _keep(folder, kept)
            left = None if left is None else left - 1
    study = _study(kept)
    write_page(study, PAGE if folder == FOLDER else folder / "study.md", folder)
    return study


def run_pipeline_worlds(
    seeds: Sequence[int], members: int, told: Told, folder: Path = FOLDER
) -> Study:
    """Simulate and run a whole night for every seed not kept yet, in a folder that is removed."""
    kept = _kept(folder)
    for seed in seeds:
        key = json.dumps(["pipeline", members, seed])
        if key in kept:
            continue
        with tempfile.TemporaryDirectory() as place:
            for command in (
                ("simulate", "--members", str(members), "--seed", str(seed)),
                ("nightly",),
            ):
                subprocess.run(
                    [sys.executable, "-m", "orchestration", *command],
                    env={**os.environ, "CARE_DATA_DIR": place},
                    cwd=PROJECT_ROOT,
                    check=True,
                    capture_output=True,
                )
            found = [asdict(one) for one in _pipeline_world(Path(place), seed)]
        kept[key] = found
        told(f"pipeline, seed {seed}: {len(found)} programs")
        _keep(folder, kept)
    study = _study(kept)
    write_page(study, PAGE if folder == FOLDER else folder / "study.md", folder)
    return study


def write_page(study: Study, page: Path, folder: Path) -> None:
    """The study as Markdown with its picture beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PICTURE_FILE).write_text(picture(study), encoding="utf-8")
    at = os.path.relpath(folder / PICTURE_FILE, page.parent)
    page.write_text(page_text(study, at), encoding="utf-8")


def page_text(study: Study, picture_at: str) -> str:
    """What was drawn, what came of it, and what it means."""
    er = sum(one.worlds for one in study.er)
    paid = sum(one.worlds for one in study.payment if one.msr_type == "sliding")
    seeds = len({one.seed for one in study.pipeline})
    lines = [
        "# Simulation study",
        "",
        "Written by `make study`; every figure below was drawn, none is typed in. "
        f"{er:,} worlds of ER use in {len(study.er)} cells through `compare_er_use`, "
        f"{paid:,} worlds of cost without any savings through `settle_programs`, and "
        f"{seeds} worlds through the whole pipeline (`make study PIPELINES=50` asks for more).",
        "",
        "People are drawn in counts of those who are alike, which is the same as one by one. "
        "*Planted* is the program's own effect; *expected* is that times the panel's own group "
        "effect and an unmeasured confounder, which no method without more data can tell apart. "
        "± is the Monte Carlo standard error of the coverage of *expected*.",
        "",
        f"![Coverage by cell, and payments without savings]({picture_at})",
        "",
        "## ER use against market",
        "",
        "| panel | dispersion | group SD | confounder | planted | worlds | covers planted "
        "| covers expected | ± | quasi-Poisson | bias to planted | bias to expected "
        "| “lower” | “higher” |",
        "|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in study.er:
        cell = one.cell
        lines.append(
            f"| {cell.panel_persons:,} | {cell.dispersion:g} | {100 * cell.group_spread:g} % "
            f"| {'yes' if cell.is_confounded else 'no'} | {100 * (cell.effect - 1):+.0f} % "
            f"| {one.worlds:,} | {_share(one.coverage_planted)} | {_share(one.coverage_expected)} "
            f"| {_share(one.coverage_error)} | {_share(one.coverage_quasi_expected)} "
            f"| {one.bias_planted_percent:+.2f} % | {one.bias_expected_percent:+.2f} % "
            f"| {_share(one.lower)} | {_share(one.higher)} |"
        )
    lines += [
        "",
        *_reading(study.er),
        "",
        "## Payment where true savings are zero",
        "",
        "Sharing from the first dollar at half of the savings, full quality, no fee in cost, own "
        "history as benchmark, a market four times the panel. *Tail* is the share of worlds whose "
        "stated probability of savings this large under zero true savings was at most 5 %: 5 % "
        "where the statement is honest.",
        "",
        "| panel | group SD | minimum savings rate | worlds | paid | ± | mean paid of benchmark "
        "| tail | CV | ρ |",
        "|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.panel_persons:,} | {100 * one.group_spread:g} % | {one.msr_type} "
        f"| {one.worlds:,} | {_share(one.paid)} | {_share(error_of(one.paid, one.worlds))} "
        f"| {one.mean_paid_percent:.3f} % | {_share(one.tail)} | {one.cost_variation:.2f} "
        f"| {one.cost_correlation:.2f} |"
        for one in study.payment
    ]
    lines += ["", "## Whole pipeline", ""]
    if study.pipeline:
        covered = sum(one.lower <= one.expected <= one.upper for one in study.pipeline)
        count = len(study.pipeline)
        lines.append(
            f"{seeds} simulated demos of small size, simulate to published result: the interval of "
            f"ER use (attributed elsewhere) holds the estimate that a correct attribution gives in "
            f"{covered} of {count} program results."
        )
    else:
        lines.append("No world was run through the whole pipeline for this page.")
    return "\n".join(lines) + "\n"


def picture(study: Study) -> str:
    """Coverage of planted and expected by cell, and false payments, as SVG."""
    import altair as alt
    import pandas as pd

    names = {
        "coverage_planted": "planted effect",
        "coverage_expected": "expected estimate",
    }
    cells = [one for one in study.er if one.cell.effect == 1.0]
    coverage = pd.DataFrame(
        [
            {
                "cell": f"{one.cell.panel_persons:,} · φ {one.cell.dispersion:g}",
                "row": f"group SD {100 * one.cell.group_spread:g} %",
                "column": "unmeasured confounder" if one.cell.is_confounded else "no confounder",
                "covers": name,
                "percent": 100 * getattr(one, field),
            }
            for one in cells
            for field, name in names.items()
        ],
        columns=["cell", "row", "column", "covers", "percent"],
    )
    base = alt.Chart(coverage)
    band = base.mark_rect(color="#d9efe5").encode(x=alt.datum(94), x2=alt.datum(96))
    points = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("percent:Q", title="covered, percent (band 94 to 96)"),
        y=alt.Y("cell:N", title=None, sort=None),
        color=alt.Color("covers:N", scale=alt.Scale(range=["#1f4e79", "#b4432e"])),
    )
    above = (
        alt.layer(band, points)
        .properties(width=260, height=alt.Step(20))
        .facet(row=alt.Row("row:N", title=None), column=alt.Column("column:N", title=None))
        .properties(title="95 % intervals of ER use: how often they hold the truth")
    )
    payments = pd.DataFrame(
        [
            {
                "panel": f"{one.panel_persons:,}",
                "spread": f"group SD {100 * one.group_spread:g} %",
                "rate": one.msr_type,
                "percent": 100 * one.paid,
            }
            for one in study.payment
        ],
        columns=["panel", "spread", "rate", "percent"],
    )
    below = (
        alt.Chart(payments)
        .mark_bar()
        .encode(
            x=alt.X("percent:Q", title="paid, percent of worlds"),
            y=alt.Y("rate:N", title=None),
            color=alt.Color("rate:N", legend=None),
            row=alt.Row("panel:N", title="panel", sort=_sizes(study)),
            column=alt.Column("spread:N", title=None),
        )
        .properties(
            width=170,
            height=alt.Step(18),
            title="False payments: worlds without savings in which money is paid",
        )
    )
    chart = alt.vconcat(above, below, spacing=30).resolve_scale(color="independent")
    return svg_of(chart)


def _sizes(study: Study) -> list[str]:
    """Panels from small to large, as they are written."""
    return [f"{size:,}" for size in sorted({one.panel_persons for one in study.payment})]


def _reading(results: Sequence[StudyResult]) -> list[str]:
    """What the table says, in words that follow from its figures."""
    sound = [one for one in results if not one.cell.group_spread and not one.cell.is_confounded]
    others = [one for one in results if one.cell.group_spread and not one.cell.is_confounded]
    biased = [one for one in results if one.cell.is_confounded]
    told = []
    if sound:
        off = [one for one in sound if not 0.94 <= one.coverage_expected <= 0.96]
        least, most = (one(result.coverage_expected for result in sound) for one in (min, max))
        told.append(
            f"Without group effects and confounder the interval covers {_share(least)} to "
            f"{_share(most)}; {len(off)} of {len(sound)} cells lie outside of 94 to 96 %."
        )
    if others:
        told.append(
            "With group effects the planted effect is covered in only "
            f"{_share(min(one.coverage_planted for one in others))} to "
            f"{_share(max(one.coverage_planted for one in others))}: the interval speaks of this "
            "panel and year, not of what the program would do elsewhere."
        )
    if biased:
        told.append(
            "The unmeasured confounder moves the estimate by "
            f"{100 * (er_study.confounded_ratio(True) - 1):+.1f} %, and no interval knows it."
        )
    return [" ".join(told)] if told else []


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _pipeline_world(data_dir: Path, seed: int) -> list[PipelineWorld]:
    truth = json.loads((data_dir / "simulated_truth" / "effects.json").read_text("utf-8"))
    expected = {
        one["program_id"]: one["ratio"]
        for one in truth["er_estimates"]
        if (one["period_role"], one["market_basis"], one["membership"])
        == ("performance", "attributed_elsewhere", "attribution")
    }
    planted = {one["program_id"]: one["planted"]["ed"] for one in truth["programs"]}
    path = data_dir / "published" / "current" / "agg_er_use_versus_market.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            select program_id, sir, bootstrap_lower, bootstrap_upper
            from read_parquet(?)
            where
                reporting_unit_id = program_id
                and period_role = 'performance'
                and market_basis = 'attributed_elsewhere'
                and bootstrap_lower is not null
            order by program_id
            """,
            [str(path)],
        ).fetchall()
    return [
        PipelineWorld(seed, program, planted[program], expected[program], sir, lower, upper)
        for program, sir, lower, upper in rows
    ]


def _kept(folder: Path) -> dict[str, object]:
    try:
        return dict(json.loads((folder / RESULTS_FILE).read_text("utf-8")))
    except FileNotFoundError:
        return {}


def _keep(folder: Path, kept: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RESULTS_FILE, (json.dumps(kept, indent=1) + "\n").encode())


def _study(kept: Mapping[str, object]) -> Study:
    er: list[StudyResult] = []
    payment: list[PaymentResult] = []
    pipeline: list[PipelineWorld] = []
    for key, value in kept.items():
        kind = json.loads(key)[0]
        if kind == "er" and isinstance(value, dict):
            er.append(StudyResult(**{**value, "cell": StudyCell(**value["cell"])}))
        elif kind == "payment" and isinstance(value, list):
            payment.extend(PaymentResult(**one) for one in value)
        elif kind == "pipeline" and isinstance(value, list):
            pipeline.extend(PipelineWorld(**one) for one in value)
    return Study(tuple(er), tuple(payment), tuple(pipeline))
