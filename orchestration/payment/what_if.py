"""What a program would be paid under other terms: side by side with its contract, and a tornado.

Nothing is issued or published here. Terms that decide who is in a panel, or which months count, are
built into the warehouse and cannot be tried without building it anew.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import duckdb
import yaml
from pydantic import ValidationError

from orchestration.configuration import nearest
from orchestration.errors import CareWarehouseError, ConfigurationError, Problem
from orchestration.outcomes.agreements import Agreement, RunInputs
from orchestration.pages.drawing import svg_of
from orchestration.payment.costs import load_members
from orchestration.payment.settlement import (
    Evidence,
    ProgramSettlement,
    read_evidence,
    settle_programs,
)
from orchestration.payment.statement import WaterfallStep, waterfall
from orchestration.payment.terms import SettlementTerms, settlement_terms
from orchestration.programs import P4pTerms, Terms

_STEP, _TENTH, _HALF = Decimal("0.02"), Decimal("0.10"), Decimal("0.5")
_PARTS = ("savings", "fee", "p4p")
_SINGLE_TERMS = (
    "claims.cf_min",
    "claims.cl_months",
    "claims.include_rx",
    "claims.prorate_cap",
    "claims.runout_months",
    "claims.trend_cap",
    "claims.truncation",
    "risk.risk_cap",
    "terminated_on",
)
# What only the reading of members depends on.
_MEMBER_TERMS = ("truncation", "prorate_cap", "trend_cap", "include_rx", "savings_market_basis")


@dataclass(frozen=True)
class Swing:
    """The payment with one term at one other value, all else as in the contract."""

    term: str
    value: str
    payment: Decimal


@dataclass(frozen=True)
class WhatIf:
    """A settlement by the contract, the same by other terms, and what moves the payment."""

    contract: ProgramSettlement
    changed: ProgramSettlement
    overrides: tuple[tuple[str, str], ...]
    swings: tuple[Swing, ...]


def settle_what_if(
    warehouse: duckdb.DuckDBPyConnection,
    inputs: RunInputs,
    program_id: str,
    overrides: Mapping[str, str],
    has_swings: bool = True,
) -> WhatIf:
    """Settle one program by its contract and by the overridden terms (`savings.max_rate: 0.60`).

    `has_swings` settles it once more for every single term that might move the payment.
    Raises `ConfigurationError` for a term that is unknown, cannot be tried, or has no such value,
    and `CareWarehouseError` for a program that the run does not know.
    """
    agreement = _agreement(inputs, program_id)
    terms = settlement_terms(agreement)
    changed = settlement_terms(overridden(agreement, overrides))
    settled = _Settler(warehouse, inputs)
    return WhatIf(
        contract=settled(terms),
        changed=settled(changed),
        overrides=tuple(sorted((name, str(value)) for name, value in overrides.items())),
        swings=tuple(
            Swing(name, value, settled(other).row.payment_amount)
            for name, value, other in (_alternatives(terms) if has_swings else ())
        ),
    )


def overridden(agreement: Agreement, overrides: Mapping[str, str]) -> Agreement:
    """The agreement with other terms, as if its file had said so: validated like a file."""
    known = sorted(overridable_terms())
    content = json.loads(agreement.terms.model_dump_json())
    if any(name.startswith("p4p.") for name in overrides):
        content.setdefault("p4p", {})
    problems = []
    for name, value in overrides.items():
        if name not in known:
            close = nearest(name, known)
            hint = f"Did you mean {close}? " if close else ""
            problems.append(
                Problem("what-if", name, value, f"{hint}Terms to try: {', '.join(known)}.")
            )
            continue
        *parents, last = name.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = yaml.safe_load(value) if value[:1] in ("[", "{") else value or None
    if problems:
        raise ConfigurationError(problems)
    try:
        terms = Terms.model_validate_json(json.dumps(content), strict=False)
    except ValidationError as error:
        raise ConfigurationError(
            [
                Problem(
                    "what-if",
                    ".".join(str(part) for part in found["loc"]) or "terms",
                    str(found["input"]),
                    f"{found['msg']}.",
                )
                for found in error.errors()
            ]
        ) from error
    if len(terms.savings.base_weights) != len(agreement.terms.savings.base_weights):
        fix = "Other base years must be built: change the program file and run the night."
        raise ConfigurationError(
            [Problem("what-if", "savings.base_weights", str(terms.savings.base_weights), fix)]
        )
    return Agreement(agreement.program, terms)


def overridable_terms() -> Iterator[str]:
    """Every term that a what-if may change, as a program file names it."""
    yield from _SINGLE_TERMS
    for part in _PARTS:
        model = P4pTerms if part == "p4p" else Terms.model_fields[part].annotation
        for name in model.model_fields:  # type: ignore[union-attr]
            yield f"{part}.{name}"


def comparison_table(what_if: WhatIf) -> str:
    """Contract and what-if as a Markdown table: the waterfall's steps, then what is paid."""
    contract, changed = what_if.contract, what_if.changed
    changes = ", ".join(f"`{name}` = {value}" for name, value in what_if.overrides) or "nothing"
    lines = [
        f"**{contract.terms.program_name}**, changed: {changes}",
        "",
        "| | contract | what-if | difference |",
        "|---|---:|---:|---:|",
    ]
    before, after = _by_step(waterfall(contract)), _by_step(waterfall(changed))
    for step in (*before, *(name for name in after if name not in before)):
        label = (before.get(step) or after[step]).label
        lines.append(_line(label, _shown(before.get(step)), _shown(after.get(step))))
    for label, name in (
        ("Owed by the group", "loss_amount"),
        ("Pay for performance", "p4p_payment_amount"),
        ("Coordination fee", "fee_amount"),
    ):
        lines.append(_line(label, getattr(contract.row, name), getattr(changed.row, name)))
    for label, row in (("contract", contract.row), ("what-if", changed.row)):
        verdict = "eligible" if row.is_eligible else row.failed_reasons.replace(",", ", ")
        lines += ["", f"{label}: {verdict}"]
    return "\n".join(lines)


