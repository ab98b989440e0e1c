"""Takes the programs' terms into the ledger, so that a replay sees the agreements of its day.

Each agreement in `data/programs/*.yml` is a delivery of the source `programs`: delivered on the day
it was agreed, never changed afterwards. What terms mean does not belong here (`programs.py`).
"""

import hashlib
import time
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import ConfigurationError, Problem
from orchestration.ingest import ledger
from orchestration.ingest.intake import FeedIntake, Outcome, Progress
from orchestration.ingest.ledger import PROGRAM_TERMS, Entry
from orchestration.programs import Program, Terms, load_programs
from orchestration.settings import Settings

SOURCE = "programs"

_SCHEMA = pa.schema(
    [
        ("program_id", pa.string()),
        ("payer", pa.string()),
        ("program_name", pa.string()),
        ("bonus_label", pa.string()),
        ("market_area_id", pa.string()),
        ("market_state", pa.string()),
        ("market_zip3", pa.string()),
        ("effective_date", pa.date32()),
        ("products", pa.string()),
        ("baseline_start_date", pa.date32()),
        ("baseline_end_date", pa.date32()),
        ("performance_start_date", pa.date32()),
        ("performance_end_date", pa.date32()),
        ("expected_members", pa.int32()),
        ("expected_clinicians", pa.int32()),
        ("care_guide_conditions", pa.string()),
        ("lookback_months", pa.int32()),
        ("plurality_metric", pa.string()),
        ("plurality_scope", pa.string()),
        ("min_member_months", pa.int32()),
        ("outcome_min_member_months", pa.int32()),
        ("selection_binding", pa.bool_()),
        ("rx_fallback", pa.bool_()),
        ("rx_min_fills", pa.int32()),
        ("roster_basis", pa.string()),
        ("credit_follows", pa.string()),
        ("np_pa_rule", pa.string()),
        ("obgyn_as_pcp", pa.bool_()),
        ("attribution_include_99211", pa.bool_()),
        ("attribution_pos_exclude", pa.string()),
        ("switch_margin", pa.int32()),
        ("incumbent_wins_tie", pa.bool_()),
        ("grace_months", pa.int32()),
        ("outcome_lag_months", pa.int32()),
        ("member_month_rule", pa.string()),
        ("truncation_amount", pa.decimal128(18, 2)),
        ("include_rx", pa.bool_()),
        ("ed_include_0456", pa.bool_()),
        ("ed_one_per_day", pa.bool_()),
        ("ed_obs_counts", pa.bool_()),
        ("pos23_only_creates_visit", pa.bool_()),
        ("adjustment_suffix_regex", pa.string()),
        ("partners", pa.string()),
        ("terms_json", pa.string()),
        ("source_id", pa.string()),
        ("delivery_id", pa.string()),
        ("row_number", pa.int64()),
    ]
)


def take_program_terms(settings: Settings, progress: Progress | None = None) -> FeedIntake:
    """Enter every agreement that the ledger does not have yet.

    Raises `ConfigurationError` for unusable program files, and for an agreement that was changed
    after it entered the ledger without a new version.
    """
    programs = load_programs(settings)
    outcomes = []
    with ledger.feed_workplace(settings, PROGRAM_TERMS) as workplace:
        _write_schema(settings, workplace)
        known = {
            (entry.period, entry.delivered_on, entry.version): entry
            for entry in ledger.read_entries(settings, PROGRAM_TERMS)
        }
        changed = [
            _changed(settings, program, terms)
            for program in programs
            for terms in program.terms
            if _is_changed(program, terms, known.get(_place(program, terms)))
        ]
        if changed:
            raise ConfigurationError(changed)
        for program in programs:
            for terms in program.terms:
                if _place(program, terms) not in known:
                    outcomes.append(_enter(settings, program, terms, workplace))
                    if progress:
                        progress(outcomes[-1])
    entries = ledger.read_entries(settings, PROGRAM_TERMS)
    return FeedIntake(PROGRAM_TERMS, tuple(outcomes), (), (), entries)


def _place(program: Program, terms: Terms) -> tuple[str, date, int]:
    return program.program_id, terms.agreed_on, terms.version


def _as_agreed(program: Program, terms: Terms) -> Program:
    """The program as it stood with this agreement: without those that came later."""
    upto = program.terms[: program.terms.index(terms) + 1]
    return program.model_copy(update={"terms": upto})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_changed(program: Program, terms: Terms, known: Entry | None) -> bool:
    """Old agreements must keep their terms; the newest one its facts as well."""
    if known is None:
        return False
    if terms == program.terms[-1]:
        return known.sha256 != _digest(_as_agreed(program, terms).model_dump_json())
    return known.judged_by != _digest(terms.model_dump_json())


