"""Takes a verified text to its typed rows: block by block, so that memory does not grow with it.

Blocks are split and judged side by side and written in the order of the file; what is left to say
of the whole file (too many rejects, control sums, repeated rows) is said at the end. What makes a
row good does not belong here (`judge.py`), nor how records are split (`records.py`).
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import DeliveryError
from orchestration.ingest import ledger
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.judge import Judge, Judged, Provenance
from orchestration.ingest.malformed import Malformed
from orchestration.ingest.records import (
    Block,
    Separated,
    Unsplittable,
    blocks,
    separate_malformed,
    split,
)
from orchestration.ingest.sender import Layout
from orchestration.ingest.verified import VerifiedText

_SUSPECTS_EXPLAINED = 1000
_BLOCKS_AHEAD = 2

T = TypeVar("T")
S = TypeVar("S")
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class TypedDelivery:
    """Where every row of a delivery went, and what was noticed about rows that were kept."""

    row_count: int
    loaded_count: int
    rejected_count: int
    duplicate_count: int
    rejected_by_reason: Mapping[str, int]
    flags: Mapping[str, int]
    warnings: tuple[str, ...]


@dataclass
class _Findings:
    """What is remembered of the blocks judged so far; at most `kept_at_most` bad rows in full."""

    kept_at_most: int
    malformed: list[Malformed] = field(default_factory=list)
    malformed_count: int = 0
    suspects: list[pa.Table] = field(default_factory=list)
    suspect_count: int = 0
    held_count: int = 0
    sums: dict[str, Decimal] = field(default_factory=dict)

    @property
    def rejected_count(self) -> int:
        return self.malformed_count + self.suspect_count

    def add(self, judged: Judged, malformed: Sequence[Malformed]) -> None:
        room = max(0, self.kept_at_most - self.rejected_count)
        self.malformed += malformed[:room]
        self.suspects.append(judged.suspects.slice(0, room))
        self.malformed_count += len(malformed)
        self.suspect_count += len(judged.suspects)
        for header, value in judged.sums.items():
            self.sums[header] = self.sums.get(header, Decimal(0)) + value


def type_rows(
    connection: duckdb.DuckDBPyConnection,
    workers: Executor,
    text: VerifiedText,
    contract: FeedContract,
    layout: Layout,
    provenance: Provenance,
    control_sums: Mapping[str, Decimal],
    rows_path: Path,
    rejects_path: Path,
) -> TypedDelivery:
    """Write good rows to `rows_path`, every other row with its reasons to `rejects_path`.

    Raises `DeliveryError` when the sums differ from the control file's, when too many rows are
    rejected, or when the header stands again among the rows.
    """
    for header in control_sums:
        if header not in text.header:
            message = f"The control file sums {header!r}, a header the file does not have."
            raise DeliveryError("sum_differs", message)
    judge = Judge(text, contract, layout, provenance, control_sums)
    # What could not be read as a record was taken out of the text before.
    taken_out = Separated(text.path, text.malformed) if text.malformed else None
    try:
        found = _judge_all(connection, workers, judge, text, contract, taken_out, rows_path)
    except Unsplittable:
        separated = separate_malformed(text, text.path.with_suffix(".well_formed"))
        found = _judge_all(connection, workers, judge, text, contract, separated, rows_path)
    _reject(connection, judge, text, contract, found)
    warnings = _hold_sums(connection, judge, control_sums, found)
    duplicate_count = _set_duplicates_aside(connection, judge, contract, found, rows_path)
    if found.rejected_count + duplicate_count:
        connection.execute(
            "copy (select * from rejects order by row_number, column_name, reason) "
            f"to {_text(str(rejects_path))} (format parquet, compression zstd)"
        )
    return TypedDelivery(
        row_count=text.row_count,
        loaded_count=pq.read_metadata(rows_path).num_rows,
        rejected_count=found.rejected_count,
        duplicate_count=duplicate_count,
        rejected_by_reason=_by_reason(connection),
        flags=_flags(connection, judge, rows_path),
        warnings=warnings,
    )


def _judge_all(
    connection: duckdb.DuckDBPyConnection,
    workers: Executor,
    judge: Judge,
    text: VerifiedText,
    contract: FeedContract,
    separated: Separated | None,
    rows_path: Path,
) -> _Findings:
    """Judge every block of the text and write the good rows, in the order of the file."""
    allowed = contract.most_rejects(text.row_count)
    found = _Findings(kept_at_most=max(allowed, _SUSPECTS_EXPLAINED))
    if separated:
        found.malformed_count = len(separated.malformed)
        found.malformed += separated.malformed[: found.kept_at_most]

    def judged(block: Block) -> tuple[Judged, Sequence[Malformed]]:
        records = split(block, text, separated)
        return judge.judge(connection, records), records.malformed

    keys = _Keys()
    with (
        ledger.rows_writer(rows_path, contract) as kept,
        ledger.rows_writer(_held_path(rows_path), contract) as held,
        closing(_in_order(workers, judged, blocks(connection, text, separated))) as done,
    ):
        for one, malformed in done:
            found.add(one, malformed)
            good = one.good
            is_repeated = keys.repeated(one.key_hashes)
            if is_repeated.any():
                rows = good.filter(pa.array(is_repeated))
                held.write_table(judge.in_ledger(rows))
                found.held_count += len(rows)
                good = good.filter(pa.array(~is_repeated))
            kept.write_table(judge.in_ledger(good), row_group_size=ledger.ROW_GROUP_ROWS)
    return found


def _held_path(rows_path: Path) -> Path:
    """Where rows wait whose key stands earlier in the file, until they have been compared."""
    return rows_path.with_suffix(".held")


class _Keys:
    """Hashes of the keys of a file so far, kept in few sorted runs of falling length."""

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def repeated(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which of the hashes stood earlier, in this array or before it; then remember them."""
        ordered = np.sort(hashes)
        stood_before = np.concatenate([ordered[:0], *(_common(ordered, run) for run in self._runs)])
        stands_again = ordered[1:][ordered[1:] == ordered[:-1]]
        is_repeated = np.zeros(len(hashes), dtype=bool)
        if len(stood_before) or len(stands_again):
            seen = set(stood_before.tolist())
            suspicious = np.isin(hashes, np.concatenate([stood_before, stands_again]))
            for position in np.flatnonzero(suspicious):
                value = int(hashes[position])
                is_repeated[position] = value in seen
                seen.add(value)
        while self._runs and len(self._runs[-1]) <= len(ordered):
            ordered = np.sort(np.concatenate([self._runs.pop(), ordered]))
        if len(ordered):
            self._runs.append(ordered)
        return is_repeated


