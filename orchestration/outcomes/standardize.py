"""Standardised rates of a panel against its market (METHODS H.3).

Cells, the rule that merges thin ones, indirect (SIR) and direct (DSR) standardisation belong here;
uncertainty does not (`interval.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from orchestration.errors import CareWarehouseError

MINIMUM_MARKET_MEMBER_MONTHS = 200 * 12
MINIMUM_MARKET_VISITS = 20
MINIMUM_PANEL_MEMBER_MONTHS = 25 * 12
TOP_CONDITION_TIER = 3

_Key = TypeVar("_Key", int, str)


class Cell(NamedTuple):
    """Age band (by its first year of age) × sex × number of conditions known before the period."""

    age_from: int
    sex: str
    condition_tier: int

    def __str__(self) -> str:
        plus = "+" if self.condition_tier == TOP_CONDITION_TIER else ""
        return f"{self.sex} from {self.age_from} with {self.condition_tier}{plus} conditions"


@dataclass(frozen=True)
class Exposure:
    """Member months and visits of one cell."""

    member_months: int
    visits: int

    def __add__(self, other: "Exposure") -> "Exposure":
        return Exposure(self.member_months + other.member_months, self.visits + other.visits)


NO_EXPOSURE = Exposure(0, 0)


@dataclass(frozen=True)
class CellGroups:
    """A partition of cells; the groups are the cells that rates are computed in."""

    groups: tuple[tuple[Cell, ...], ...]

    @property
    def group_of_cell(self) -> dict[Cell, int]:
        return {cell: number for number, group in enumerate(self.groups) for cell in group}

    @property
    def cells_collapsed(self) -> int:
        """Cells that share a rate with another cell."""
        return sum(len(group) for group in self.groups if len(group) > 1)

    @property
    def description(self) -> str:
        """Every merged group as text, in the order of the groups."""
        return "; ".join(
            " + ".join(str(cell) for cell in group) for group in self.groups if len(group) > 1
        )

    def total(self, exposures: Mapping[Cell, Exposure]) -> tuple[Exposure, ...]:
        """Exposure of each group; a cell without an entry has none."""
        return tuple(_total(group, exposures) for group in self.groups)


@dataclass(frozen=True)
class StandardizedRates:
    """A panel against its market; rates are visits per 1,000 member-years.

    Values that need a division by zero (no market, no exposure) are None.
    """

    observed_visits: int
    expected_visits: float | None
    expected_by_group: tuple[float, ...]
    panel_member_months: int
    market_member_months: int
    market_visits: int
    crude_panel_per_1000: float | None
    crude_market_per_1000: float | None
    sir: float | None
    adjusted_panel_per_1000: float | None
    direct_rate_per_1000: float | None
    direct_ratio: float | None
    direct_cells_at_market_rate: int


def first_year_of_age(age_band: str | None) -> int:
    """`6-17` → 6, `65+` → 65."""
    digits = ""
    for character in age_band or "":
        if not character.isdecimal():
            break
        digits += character
    if not digits:
        raise CareWarehouseError(
            f"age band {age_band!r} does not begin with an age. Bands look like 6-17 or 65+."
        )
    return int(digits)


def collapse_cells(
    market: Mapping[Cell, Exposure],
    cells: Iterable[Cell] = (),
    least_visits: int = MINIMUM_MARKET_VISITS,
) -> CellGroups:
    """Merge thin cells until every group's market holds 200 member-years and 20 visits (H.3).

    Within a sex and condition tier a thin cell joins its older age neighbour, the oldest its
    younger one. H.3 does not say what happens when a whole tier is thin: it joins the next milder
    tier of its sex (the mildest the next severer one) and a whole thin sex joins the next one, in
    the order U, M, F, and ages are merged afterwards. `cells` adds cells that only the panel has;
    `least_visits` are in the unit of the visits.
    The result depends on nothing but the arguments, and every cell is in exactly one group.
    """
    every_cell = sorted({*market, *cells})

    def is_enough(group: Sequence[Cell]) -> bool:
        exposure = _total(group, market)
        return (
            exposure.member_months >= MINIMUM_MARKET_MEMBER_MONTHS
            and exposure.visits >= least_visits
        )

    groups: list[tuple[Cell, ...]] = []
    for of_sex in _pool(every_cell, lambda cell: cell.sex, is_enough, True):
        for of_tier in _pool(of_sex, lambda cell: cell.condition_tier, is_enough, True):
            of_age = _pool(of_tier, lambda cell: cell.age_from, is_enough, False)
            groups.extend(tuple(sorted(group)) for group in of_age)
    return CellGroups(tuple(sorted(groups)))


def standardize(
    panel: Mapping[Cell, Exposure], market: Mapping[Cell, Exposure], groups: CellGroups
) -> StandardizedRates:
    """Indirect and direct standardisation of a panel to its market (H.3).

    A group in which the panel has fewer than 25 member-years takes the market's rate in the direct
    form and is counted in `direct_cells_at_market_rate`.
    """
    panel_groups, market_groups = groups.total(panel), groups.total(market)
    panel_total = sum(panel_groups, NO_EXPOSURE)
    market_total = sum(market_groups, NO_EXPOSURE)
    expected = tuple(
        of_panel.member_months * (of_market.visits / of_market.member_months)
        if of_market.member_months
        else 0.0
        for of_panel, of_market in zip(panel_groups, market_groups, strict=True)
    )
    has_market = market_total.member_months > 0
    expected_visits = sum(expected) if has_market else None
    sir = panel_total.visits / expected_visits if expected_visits else None
    crude_market = _per_1000(market_total)
    direct_rate: float | None = None
    at_market_rate = 0
    if has_market:
        direct_rate = 0.0
        for of_panel, of_market in zip(panel_groups, market_groups, strict=True):
            if not of_market.member_months:
                continue
            weight = of_market.member_months / market_total.member_months
            if of_panel.member_months < MINIMUM_PANEL_MEMBER_MONTHS:
                at_market_rate += 1
                direct_rate += weight * (_per_1000(of_market) or 0.0)
            else:
                direct_rate += weight * (_per_1000(of_panel) or 0.0)
    return StandardizedRates(
        observed_visits=panel_total.visits,
        expected_visits=expected_visits,
        expected_by_group=expected,
        panel_member_months=panel_total.member_months,
        market_member_months=market_total.member_months,
        market_visits=market_total.visits,
        crude_panel_per_1000=_per_1000(panel_total),
        crude_market_per_1000=crude_market,
        sir=sir,
        adjusted_panel_per_1000=None if sir is None or crude_market is None else sir * crude_market,
        direct_rate_per_1000=direct_rate,
        direct_ratio=direct_rate / crude_market
        if direct_rate is not None and crude_market
        else None,
        direct_cells_at_market_rate=at_market_rate,
    )


def _pool(
    cells: Sequence[Cell],
    key_of: Callable[[Cell], _Key],
    is_enough: Callable[[Sequence[Cell]], bool],
    is_descending: bool,
) -> list[list[Cell]]:
    """Join cells of successive keys until each pool is enough; a remainder joins the last pool."""
    by_key: dict[_Key, list[Cell]] = {}
    for cell in cells:
        by_key.setdefault(key_of(cell), []).append(cell)
    order = sorted(by_key, reverse=is_descending)
    pools: list[list[Cell]] = []
    current: list[Cell] = []
    for key in order:
        current = current + by_key[key]
        if is_enough(current):
            pools.append(current)
            current = []
    if current and pools:
        pools[-1] = pools[-1] + current
    elif current:
        pools.append(current)
    return pools


def _total(group: Iterable[Cell], exposures: Mapping[Cell, Exposure]) -> Exposure:
    return sum((exposures.get(cell, NO_EXPOSURE) for cell in group), NO_EXPOSURE)


def _per_1000(exposure: Exposure) -> float | None:
    if not exposure.member_months:
        return None
    return 12_000 * exposure.visits / exposure.member_months
