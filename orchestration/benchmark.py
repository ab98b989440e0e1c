"""Times real nights at several scales: seconds, CPU, memory, spill, growth, distance to the floor.

Each scale is simulated into its own folder and run by the command that users run, first with all
but the newest deliveries, then with those. Stages come from Dagster's event log and models from
dbt's results. Correctness is the tests' business and does not belong here.
"""

import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import dagster as dg
import psutil

from orchestration.errors import CareWarehouseError
from orchestration.instance import prepare_home
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.warehouse import engine

SAMPLE_SECONDS = 0.25
MEBIBYTE = 1 << 20
DEFAULT_SCALES = ("10k", "40k")
DEFAULT_WORK_DIR = PROJECT_ROOT / "data" / "warehouse" / "benchmark"
RESULTS_DIR = PROJECT_ROOT / "docs" / "benchmarks"
# The demo's five programs and markets cannot be stretched further; a portfolio of programs can.
MOST_MEMBERS_OF_THE_DEMO = 400_000
PORTFOLIO_PROGRAMS = 100
MONTHS = 36
CONTROL_SUFFIX = ".control.json"
SHORTEST_STAGE_SECONDS = 0.1
SHORTEST_STAGE_SHOWN = 1.0
WHOLE = "in all"


@dataclass(frozen=True)
class Figures:
    """What a stretch of time cost: wall and CPU seconds, peak memory and peak spill in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mebibytes: int
    spilled_mebibytes: int


@dataclass(frozen=True)
class Night:
    """One command: its stages (`WHOLE` is all of it), rows it took in, seconds by dbt node."""

    new_rows: int
    stages: Mapping[str, Figures]
    models: Mapping[str, float]


@dataclass(frozen=True)
class ScaleResult:
    """One scale: how large it was, what one scan of its claims takes, and its nights by name."""

    members: int
    medical_claim_lines: int
    floor_seconds: float
    measured_on: str
    code_version: str
    nights: Mapping[str, Night]


@dataclass(frozen=True)
class Sample:
    """Totals of a process tree and of the spill folder at one moment (seconds since the epoch)."""

    at: float
    cpu_seconds: float
    resident_bytes: int
    spilled_bytes: int


@dataclass(frozen=True)
class MeasuredRun:
    """A command's start, end and CPU seconds, and samples from while it ran."""

    started_at: float
    ended_at: float
    cpu_seconds: float
    samples: Sequence[Sample]

    def whole(self) -> Figures:
        """All of it; CPU as the system counted it, not as it was sampled."""
        part = self.part(self.started_at, self.ended_at)
        return Figures(
            part.seconds, round(self.cpu_seconds, 2), part.peak_mebibytes, part.spilled_mebibytes
        )

    def part(self, start: float, end: float) -> Figures:
        """What lies between two moments; a stage between two samples takes the nearest."""
        inside = [s for s in self.samples if start <= s.at <= end] or [self._nearest(start)]
        cpu = self._nearest(end).cpu_seconds - self._nearest(start).cpu_seconds
        return Figures(
            seconds=round(end - start, 2),
            cpu_seconds=round(cpu, 2),
            peak_mebibytes=max(s.resident_bytes for s in inside) // MEBIBYTE,
            spilled_mebibytes=max(s.spilled_bytes for s in inside) // MEBIBYTE,
        )

    def _nearest(self, moment: float) -> Sample:
        return min(self.samples, key=lambda sample: abs(sample.at - moment))


