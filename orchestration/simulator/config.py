"""What is simulated: sizes, markets, programs and the effects planted in them.

Plain frozen values and the two ready-made plans (demo, portfolio). How anything is drawn does not
belong here. All simulated data are synthetic.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

EPOCH = date(2023, 1, 1)
SERVICE_MONTHS = 36
PAYMENT_MONTHS = 42
LAST_SERVICE_DAY = (date(2025, 12, 31) - EPOCH).days
LAST_PAID_DAY = (date(2026, 6, 30) - EPOCH).days
BASELINE_START_DAY = (date(2024, 1, 1) - EPOCH).days
NON_PROGRAM = -1
OPEN_END = 1_000_000
EFFECT_START_DAY = (date(2025, 1, 1) - EPOCH).days


@dataclass(frozen=True)
class PlantedEffects:
    """Multipliers on a member's own rate (or chance) from month 25 on, and the trend planted.

    `trend_difference` is in points per year: 0.019 plants a medical cost trend 1.9 points below
    the market's.
    """

    ed: float = 1.0
    imaging: float = 1.0
    diabetes: float = 1.0
    trend_difference: float = 0.0


@dataclass(frozen=True)
class PartnerPlan:
    """One physician group of a program: its true members and its clinicians at scale 1.

    `adt_format` is how it passes on the messages of hospitals; without one (the groups of a
    portfolio) it sends its roster only, and the payer nothing on the care of its members.
    """

    partner_id: str
    partner_code: str
    members: int
    pcps: int
    specialists: int
    practices: int
    tins: int
    roster_style: str
    adt_format: Literal["hl7", "csv"] | None = None


@dataclass(frozen=True)
class ProgramPlan:
    """One program, its partners, its effects and the quality score reported for it (if any)."""

    program_id: str
    program_code: str
    partners: tuple[PartnerPlan, ...]
    effects: PlantedEffects
    quality_score: str | None
    weight_scored: str | None = "0.9500"

    @property
    def members(self) -> int:
        return sum(partner.members for partner in self.partners)


@dataclass(frozen=True)
class MarketPlan:
    """One market area: its programs and the payer's other members in it."""

    market_area_id: str
    state: str
    zip3: tuple[str, ...]
    others: int
    programs: tuple[ProgramPlan, ...]


@dataclass(frozen=True)
class MessRates:
    """Shares of rows or claims that are spoiled in the ways METHODS A.1 and FAULTS name."""

    duplicate_rows: float = 0.0020
    duplicate_rows_across: float = 0.0006
    replaced_claims: float = 0.0130
    replaced_without_reversal: float = 0.0010
    voided_claims: float = 0.0060
    voided_stays: float = 0.0150
    orphan_voids: float = 0.0003
    out_of_order: float = 0.06
    unknown_npi: float = 0.0040
    rejected_per_kind: float = 0.000002
    reversed_fills: float = 0.0120
    retroactive_terminations: float = 0.06
    cancelled_spans: float = 0.004
    overlapping_spans: float = 0.012


@dataclass(frozen=True)
class SimulationConfig:
    """One simulation; equal configurations write equal bytes.

    `scale` multiplies members and clinicians (1.0 = true size). `batch_members` bounds memory:
    markets are simulated in batches of at most about so many members, each batch writing its own
    part of a month's claims.
    """

    seed: int = 20150520
    scale: float = 1.0
    markets: tuple[MarketPlan, ...] = field(default_factory=lambda: DEMO_MARKETS)
    mess: MessRates = field(default_factory=MessRates)
    market_trend: float = 0.055
    annual_turnover: float = 0.12
    non_user_share: float = 0.28
    fee_pmpm_cents: int = 300
    truncation_cents: int = 10_000_000
    batch_members: int = 420_000
    threads: int = 2
    batch: int = 0
    batches: int = 1

    @property
    def programs(self) -> tuple[ProgramPlan, ...]:
        return tuple(program for market in self.markets for program in market.programs)

    def split(self) -> "tuple[SimulationConfig, ...]":
        """One configuration per batch of markets; ids of different batches never meet."""
        groups: list[list[MarketPlan]] = []
        filled = 0.0
        for market in self.markets:
            size = self.scale * (market.others + sum(p.members for p in market.programs))
            if not groups or filled + size > self.batch_members:
                groups.append([])
                filled = 0.0
            groups[-1].append(market)
            filled += size
        return tuple(
            replace(self, markets=tuple(group), batch=number, batches=len(groups))
            for number, group in enumerate(groups)
        )

    @property
    def part(self) -> str:
        """What a delivery's name carries when a month comes in several parts."""
        return f".p{self.batch + 1:02d}" if self.batches > 1 else ""

    def scaled(self, number: int, least: int) -> int:
        """`number` at this configuration's scale, at least `least`."""
        return max(least, round(number * self.scale))


DEMO_MARKETS: tuple[MarketPlan, ...] = (
    MarketPlan(
        "connecticut",
        "CT",
        tuple(f"06{digit}" for digit in range(10)),
        150_000,
        (
            ProgramPlan(
                "prohealth_physicians",
                "PHP",
                (PartnerPlan("prohealth_physicians", "PHP", 30_000, 250, 30, 80, 1, "A", "hl7"),),
                PlantedEffects(ed=0.93, imaging=0.84, diabetes=1.09, trend_difference=0.019),
                "0.8200",
            ),
            ProgramPlan(
                "integrated_care_partners",
                "ICP",
                (
                    PartnerPlan(
                        "integrated_care_partners", "ICP", 16_000, 450, 760, 150, 3, "A", "hl7"
                    ),
                ),
                PlantedEffects(ed=1.14, imaging=0.95, diabetes=1.03, trend_difference=0.060),
                "0.7600",
            ),
            ProgramPlan(
                "primed_greenwich",
                "PGP",
                (
                    PartnerPlan("primed", "PRIMED", 8_000, 85, 45, 52, 1, "B", "hl7"),
                    PartnerPlan(
                        "greenwich_physicians_association", "GPA", 4_000, 50, 20, 28, 15, "B", "hl7"
                    ),
                ),
                PlantedEffects(ed=1.0, imaging=1.04, diabetes=0.97, trend_difference=0.055),
                "0.5200",
            ),
        ),
    ),
    MarketPlan(
        "puget_sound",
        "WA",
        ("980", "981", "982", "983", "984", "985"),
        20_000,
        (
            ProgramPlan(
                "evergreenhealth_partners",
                "EHP",
                (
                    PartnerPlan(
                        "northwest_physicians_network", "NPN", 3_300, 150, 0, 40, 20, "C", "csv"
                    ),
                ),
                PlantedEffects(ed=0.97, imaging=0.98, diabetes=1.05, trend_difference=-0.030),
                None,
            ),
        ),
    ),
    MarketPlan(
        "lehigh_valley",
        "PA",
        ("180", "181"),
        20_000,
        (
            ProgramPlan(
                "valley_preferred",
                "VPF",
                (PartnerPlan("valley_preferred", "VPF", 5_500, 160, 140, 60, 12, "B", "hl7"),),
                PlantedEffects(ed=0.90, imaging=0.92, diabetes=1.02, trend_difference=0.040),
                "0.7100",
            ),
        ),
    ),
)


def demo_config(seed: int = 20150520, scale: float = 1.0, threads: int = 2) -> SimulationConfig:
    """The five programs of the demo at `scale` times their true size."""
    return SimulationConfig(seed=seed, scale=scale, threads=threads)
