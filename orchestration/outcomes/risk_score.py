"""The risk score of every member of a panel, beside the factors it is made of (METHODS G.3).

A score belongs to a program, a period and a member, and is only comparable within the program's own
market. How the model is fitted does not belong here (risk.py). Identified: not published.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.outcomes.risk import RiskCell, RiskModel, flags_of
from orchestration.outcomes.standardize import first_year_of_age
from orchestration.outcomes.tables import write_table

FILE_NAME = "fct_risk_score.parquet"

_PATTERNS = pa.schema(
    [
        ("program_id", pa.string()),
        ("period_role", pa.string()),
        ("age_band", pa.string()),
        ("sex", pa.string()),
        ("flag_bits", pa.int32()),
        ("conditions", pa.string()),
        ("demographic_score", pa.decimal128(12, 6)),
        ("risk_score", pa.decimal128(12, 6)),
    ]
)


def score_patterns(
    patterns: Sequence[tuple[str, str, str, str, int]],
    models: Mapping[tuple[str, str], RiskModel],
) -> pa.Table:
    """One row per program, role, age band, sex and set of flags, with its two scores.

    Patterns of a program and role without a model have no score and no row.
    """
    rows = []
    for program_id, role, age_band, sex, bits in patterns:
        model = models.get((program_id, role))
        if model is None:
            continue
        cell = RiskCell(first_year_of_age(age_band), sex)
        rows.append(
            {
                "program_id": program_id,
                "period_role": role,
                "age_band": age_band,
                "sex": sex,
                "flag_bits": bits,
                "conditions": ", ".join(sorted(flags_of(bits))),
                "demographic_score": _rounded(model, cell),
                "risk_score": _rounded(model, cell, bits),
            }
        )
    return pa.Table.from_pylist(rows, schema=_PATTERNS)


def write_risk_scores(
    warehouse: duckdb.DuckDBPyConnection,
    members: str,
    models: Mapping[tuple[str, str], RiskModel],
    outcomes_dir: Path,
) -> Path:
    """Write `fct_risk_score.parquet`: one row per program, period role and member of its panel.

    `members` is the table of settled members (payment/costs.py), `models` are the fits by program
    and role. Ordered by its key, so that equal results give equal bytes.
    """
    found = warehouse.execute(
        f"""
        select distinct program_id, period_role, age_band, sex, flag_bits
        from {members}
        where comparison = 'panel'
        order by all
        """
    ).fetchall()
    warehouse.register("risk_pattern", score_patterns(found, models))
    table = warehouse.sql(
        f"""
        select
            members.program_id,
            members.period_role,
            persons.payer,
            persons.person_id,
            'fallback' as risk_source,
            'prospective' as risk_timing,
            members.age_band,
            members.sex,
            patterns.conditions,
            members.member_months,
            patterns.demographic_score,
            patterns.risk_score
        from {members} as members
        inner join risk_pattern as patterns
            using (program_id, period_role, age_band, sex, flag_bits)
        inner join int_person as persons using (person_key)
        where members.comparison = 'panel'
        order by members.program_id, members.period_role, persons.payer, persons.person_id
        """
    ).to_arrow_table()
    warehouse.unregister("risk_pattern")
    file = outcomes_dir / FILE_NAME
    write_table(table, file)
    return file


def _rounded(model: RiskModel, cell: RiskCell, bits: int = 0) -> Decimal:
    """A score to six decimals, half up."""
    millionths = model.score(cell, flags_of(bits)) * 10**6
    whole = (2 * millionths.numerator + millionths.denominator) // (2 * millionths.denominator)
    return Decimal(whole).scaleb(-6)
