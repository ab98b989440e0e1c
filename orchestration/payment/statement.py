"""A settlement statement: everything both parties need to recompute what is paid (METHODS I, J, L).

A statement is plain JSON: amounts are texts of exact dollars, nothing is a float but what chance
alone does. Here it is put together and sealed. Keeping statements does not belong here
(`statement_store.py`), nor showing them (`statement_page.py`), nor recomputing them
(`verification.py`).
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb

from orchestration.checks import read_run_inputs as read_provenance
from orchestration.ingest.ledger import Entry, rows_path, write_whole
from orchestration.ingest.selection import read_selection
from orchestration.outcomes.agreements import Agreement, RunInputs
from orchestration.payment.completion import month_number
from orchestration.payment.costs import (
    PERFORMANCE,
    read_uncapped_cents,
    write_disputed_lines,
    write_member_lines,
)
from orchestration.payment.fee import (
    PANELS_FILE,
    fee_cents,
    fee_months,
    read_clinician_months,
    read_panels,
    write_panels,
)
from orchestration.payment.measures import MeasurePoints, read_clinician_indexes
from orchestration.payment.money import dollars, rounded, shared_by_quality, whole_cents
from orchestration.payment.settlement import ProgramSettlement, SharedSavings
from orchestration.payment.shared_savings import fee_scale, is_run_out_complete, settle
from orchestration.payment.terms import SettlementTerms
from orchestration.publication.digests import file_sha256
from orchestration.publication.suppression import hides_proportion, is_small
from orchestration.settings import Settings

FORMAT = 2
STATEMENT_FILE = "statement.json"
LINES_FILE = "members.csv"
CLINICIANS_FILE = "clinicians.csv"
DISPUTED_FILE = "disputed.csv"

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Statement = dict[str, Json]

RESULT_PARTS = (
    "terms",
    "population",
    "settlement",
    "waterfall",
    "fee",
    "pay_for_performance",
    "share_out",
)
"""What a statement says is owed and why; the rest says where it comes from."""

_LABELS = {
    "base_cost": "Cost of the base years",
    "market_cost": "Cost of the market, risk-adjusted",
    "trend": "Market trend",
    "risk": "Change of risk, capped",
    "blend": "Blend with the market's level",
    "benchmark": "Benchmark",
    "actual": "Actual cost",
    "fee_in_cost": "Coordination fee counted as cost",
    "gross": "Gross savings",
    "msr": "Not shared: minimum savings rate",
    "gate": "Not paid: gates",
    "share": "Not shared: the payer's part",
    "withhold": "Withheld",
    "cap": "Above the cap",
    "fee_offset": "Coordination fee offset",
    "payable": "Payable",
}


@dataclass(frozen=True)
class WaterfallStep:
    """One step: its signed amount and what is reached after it; a total has no amount."""

    step: str
    label: str
    amount_cents: int
    reached_cents: int
    is_total: bool = False


@dataclass(frozen=True)
class PaidSnapshots:
    """The monthly snapshots that an earlier statement paid the coordination fee on."""

    statement: str
    panels: Path


def draft_statements(
    settings: Settings,
    warehouse: duckdb.DuckDBPyConnection,
    inputs: RunInputs,
    savings: SharedSavings,
    folder: Path,
    paid: Mapping[tuple[str, str], PaidSnapshots],
    disputed: Mapping[tuple[str, str], Collection[tuple[str, str]]] | None = None,
) -> list[Path]:
    """Write every program's draft into `folder/<program>`: statement, lines, panel snapshots.

    The connection still holds the members that `savings` were settled on; `paid` holds by program
    and period what earlier statements paid, `disputed` the lines in dispute, which are held apart
    and keep the statement from being final. A program whose period is not over by its interim
    run-out has no statement yet. Returns the drafts' statement files, ordered by program.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    due = [
        program
        for program in savings.programs
        if is_run_out_complete(
            inputs.claims_through_period,
            program.terms.performance_end_date,
            program.terms.interim_runout_months,
        )
    ]
    if not due:
        return []
    write_panels(warehouse, {program.terms.program_id: program.terms for program in due}, folder)
    uncapped = read_uncapped_cents(warehouse)
    deliveries = ledger_inputs(settings, inputs.as_of)
    run = read_provenance(settings)
    agreements = {agreement.program_id: agreement for agreement in inputs.agreements}
    drafts = []
    for program in due:
        program_id = program.terms.program_id
        place = folder / program_id
        lines = write_member_lines(warehouse, program_id, place / LINES_FILE)
        statement = build_statement(
            program,
            agreements[program_id],
            inputs,
            fee=_fee(
                warehouse,
                program,
                inputs,
                place / PANELS_FILE,
                paid.get((program_id, period_of(program.terms))),
            ),
            uncapped={key[1:]: cents for key, cents in uncapped.items() if key[0] == program_id},
            run={"code_version": run.code_version, "input_version": run.input_version},
        )
        statement["lines"] = {
            "file": LINES_FILE,
            "sha256": file_sha256(place / LINES_FILE),
            "rows": lines.rows,
            "member_months": lines.member_months,
            "truncated_amount": str(dollars(lines.truncated_cents)),
        }
        statement["share_out"] = _share_out(warehouse, program, place)
        in_dispute = (disputed or {}).get((program_id, period_of(program.terms)), ())
        if in_dispute:
            statement["kind"] = "interim"
            statement["disputes"] = _disputes(warehouse, program, in_dispute, place)
        statement["inputs"] = list(deliveries)
        write_statement(place / STATEMENT_FILE, statement)
        drafts.append(place / STATEMENT_FILE)
    return drafts


