"""Spoils true claims and fills the way real extracts are spoiled, and counts what it did.

The true final state never changes: a replaced claim's last version is the true one, a voided
claim is an extra one that cancels itself.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.claims import NO_REFERENCE, Claims, Lines, join, take
from orchestration.simulator.config import (
    LAST_PAID_DAY,
    PAYMENT_MONTHS,
    SimulationConfig,
)
from orchestration.simulator.pharmacy import Fills
from orchestration.simulator.population import MONTH_STARTS, Population

Numbers = NDArray[np.int64]

RESTATED_PERIOD = 32  # 2025-09: first sent without some claims, then again in full
LATE_DAYS = 150
WITHIN_DELIVERY, ACROSS_DELIVERIES = 1, 2
# Why a row is rejected, and the contract column at fault.
MEDICAL_FAULTS = (
    ("bad_date", "from_date"),
    ("bad_amount", "allowed_amount"),
    ("missing_required", "person_id"),
    ("service_after_delivery", "from_date"),
    ("paid_before_service", "paid_date"),
    ("scientific_notation", "claim_id"),
)


@dataclass(frozen=True)
class BadRow:
    """One row that intake must reject: the texts put in place of clean ones, and why."""

    row: int
    reason: str
    column: str
    texts: dict[str, str]


@dataclass
class MedicalFiles:
    """All medical rows to write, as positions in `lines`, with their file and their faults."""

    claims: Claims
    lines: Lines
    row_line: Numbers
    row_period: NDArray[np.int8]
    row_repeats: NDArray[np.int8]
    row_is_missing_in_first_version: NDArray[np.bool_]
    bad: dict[int, BadRow]
    counts: dict[str, int] = field(default_factory=dict)


@dataclass
class PharmacyFiles:
    """All pharmacy rows to write, as positions in `fills`, with their file and their faults."""

    fills: Fills
    row_fill: Numbers
    row_period: NDArray[np.int8]
    row_repeats: NDArray[np.int8]
    bad: dict[int, BadRow]
    counts: dict[str, int] = field(default_factory=dict)


def month_of(day: NDArray[np.int32]) -> NDArray[np.int8]:
    """File month of a paid day."""
    return (np.searchsorted(MONTH_STARTS, day, side="right") - 1).astype(np.int8)


def _clone(
    claims: Claims, lines: Lines, starts: Numbers, ends: Numbers, chosen: Numbers, first: int
) -> tuple[Claims, Lines]:
    """Copies of claims with their lines; the copies are numbered from `first` on."""
    sizes = ends[chosen] - starts[chosen]
    owner = np.repeat(np.arange(len(chosen)), sizes)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    copied = take(lines, starts[chosen][owner] + offset)
    copied.claim = (first + owner).astype(np.int32)
    return take(claims, chosen), copied


def spoil_claims(
    config: SimulationConfig,
    people: Population,
    claims: Claims,
    lines: Lines,
    rng: np.random.Generator,
) -> MedicalFiles:
    """Add adjustments, duplicates and bad rows; `claims` and `lines` are the true final ones."""
    mess = config.mess
    total = len(claims)
    sizes = np.bincount(lines.claim, minlength=total)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    claims.file_period = month_of(claims.paid_day)
    late = int((claims.paid_day - claims.thru_day > LATE_DAYS).sum())

    draw = rng.random(total)
    may_change = (claims.frequency == 1) & (claims.paid_day + 70 <= LAST_PAID_DAY)
    is_stay = claims.has_stay_dates & may_change
    edge = np.cumsum(
        [
            mess.replaced_claims,
            mess.replaced_without_reversal,
            mess.voided_claims,
            mess.orphan_voids,
        ]
    )
    replaced = np.flatnonzero(may_change & (draw < edge[0]))
    unreversed = np.flatnonzero(may_change & (draw >= edge[0]) & (draw < edge[1]))
    voided = np.flatnonzero(may_change & ~is_stay & (draw >= edge[1]) & (draw < edge[2]))
    stays = np.flatnonzero(is_stay & (draw >= edge[3]) & (draw < edge[3] + mess.voided_stays))
    orphans = np.flatnonzero(may_change & (draw >= edge[2]) & (draw < edge[3]))

    claim_parts, line_parts = [claims], [lines]
    size = total

    def put(chosen: Numbers) -> tuple[Claims, Lines, Numbers]:
        nonlocal size
        copied, copied_lines = _clone(claims, lines, starts, ends, chosen, size)
        copied.is_final = np.zeros(len(chosen), dtype=bool)
        positions = np.arange(size, size + len(chosen))
        size += len(chosen)
        claim_parts.append(copied)
        line_parts.append(copied_lines)
        return copied, copied_lines, positions

    def void(
        original: Claims, original_lines: Lines, target: Numbers, paid: NDArray[np.int32]
    ) -> Claims:
        nonlocal size
        copied = take(original, np.arange(len(original)))
        copied_lines = take(original_lines, np.arange(len(original_lines)))
        copied_lines.claim = (
            copied_lines.claim - target[0] + size if len(target) else copied_lines.claim
        ).astype(np.int32)
        copied.frequency = np.full(len(original), 8, dtype=np.uint8)
        copied.is_reversal = np.ones(len(original), dtype=bool)
        copied.reference = target.astype(np.int32)
        copied.paid_day = paid.astype(np.int32)
        copied.file_period = month_of(copied.paid_day)
        size += len(original)
        claim_parts.append(copied)
        line_parts.append(copied_lines)
        return copied

    out_of_order = 0

    def delay(original: Claims, adjustment: Claims) -> None:
        """Deliver a few originals one month after the reversal that names them."""
        nonlocal out_of_order
        late_file = (rng.random(len(original)) < mess.out_of_order) & (
            adjustment.file_period < PAYMENT_MONTHS - 1
        )
        original.file_period = np.where(
            late_file, adjustment.file_period + 1, original.file_period
        ).astype(np.int8)
        out_of_order += int(late_file.sum())

    # Replaced claims: the true version becomes the last one, paid 15 to 60 days later.
    for chosen, with_void in ((replaced, True), (unreversed, False)):
        original, original_lines, positions = put(chosen)
        shift = np.repeat(rng.uniform(0.7, 1.45, len(chosen)), ends[chosen] - starts[chosen])
        original_lines.cents = np.maximum(original_lines.cents * shift, 1).astype(np.int32)
        claims.paid_day[chosen] += rng.integers(15, 61, len(chosen)).astype(np.int32)
        claims.file_period[chosen] = month_of(claims.paid_day[chosen])
        claims.frequency[chosen] = 7
        claims.reference[chosen] = positions
        if with_void:
            reversal = void(original, original_lines, positions, claims.paid_day[chosen])
            delay(original, reversal)

    # Voided claims: extra services that never happened, taken back later.
    phantom_ed_claims = 0
    for chosen in (voided, stays):
        original, original_lines, positions = put(chosen)
        back = rng.integers(0, 26, len(chosen))
        first_day = np.maximum(original.from_day - back, people.start_day[original.person])
        move = np.maximum(original.from_day - first_day, 0)
        original.from_day = (original.from_day - move).astype(np.int32)
        original.thru_day = (original.thru_day - move).astype(np.int32)
        phantom_ed_claims += int(original.is_ed.sum())
        paid = (original.paid_day + rng.integers(10, 61, len(chosen))).astype(np.int32)
        delay(original, void(original, original_lines, positions, paid))

    # Orphan voids: the claim they name was never sent. Their target is numbered after the end.
    copied, copied_lines, _ = put(orphans)
    copied.frequency = np.full(len(orphans), 8, dtype=np.uint8)
    copied.is_reversal = np.ones(len(orphans), dtype=bool)
    bad_each = max(1, round(len(lines) * mess.rejected_per_kind))
    # Not in the restated month, whose two versions would be judged by two delivery dates.
    spoilable = np.flatnonzero(may_change & (claims.file_period != RESTATED_PERIOD))
    chosen_bad = rng.choice(spoilable, bad_each * len(MEDICAL_FAULTS), replace=False)
    bad_claims, bad_lines, bad_positions = put(chosen_bad)
    bad_claims.frequency = np.ones(len(chosen_bad), dtype=np.uint8)
    bad_claims.reference = np.full(len(chosen_bad), NO_REFERENCE, dtype=np.int32)
    bad_lines_first = np.searchsorted(bad_lines.claim, bad_positions)
    line_parts[-1] = take(bad_lines, bad_lines_first)
    copied.reference = (size + np.arange(len(orphans))).astype(np.int32)
    claims, lines = join(claim_parts), join(line_parts)

    row_line = np.arange(len(lines))
    row_period = claims.file_period[lines.claim]
    bad_rows_first = len(lines) - len(chosen_bad)
    bad: dict[int, BadRow] = {}
    for number in range(len(chosen_bad)):
        reason, column = MEDICAL_FAULTS[number % len(MEDICAL_FAULTS)]
        claim = int(bad_positions[number])
        period = int(row_period[bad_rows_first + number])
        texts = _fault_texts(reason, int(claims.from_day[claim]), period, number)
        bad[bad_rows_first + number] = BadRow(bad_rows_first + number, reason, column, texts)
    duplicates = rng.choice(
        bad_rows_first, round(bad_rows_first * mess.duplicate_rows), replace=False
    )
    across = rng.choice(
        bad_rows_first, round(bad_rows_first * mess.duplicate_rows_across), replace=False
    )
    across = across[row_period[across] < PAYMENT_MONTHS - 1]
    counts = {
        "replaced_claims": len(replaced),
        "replaced_without_reversal": len(unreversed),
        "voided_claims": len(voided) + len(stays),
        "voided_inpatient_stays": len(stays),
        "reversals": len(replaced) + len(voided) + len(stays) + len(orphans),
        "orphan_voids": len(orphans),
        "orphan_void_lines": len(copied_lines),
        "out_of_order_originals": out_of_order,
        "late_claims": late,
        "duplicate_rows_within_delivery": len(duplicates),
        "duplicate_rows_across_deliveries": len(across),
        "rejected_rows": len(bad),
        "unknown_npi_lines": int((claims.rendering[lines.claim[:bad_rows_first]] < -1).sum()),
        "voided_ed_claims": phantom_ed_claims,
    }
    all_lines = np.concatenate((row_line, duplicates, across))
    all_periods = np.concatenate((row_period, row_period[duplicates], row_period[across] + 1))
    repeats = np.zeros(len(all_lines), dtype=np.int8)
    repeats[len(row_line) :] = WITHIN_DELIVERY
    repeats[len(row_line) + len(duplicates) :] = ACROSS_DELIVERIES
    missing_claim = (claims.file_period == RESTATED_PERIOD) & (rng.random(size) < 0.005)
    missing = missing_claim[lines.claim[all_lines]] & (all_periods == RESTATED_PERIOD)
    return MedicalFiles(
        claims, lines, all_lines, all_periods.astype(np.int8), repeats, missing, bad, counts
    )


def _day_text(day: int) -> str:
    return str(np.datetime64("2023-01-01") + np.timedelta64(day, "D")).replace("-", "")


def _fault_texts(reason: str, day: int, period: int, number: int) -> dict[str, str]:
    """What the sender writes in a row that intake must reject for `reason`."""
    after = _day_text(int(MONTH_STARTS[period + 1]) + 9 + 10)
    texts: dict[str, dict[str, str]] = {
        "bad_date": {"SVC_FROM_DT": ("20240231", "20241301")[number % 2]},
        "bad_amount": {"ALLOW_AMT": "12.3.4"},
        "missing_required": {"MBR_ID": ""},
        "service_after_delivery": {"SVC_FROM_DT": after, "SVC_THRU_DT": after, "CHK_DT": after},
        "paid_before_service": {"CHK_DT": _day_text(day - 5)},
        "scientific_notation": {"CLM_ID": f"2.3{number % 1000:03d}E+11"},
    }
    return texts[reason]


def spoil_fills(
    config: SimulationConfig, people: Population, fills: Fills, rng: np.random.Generator
) -> PharmacyFiles:
    """Add reversed fills, duplicates and bad rows to the true fills."""
    mess = config.mess
    total = len(fills)
    names = list(vars(fills))
    reversed_of = np.flatnonzero(rng.random(total) < mess.reversed_fills)
    bad_each = max(1, round(total * mess.rejected_per_kind))
    bad_of = rng.choice(total, bad_each * 2, replace=False)

    def copies(chosen: Numbers, first: int) -> Fills:
        copied = Fills(**{name: getattr(fills, name)[chosen] for name in names})
        copied.is_final = np.zeros(len(chosen), dtype=bool)
        copied.number = first + np.arange(len(chosen))
        return copied

    phantom = copies(reversed_of, total)
    back = np.minimum(
        rng.integers(0, 20, len(reversed_of)), phantom.day - people.start_day[phantom.person]
    )
    phantom.day = (phantom.day - np.maximum(back, 0)).astype(np.int32)
    phantom.paid_day = np.maximum(phantom.day, phantom.paid_day - back).astype(np.int32)
    undone = Fills(**{name: getattr(phantom, name).copy() for name in names})
    undone.is_reversal = np.ones(len(undone), dtype=bool)
    undone.paid_day = np.minimum(
        phantom.paid_day + rng.integers(1, 25, len(undone)), LAST_PAID_DAY
    ).astype(np.int32)
    bad_fills = copies(bad_of, total + len(reversed_of))
    parts = (fills, phantom, undone, bad_fills)
    every = Fills(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})
    every.file_period = month_of(every.paid_day)
    clean = len(every) - len(bad_of)
    bad = {
        clean + number: (
            BadRow(clean + number, "bad_ndc", "ndc_code", {"NDC_11": "0009310480"})
            if number % 2
            else BadRow(clean + number, "bad_quantity", "quantity", {"QTY_DISP": "1e3"})
        )
        for number in range(len(bad_of))
    }
    duplicates = rng.choice(clean, round(clean * mess.duplicate_rows), replace=False)
    across = rng.choice(clean, round(clean * mess.duplicate_rows_across), replace=False)
    across = across[every.file_period[across] < PAYMENT_MONTHS - 1]
    row_fill = np.concatenate((np.arange(len(every)), duplicates, across))
    row_period = np.concatenate(
        (every.file_period, every.file_period[duplicates], every.file_period[across] + 1)
    )
    repeats = np.zeros(len(row_fill), dtype=np.int8)
    repeats[len(every) :] = WITHIN_DELIVERY
    repeats[len(every) + len(duplicates) :] = ACROSS_DELIVERIES
    counts = {
        "reversed_fills": len(reversed_of),
        "duplicate_rows_within_delivery": len(duplicates),
        "duplicate_rows_across_deliveries": len(across),
        "rejected_rows": len(bad),
    }
    return PharmacyFiles(every, row_fill, row_period.astype(np.int8), repeats, bad, counts)
