"""What lists are made of: identified tables of a generation, and the ledger's rows for a day.

Relations made here: `care_member`, `care_event`, `worklist_task`, `gap` (Parquet of a generation or
of the one being built), `adt_message`, `care_log_entry`, `roster` (ledger). What they mean together
does not belong here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import CareWarehouseError
from orchestration.ingest import Selection
from orchestration.settings import Settings

TABLES = {
    "care_member": "fct_care_member",
    "care_event": "fct_care_event",
    "worklist_task": "fct_worklist_task",
    "gap": "fct_gap",
}
FEEDS = {"adt_message": "adt_events", "care_log_entry": "care_log", "roster": "provider_roster"}


@dataclass(frozen=True)
class ChosenDelivery:
    """One delivery that the lists read."""

    feed: str
    delivery_id: str
    place: str
    """Source and period as the ledger's folders name them."""
    delivered_on: date
    delivery_order: int


def of_selection(selection: Selection) -> tuple[ChosenDelivery, ...]:
    """Deliveries as the ledger stands now."""
    return tuple(
        _chosen(
            one.entry.feed,
            one.entry.delivery_id,
            one.entry.source_id,
            one.entry.period,
            one.entry.part,
            one.entry.delivered_on,
            one.delivery_order,
        )
        for one in selection.deliveries
        if one.is_selected and one.entry.feed in FEEDS.values()
    )


def of_run(settings: Settings) -> tuple[ChosenDelivery, ...]:
    """Deliveries that the present run chose, whatever was delivered since it began."""
    table = pq.read_table(settings.inputs_dir / "delivery.parquet")
    return tuple(
        _chosen(
            row["feed"],
            row["delivery_id"],
            row["source_id"],
            row["period"],
            row.get("part") or "",
            row["delivered_on"],
            row.get("delivery_order") or 0,
        )
        for row in table.to_pylist()
        if row["is_selected"] and row["feed"] in FEEDS.values()
    )


def open_sources(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables_dir: Path,
    deliveries: Iterable[ChosenDelivery],
) -> None:
    """Make the relations in `connection`; raise `CareWarehouseError` where a table is not there."""
    for relation, table in TABLES.items():
        path = tables_dir / f"{table}.parquet"
        if not path.is_file():
            raise CareWarehouseError(
                f"{path}: not there. Publish a generation with `make nightly` first; the daily"
                " lists stand on its members."
            )
        connection.execute(f"create temp view {relation} as from read_parquet({_text(str(path))})")
    chosen = list(deliveries)
    known = pa.Table.from_pylist(
        [
            {
                "delivery_id": one.delivery_id,
                "delivered_on": one.delivered_on,
                "delivery_order": one.delivery_order,
            }
            for one in chosen
        ],
        schema=pa.schema(
            [
                ("delivery_id", pa.string()),
                ("delivered_on", pa.date32()),
                ("delivery_order", pa.int64()),
            ]
        ),
    )
    connection.register("chosen_rows", known)
    connection.execute("create temp table chosen_delivery as from chosen_rows")
    connection.unregister("chosen_rows")
    for relation, feed in FEEDS.items():
        files = files_of(settings, feed, [one for one in chosen if one.feed == feed])
        connection.execute(
            f"""
            create temp view {relation} as
            select ledger_rows.*, chosen_delivery.delivered_on, chosen_delivery.delivery_order
            from read_parquet({_list(map(str, files))}, union_by_name = true) as ledger_rows
            inner join chosen_delivery using (delivery_id)
            """
        )


def run_statements(
    connection: duckdb.DuckDBPyConnection, statements: str, **values: object
) -> None:
    """Execute several statements, each with those of `values` that it names."""
    for statement in connection.extract_statements(statements):
        used = {name: values[name] for name in statement.named_parameters}
        connection.execute(statement, used or None)


def _chosen(
    feed: str,
    delivery_id: str,
    source_id: str,
    period: str,
    part: str,
    delivered_on: date,
    order: int,
) -> ChosenDelivery:
    folder = f"{period}.{part}" if part else period
    return ChosenDelivery(feed, delivery_id, f"{source_id}/{folder}", delivered_on, order)


def files_of(settings: Settings, feed: str, chosen: Sequence[ChosenDelivery]) -> list[Path]:
    """Files of a feed, its empty schema first: there may be no delivery at all."""
    folder = settings.ledger_dir / feed
    empty = folder / "_schema" / "_" / "empty.parquet"
    if not empty.is_file():
        raise CareWarehouseError(
            f"{empty}: the feed {feed} was never taken in. Run `python -m orchestration intake`."
        )
    return [
        empty,
        *(folder / one.place / f"{one.delivery_id}.parquet" for one in chosen),
    ]


def _list(files: Iterable[str]) -> str:
    return "[" + ", ".join(_text(file) for file in files) + "]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
