"""Small cells: which counts must not be shown, so that none of 1 to 10 people can be derived.

METHODS K.3. Pure functions over counts and the totals that readers know. Which columns of which
table are counts does not belong here (`marts.py`), nor does reading or writing tables.

What a reader is taken to know: every shown cell, every shown total, that 0 is always shown (so a
hidden cell is at least 1), and that counts are whole. A hidden set is safe in a total when it has
two cells or more, sums to at least `SUPPRESS_BELOW`, and is not all ones; where cells lie in more
than one total, the possible range of each is solved for and must hold more than one value.
Not covered: differences between two generations or two snapshot months (K.3 rule 4 asks for fixed
periods, which both are), and what readers know from outside the publication.
"""

import math
from collections import defaultdict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

SUPPRESS_BELOW = 11
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Total:
    """Cells (by position) whose sum is known: shown in cell `shown_in`, or elsewhere if None."""

    parts: tuple[int, ...]
    shown_in: int | None = None
    is_implied: bool = False
    """True for the sum of other totals in the list: it adds nothing a reader could solve for."""


@dataclass(frozen=True)
class Suppression:
    """Positions to blank, and the totals in which no blanking can protect (none in practice)."""

    hidden: frozenset[int]
    unprotected: tuple[Total, ...] = ()


def is_small(count: int | None) -> bool:
    """True for counts of 1 to 10 people; 0 may be shown."""
    return count is not None and 0 < count < SUPPRESS_BELOW


def hides_proportion(numerator: int | None, denominator: int | None) -> bool:
    """True where two counts give away 1 to 10 people, in the first or in their difference."""
    if numerator is None or denominator is None:
        return False
    return is_small(numerator) or is_small(abs(denominator - numerator))


def suppress(
    counts: Sequence[int | None],
    totals: Sequence[Total],
    also_hidden: Collection[int] = (),
    visible: Collection[int] = (),
) -> Suppression:
    """Blank small cells, then as many of the next smallest as it takes (METHODS K.3, steps 1-2).

    `counts` are the cells, None where nothing is published. `also_hidden` are cells hidden for
    another reason (a complement). `visible` cells are never chosen as complements. Deterministic:
    ties go to the earlier cell. Primary cells are always hidden, whatever else fails.
    """
    hidden = {at for at, count in enumerate(counts) if is_small(count)}
    hidden.update(at for at in also_hidden if counts[at])
    fixed = frozenset(visible)
    of_cell: dict[int, list[int]] = defaultdict(list)
    for number, total in enumerate(totals):
        for at in _cells(total):
            of_cell[at].append(number)
    unprotected: set[int] = set()
    while True:
        _protect_each_total(counts, totals, of_cell, hidden, fixed, unprotected)
        pinned = _first_pinned(counts, totals, of_cell, hidden, unprotected)
        if pinned is None:
            break
        numbers = [number for number in of_cell[pinned] if number not in unprotected]
        candidates = {
            at for number in numbers for at in _cells(totals[number]) if counts[at]
        } - hidden
        if candidates - fixed:
            hidden.add(min(candidates - fixed, key=lambda at: (counts[at] or 0, at)))
        else:
            unprotected.update(numbers)
    return Suppression(frozenset(hidden), tuple(totals[number] for number in sorted(unprotected)))


def _cells(total: Total) -> tuple[int, ...]:
    return total.parts if total.shown_in is None else (*total.parts, total.shown_in)


def _protect_each_total(
    counts: Sequence[int | None],
    totals: Sequence[Total],
    of_cell: dict[int, list[int]],
    hidden: set[int],
    fixed: frozenset[int],
    unprotected: set[int],
) -> None:
    """Step 2 for each total by itself, until no total asks for another hidden cell."""
    waiting = deque(sorted({number for at in hidden for number in of_cell[at]}))
    while waiting:
        number = waiting.popleft()
        total = totals[number]
        while not _is_safe(counts, total, hidden):
            shown = [at for at in _cells(total) if counts[at] and at not in hidden | fixed]
            # The total itself is the last resort: blanking it costs a reader most.
            shown.sort(key=lambda at: (at == total.shown_in, counts[at] or 0, at))
            if not shown:
                # All cells hidden and a sum below 11: the total is a small count itself, hidden
                # wherever it is shown, so nothing can be derived from it.
                if sum(counts[at] or 0 for at in total.parts) >= SUPPRESS_BELOW and not (
                    _is_safe(counts, total, hidden, strict=False)
                ):
                    unprotected.add(number)
                break
            hidden.add(shown[0])
            waiting.extend(other for other in of_cell[shown[0]] if other != number)


