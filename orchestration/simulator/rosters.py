"""What is sent about clinicians and groups: directory, rosters in four styles, quality scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.config import OPEN_END, PartnerPlan, ProgramPlan, SimulationConfig
from orchestration.simulator.encoding import Texts, date_texts, digits, lookup_table
from orchestration.simulator.population import MONTH_STARTS
from orchestration.simulator.providers import PCP_SPECIALTIES, SPECIALTIES, Providers
from orchestration.simulator.writing import (
    PAYER,
    Layout,
    Numbers,
    WrittenFile,
    delivered_on,
    period_text,
    write_columns,
    write_control,
)

ROSTERS = {
    style: Layout.of("provider_roster", header, delimiter)
    for style, delimiter, header in (
        (
            "A",
            ",",
            "Provider NPI,Tax ID,Program,Partner,Practice Code,Practice Name,Provider Role,"
            "CMS Specialty,Taxonomy,Accepting New Patients,Effective Date,Termination Date",
        ),
        (
            "B",
            ";",
            "from;to;npi;group_tin;aco_program;aco_partner;site_id;site_name;role;cms_specialty;"
            "nucc;panel",
        ),
        (
            "C",
            "|",
            "NPI_NBR|TAX_ID_NBR|PGM_CD|PARTNER_CD|PRAC_ID|PRAC_NM|PROV_ROLE|SPCLTY_CD|TAXNMY_CD|"
            "PANEL_STAT|EFF_DT|TERM_DT",
        ),
        (
            "directory",
            "|",
            "NPI_NBR|TAX_ID_NBR|PRAC_ID|PRAC_NM|PROV_ROLE|SPCLTY_CD|TAXNMY_CD|PANEL_STAT|"
            "EFF_DT|TERM_DT",
        ),
    )
}
ROSTER_DATES = {"A": "us", "B": "iso", "C": "compact", "directory": "compact"}
ROSTER_ROLES = {
    "A": ("Primary Care", "Specialist"),
    "B": ("P", "S"),
    "C": ("PCP", "SPC"),
    "directory": ("PCP", "SPC"),
}
ROSTER_PANELS = {"A": ("Y", "N"), "B": ("O", "C"), "C": ("O", "C"), "directory": ("O", "C")}
ROSTER_PERIODS = (0, 12, 24, 30, 41)
# Later than any own row, so that the longer membership (METHODS B.5) is the own program's.
GUEST_START_DAY = -20
BATCH_PRACTICES = 20_000
PRACTICE_WORDS = (
    "Harbor",
    "Meadow",
    "Hillside",
    "Riverbend",
    "Maple",
    "Summit",
    "Elm Street",
    "Lakeview",
    "Orchard",
    "Stonebridge",
    "Birch",
    "Valley View",
)
QUALITY = Layout.of("reported_quality", "PGM_ID,PERF_BEG_DT,PERF_END_DT,QLTY_SCORE,WT_SCORED", ",")


def write_rosters(
    parts: Sequence[tuple[SimulationConfig, Providers]], landing_dir: Path
) -> list[WrittenFile]:
    """The payer's directory (of all parts) and each group's roster, with their full history."""
    written = []
    for period in ROSTER_PERIODS:
        directory = [
            _roster_columns(
                "directory",
                config,
                providers,
                np.arange(len(providers.npi)),
                None,
                providers.organisation.astype(np.int64),
                np.full(len(providers.npi), -1461),
                np.full(len(providers.npi), OPEN_END),
            )
            for config, providers in parts
        ]
        written.append(
            write_columns(
                landing_dir,
                PAYER,
                period_text(period),
                ROSTERS["directory"],
                [np.concatenate(column) for column in zip(*directory, strict=True)],
                delivered_on(period),
            )
        )
        for config, providers in parts:
            for program in config.programs:
                for partner in program.partners:
                    written.append(
                        write_columns(
                            landing_dir,
                            partner.partner_id,
                            period_text(period),
                            ROSTERS[partner.roster_style],
                            _group_roster(config, providers, program, partner, period),
                            delivered_on(period),
                        )
                    )
    return written


def _group_roster(
    config: SimulationConfig,
    providers: Providers,
    program: ProgramPlan,
    partner: PartnerPlan,
    period: int,
) -> list[Texts]:
    """A group's own clinicians and its guests, as known at the snapshot."""
    number = providers.partner_ids.index(partner.partner_id)
    own = np.flatnonzero(providers.partner == number)
    guests = np.flatnonzero(providers.second_partner == number)
    rows = np.concatenate((own, guests))
    is_own = np.arange(len(rows)) < len(own)
    host = providers.organisation[own[0]]
    organisation = np.where(is_own, providers.organisation[rows], host).astype(np.int64)
    # A leaving is known only from the snapshot after it; a joining from the one after it too.
    last_day = int(MONTH_STARTS[period + 1]) - 1
    leaves = providers.roster_end[rows]
    end = np.where(leaves <= last_day, leaves, OPEN_END)
    start = np.where(is_own, providers.roster_start[rows], GUEST_START_DAY)
    known = start <= last_day
    return _roster_columns(
        partner.roster_style,
        config,
        providers,
        rows[known],
        (program, partner.partner_code),
        organisation[known],
        start[known],
        end[known],
    )