def tornado(what_if: WhatIf) -> bytes:
    """SVG: how far each single term moves the payment from the contract's, widest first."""
    import altair as alt

    paid = what_if.contract.row.payment_amount
    widest: dict[str, Decimal] = {}
    for swing in what_if.swings:
        widest[swing.term] = max(widest.get(swing.term, Decimal(0)), abs(swing.payment - paid))
    order = sorted(widest, key=lambda term: (-widest[term], term))
    data = alt.InlineData(
        [
            {
                "term": swing.term.replace("_", " "),
                "start": float(paid),
                "end": float(swing.payment),
                "value": swing.value,
                "tone": "more" if swing.payment > paid else "less",
            }
            for swing in what_if.swings
            if swing.payment != paid
        ]
    )
    y = alt.Y("term:N", sort=[term.replace("_", " ") for term in order], title=None)
    base = alt.Chart(data)
    bars = base.mark_bar(size=16, cornerRadius=2).encode(
        x=alt.X("start:Q", title="payment, dollars", axis=alt.Axis(format="$.3~s")),
        x2="end:Q",
        y=y,
        color=alt.Color(
            "tone:N",
            scale=alt.Scale(domain=["more", "less"], range=["#1b7f5c", "#b4432e"]),
            legend=None,
        ),
    )
    values = base.mark_text(align="left", dx=5, fontSize=11).encode(x="end:Q", y=y, text="value:N")
    contract = base.mark_rule(color="#1f2937").encode(x=alt.datum(float(paid)))
    told = f"contract pays ${paid:,.2f}; terms not drawn do not move it"
    return svg_of(
        alt.layer(
            bars,
            contract,
            values,
            width=520,
            height=alt.Step(28),
            title=alt.TitleParams("What moves the payment", subtitle=told, anchor="start"),
        )
    ).encode()


