"""Times the stages of a real night at several scales: rows, seconds, peak memory, growth.

Each scale is simulated into its own folder and run by the command that users run; the steps' times
come from Dagster's own event log. Correctness is the tests' business and does not belong here.
"""

import json
import math
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import dagster as dg
import psutil
from rich.table import Table

from orchestration.errors import CareWarehouseError
from orchestration.instance import prepare_home
from orchestration.settings import PROJECT_ROOT, load_settings

SAMPLE_SECONDS = 0.1
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class StageFigures:
    """One stage at one scale: rows in, wall seconds, peak resident memory of the process tree."""

    members: int
    stage: str
    rows: int
    seconds: float
    peak_mebibytes: int


@dataclass(frozen=True)
class Sample:
    """Resident memory of the process tree at one moment (seconds since the epoch)."""

    at: float
    resident_bytes: int


@dataclass(frozen=True)
class MeasuredRun:
    """A command's wall seconds and the memory of its process tree while it ran."""

    started_at: float
    seconds: float
    samples: tuple[Sample, ...]

    def peak(self, start: float, end: float) -> int:
        """Peak in MiB between two moments; the nearest sample where none lies between."""
        inside = [s.resident_bytes for s in self.samples if start <= s.at <= end]
        if not inside:
            nearest = min(self.samples, key=lambda sample: abs(sample.at - start))
            inside = [nearest.resident_bytes]
        return max(inside) // MEBIBYTE


def run_benchmark(members: Sequence[int], work_dir: Path) -> list[StageFigures]:
    """Simulate and run one night at each scale; `work_dir` receives the data and is reused."""
    return [figures for count in members for figures in _bench_scale(count, work_dir)]


def growth_exponents(figures: Sequence[StageFigures]) -> dict[str, float]:
    """The exponent b of seconds ~ rows^b between the smallest and the largest scale, by stage."""
    scales = sorted({f.members for f in figures})
    by_key = {(f.members, f.stage): f for f in figures}
    exponents = {}
    for stage in dict.fromkeys(f.stage for f in figures):
        small, large = by_key.get((scales[0], stage)), by_key.get((scales[-1], stage))
        if small and large and large.rows > small.rows > 0 and small.seconds > 0:
            growth = math.log(large.seconds / small.seconds) / math.log(large.rows / small.rows)
            exponents[stage] = round(growth, 2)
    return exponents


def benchmark_table(figures: Sequence[StageFigures], exponents: dict[str, float]) -> Table:
    """The figures as a table for a terminal."""
    table = Table(title="stages of one night")
    for heading in ("members", "stage", "rows", "seconds", "rows/s", "peak MiB", "growth"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for f in figures:
        rate = f"{f.rows / f.seconds:,.0f}" if f.seconds else ""
        cells = (f"{f.members:,}", f.stage, f"{f.rows:,}", f"{f.seconds:.1f}", rate)
        table.add_row(*cells, f"{f.peak_mebibytes:,}", str(exponents.get(f.stage, "")))
    return table


def write_json(
    figures: Sequence[StageFigures], exponents: dict[str, float], destination: Path
) -> None:
    """Write the figures with the machine they were measured on."""
    document = {
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "memory_gibibytes": round(psutil.virtual_memory().total / (1 << 30)),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "figures": [asdict(f) for f in figures],
        "growth_exponents": exponents,
    }
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.write_text(json.dumps(document, indent=2) + "\n")


def _bench_scale(members: int, work_dir: Path) -> Iterator[StageFigures]:
    data_dir = work_dir / f"{members}-members"
    environment = {**os.environ, "CARE_DATA_DIR": str(data_dir)}
    simulated = _measure(["simulate", "--members", str(members), "--force"], environment)
    rows = _landed_rows(data_dir)
    yield StageFigures(members, "simulate", rows, simulated.seconds, _whole_peak(simulated))
    night = _measure(["nightly"], environment)
    yield StageFigures(members, "nightly", rows, night.seconds, _whole_peak(night))
    for stage, start, end in _stage_intervals(data_dir):
        yield StageFigures(members, stage, rows, end - start, night.peak(start, end))


def _measure(arguments: Sequence[str], environment: dict[str, str]) -> MeasuredRun:
    started_at = time.time()
    process = subprocess.Popen([sys.executable, "-m", "orchestration", *arguments], env=environment)
    samples: list[Sample] = []
    sampler = threading.Thread(target=_sample_tree, args=(process, samples))
    sampler.start()
    return_code = process.wait()
    sampler.join()
    if return_code != 0:
        raise CareWarehouseError(f"`{' '.join(arguments)}` ended with {return_code}; see above.")
    return MeasuredRun(started_at, time.time() - started_at, tuple(samples))


def _sample_tree(process: subprocess.Popen[bytes], samples: list[Sample]) -> None:
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        resident = 0
        try:
            for member in (parent, *parent.children(recursive=True)):
                resident += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        samples.append(Sample(time.time(), resident))
        time.sleep(SAMPLE_SECONDS)


def _whole_peak(run: MeasuredRun) -> int:
    return run.peak(run.started_at, run.started_at + run.seconds)


def _landed_rows(data_dir: Path) -> int:
    controls = (data_dir / "landing").rglob("*.control.json")
    return sum(int(json.loads(control.read_text())["rows"]) for control in controls)


def _stage_intervals(data_dir: Path) -> list[tuple[str, float, float]]:
    """Start and end of each step of the newest run, longest first, steps under 0.1 s left out."""
    prepare_home(load_settings({**os.environ, "CARE_DATA_DIR": str(data_dir)}))
    with dg.DagsterInstance.get() as instance:
        run = instance.get_runs(limit=1)[0]
        steps = instance.get_run_step_stats(run.run_id)
        intervals = [
            (step.step_key, step.start_time, step.end_time)
            for step in steps
            if step.start_time and step.end_time and step.end_time - step.start_time >= 0.1
        ]
    return sorted(intervals, key=lambda interval: interval[1] - interval[2])


DEFAULT_MEMBERS = (10_000, 40_000)
DEFAULT_WORK_DIR = PROJECT_ROOT / "data" / "warehouse" / "benchmark"