def members_of(scale: str) -> int:
    """10k, 100k, 1m, or a plain number; raises `CareWarehouseError` for anything else."""
    found = re.fullmatch(r"([1-9][0-9]*)([km]?)", scale.lower())
    if found is None:
        raise CareWarehouseError(f"SCALE: found {scale!r}. Write 10k, 100k, 1m or a whole number.")
    return int(found[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[found[2]]


def run_scale(scale: str, work_dir: Path) -> ScaleResult:
    """Simulate, load all but the newest deliveries, add those, and time each.

    A simulation that `work_dir` holds already is used again; what the pipeline wrote is not.
    """
    members = members_of(scale)
    data_dir = work_dir / scale.lower()
    environment = {**os.environ, "CARE_DATA_DIR": str(data_dir)}
    if members > MOST_MEMBERS_OF_THE_DEMO:
        environment["CARE_CONFIG_DIR"] = str(data_dir / "configuration")
    settings = load_settings(environment)
    nights: dict[str, Night] = {}
    was_there = (settings.truth_dir / "written.json").exists()
    put_back(settings)
    for folder in (settings.ledger_dir, settings.warehouse_dir, settings.published_dir):
        shutil.rmtree(folder, ignore_errors=True)
    simulated = _measure(_simulation(members), environment, settings)
    if not was_there:
        rows = sum(_rows(control) for control in _controls(settings))
        nights["simulation"] = Night(rows, {WHOLE: simulated.whole()}, {})
    held_back = hold_back(settings)
    loaded = sum(_rows(control) for control in _controls(settings))
    nights["first load"] = _night(settings, environment, loaded)
    new_rows = sum(_rows(control) for control in held_back)
    put_back(settings)
    nights["one new month"] = _night(settings, environment, new_rows)
    lines, floor_seconds = _floor(settings)
    return ScaleResult(
        members=members,
        medical_claim_lines=lines,
        floor_seconds=round(floor_seconds, 2),
        measured_on=datetime.now(UTC).date().isoformat(),
        code_version=json.loads((settings.inputs_dir / "run.json").read_text())["code_version"],
        nights=nights,
    )


def keep_results(results: Mapping[str, ScaleResult], path: Path | None) -> Path:
    """Put the scales just measured among those measured before on such a machine; returns where."""
    machine = _machine()
    name = f"{machine['cores']}-cores-{machine['memory_gibibytes']}-gib.json"
    path = path or RESULTS_DIR / name
    before = json.loads(path.read_text())["scales"] if path.exists() else {}
    scales = {**before, **{scale: asdict(result) for scale, result in results.items()}}
    ordered = dict(sorted(scales.items(), key=lambda item: int(item[1]["members"])))
    document = {"machine": machine, "scales": ordered}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, sort_keys=False) + "\n")
    return path


def growth_exponents(results: Mapping[str, ScaleResult]) -> dict[tuple[str, str], float]:
    """The b of seconds ~ lines^b by (night, stage), from the smallest scale to the largest."""
    ordered = sorted(results.values(), key=lambda result: result.medical_claim_lines)
    small, large = ordered[0], ordered[-1]
    if large.medical_claim_lines <= small.medical_claim_lines:
        return {}
    growth = math.log(large.medical_claim_lines / small.medical_claim_lines)
    exponents = {}
    for name, night in large.nights.items():
        before = small.nights[name].stages if name in small.nights else {}
        for stage, figures in night.stages.items():
            if stage in before and before[stage].seconds > 0 < figures.seconds:
                ratio = figures.seconds / before[stage].seconds
                exponents[name, stage] = round(math.log(ratio) / growth, 2)
    return exponents