def _common(ordered: Hashes, run: Hashes) -> Hashes:
    """Members of one sorted array that are in another, which is not empty."""
    places = np.minimum(np.searchsorted(run, ordered), len(run) - 1)
    is_common: npt.NDArray[np.bool_] = run[places] == ordered
    return ordered[is_common]


def _in_order(
    workers: Executor, work: Callable[[S], T], items: Iterable[S]
) -> Generator[T, None, None]:
    """Results in the order of the items, few of which are in work at any time."""
    running: deque[Future[T]] = deque()
    try:
        for item in items:
            running.append(workers.submit(work, item))
            if len(running) > _BLOCKS_AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()


def _reject(
    connection: duckdb.DuckDBPyConnection,
    judge: Judge,
    text: VerifiedText,
    contract: FeedContract,
    found: _Findings,
) -> None:
    """Fill `rejects`, and `suspect` where there is one; raise `DeliveryError` on too many."""
    is_too_many = not contract.tolerates(found.rejected_count, text.row_count)
    malformed = found.malformed[:_SUSPECTS_EXPLAINED] if is_too_many else found.malformed
    rejects = pa.table(
        {
            "row_number": pa.array([one.number for one in malformed], pa.int64()),
            "column_name": pa.array([one.place for one in malformed], pa.string()),
            "value": pa.array([one.value for one in malformed], pa.string()),
            "reason": pa.array([one.reason for one in malformed], pa.string()),
        }
    )
    _keep(connection, "rejects", rejects)
    if found.suspect_count:
        suspects = pa.concat_tables(found.suspects)
        _keep(
            connection,
            "suspect",
            suspects.slice(0, _SUSPECTS_EXPLAINED) if is_too_many else suspects,
        )
        _refuse_second_header(connection, text)
        connection.execute(f"insert into rejects {judge.reasons()}")
    if is_too_many:
        raise DeliveryError(
            "too_many_rejects", _too_many(connection, found.rejected_count, text.row_count)
        )
    if found.suspect_count:
        unexplained = _number(
            connection,
            "select count(*) from suspect where row_number not in (select row_number from rejects)",
        )
        if unexplained:
            raise RuntimeError(f"{unexplained} rows fail as a whole, but no column of them does")