def build_statement(
    program: ProgramSettlement,
    agreement: Agreement,
    inputs: RunInputs,
    fee: Json,
    uncapped: Mapping[tuple[str, str], int],
    run: Mapping[str, str],
) -> Statement:
    """The statement without its lines, its inputs and its seal."""
    terms, row = program.terms, program.row
    is_final = is_run_out_complete(
        inputs.claims_through_period, terms.performance_end_date, terms.runout_months
    )
    facts = agreement.program.facts
    return {
        "format": FORMAT,
        "program_id": terms.program_id,
        "program_name": terms.program_name,
        "title": agreement.program.name,
        "payer": facts.payer_name,
        "market": facts.market.name,
        "period": period_of(terms),
        "kind": "final" if is_final else "interim",
        "terms": json.loads(agreement.terms.model_dump_json()),
        "population": _population(program, uncapped),
        "settlement": {
            **{name: _text(value) for name, value in asdict(row).items()},
            "indicative_payment_amount": str(_indicative_payment(program)),
        },
        "waterfall": [
            {
                "step": step.step,
                "label": step.label,
                "amount": str(dollars(step.amount_cents)),
                "reached": str(dollars(step.reached_cents)),
                "is_total": step.is_total,
            }
            for step in waterfall(program)
        ],
        "fee": fee,
        "pay_for_performance": _pay_for_performance(program),
        "provenance": {
            "as_of": inputs.as_of.isoformat(),
            "claims_through_period": inputs.claims_through_period,
            **run,
        },
    }