def markdown_table(results: Mapping[str, ScaleResult]) -> str:
    """The stages of a second or more, each against one scan of the same claims."""
    exponents = growth_exponents(results)
    lines = [
        "| scale | night | stage | new rows | wall s | CPU s | × floor | peak MiB | spill MiB"
        " | growth |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for scale, result in results.items():
        for name, night in result.nights.items():
            for stage, figures in night.stages.items():
                if stage != WHOLE and figures.seconds < SHORTEST_STAGE_SHOWN:
                    continue
                rows = f"{night.new_rows:,}" if stage == WHOLE else ""
                ratio = figures.seconds / result.floor_seconds
                lines.append(
                    f"| {scale} | {name} | {stage} | {rows} | {figures.seconds:.1f}"
                    f" | {figures.cpu_seconds:.1f} | {ratio:.1f} | {figures.peak_mebibytes:,}"
                    f" | {figures.spilled_mebibytes:,} | {exponents.get((name, stage), '')} |"
                )
    told = [
        f"{scale}: {result.medical_claim_lines:,} medical lines, one scan of all their columns"
        f" {result.floor_seconds:.2f} s (the floor)."
        for scale, result in results.items()
    ]
    return "\n".join([*lines, "", *told])


def _simulation(members: int) -> list[str]:
    size = ["-m", "orchestration", "simulate", "--members", str(members)]
    if members <= MOST_MEMBERS_OF_THE_DEMO:
        return size
    return [*size, "--portfolio", str(PORTFOLIO_PROGRAMS)]


def _night(settings: Settings, environment: Mapping[str, str], new_rows: int) -> Night:
    run = _measure(["-m", "orchestration", "nightly"], environment, settings)
    stages = {WHOLE: run.whole()}
    for stage, start, end in _stage_intervals(settings):
        stages[stage] = run.part(start, end)
    return Night(new_rows, stages, _dbt_seconds(settings))


def _measure(
    arguments: Sequence[str], environment: Mapping[str, str], settings: Settings
) -> MeasuredRun:
    started_at = time.time()
    process = subprocess.Popen(
        [sys.executable, *arguments], env=dict(environment), cwd=PROJECT_ROOT
    )
    samples: list[Sample] = []
    ended = threading.Event()
    sampler = threading.Thread(
        target=_sample, args=(process.pid, settings.spill_dir, samples, ended)
    )
    sampler.start()
    _, status, usage = os.wait4(process.pid, 0)
    ended_at = time.time()
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    sampler.join()
    if process.returncode != 0:
        told = " ".join(arguments)
        raise CareWarehouseError(f"`python {told}` ended with {process.returncode}; see above.")
    return MeasuredRun(started_at, ended_at, usage.ru_utime + usage.ru_stime, samples)


def _sample(
    process_id: int, spill_dir: Path, samples: list[Sample], ended: threading.Event
) -> None:
    cpu_by_process: dict[int, float] = {}
    samples.append(Sample(time.time(), 0.0, 0, 0))
    while not ended.wait(SAMPLE_SECONDS):
        resident = 0
        for member in _family(process_id):
            try:
                with member.oneshot():
                    times = member.cpu_times()
                    cpu_by_process[member.pid] = times.user + times.system
                    resident += member.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        cpu = sum(cpu_by_process.values())
        samples.append(Sample(time.time(), cpu, resident, _bytes_under(spill_dir)))


def _family(process_id: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(process_id)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _bytes_under(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())
    except FileNotFoundError:
        return 0


def _controls(settings: Settings) -> list[Path]:
    return sorted(settings.landing_dir.rglob(f"*{CONTROL_SUFFIX}"))


def _rows(control: Path) -> int:
    return int(json.loads(control.read_text())["rows"])


def _held_back_dir(settings: Settings) -> Path:
    return settings.data_dir / "held_back"


def hold_back(settings: Settings) -> list[Path]:
    """Move the newest deliveries out of landing, as many as hold an average month's claim lines.

    The simulated payments run half a year past the last month of service, so that the very last
    files are almost empty. Returns the control files moved.
    """
    controls = _controls(settings)
    delivered = {c: str(json.loads(c.read_text())["delivered_on"]) for c in controls}
    claims = [c for c in controls if c.parent.name == "medical_claims"]
    wanted = sum(_rows(c) for c in claims) / MONTHS
    days = sorted({delivered[c] for c in claims}, reverse=True)
    from_day = next(
        day for day in days if sum(_rows(c) for c in claims if delivered[c] >= day) >= wanted
    )
    moved = []
    for control in (c for c in controls if delivered[c] >= from_day):
        target = _held_back_dir(settings) / control.relative_to(settings.landing_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        data = control.with_name(control.name.removesuffix(CONTROL_SUFFIX))
        data.rename(target.with_name(data.name))
        moved.append(control.rename(target))
    return moved


def put_back(settings: Settings) -> None:
    """Move what `hold_back` moved into landing again; nothing where nothing was."""
    held_back = _held_back_dir(settings)
    for path in sorted(held_back.rglob("*")):
        if path.is_file():
            path.rename(settings.landing_dir / path.relative_to(held_back))
    shutil.rmtree(held_back, ignore_errors=True)


def _stage_intervals(settings: Settings) -> Iterator[tuple[str, float, float]]:
    """Start and end of each step of the newest run, in the order they ran."""
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        run = instance.get_runs(limit=1)[0]
        steps = instance.get_run_step_stats(run.run_id)
    for step in sorted(steps, key=lambda step: step.start_time or 0):
        start, end = step.start_time, step.end_time
        if start and end and end - start >= SHORTEST_STAGE_SECONDS:
            yield step.step_key, start, end


def _dbt_seconds(settings: Settings) -> dict[str, float]:
    """Seconds of each model, longest first, and of all tests together, as dbt counted them."""
    results = json.loads((settings.dbt_target_dir / "run_results.json").read_text())["results"]
    seconds: dict[str, float] = {}
    for result in results:
        kind, _, name = result["unique_id"].split(".")[:3]
        told = "data tests" if kind == "test" else name
        seconds[told] = seconds.get(told, 0.0) + result["execution_time"]
    longest_first = sorted(seconds.items(), key=lambda item: -item[1])
    return {
        name: round(spent, 2) for name, spent in longest_first if spent >= SHORTEST_STAGE_SECONDS
    }


def _floor(settings: Settings) -> tuple[int, float]:
    """Medical lines in the ledger, and the shorter of two scans that read every value of them."""
    files = str(settings.ledger_dir / "medical_claims" / "*" / "*" / "*.parquet")
    seconds = []
    with engine(settings) as connection:
        (lines,) = connection.execute("select count(*) from read_parquet(?)", [files]).fetchall()[0]
        for _ in range(2):
            start = time.monotonic()
            connection.execute(
                "select bit_xor(hash(columns(*))) from read_parquet(?)", [files]
            ).fetchall()
            seconds.append(time.monotonic() - start)
    return int(lines), min(seconds)


def _machine() -> dict[str, str | int]:
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gibibytes": round(psutil.virtual_memory().total / (1 << 30)),
        "cpu": cpu[1] if cpu else platform.machine(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "dbt-core", "dagster")},
    }