def _keep(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Make a temporary table of the engine's own, so that it may spill."""
    connection.register("arrived", table)
    connection.execute(f"create or replace temp table {name} as select * from arrived")
    connection.unregister("arrived")


def _refuse_second_header(connection: duckdb.DuckDBPyConnection, text: VerifiedText) -> None:
    same = " and ".join(f"field_{n} = {_text(name)}" for n, name in enumerate(text.header))
    query = f"select min(row_number) from suspect where {same}"
    (row_number,) = connection.execute(query).fetchall()[0]
    if row_number is not None:
        message = f"Row {row_number} is the header again, so two files were joined. Ask for each."
        raise DeliveryError("header_repeated", message)


def _too_many(connection: duckdb.DuckDBPyConnection, rejected_count: int, row_count: int) -> str:
    ((reason, column, _, first),) = connection.execute(
        "select reason, column_name, count(*), min(row_number) from rejects "
        "group by all order by 3 desc, 1, 2 limit 1"
    ).fetchall()
    return (
        f"{rejected_count} of {row_count} rows would be rejected, more than the contract "
        f"allows (greatest_rejected_share). Most often {reason} in {column or 'the row'} "
        f"(first in row {first}). Ask for the file again, or mend the layout."
    )


def _hold_sums(
    connection: duckdb.DuckDBPyConnection,
    judge: Judge,
    control_sums: Mapping[str, Decimal],
    found: _Findings,
) -> tuple[str, ...]:
    """Hold the control file's sums against all rows of the file, rejected ones included."""
    if control_sums and found.malformed_count:
        return ("control sums could not be held: some records cannot be split into fields",)
    for header, stated in control_sums.items():
        total = found.sums.get(header, Decimal(0))
        if found.suspect_count and judge.decimal_column(header):
            # Of a good row the typed amount was summed; of the others their text is.
            query = judge.plain_sum(header, "suspect")
            total += connection.execute(query).fetchall()[0][0]
        if total != stated:
            raise DeliveryError(
                "sum_differs",
                f"The control file says {stated} for {header!r}, the rows sum to {total}. "
                "Ask the sender to send both again.",
            )
    return ()


def _set_duplicates_aside(
    connection: duckdb.DuckDBPyConnection,
    judge: Judge,
    contract: FeedContract,
    found: _Findings,
    rows_path: Path,
) -> int:
    """Tell held rows that repeat an earlier one in all columns from those that share its key only.

    The former go to `rejects` and are counted, the latter go back to their place among the rows.
    """
    if not found.held_count:
        return 0
    kept, held = (
        f"read_parquet({_text(str(path))})" for path in (rows_path, _held_path(rows_path))
    )
    key, sent = judge.key_hash(), ", ".join(judge.sent)
    connection.execute(
        f"""
        create or replace temp table duplicate as
        with alike as (
            select row_number, {sent} from {kept} where {key} in (select {key} from {held})
            union all
            select row_number, {sent} from {held}
        ),
        compared as (
            select row_number,
                   first_value(row_number) over (partition by {sent} order by row_number)
                   as first_one
            from alike
        )
        select row_number, first_one from compared where row_number > first_one
        """
    )
    connection.execute(
        "insert into rejects "
        "select row_number, '', cast(first_one as varchar), 'duplicate_of_row' from duplicate"
    )
    count = _number(connection, "select count(*) from duplicate")
    if count < found.held_count:
        others = "where row_number not in (select row_number from duplicate)"
        together = f"select * from {kept} union all select * from {held} {others}"
        reader = connection.sql(f"{together} order by row_number").to_arrow_reader(
            ledger.ROW_GROUP_ROWS
        )
        whole = rows_path.with_suffix(".whole")
        with ledger.rows_writer(whole, contract) as writer:
            for batch in reader:
                writer.write_batch(batch)
        whole.replace(rows_path)
    return count


def _by_reason(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Distinct rejected rows by column and reason."""
    rows = connection.execute(
        "select concat_ws(': ', nullif(column_name, ''), reason), count(distinct row_number) "
        "from rejects where reason <> 'duplicate_of_row' group by all order by 1"
    ).fetchall()
    return {str(reason): int(count) for reason, count in rows}


def _flags(connection: duckdb.DuckDBPyConnection, judge: Judge, rows_path: Path) -> dict[str, int]:
    """Rows that were kept although they breach a rule that only flags."""
    rules = judge.rules("flag")
    if not rules:
        return {}
    query = judge.breaches(rules, f"read_parquet({_text(str(rows_path))})")
    flagged = zip(rules, connection.execute(query).fetchall()[0], strict=True)
    return {rule.name: int(count) for rule, count in flagged if count}


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(connection.execute(query).fetchall()[0][0])
