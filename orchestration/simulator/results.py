"""Clinical results as the payer writes them: one file a quarter of the years that are measured.

What a member's results are does not belong here (clinical.py).
"""

from functools import partial
from pathlib import Path

import numpy as np

from orchestration.simulator.clinical import CODES, NO_VALUE, SETTINGS, STATUSES, UNITS, Results
from orchestration.simulator.config import SERVICE_MONTHS, SimulationConfig
from orchestration.simulator.deliveries import Job
from orchestration.simulator.encoding import Rows, Texts, date_texts, digits, lookup_table, money
from orchestration.simulator.extracts import member_ids
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.writing import (
    PAYER,
    Encoder,
    Layout,
    Numbers,
    Sums,
    delivered_on,
    period_text,
    write_delivery,
)

BATCH_RESULTS = 100_000_000
# The last months of the quarters, by period number.
QUARTERS = tuple(range(14, SERVICE_MONTHS, 3))
RESULTS = Layout.of(
    "clinical_results",
    "RSLT_ID|MBR_ID|RSLT_TYP|CD_SYS|RSLT_CD|SVC_DT|RSLT_VAL|RSLT_VAL_2|RSLT_UNIT|RSLT_STAT|SETTING|"
    "AUDITED",
    "|",
)


def result_jobs(
    config: SimulationConfig, landing_dir: Path, people: Population, results: Results
) -> list[Job]:
    """One job a quarter; what lies before the first one comes with it."""
    encode = _encoder(config, people, results)
    month = np.searchsorted(MONTH_STARTS, results.day, side="right") - 1
    edges = np.searchsorted(month, [period + 1 for period in QUARTERS])
    return [
        partial(
            write_delivery,
            landing_dir,
            PAYER,
            f"{period_text(period)}{config.part}",
            RESULTS,
            np.arange(first, last),
            encode,
            delivered_on(period),
        )
        for period, first, last in zip(QUARTERS, [0, *edges[:-1]], edges, strict=True)
    ]


def _encoder(config: SimulationConfig, people: Population, results: Results) -> Encoder:
    members = member_ids(people)
    kinds, systems, codes = (lookup_table(column) for column in zip(*CODES, strict=True))
    units = lookup_table([*UNITS, *[""] * (len(CODES) - len(UNITS))])
    # Facts of charts were audited; of the others nobody asks.
    audited = lookup_table(["Y" if kind == "S" else "" for kind, _, _ in CODES])
    settings, statuses = lookup_table(SETTINGS), lookup_table(STATUSES)
    first = config.batch * BATCH_RESULTS

    def encode(rows: Numbers) -> tuple[Rows, Sums]:
        code = results.code[rows]
        return RESULTS.rows(
            {
                "RSLT_ID": np.strings.add(b"R", digits(first + rows, 10)),
                "MBR_ID": members[results.person[rows]],
                "RSLT_TYP": kinds[code],
                "CD_SYS": systems[code],
                "RSLT_CD": codes[code],
                "SVC_DT": date_texts(results.day[rows], "compact"),
                "RSLT_VAL": _number(results.value[rows]),
                "RSLT_VAL_2": _number(results.second_value[rows]),
                "RSLT_UNIT": units[code],
                "RSLT_STAT": statuses[results.status[rows]],
                "SETTING": settings[results.setting[rows]],
                "AUDITED": audited[code],
            }
        ), {}

    return encode


def _number(hundredths: Numbers) -> Texts:
    texts = money(hundredths)
    texts[hundredths == NO_VALUE] = b""
    return texts
