"""A made-up portfolio of up to a hundred programs in 27 states, for scale: plan and configuration.

The plan is drawn from the seed; the program and sender files that the pipeline needs for it are
written into a configuration folder of their own. The demo's five programs do not belong here.
"""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import yaml

from orchestration.simulator.config import (
    MarketPlan,
    PartnerPlan,
    PlantedEffects,
    ProgramPlan,
    SimulationConfig,
)

STATES = (
    ("CT", "060"),
    ("PA", "180"),
    ("WA", "980"),
    ("TX", "750"),
    ("CA", "900"),
    ("FL", "330"),
    ("GA", "300"),
    ("NC", "270"),
    ("TN", "370"),
    ("AZ", "850"),
    ("CO", "800"),
    ("IL", "600"),
    ("OH", "430"),
    ("NJ", "070"),
    ("NY", "100"),
    ("MA", "021"),
    ("VA", "220"),
    ("MD", "210"),
    ("MO", "630"),
    ("MI", "480"),
    ("IN", "460"),
    ("SC", "290"),
    ("NH", "030"),
    ("ME", "040"),
    ("UT", "840"),
    ("NV", "890"),
    ("OR", "970"),
)
PROGRAM_SHARE = 0.55
LEAST_PROGRAM = 60


def portfolio_config(
    members: int, programs: int, seed: int = 20150520, threads: int = 2
) -> SimulationConfig:
    """`programs` programs and their markets, `members` members covered at any time in all.

    Raises ValueError for fewer than one or more than one hundred programs, or for members too few
    to give each program a panel and a market.
    """
    if not 1 <= programs <= 100:
        raise ValueError(f"programs must lie between 1 and 100, not {programs}")
    if members < 1_000 or members < programs * 3 * LEAST_PROGRAM:
        least = max(1_000, programs * 3 * LEAST_PROGRAM)
        raise ValueError(f"{members} members are too few for {programs} programs; give {least}")
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, programs])))
    shares = np.exp(rng.normal(0, 0.8, programs))
    sizes = np.maximum(np.round(shares / shares.sum() * members * PROGRAM_SHARE), LEAST_PROGRAM)
    states = min(len(STATES), programs)
    markets = []
    for number in range(states):
        state, zip3 = STATES[number]
        own = [position for position in range(programs) if position % states == number]
        plans = tuple(_program(state, position, int(sizes[position]), rng) for position in own)
        others = round(sum(int(sizes[position]) for position in own) * (1 / PROGRAM_SHARE - 1))
        markets.append(MarketPlan(f"state_{state.lower()}", state, (zip3,), others, plans))
    return SimulationConfig(seed=seed, markets=tuple(markets), threads=threads)