class _Settler:
    """Settles one program again and again, reading its members anew only where terms ask for it."""

    def __init__(self, warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs) -> None:
        self._warehouse = warehouse
        self._inputs = inputs
        self._evidence: dict[tuple[object, ...], Evidence] = {}

    def __call__(self, terms: SettlementTerms) -> ProgramSettlement:
        by_program = {terms.program_id: terms}
        is_scored = terms.p4p is not None and bool(terms.p4p.measures)
        key = (*(getattr(terms, name) for name in (*_MEMBER_TERMS, "cl_months")), is_scored)
        if key not in self._evidence:
            load_members(self._warehouse, by_program)
            self._evidence[key] = read_evidence(self._warehouse, by_program, self._inputs)
        return settle_programs(
            self._evidence[key], by_program, self._inputs.claims_through_period
        ).programs[0]


def _alternatives(terms: SettlementTerms) -> Iterator[tuple[str, str, SettlementTerms]]:
    """One term at a time: the other choices of a choice, less and more of an amount."""
    choices: Mapping[str, Sequence[object]] = {
        "benchmark_method": ("own_history", "concurrent_market"),
        "benchmark_rounding": ("cent", "none"),
        "fee_netting": ("none", "as_cost", "offset"),
        "first_dollar": (True, False),
        "msr_type": ("sliding", "fixed", "statistical"),
        "savings_market_basis": ("attributed_elsewhere", "all_others"),
        "sharing_form": ("quality_scaled", "gate_only"),
        "include_rx": (True, False),
        "prorate_cap": (True, False),
    }
    moves: Mapping[str, Callable[[Decimal], tuple[Decimal, Decimal]]] = {
        "admin_withhold": lambda value: (max(value - _STEP, Decimal(0)), value + _STEP),
        "blend": lambda value: (max(value - _HALF, Decimal(0)), min(value + _HALF, Decimal(1))),
        "cap": lambda value: (value / 2, value * 2),
        "fee_pmpm": lambda value: (max(value - 1, Decimal(0)), value + 1),
        "gate": lambda value: (max(value - _TENTH, Decimal(0)), min(value + _TENTH, Decimal(1))),
        "max_rate": lambda value: (
            max(value - _TENTH, Decimal(0)),
            min(value + _TENTH, Decimal(1)),
        ),
        "risk_cap": lambda value: (Decimal(0), value * 2),
        "truncation": lambda value: (value / 2, value * 2),
    }
    for name, values in choices.items():
        for value in values:
            if value != getattr(terms, name):
                yield name, _text(value), replace(terms, **{name: value})  # type: ignore[arg-type]
    for name, move in moves.items():
        now: Decimal = getattr(terms, name)
        for moved in move(now):
            if moved != now:
                other = replace(terms, **{name: moved})  # type: ignore[arg-type]
                yield name, _text(moved), other


def _agreement(inputs: RunInputs, program_id: str) -> Agreement:
    for agreement in inputs.agreements:
        if agreement.program_id == program_id:
            return agreement
    known = ", ".join(agreement.program_id for agreement in inputs.agreements)
    raise CareWarehouseError(f"no program {program_id!r} in this warehouse; known are {known}.")


def _by_step(steps: Sequence[WaterfallStep]) -> dict[str, WaterfallStep]:
    return {step.step: step for step in steps}


def _shown(step: WaterfallStep | None) -> Decimal | None:
    if step is None:
        return None
    cents = step.reached_cents if step.is_total else step.amount_cents
    return Decimal(cents).scaleb(-2)


def _line(label: str, before: Decimal | None, after: Decimal | None) -> str:
    difference = (after or Decimal(0)) - (before or Decimal(0))
    return f"| {label} | {_dollars(before)} | {_dollars(after)} | {_dollars(difference)} |"


def _dollars(amount: Decimal | None) -> str:
    if amount is None:
        return ""
    return f"{'−' if amount < 0 else ''}${abs(amount):,.2f}"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value).replace("_", " ")