def _is_safe(
    counts: Sequence[int | None], total: Total, hidden: set[int], strict: bool = True
) -> bool:
    """True if the total pins none of its hidden cells; `strict` also if all were at most 10."""
    values = [counts[at] or 0 for at in total.parts if at in hidden]
    if total.shown_in is not None and total.shown_in in hidden:
        # Total and parts all hidden leaves nothing to derive from; total and no part, everything.
        return bool(values)
    if not values:
        return True
    several = len(values) >= 2 and sum(values) >= SUPPRESS_BELOW and sum(values) > len(values)
    all_tens = all(value == SUPPRESS_BELOW - 1 for value in values)
    return several and not (strict and all_tens)


def _first_pinned(
    counts: Sequence[int | None],
    totals: Sequence[Total],
    of_cell: dict[int, list[int]],
    hidden: set[int],
    unprotected: set[int],
) -> int | None:
    """The first hidden cell that the totals together pin to one value, or None.

    Cells in one total only are settled by that total; the rest are solved for, one connected
    group at a time.
    """
    seen: set[int] = set()
    for start in sorted(hidden):
        if start in seen:
            continue
        cells, numbers = _connected(start, totals, of_cell, hidden)
        seen.update(cells)
        # A small total that all its parts hide behind is not known to the reader.
        known = [
            number
            for number in numbers
            if number not in unprotected
            and (
                totals[number].shown_in is not None
                or sum(counts[at] or 0 for at in totals[number].parts) >= SUPPRESS_BELOW
            )
        ]
        if all(len(set(known).intersection(of_cell[at])) < 2 for at in cells):
            continue
        for at, least, most in possible_ranges(counts, [totals[n] for n in known], cells):
            if most - least < 1 - _TOLERANCE:
                return at
    return None


def _connected(
    start: int, totals: Sequence[Total], of_cell: dict[int, list[int]], hidden: set[int]
) -> tuple[list[int], list[int]]:
    cells, numbers, waiting = {start}, set(), [start]
    while waiting:
        for number in of_cell[waiting.pop()]:
            if number in numbers or totals[number].is_implied:
                continue
            numbers.add(number)
            new = {at for at in _cells(totals[number]) if at in hidden} - cells
            cells |= new
            waiting.extend(new)
    return sorted(cells), sorted(numbers)


def possible_ranges(
    counts: Sequence[int | None], totals: Sequence[Total], hidden: Sequence[int]
) -> list[tuple[int, float, float]]:
    """What a reader can work out: for each hidden cell in these totals its least and most value.

    Solves the shown totals as linear equations over cells of at least 1.
    """
    import numpy as np
    from scipy.optimize import linprog

    position = {at: column for column, at in enumerate(hidden)}
    rows: list[list[float]] = []
    known: list[float] = []
    for total in totals:
        row = [0.0] * len(hidden)
        constant = 0
        for at in total.parts:
            if at in position:
                row[position[at]] += 1
                constant += counts[at] or 0
        if total.shown_in is not None and total.shown_in in position:
            row[position[total.shown_in]] -= 1
            constant -= counts[total.shown_in] or 0
        if any(row):
            rows.append(row)
            known.append(float(constant))
    ranges: list[tuple[int, float, float]] = []
    involved = np.abs(np.array(rows)).sum(axis=0) if rows else np.zeros(len(hidden))
    for at, column in position.items():
        if not involved[column]:
            continue
        ends: list[float] = []
        for sign in (1.0, -1.0):
            goal = np.zeros(len(hidden))
            goal[column] = sign
            solved = linprog(goal, A_eq=np.array(rows), b_eq=known, bounds=(1, None))
            end = solved.fun if solved.status == 0 and solved.fun is not None else -math.inf
            ends.append(sign * float(end))
        ranges.append((at, ends[0], ends[1]))
    return ranges