def _roster_columns(
    style: str,
    config: SimulationConfig,
    providers: Providers,
    rows: Numbers,
    owner: tuple[ProgramPlan, str] | None,
    organisation: Numbers,
    start: Numbers,
    end: Numbers,
) -> list[Texts]:
    """Byte columns of a roster in the order of its style's header."""
    dates = ROSTER_DATES[style]
    roles, panels = lookup_table(ROSTER_ROLES[style]), lookup_table(ROSTER_PANELS[style])
    kinds = [*PCP_SPECIALTIES, *SPECIALTIES]
    kind = providers.specialty[rows] + np.where(providers.is_pcp[rows], 0, len(PCP_SPECIALTIES))
    practice = providers.practice[rows]
    names = lookup_table(
        [
            f"{PRACTICE_WORDS[n % len(PRACTICE_WORDS)]} Practice {n:05d}"
            for n in range(len(providers.practice_market))
        ]
    )
    codes_of = practice_ids(config, practice)
    npi = digits(providers.npi[rows], 10)
    tin = digits(providers.organisation_tin[organisation], 9)
    role = roles[np.where(providers.is_pcp[rows], 0, 1)]
    specialty = lookup_table([code for code, _ in kinds])[kind]
    taxonomy = lookup_table([code for _, code in kinds])[kind]
    panel = panels[np.where(providers.is_open[rows], 0, 1)]
    first, last = date_texts(start, dates), date_texts(end, dates)

    def fixed(text: str) -> Texts:
        return np.repeat(lookup_table([text]), len(rows))

    clinician = [npi, tin]
    if owner is not None:
        clinician += [fixed(owner[0].program_code), fixed(owner[1])]
    clinician += [codes_of, names[practice], role, specialty, taxonomy, panel]
    return [first, last, *clinician] if style == "B" else [*clinician, first, last]


def practice_ids(config: SimulationConfig, practice: NDArray[np.integer]) -> Texts:
    """Ids of practices, as rosters and everything else about practices carry them."""
    numbers = digits(config.batch * BATCH_PRACTICES + practice.astype(np.int64), 6)
    return np.strings.add(b"L", numbers)


def write_quality(config: SimulationConfig, landing_dir: Path) -> WrittenFile:
    """The quality scores the payer reports for the performance year."""
    scored = [program for program in config.programs if program.quality_score is not None]
    count = len(scored)
    scores = [f"{program.quality_score}" for program in scored]
    columns = (
        lookup_table([program.program_id for program in scored]),
        lookup_table(["2025-01-01"] * count),
        lookup_table(["2025-12-31"] * count),
        lookup_table(scores),
        lookup_table([f"{program.weight_scored}" for program in scored]),
    )
    written = write_columns(landing_dir, PAYER, period_text(35), QUALITY, columns, "2026-06-30")
    # Its control total has four decimals, where those of amounts have two.
    total = sum(int(score.replace(".", "")) for score in scores)
    write_control(
        landing_dir / PAYER / QUALITY.feed / written.name,
        written.rows,
        written.sha256,
        {"QLTY_SCORE": f"{total // 10_000}.{total % 10_000:04d}"},
        written.delivered_on,
    )
    return written