def _changed(settings: Settings, program: Program, terms: Terms) -> Problem:
    return Problem(
        settings.programs_dir / f"{program.program_id}.yml",
        f"terms.{program.terms.index(terms)}",
        f"agreed_on {terms.agreed_on}, version {terms.version}, with other content than the "
        "ledger keeps",
        f"Agreements are kept for ever: raise its version to {terms.version + 1}, or add an "
        "agreement with a later agreed_on.",
    )


def _enter(settings: Settings, program: Program, terms: Terms, workplace: Path) -> Outcome:
    started = time.monotonic()
    content = _as_agreed(program, terms).model_dump_json()
    sha256 = _digest(content)
    stamp = f"{terms.agreed_on}.{terms.version}"
    entry = Entry(
        delivery_id=ledger.delivery_id_of(SOURCE, PROGRAM_TERMS, program.program_id, stamp, sha256),
        source_id=SOURCE,
        payer=program.payer,
        feed=PROGRAM_TERMS,
        period=program.program_id,
        part="",
        version=terms.version,
        file_name=f"{program.program_id}.yml",
        sha256=sha256,
        judged_by=_digest(terms.model_dump_json()),
        delivered_on=terms.agreed_on,
        status="loaded",
        mode="period",
        row_count=1,
        loaded_count=1,
    )
    row = _row(program, terms, content) | {
        "source_id": SOURCE,
        "delivery_id": entry.delivery_id,
        "row_number": 1,
    }
    temporary = workplace / f"{entry.delivery_id}.parquet"
    pq.write_table(pa.Table.from_pylist([row], schema=_SCHEMA), temporary)
    ledger.place(temporary, ledger.rows_path(settings, entry))
    ledger.write_entry(settings, entry)
    return Outcome(entry, "loaded", time.monotonic() - started)


def _row(program: Program, terms: Terms, content: str) -> dict[str, object]:
    facts, claims, attribution = program.facts, terms.claims, terms.attribution
    guides = facts.care_guides.all_conditions() if facts.care_guides else ()
    return {
        "program_id": program.program_id,
        "payer": program.payer,
        "program_name": program.name,
        "bonus_label": facts.bonus.label,
        "market_area_id": facts.market.area_id,
        "market_state": facts.market.state,
        "market_zip3": _listed(facts.market.zip3),
        "effective_date": facts.effective.date,
        "products": _listed(terms.products),
        "baseline_start_date": terms.baseline.start_date,
        "baseline_end_date": terms.baseline.end_date,
        "performance_start_date": terms.performance.start_date,
        "performance_end_date": terms.performance.end_date,
        "expected_members": facts.members.count,
        "expected_clinicians": facts.clinicians.count,
        "care_guide_conditions": _listed(guides),
        "lookback_months": attribution.lookback_months,
        "plurality_metric": attribution.plurality_metric,
        "plurality_scope": attribution.plurality_scope,
        "min_member_months": attribution.min_mm.care_coordination,
        "outcome_min_member_months": attribution.min_mm.outcomes,
        "selection_binding": attribution.selection_binding,
        "rx_fallback": attribution.rx_fallback,
        "rx_min_fills": attribution.rx_min_fills,
        "roster_basis": attribution.roster_basis,
        "credit_follows": attribution.credit_follows,
        "np_pa_rule": attribution.np_pa_rule,
        "obgyn_as_pcp": attribution.obgyn_as_pcp,
        "attribution_include_99211": attribution.attribution_include_99211,
        "attribution_pos_exclude": _listed(attribution.attribution_pos_exclude),
        "switch_margin": attribution.switch_margin,
        "incumbent_wins_tie": attribution.incumbent_wins_tie,
        "grace_months": attribution.grace_months,
        "outcome_lag_months": attribution.outcome_lag_months,
        "member_month_rule": claims.mm_rule,
        "truncation_amount": claims.truncation,
        "include_rx": claims.include_rx,
        "ed_include_0456": claims.ed_include_0456,
        "ed_one_per_day": claims.ed_one_per_day,
        "ed_obs_counts": claims.ed_obs_counts,
        "pos23_only_creates_visit": claims.pos23_only_creates_visit,
        "adjustment_suffix_regex": claims.adjustment_suffix_regex,
        "partners": _listed(facts.panel_partners()),
        "terms_json": content,
    }


def _listed(values: tuple[str, ...]) -> str:
    """A list as `,one,two,`, so that both engines find a member by its commas; '' when empty."""
    return f",{','.join(values)}," if values else ""


def _write_schema(settings: Settings, workplace: Path) -> None:
    temporary = workplace / "empty.parquet"
    pq.write_table(_SCHEMA.empty_table(), temporary)
    ledger.place(temporary, settings.ledger_dir / PROGRAM_TERMS / "_schema" / "_" / "empty.parquet")