def waterfall(program: ProgramSettlement) -> list[WaterfallStep]:
    """Benchmark → trend → risk → actual → gross → MSR → gate → share → cap → payable, to the cent.

    Every step's amount is the difference of two rounded totals, so that they add up. Empty where
    there is no benchmark.
    """
    found, settled = program.benchmark, program.settlement
    if found is None or settled.savings_share is None:
        return []
    months = program.periods[PERFORMANCE].panel_member_months
    totals = [(name, whole_cents(pmpm * months)) for name, pmpm in found.steps]
    steps = [WaterfallStep(totals[0][0], _LABELS[totals[0][0]], totals[0][1], totals[0][1], True)]

    def move(name: str, amount: int) -> None:
        steps.append(WaterfallStep(name, _LABELS[name], amount, steps[-1].reached_cents + amount))

    def total(name: str) -> None:
        steps.append(WaterfallStep(name, _LABELS[name], 0, steps[-1].reached_cents, True))

    for name, reached in totals[1:]:
        move(name, reached - steps[-1].reached_cents)
    total("benchmark")
    move("actual", -settled.actual_cents)
    if settled.fee_in_cost_cents:
        move("fee_in_cost", -settled.fee_in_cost_cents)
    total("gross")
    move("msr", settled.shareable_cents - steps[-1].reached_cents)
    move("gate", 0 if settled.is_eligible else -settled.shareable_cents)
    move("share", settled.earned_cents - steps[-1].reached_cents)
    if settled.withheld_cents:
        move("withhold", -settled.withheld_cents)
    move("cap", -settled.cap_reduction_cents)
    if settled.fee_offset_cents:
        move("fee_offset", -settled.fee_offset_cents)
    total("payable")
    return steps


def period_of(terms: SettlementTerms) -> str:
    """`2025-01-01_2025-12-31`: the performance period as statements are filed by it."""
    return f"{terms.performance_start_date}_{terms.performance_end_date}"


def write_statement(path: Path, statement: Statement) -> None:
    """Seal the statement and write it in one step."""
    sealed = {**statement, "seal": seal_of(statement)}
    text = json.dumps(sealed, indent=1, ensure_ascii=False)
    write_whole(path, (text + "\n").encode())


