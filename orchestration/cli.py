"""The command line behind the Makefile and the services of a server (docs/deploy.md).

Commands parse, call one function and print; logic does not belong here. Heavy imports wait inside
the commands so that `--help` answers at once.
"""

import gc
import getpass
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from orchestration.dbt_process import executable
from orchestration.errors import CareWarehouseError
from orchestration.settings import PROJECT_ROOT, Settings, load_settings
from orchestration.warehouse import dbt_environment

TERMINAL_LOGGING = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console(stderr=True, highlight=False)


def main() -> None:
    """Run the command line; a mendable error prints its message alone and exits with 1."""
    try:
        app()
    except CareWarehouseError as error:
        console.print(f"[bold red]error:[/] {error}", soft_wrap=True)
        sys.exit(1)


@app.command()
def simulate(
    members: Annotated[
        int | None, typer.Option(help="About so many members in all; left out: true size.", min=500)
    ] = None,
    portfolio: Annotated[
        int | None,
        typer.Option(
            help="So many made-up programs in up to 27 states instead of the demo's five, a million"
            " members if not told; their configuration is written into CARE_CONFIG_DIR.",
            min=1,
            max=100,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds write equal bytes.")] = 20150520,
    force: Annotated[bool, typer.Option(help="Write again what is already there.")] = False,
) -> None:
    """Write the demo senders' extracts into landing, and apart from them the planted truth."""
    from orchestration.simulator.landing import simulate_into_landing

    settings = load_settings()
    report = simulate_into_landing(settings, members, portfolio, seed, force, console.print)
    if report is None:
        console.print(f"{settings.landing_dir} holds this simulation already.")
        return
    for feed, rows in sorted(report.rows.items()):
        console.print(f"  {feed}: {rows:,} rows")


@app.command("sample-senders")
def sample_senders(
    folder: Annotated[Path, typer.Argument(help="Where to; nothing reads it by itself.")],
    period: Annotated[str, typer.Option(help="A month of the demo's landing folder.")] = "2024-04",
) -> None:
    """Write a month of the demo as three unlike senders would, for check-sender to explain."""
    from orchestration.simulator.other_senders import write_other_senders

    for path in write_other_senders(load_settings().landing_dir, folder, period):
        console.print(str(path))


@app.command()
def nightly() -> None:
    """Take what was dropped, rebuild, check and publish, in this process and without a daemon."""
    _run_job("nightly")


@app.command()
def watch() -> None:
    """Verify what is published and tell of damage, silence and alerts not delivered (for cron)."""
    from orchestration.alerts import watch as look

    told = look(load_settings())
    for one in told:
        console.print(f"[bold red]{one.kind}:[/] {one.text} (webhook: {one.webhook})")
    if told:
        raise typer.Exit(1)
    console.print("Nothing to tell.")


@app.command()
def intake() -> None:
    """Take what was dropped into the ledger; rebuild and publish nothing."""
    _run_job("intake")


@app.command()
def release(
    delivery: Annotated[str, typer.Argument(help="Id of a quarantined delivery.")],
    reason: Annotated[str, typer.Option(help="Who confirmed what; kept for ever.")],
) -> None:
    """Let the next intake load a quarantined delivery, for a reason that is kept."""
    from orchestration.ingest.release import release_delivery

    today = datetime.now(UTC).date()
    done = release_delivery(load_settings(), delivery, reason, getpass.getuser(), today)
    console.print(f"{delivery} ({done.fault}) {done}. The next intake loads it.")


@app.command()
def dispute(
    program: Annotated[str, typer.Argument(help="The program, as its file is named.")],
    period: Annotated[str, typer.Argument(help="As statements are filed: first_last day.")],
    member: Annotated[str, typer.Option(help="Person id, as members.csv has it.")],
    reason: Annotated[str, typer.Option(help="What is wrong with the line; kept for ever.")],
    role: Annotated[str, typer.Option(help="Period role of the line.")] = "performance",
) -> None:
    """Hold a line of the newest interim statement apart until the dispute is resolved."""
    from orchestration.payment.disputes import raise_dispute

    today = datetime.now(UTC).date()
    raise_dispute(
        load_settings(), program, period, (member, role), reason, getpass.getuser(), today
    )
    console.print("The line is held apart from the next statement on.")


@app.command("resolve-dispute")
def resolve_dispute_command(
    program: Annotated[str, typer.Argument(help="The program, as its file is named.")],
    period: Annotated[str, typer.Argument(help="As statements are filed: first_last day.")],
    member: Annotated[str, typer.Option(help="Person id, as members.csv has it.")],
    reason: Annotated[str, typer.Option(help="Why; kept for ever.")],
    role: Annotated[str, typer.Option(help="Period role of the line.")] = "performance",
    upheld: Annotated[bool, typer.Option(help="Upheld, or else rejected.")] = False,
) -> None:
    """End a dispute; what is upheld is mended by a corrected delivery."""
    from orchestration.payment.disputes import resolve_dispute

    settings, today = load_settings(), datetime.now(UTC).date()
    event: Literal["upheld", "rejected"] = "upheld" if upheld else "rejected"
    resolve_dispute(
        settings, program, period, (member, role), event, reason, getpass.getuser(), today
    )
    console.print(f"The dispute is {event}.")


@app.command()
def study(
    worlds: Annotated[int, typer.Option(help="Worlds a cell.", min=1)] = 4_000,
    draws: Annotated[int, typer.Option(help="Bootstrap draws a world.", min=100)] = 1_000,
    seed: Annotated[int, typer.Option(help="Equal seeds draw equal worlds.")] = 20150520,
    cells: Annotated[
        int | None, typer.Option(help="At most so many cells now; the rest another time.", min=0)
    ] = None,
    pipelines: Annotated[
        int, typer.Option(help="So many demos through the whole pipeline, a minute each.", min=0)
    ] = 0,
    members: Annotated[int, typer.Option(help="Members of such a demo.", min=500)] = 6_000,
) -> None:
    """Draw simulated worlds through outcomes and payment; write docs/study.md (long; resumable)."""
    from orchestration.payment.study_report import run_pipeline_worlds, run_study

    run_study(worlds, draws, seed, cells, console.print)
    if pipelines:
        run_pipeline_worlds(range(seed, seed + pipelines), members, console.print)


@app.command("check-sender")
def check_sender(
    sender: Annotated[str, typer.Argument(help="Source id, as in data/payers/<sender>.yml.")],
    file: Annotated[Path, typer.Argument(help="The file, before it is dropped.")],
    feed: Annotated[
        str | None, typer.Option(help="Left out: its folder's, or all that it can be.")
    ] = None,
) -> None:
    """Explain what a file would do if it were dropped; nothing is kept."""
    from orchestration.ingest.trial import try_file

    trials = try_file(load_settings(), sender, file, feed)
    for trial in trials:
        printer = Console(soft_wrap=True, highlight=False, markup=False)
        for problem in trial.problems:
            printer.print(f"{trial.feed}: {problem.reason}. {problem.message}")
        if trial.outcome:
            printer.print(str(trial.outcome))
        for told in trial.told:
            printer.print(f"  {told}")
        for one in trial.rejected:
            printer.print(f"    row {one.row_number}, {one.place}: {one.value!r} ({one.reason})")
    if not any(trial.loads for trial in trials):
        raise typer.Exit(1)


@app.command()
def rejects(
    delivery: Annotated[str, typer.Argument(help="Its id, as in fct_delivery and agg_reject.")],
    column: Annotated[str | None, typer.Option(help="Of this column alone.")] = None,
    reason: Annotated[str | None, typer.Option(help="For this reason alone.")] = None,
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 20,
) -> None:
    """Show the rejected values of a delivery, for the engineer; they may identify somebody."""
    from orchestration.ingest.rejects import rejected_rows

    found = rejected_rows(load_settings(), delivery, column, reason, limit)
    printer = Console(soft_wrap=True, highlight=False, markup=False)
    entry = found.entry
    printer.print(f"{entry.source_id}/{entry.feed}/{entry.file_name!r} {entry.status}")
    if entry.message:
        printer.print(f"  {entry.reason}. {entry.message}")
    if found.told:
        printer.print(f"  {found.told}")
    for one in found.rows:
        where = f", {one.place}" if one.place else ""
        printer.print(f"  row {one.row_number}{where}: {one.value!r} ({one.reason}). {one.remedy}")
    printer.print(f"  {len(found.rows)} of {found.findings} findings")


@app.command()
def restatement(
    before: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The earlier day.")],
    after: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The later day.")],
    feed: Annotated[str | None, typer.Option(help="Left out: every feed.")] = None,
    by: Annotated[
        Literal["service", "period"], typer.Option(help="What a row's month is that of.")
    ] = "service",
    everything: Annotated[bool, typer.Option("--all", help="Unchanged months too.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write all months to this file.")] = None,
) -> None:
    """Compare what runs of two days read: rows and dollars by feed and month."""
    from orchestration.ingest.restatement import restatement_between
    from orchestration.ingest.restatement_report import restatement_table, write_csv

    found = restatement_between(load_settings(), before.date(), after.date(), feed, by)
    Console(width=None if sys.stdout.isatty() else 140).print(restatement_table(found, everything))
    if csv:
        write_csv(found, csv)
        console.print(f"{len(found.months)} months in {csv}")


@app.command("attribution")
def attribution() -> None:
    """Compare kept attribution snapshots with what is known today, by program, month and cause."""
    from orchestration.attribution.publish import restated_months
    from orchestration.attribution.report import restatement_table

    Console().print(restatement_table(restated_months(load_settings())))


@app.command()
def report() -> None:
    """Print each program's published results: members, ER use, savings, eligibility."""
    from orchestration.publication.report import program_reports

    printer = Console()
    for panel in program_reports(load_settings()):
        printer.print(panel)


@app.command()
def explain(
    member: Annotated[str, typer.Option(help="The payer's id of the member.")],
    measure: Annotated[str, typer.Option(help="Measure of METHODS D.1, such as M01.")],
    month: Annotated[
        str | None, typer.Option(help="YYYY-MM; left out: the newest month measured.")
    ] = None,
    payer: Annotated[
        str | None, typer.Option(help="Where two payers use the same id of a member.")
    ] = None,
) -> None:
    """Say why a member is in a measure or out, on which evidence, and what would close the gap."""
    from orchestration.quality.explanation import explain as explained

    for line in explained(load_settings(), member, measure, month, payer):
        print(line)


@app.command()
def measures() -> None:
    """Write docs/measures.md: every measure, with the rates of this installation's panels."""
    from orchestration.quality.catalogue import write_page

    console.print(f"{write_page(load_settings())} is written.")


@app.command()
def verify(
    statements: Annotated[list[Path], typer.Argument(help="statement.json, one or several.")],
    rebuild: Annotated[
        bool, typer.Option(help="Build from the ledger even where the warehouse would do.")
    ] = False,
) -> None:
    """Recompute a settlement statement: equal to the cent, or what differs and why."""
    from orchestration.payment.verification import verdict_text, verify_statement

    settings = load_settings()
    unequal = 0
    for statement in statements:
        if ".runout-" in statement.name:
            print(f"{statement}\n  is a run-out line; its final statement is verified instead")
            continue
        verdict = verify_statement(settings, statement, rebuild, console.print)
        print(verdict_text(verdict))
        unequal += not verdict.is_equal
    if unequal:
        raise CareWarehouseError(f"{unequal} of {len(statements)} statements are not equal.")


@app.command()
def worklists() -> None:
    """Take hospital messages and care logs and write the coordinators' lists; needs no night."""
    from orchestration.coordination.refresh import URGENT_FEEDS, refresh_lists
    from orchestration.ingest import take_feed

    settings = load_settings()
    for feed in URGENT_FEEDS:
        for outcome in take_feed(settings, feed).taken:
            console.print(str(outcome))
    done = refresh_lists(settings)
    lists = done.lists
    console.print(
        f"{lists.coordinators} lists as of {done.as_of}: {lists.in_hospital} in hospital, "
        f"{lists.left} left it, {lists.cards} people with something to do"
    )
    for reason, rows in sorted(lists.queued.items()):
        console.print(f"  queued: {reason} {rows}")
    console.print(f"{done.folder}{'' if done.is_new else ' (unchanged)'}")


@app.command("access-log")
def access_log() -> None:
    """Verify the log of identified lists from its first line; fail where the chain is broken."""
    from orchestration.coordination.access_log import access_log_dir, verify_access_log

    settings = load_settings()
    verdict = verify_access_log(settings)
    if verdict.problem:
        raise CareWarehouseError(f"{access_log_dir(settings)}: {verdict.problem}.")
    console.print(f"{verdict.entries} entries, the chain holds")


@app.command()
def ui(port: int = 3000) -> None:
    """Open the Dagster UI and its daemon on this machine's loopback address."""
    _become("dagster", "dev", "--host", "127.0.0.1", "--port", str(port))


@app.command()
def webserver(port: int = 3000) -> None:
    """Serve the UI alone, on loopback, for a proxy that asks for passwords (docs/deploy.md)."""
    _become("dagster-webserver", "--host", "127.0.0.1", "--port", str(port))


@app.command()
def daemon() -> None:
    """Run schedules, the landing sensor and the queue of runs (docs/deploy.md)."""
    _become("dagster-daemon", "run")


@app.command()
def bench(
    scale: Annotated[list[str] | None, typer.Option(help="10k, 100k, 1m; several allowed.")] = None,
    results: Annotated[Path | None, typer.Option(help="Where the JSON is kept.")] = None,
    work_dir: Annotated[Path | None, typer.Option(help="Where the data go.")] = None,
) -> None:
    """Time a first load and a night with one new month; print Markdown, keep JSON."""
    from orchestration.benchmark import (
        DEFAULT_SCALES,
        DEFAULT_WORK_DIR,
        keep_results,
        markdown_table,
        run_scale,
    )

    measured = {}
    for name in scale or DEFAULT_SCALES:
        measured[name] = run_scale(name, work_dir or DEFAULT_WORK_DIR)
        kept = keep_results(measured, results)
        console.print(f"{name} kept in {kept}")
    print(markdown_table(measured))


@app.command()
def bench_lists(
    members: Annotated[int, typer.Option(help="Members of programs.", min=1)] = 1_000_000,
    work_dir: Annotated[Path | None, typer.Option(help="Where the copies go.")] = None,
) -> None:
    """Time a refresh of the coordinators' lists on what is published, many times over."""
    from dataclasses import asdict

    from orchestration.benchmark import DEFAULT_WORK_DIR
    from orchestration.coordination.stretched import time_stretched_refresh

    folder = work_dir or DEFAULT_WORK_DIR / "lists"
    for name, value in asdict(time_stretched_refresh(load_settings(), members, folder)).items():
        print(f"{name.replace('_', ' '):<16} {value:>12,}")


@app.command()
def parity(
    members: Annotated[int, typer.Option(help="About so many members.", min=500)] = 1_000,
    seed: Annotated[int, typer.Option(help="Equal seeds simulate equal data.")] = 20150520,
) -> None:
    """Run one small night on DuckDB and on Spark; fail unless every table is equal."""
    from orchestration.parity import parity_table, run_parity

    report = run_parity(load_settings(), members, seed, console.print)
    Console().print(parity_table(report))
    for stage, seconds in report.seconds.items():
        console.print(f"{stage}: {seconds:.0f} s")
    if not report.is_equal:
        raise CareWarehouseError("DuckDB and Spark disagree; see the table above.")


@app.command()
def manifest() -> None:
    """Let dbt read its project now, which a night otherwise does before its first step."""
    from orchestration.manifest import ensure_manifest
    from orchestration.warehouse import prepare_engine

    settings = load_settings()
    prepare_engine(settings)
    ensure_manifest(settings)


@app.command()
def docs() -> None:
    """Build dbt's documentation of the models as one self-contained page."""
    settings = _ready()
    environment = {**os.environ, **dbt_environment(settings)}
    subprocess.run([executable(), "docs", "generate", "--static"], env=environment, check=True)
    console.print(f"Open {settings.dbt_target_dir / 'static_index.html'}")


def _ready() -> Settings:
    from orchestration.instance import check_storage, prepare_home
    from orchestration.manifest import ensure_manifest
    from orchestration.memory import require_memory
    from orchestration.warehouse import prepare_engine

    settings = load_settings()
    prepare_engine(settings)
    require_memory(settings)
    check_storage(settings)
    prepare_home(settings)
    ensure_manifest(settings)
    return settings


def _become(program: str, *arguments: str) -> None:
    """Replace this process by a program of Dagster beside this Python, on our workspace."""
    settings = _ready()
    from orchestration.defs.jobs import schedule_nightly

    # A service that starts but never at night would be found out in the morning.
    schedule_nightly(settings.nightly_cron)
    os.environ.update(dbt_environment(settings))
    path = os.fspath(Path(sys.executable).with_name(program))
    workspace = os.fspath(PROJECT_ROOT / "workspace.yaml")
    os.execv(path, [path, *arguments, "--workspace", workspace])


def _run_job(name: str) -> None:
    # What is loaded here stays: looking for dead objects in it was a fifth of the start.
    gc.disable()
    settings = _ready()
    from orchestration.ingest.parser_process import start_early

    start_early()
    import dagster as dg

    from orchestration.alerts import send
    from orchestration.definitions import defs
    from orchestration.defs.alerts import alert_of, causes

    gc.freeze()
    gc.enable()
    console.print(f"[bold]{name}[/] on {settings.data_dir}")
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def(name).execute_in_process(
            instance=instance, run_config=TERMINAL_LOGGING, raise_on_error=False
        )
    if not result.success:
        failures = causes(result.get_step_failure_events(), result.get_run_failure_event())
        for cause in failures:
            console.print(f"[bold red]{cause.place}:[/] {cause.words}", soft_wrap=True)
        failed = sorted({cause.place for cause in failures})
        told = send(settings, alert_of(result.run_id, name, failures))
        if told is not None and told.is_owed:
            console.print(f"[bold red]alert not delivered:[/] {told.webhook}", soft_wrap=True)
        raise CareWarehouseError(
            f"{name} failed at {', '.join(failed) or 'its start'}; the last publication stays."
            f" `make ui` shows run {result.run_id} in full."
        )
    console.print(f"[bold green]{name} succeeded[/]")
