"""Profiles of feeds: one row per column and delivery, computed once by the engine and kept.

What a profile should look like does not belong here (one suite a feed). A delivery never changes,
so its profile is kept in `ledger/profiles/` until the definition of the profile changes; a night
reads only what is new.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from expectations.suites import LARGE_DELIVERY_SUFFIXES
from orchestration.checks import Scalar
from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings
from orchestration.warehouse import engine

LARGE_DELIVERY_ROWS = 200
LARGE_DELIVERY_SHARE = 0.1
"""Shares and means of smaller deliveries say more about chance than about the sender."""

Measure = Literal["distinct", "range", "mean"]
_LONG_COLUMNS = [
    "delivery_id",
    "source_id",
    "period",
    "column_name",
    "row_count",
    "null_share",
    "distinct_count",
    "least",
    "most",
    "mean",
]


@dataclass(frozen=True)
class Profiled:
    """One column of a profile: an expression over a ledger row, and what to say of it.

    Expressions may use the feed's columns, `period` (text) and `delivered_on` of the delivery.
    The share of nulls is always told; a boolean's mean is the share of rows where it holds.
    """

    name: str
    expression: str
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class ProfileDefinition:
    """All profiled columns of one feed."""

    feed: str
    columns: tuple[Profiled, ...]

    @property
    def version(self) -> str:
        """Changes when any column of the profile does."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]


def profile_feed(settings: Settings, definition: ProfileDefinition) -> pd.DataFrame:
    """Profile of every selected delivery of a feed: one row per delivery and profiled column.

    Columns: delivery_id, source_id, period, column_name, row_count, null_share, distinct_count
    (approximate), least, most, mean (null where not asked for). Empty where nothing is selected.
    """
    deliveries = _selected(settings, definition.feed)
    folder = settings.ledger_dir / "profiles" / f"{definition.feed}-{definition.version}"
    missing = [row for row in deliveries if not (folder / f"{row[0]}.json").exists()]
    if missing:
        _compute(settings, definition, missing, folder)
    rows: list[dict[str, Scalar]] = []
    for delivery_id, *_ in deliveries:
        rows.extend(json.loads((folder / f"{delivery_id}.json").read_text(encoding="utf-8")))
    return pd.DataFrame(rows, columns=_LONG_COLUMNS)


def one_row_a_delivery(profile: pd.DataFrame) -> pd.DataFrame:
    """The profile as suites judge it: a row a delivery, columns `<column>__<measure>`.

    Measures are null_share, distinct, min, max and mean. Shares, means and distinct counts are left
    out where chance makes anything of them: below `LARGE_DELIVERY_ROWS` rows, and below
    `LARGE_DELIVERY_SHARE` of the feed's median, as in the last months of run-out.
    """
    index = ["delivery_id", "source_id", "period", "row_count"]
    named = {
        "null_share": "null_share",
        "distinct_count": "distinct",
        "least": "min",
        "most": "max",
        "mean": "mean",
    }
    if profile.empty:
        return pd.DataFrame(columns=index)
    long = profile.rename(columns=named)
    wide = long.pivot(index=index, columns="column_name", values=list(named.values()))
    wide = wide.swaplevel(axis="columns")
    wide.columns = wide.columns.map("__".join)
    wide = wide.astype("float64").reset_index()
    large = max(LARGE_DELIVERY_ROWS, LARGE_DELIVERY_SHARE * wide["row_count"].median())
    small = wide["row_count"] < large
    for column in wide.columns:
        if str(column).endswith(LARGE_DELIVERY_SUFFIXES):
            wide.loc[small, column] = float("nan")
    return wide.sort_values(["source_id", "period", "delivery_id"], ignore_index=True)


def _selected(settings: Settings, feed: str) -> list[tuple[str, str, str]]:
    path = settings.inputs_dir / "delivery.parquet"
    if not path.exists():
        raise CareWarehouseError(f"{path}: no deliveries have been selected. Run the intake first.")
    with engine(settings) as connection:
        return connection.execute(
            "select delivery_id, source_id, period from read_parquet(?) "
            "where feed = ? and is_selected order by source_id, period, delivery_id",
            [str(path), feed],
        ).fetchall()


def _compute(
    settings: Settings,
    definition: ProfileDefinition,
    deliveries: Sequence[tuple[str, str, str]],
    folder: Path,
) -> None:
    """Profile deliveries in one pass over their ledger files, then keep one file a delivery."""
    wanted = {delivery_id for delivery_id, *_ in deliveries}
    files = [
        str(path)
        for path in sorted((settings.ledger_dir / definition.feed).glob("*/*/*.parquet"))
        if path.stem in wanted
    ]
    aggregates = ["count(*)"]
    for column in definition.columns:
        value = f"({column.expression})"
        aggregates.append(f"count({value})")
        aggregates.append(
            f"approx_count_distinct({value})" if "distinct" in column.measures else "null"
        )
        is_ranged = "range" in column.measures
        aggregates.append(f"min({value})::double" if is_ranged else "null")
        aggregates.append(f"max({value})::double" if is_ranged else "null")
        aggregates.append(f"avg({value}::double)" if "mean" in column.measures else "null")
    found: dict[str, tuple[float | None, ...]] = {}
    if files:
        with engine(settings) as connection:
            rows = connection.execute(
                f"""
                select line.delivery_id, {", ".join(aggregates)}
                from read_parquet(?) as line
                inner join (
                    select delivery_id, period, delivered_on from read_parquet(?)
                ) as delivery on line.delivery_id = delivery.delivery_id
                group by line.delivery_id
                """,
                [files, str(settings.inputs_dir / "delivery.parquet")],
            ).fetchall()
        found = {str(row[0]): row[1:] for row in rows}
    folder.mkdir(parents=True, exist_ok=True)
    none: tuple[float | None, ...] = (0, *((0, None, None, None, None) * len(definition.columns)))
    for delivery_id, source_id, period in deliveries:
        row_count, *values = found.get(delivery_id, none)
        profile: list[dict[str, Scalar]] = []
        for number, column in enumerate(definition.columns):
            filled, distinct, least, most, mean = values[number * 5 : number * 5 + 5]
            rows_in = int(row_count or 0)
            profile.append(
                {
                    "delivery_id": delivery_id,
                    "source_id": source_id,
                    "period": period,
                    "column_name": column.name,
                    "row_count": rows_in,
                    "null_share": 1 - (filled or 0) / rows_in if rows_in else None,
                    "distinct_count": distinct,
                    "least": least,
                    "most": most,
                    "mean": _rounded(mean),
                }
            )
        path = folder / f"{delivery_id}.json"
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(profile), encoding="utf-8")
        unfinished.replace(path)


def _rounded(mean: float | None) -> float | None:
    """Sums of doubles differ in their last bits from run to run; a profile shall not."""
    return None if mean is None else float(f"{mean:.9g}")