def seal_of(statement: Mapping[str, Json]) -> str:
    """sha256 of everything but the seal, whatever the order of keys."""
    content = {name: value for name, value in statement.items() if name != "seal"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def flattened(value: Json, at: str = "") -> dict[str, str]:
    """Every leaf by its place, as `settlement.payment_amount`; for telling what differs."""
    if isinstance(value, dict):
        return {
            place: leaf
            for name, inner in value.items()
            for place, leaf in flattened(inner, f"{at}.{name}" if at else name).items()
        }
    if isinstance(value, list):
        names = [
            str(inner.get("step") or inner.get("month") or inner.get("period_role") or number)
            if isinstance(inner, dict)
            else str(number)
            for number, inner in enumerate(value)
        ]
        return {
            place: leaf
            for name, inner in zip(names, value, strict=True)
            for place, leaf in flattened(inner, f"{at}.{name}").items()
        }
    return {at: "" if value is None else str(value)}


def ledger_inputs(settings: Settings, as_of: date, is_hashed_anew: bool = False) -> list[Json]:
    """The deliveries known on a day: what was sent and what the ledger keeps, by content hash.

    Ledger files never change, so their hashes are remembered by size and time of change unless they
    are to be hashed anew.
    """
    selected = sorted(
        read_selection(settings, as_of).selected,
        key=lambda entry: (entry.feed, entry.source_id, entry.period, entry.part),
    )
    remembered = {} if is_hashed_anew else _remembered(settings)
    known: dict[str, list[Json]] = {}

    def rows_sha256(entry: Entry) -> str:
        path = rows_path(settings, entry)
        found = path.stat()
        stamp: list[Json] = [found.st_size, found.st_mtime_ns]
        before = remembered.get(entry.delivery_id)
        digest = before[0] if before and before[1:] == stamp else file_sha256(path)
        known[entry.delivery_id] = [digest, *stamp]
        return str(digest)

    with ThreadPoolExecutor(settings.threads) as pool:
        digests = list(pool.map(rows_sha256, selected))
    if not is_hashed_anew:
        text = json.dumps(known, sort_keys=True)
        write_whole(_remembered_path(settings), text.encode())
    return [
        {
            "feed": entry.feed,
            "source": entry.source_id,
            "period": entry.period,
            "file": entry.file_name,
            "delivery_id": entry.delivery_id,
            "delivered_on": entry.delivered_on.isoformat(),
            "sent_sha256": entry.sha256,
            "ledger_sha256": digest,
        }
        for entry, digest in zip(selected, digests, strict=True)
    ]


def _remembered_path(settings: Settings) -> Path:
    return settings.inputs_dir / "ledger_sha256.json"


def _remembered(settings: Settings) -> dict[str, list[Json]]:
    try:
        content = json.loads(_remembered_path(settings).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return dict(content)


def _indicative_payment(program: ProgramSettlement) -> Decimal:
    """What would be paid if the claims known were all: the outlook of an interim statement."""
    terms, settled = program.terms, program.settlement
    found, performance = program.benchmark, program.periods[PERFORMANCE]
    months = performance.panel_member_months
    again = settle(
        terms,
        average_members=Fraction(program.row.average_members),
        benchmark_cents=None if found is None else found.pmpm_cents * months,
        actual_cents=settled.actual_cents,
        fee_cents=program.fee_cents,
        quality=program.quality,
        is_claims_complete=True,
        minimum_savings_rate=settled.minimum_savings_rate,
    )
    return dollars(again.payment_cents)


def _population(program: ProgramSettlement, uncapped: Mapping[tuple[str, str], int]) -> list[Json]:
    lines: list[Json] = []
    for role, start, end in program.terms.roles():
        period = program.periods[role]
        panel, market = period.panel, period.market
        lines.append(
            {
                "period_role": role,
                "start_date": start.isoformat(),
                "end_date": end.isoformat(),
                "panel_member_months": period.panel_member_months,
                "panel_allowed_amount": str(dollars(uncapped.get((role, "panel"), 0))),
                "panel_truncated_amount": str(dollars(period.truncated_cents)),
                "panel_completed_amount": str(dollars(period.completed_cents)),
                "panel_risk_score": None if panel is None else str(rounded(panel.risk_score, 12)),
                "market_member_months": period.market_member_months,
                "market_completed_amount": (
                    None if market is None else str(dollars(market.truncated_cents))
                ),
                "market_risk_score": None
                if market is None
                else str(rounded(market.risk_score, 12)),
                "completion_ratio": str(rounded(period.completion_ratio, 12)),
            }
        )
    return lines


def _fee(
    warehouse: duckdb.DuckDBPyConnection,
    program: ProgramSettlement,
    inputs: RunInputs,
    panels: Path,
    paid: PaidSnapshots | None,
) -> Json:
    """The coordination fee by month, trued up against what an earlier statement paid (L.3)."""
    scale = fee_scale(program.terms, program.quality)
    months = fee_months(
        program.terms,
        read_panels(warehouse, panels),
        read_panels(warehouse, paid.panels) if paid else None,
        month_number(inputs.as_of.isoformat()),
        scale,
    )
    return {
        "rate_amount": str(program.terms.fee_pmpm),
        "result_scale": str(rounded(scale, 6)),
        "trued_up_against": paid.statement if paid else None,
        "months": [
            {
                "month": f"{month.month_number // 12}-{month.month_number % 12 + 1:02d}",
                "members": month.members,
                "added": month.added,
                "dropped": month.dropped,
                "fee_amount": str(dollars(month.fee_cents)),
                "true_up_amount": str(dollars(month.true_up_cents)),
            }
            for month in months
        ],
        "fee_amount": str(dollars(sum(month.fee_cents for month in months))),
        "true_up_amount": str(dollars(sum(month.true_up_cents for month in months))),
    }


def _disputes(
    warehouse: duckdb.DuckDBPyConnection,
    program: ProgramSettlement,
    in_dispute: Collection[tuple[str, str]],
    place: Path,
) -> Json:
    """What the lines in dispute amount to; each of them is a line of `disputed.csv`."""
    held = write_disputed_lines(
        warehouse, place / LINES_FILE, sorted(in_dispute), place / DISPUTED_FILE
    )
    scale = fee_scale(program.terms, program.quality)
    return {
        "lines": held.rows,
        "member_months": held.member_months,
        "truncated_amount": str(dollars(held.truncated_cents)),
        "performance_member_months": held.performance_months,
        "fee_amount": str(dollars(fee_cents(program.terms, held.performance_months, scale))),
        "sha256": file_sha256(place / DISPUTED_FILE),
    }


def _pay_for_performance(program: ProgramSettlement) -> Json:
    if program.p4p is None:
        return None
    return {
        "source": "reported" if program.computed is None else "computed",
        "score": _text(program.row.p4p_score),
        "weight_scored": _text(program.row.p4p_weight_scored),
        "measure_year": program.computed.year if program.computed else None,
        "measures": [_measure(line) for line in program.computed.lines] if program.computed else [],
        "pool_amount": str(dollars(program.p4p.pool_cents)),
        "payout_share": str(rounded(program.p4p.payout_share, 6)),
        "payment_amount": str(dollars(program.p4p.payment_cents)),
        "failed_reasons": list(program.p4p.failed_reasons),
    }


def _measure(line: MeasurePoints) -> Json:
    """One scored measure; counts are left out: a statement is read by people who see no members."""
    return {
        "measure": line.measure,
        "name": line.name,
        "weight": str(line.terms.weight),
        "rate": _share(line.counts, line.points is not None),
        "base_rate": _share(line.base_counts, line.points is not None),
        "threshold": _fraction(line.threshold),
        "benchmark": _fraction(line.benchmark),
        "points": None if line.points is None else str(rounded(line.points, 4)),
    }


def _share(counts: tuple[int, int], is_scored: bool) -> Json:
    """A scored measure's rate; one that counts 1 to 10 people, or all but so few, is not told."""
    numerator, denominator = counts
    if not is_scored or not denominator or hides_proportion(numerator, denominator):
        return None
    if is_small(numerator) or is_small(denominator):
        return None
    return str(rounded(Fraction(numerator, denominator), 6))


def _fraction(value: Fraction | None) -> Json:
    return None if value is None else str(rounded(value, 6))


def _share_out(
    warehouse: duckdb.DuckDBPyConnection, program: ProgramSettlement, place: Path
) -> Json:
    """The group's payments to its clinicians by panel and, where agreed, a part by quality too."""
    if program.terms.share_out is None:
        return None
    terms = program.terms
    months = read_clinician_months(warehouse, place / PANELS_FILE)
    total = program.settlement.payment_cents + (program.p4p.payment_cents if program.p4p else 0)
    by_quality = whole_cents(total * Fraction(terms.share_out_quality))
    indexes: Mapping[str, Fraction] = {}
    whole: Fraction | None = None
    if terms.share_out_quality:
        indexes, whole = read_clinician_indexes(warehouse, terms)
    parts = shared_by_quality(total - by_quality, by_quality, months, indexes, whole)
    lines = [
        f"{npi},{months[npi]},{_fraction(indexes.get(npi, whole)) or ''},{dollars(cents)}\n"
        for npi, cents in sorted(parts.items())
    ]
    path = place / CLINICIANS_FILE
    header = "npi,member_months,quality_index,amount\n"
    path.write_text("".join([header, *lines]), encoding="utf-8")
    path.chmod(0o600)
    return {
        "rule": terms.share_out,
        "quality_share": str(terms.share_out_quality),
        "clinicians": len(parts),
        "amount": str(dollars(sum(parts.values()))),
        "by_panel_amount": str(dollars(total - by_quality)) if parts else "0.00",
        "by_quality_amount": str(dollars(by_quality)) if parts else "0.00",
        "sha256": file_sha256(path),
    }


def _text(value: object) -> Json:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 10)
    return str(value)
