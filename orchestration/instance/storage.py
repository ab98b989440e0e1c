"""Runs and events in SQLite as Dagster keeps them, with the databases left open between events.

Dagster's own storage makes an engine, compiles every statement and opens and closes the file for
each event; kept open it takes a quarter of the time (docs/adr/0009). Tables, files and reads are
Dagster's, so that a home written by either is read by both. What is logged does not belong here.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

# Dagster has no public name for what its `storage: custom:` setting asks one to derive from.
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from sqlite3 import Connection as SqliteConnection

BUSY_SECONDS = 30
SHARDS_KEPT_OPEN = 8


@dataclass(frozen=True)
class OpenShard:
    """An engine on one database file, and which file that was."""

    engine: Engine
    device_and_inode: tuple[int, int]


class KeptOpenEventLogStorage(SqliteEventLogStorage):
    """Dagster's event log with one connection kept for each of the shards last used.

    The lock of the base class lets one thread at a time use it, as it did.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._open_shards: OrderedDict[str, OpenShard] = OrderedDict()
        self._tables_seen: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection:
            changes = _changes(connection)
            with connection.begin():
                yield connection
            if _changes(connection) != changes:
                # The UI follows a run by its file, which a write-ahead log leaves as it is.
                os.utime(self.path_for_shard(shard))

    def has_table(self, table_name: str) -> bool:
        if table_name not in self._tables_seen and super().has_table(table_name):
            self._tables_seen.add(table_name)
        return table_name in self._tables_seen

    def dispose(self) -> None:
        with self._db_lock:
            while self._open_shards:
                self._close(next(iter(self._open_shards)))
        super().dispose()

    def _engine(self, shard: str) -> Engine:
        path = Path(self.path_for_shard(shard))
        known = self._open_shards.get(shard)
        # A file that was deleted or put back from a backup would otherwise be written unseen.
        if known is not None and _device_and_inode(path) != known.device_and_inode:
            self._close(shard)
            known = None
        if known is None:
            known = self._open(shard, path)
        self._open_shards.move_to_end(shard)
        return known.engine

    def _open(self, shard: str, path: Path) -> OpenShard:
        while len(self._open_shards) >= SHARDS_KEPT_OPEN:
            self._close(next(iter(self._open_shards)))
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _survive_a_crash_of_the_process)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        with engine.connect():
            found = _device_and_inode(path)
        if found is None:
            raise FileNotFoundError(f"{path} went away while it was opened")
        self._open_shards[shard] = OpenShard(engine, found)
        return self._open_shards[shard]

    def _close(self, shard: str) -> None:
        self._open_shards.pop(shard).engine.dispose()
        self._initialized_dbs.discard(shard)


class KeptOpenSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with the event log above; named in `dagster.yaml`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        index = Path(self._event_log_storage.path_for_shard("index"))
        self._event_log_storage = KeptOpenEventLogStorage(str(index.parent))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, object]
    ) -> "KeptOpenSqliteStorage":
        return cls.from_local(str(config_value["base_dir"]), inst_data)


def _changes(connection: Connection) -> int:
    raw = cast("SqliteConnection", connection.connection.dbapi_connection)
    return raw.total_changes


def _device_and_inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _survive_a_crash_of_the_process(connection: "SqliteConnection", _: object) -> None:
    """In write-ahead mode this costs no event when a process dies, only when the machine does."""
    connection.execute("pragma synchronous = normal")