def _program(state: str, position: int, members: int, rng: np.random.Generator) -> ProgramPlan:
    name = f"{state.lower()}_physician_group_{position + 1:03d}"
    pcps = max(4, members // 90)
    partner = PartnerPlan(
        name,
        name,
        members,
        pcps,
        members // 300,
        max(3, pcps // 3),
        1 + int(rng.integers(0, 4)),
        "A",
    )
    effects = PlantedEffects(
        ed=round(float(np.exp(rng.normal(-0.03, 0.06))), 3),
        imaging=round(float(np.exp(rng.normal(-0.05, 0.06))), 3),
        diabetes=round(float(np.exp(rng.normal(0.03, 0.03))), 3),
        trend_difference=round(float(rng.normal(0.012, 0.025)), 4),
    )
    quality = f"{min(0.99, max(0.30, rng.normal(0.70, 0.10))):.4f}"
    return ProgramPlan(name, name, (partner,), effects, None if rng.random() < 0.05 else quality)


def write_portfolio_configuration(
    config: SimulationConfig, config_dir: Path, template_dir: Path
) -> int:
    """Write programs, senders and feeds for a portfolio; returns the number of programs.

    Feeds, the payer's own sender file and the shape of a group's sender file are taken from
    `template_dir` (the installation's `data/`); nothing in it is changed.
    """
    for folder in ("programs", "payers"):
        (config_dir / folder).mkdir(parents=True, exist_ok=True)
    shutil.copytree(template_dir / "feeds", config_dir / "feeds", dirs_exist_ok=True)
    if (template_dir / "programs" / "portfolio").is_dir():
        shutil.copytree(
            template_dir / "programs" / "portfolio",
            config_dir / "programs" / "portfolio",
            dirs_exist_ok=True,
        )
    shutil.copy(template_dir / "payers" / "cigna.yml", config_dir / "payers" / "cigna.yml")
    group = yaml.safe_load((template_dir / "payers" / "prohealth_physicians.yml").read_text())
    for market in config.markets:
        for program in market.programs:
            name = program.program_id
            _write(config_dir / "programs" / f"{name}.yml", _program_file(market, program))
            roster = group["feeds"]["provider_roster"]
            values = {**roster["values"], "program_id": {name: name}, "partner_id": {name: name}}
            sender = {
                **group,
                "source_id": name,
                "name": _title(program),
                "feeds": {"provider_roster": {**roster, "values": values}},
            }
            _write(config_dir / "payers" / f"{name}.yml", sender)
    return len(config.programs)


def _title(program: ProgramPlan) -> str:
    return program.program_id.replace("_", " ").title()


def _write(path: Path, content: dict[str, object]) -> None:
    heading = "# Synthetic: written by the simulator for a portfolio of made-up programs.\n"
    path.write_text(heading + yaml.safe_dump(content, sort_keys=False, width=96))


def _program_file(market: MarketPlan, program: ProgramPlan) -> dict[str, object]:
    """A program file with illustrative terms, all the same, and the demo's periods."""
    name = program.program_id
    return {
        "program_id": name,
        "name": f"{_title(program)} (synthetic)",
        "payer": "cigna",
        "source": {"document": "synthetic"},
        "facts": {
            "description": "A made-up program of a simulated portfolio.",
            "program_type": "collaborative_accountable_care",
            "payer_name": "Cigna",
            "payer_type": "commercial",
            "population": "simulated members of the made-up group's doctors",
            "partners": [
                {
                    "partner_id": name,
                    "name": _title(program),
                    "roles": ["paid_entity", "physician_group", "coordinator_employer"],
                    "has_panel": True,
                }
            ],
            "practices": {"count": program.partners[0].practices, "precision": "exact"},
            "clinicians": {
                "count": program.partners[0].pcps + program.partners[0].specialists,
                "precision": "exact",
                "kinds": ["primary_care_physician", "specialist"],
            },
            "market": {
                "area_id": market.market_area_id,
                "name": market.state,
                "location": None,
                "state": market.state,
                "zip3": [],
            },
            "members": {"count": program.members, "precision": "approximately"},
            "effective": {"date": None, "precision": "not_stated"},
            "bonus": {
                "label": "pay for performance",
                "wording": "made up",
                "targets": ["improving_quality", "lowering_medical_costs"],
            },
            "care_coordination_payment": "made up",
            "coordinators": {
                "title": "clinical care coordinator",
                "credentials": ["registered_nurse"],
                "engagement": ["employed"],
                "organizations": [name],
                "payer_counterpart": "case managers of the payer",
                "on_physician_led_team": True,
                "uses_payer_data": True,
                "duties": ["navigate_health_care_system"],
            },
            "goals": ["improved_health", "affordability"],
            "sooner_benefit_conditions": ["diabetes"],
            "monitors_all_care": None,
            "member_rules": {
                "keeps_current_physician": None,
                "automatic_benefits": None,
                "joins_by_choosing_a_program_doctor": None,
                "changes_referral_requirements": None,
            },
        },
        "terms": [
            {
                "agreed_on": date(2022, 12, 15),
                "version": 1,
                "products": ["PPO", "OAP"],
                "baseline": {"start_date": date(2024, 1, 1), "end_date": date(2024, 12, 31)},
                "performance": {"start_date": date(2025, 1, 1), "end_date": date(2025, 12, 31)},
            }
        ],
    }
