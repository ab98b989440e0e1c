"""A pair of files, claims in one and their lines in the other, as one file of lines.

Every line gets the fields of its claim; nothing is guessed where one is missing. What a pair is
called and where it lies does not belong here (`landing.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.errors import DeliveryError
from orchestration.ingest.fixed_width import joined_lines
from orchestration.ingest.malformed import LONGEST_VALUE, Malformed
from orchestration.ingest.records import (
    Records,
    Separated,
    Unsplittable,
    blocks,
    separate_malformed,
    split,
)
from orchestration.ingest.sender import ClaimHeaders
from orchestration.ingest.verified import UNIT_SEPARATOR, VerifiedText

OF_CLAIM = "header."
_TOLERANCE = 1
_ODD = rf"[{UNIT_SEPARATOR}\n]"


@dataclass(frozen=True)
class _Claims:
    """All claims of a pair in memory: their key, and the fields that lines get."""

    keys: pa.Array
    fields: tuple[pa.Array, ...]
    names: tuple[str, ...]
    malformed_count: int


def with_claim_headers(
    lines: VerifiedText, claims: VerifiedText, pair: ClaimHeaders, into: Path
) -> VerifiedText:
    """Lines with the fields of their claims, rows counted and numbered as in the file of lines.

    A field of a claim that has the name of a line's is called `header.<name>`. A line without its
    claim is malformed. Claims without lines, and claims whose amount differs from their lines' by
    more than a dollar (METHODS A.2), are warnings. Raises `DeliveryError` where a claim is told
    twice and differently, or a field that names claims is missing.
    """
    for name, text in (("lines", lines), ("claims", claims)):
        for header in (*pair.joined_by, *(pair.totals if text is claims else pair.totals.values())):
            if header not in text.header:
                message = f"The file of {name} has no field {header!r}, which claim_headers names."
                raise DeliveryError("column_missing", message)
    with duckdb.connect() as connection:
        known = _read_claims(connection, claims, pair)
        joined = _Joiner(connection, lines, claims, known, pair, into)
        taken_out = Separated(lines.path, lines.malformed) if lines.malformed else None
        try:
            joined.write(taken_out)
        except Unsplittable:
            apart = separate_malformed(lines, lines.path.with_suffix(".well_formed"))
            joined.write(apart)
        warnings = joined.warnings()
    names = [f"{OF_CLAIM}{one}" if one in lines.header else one for one in known.names]
    return replace(
        lines,
        path=into,
        header=(*lines.header, *names),
        delimiter=UNIT_SEPARATOR,
        has_quotes=False,
        warnings=warnings,
        malformed=tuple(sorted(joined.malformed, key=lambda one: one.number)),
    )


def _read_claims(
    connection: duckdb.DuckDBPyConnection, claims: VerifiedText, pair: ClaimHeaders
) -> _Claims:
    """Every claim once."""
    taken_out = Separated(claims.path, claims.malformed) if claims.malformed else None
    try:
        read = [split(one, claims, taken_out) for one in blocks(connection, claims, taken_out)]
    except Unsplittable:
        taken_out = separate_malformed(claims, claims.path.with_suffix(".well_formed"))
        read = [split(one, claims, taken_out) for one in blocks(connection, claims, taken_out)]
    malformed = sum(len(one.malformed) for one in read)
    malformed += len(taken_out.malformed) if taken_out else 0
    if not read:
        empty = pa.array([], pa.string())
        names = tuple(name for name in claims.header if name not in pair.joined_by)
        return _Claims(empty, tuple(empty for _ in names), names, malformed)
    table = pa.concat_tables([one.fields for one in read]).combine_chunks()
    keys = _keys(table, claims, pair.joined_by)
    whole = pc.binary_join_element_wise(
        *(pc.fill_null(one.combine_chunks(), "") for one in table.columns), UNIT_SEPARATOR
    )
    first = pc.index_in(keys, value_set=pc.unique(keys))
    # Of claims told several times the first stands, if the others say the same.
    is_first = np.zeros(len(keys), dtype=bool)
    is_first[np.unique(first.to_numpy(), return_index=True)[1]] = True
    unique_keys = keys.filter(pa.array(is_first))
    same = whole.filter(pa.array(is_first)).take(pc.index_in(keys, value_set=unique_keys))
    differs = pc.index(pc.equal(whole, same), False).as_py()
    if differs >= 0:
        raise DeliveryError(
            "claim_told_twice",
            f"Record {differs + 1} of the file of claims tells a claim again, and otherwise. Ask "
            "the sender for each claim once, or for its newest version alone.",
        )
    kept = table.filter(pa.array(is_first)).combine_chunks()
    told = {
        name: column.combine_chunks()
        for name, column in zip(claims.header, kept.columns, strict=True)
        if name not in pair.joined_by
    }
    return _Claims(unique_keys, tuple(told.values()), tuple(told), malformed)


class _Joiner:
    """Writes lines with the fields of their claims, and remembers what did not fit."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lines: VerifiedText,
        claims: VerifiedText,
        known: _Claims,
        pair: ClaimHeaders,
        into: Path,
    ) -> None:
        self._connection = connection
        self._lines = lines
        self._claims = claims
        self._known = known
        self._pair = pair
        self._into = into
        self._is_met: npt.NDArray[np.bool_] = np.zeros(len(known.keys), dtype=bool)
        self.malformed: list[Malformed] = []

    def write(self, separated: Separated | None) -> None:
        """Join block by block; raises `Unsplittable` as reading does."""
        self._is_met[:] = False
        self.malformed = list(separated.malformed) if separated else []
        self._connection.execute(
            "create or replace temp table summed (claim bigint, name varchar, amount varchar)"
        )
        with self._into.open("wb") as target:
            for block in blocks(self._connection, self._lines, separated):
                target.write(self._joined(split(block, self._lines, separated)))

    def _joined(self, records: Records) -> bytes:
        self.malformed += records.malformed
        keys = _keys(records.fields, self._lines, self._pair.joined_by)
        place = pc.index_in(keys, value_set=self._known.keys)
        self._is_met[place.drop_null().to_numpy()] = True
        self._sum(records, place)
        fields = [column.combine_chunks() for column in records.fields.columns]
        fields += [field.take(place) for field in self._known.fields]
        is_lost = pc.is_null(place)
        is_marked = is_lost
        for field in fields:
            marked = pc.match_substring_regex(field, pattern=_ODD)
            is_marked = pc.or_(is_marked, pc.fill_null(marked, False))
        for at in np.flatnonzero(is_marked.to_numpy(zero_copy_only=False)):
            reason = "claim_header_missing" if is_lost[at].as_py() else "control_character"
            told = str(keys[at].as_py()).replace(UNIT_SEPARATOR, " ")[:LONGEST_VALUE]
            self.malformed.append(Malformed(int(records.numbers[at]), told, reason))
        is_kept = pc.invert(is_marked)
        return joined_lines([field.filter(is_kept) for field in fields])

    def _sum(self, records: Records, place: pa.Array) -> None:
        """Add the amounts that are to equal a claim's."""
        for field in sorted(set(self._pair.totals.values())):
            amounts = records.fields.column(self._lines.header.index(field))
            found = pa.table({"claim": place, "amount": amounts})
            self._connection.register("found", found)
            self._connection.execute(
                "insert into summed select claim, ?, amount from found where claim is not null",
                [field],
            )
            self._connection.unregister("found")

    def warnings(self) -> tuple[str, ...]:
        """What is odd about the claims, in counts."""
        told = [*self._lines.warnings, *(f"claims: {one}" for one in self._claims.warnings)]
        if self._known.malformed_count:
            told.append(f"{self._known.malformed_count} claims cannot be split into fields")
        unmet = int((~self._is_met).sum())
        if unmet:
            told.append(f"{unmet} claims have no line and are left out")
        for header, field in self._pair.totals.items():
            stated = self._known.fields[self._known.names.index(header)]
            numbers = pa.array(range(len(stated)), pa.int64())
            self._connection.register("stated", pa.table({"claim": numbers, "amount": stated}))
            ((count,),) = self._connection.execute(
                """
                select count(*)
                from stated
                inner join (
                    select claim, sum(try_cast(amount as decimal(18, 2))) as total
                    from summed
                    where name = ?
                    group by claim
                ) as lines on stated.claim = lines.claim
                where abs(try_cast(stated.amount as decimal(18, 2)) - lines.total) > ?
                """,
                [field, _TOLERANCE],
            ).fetchall()
            self._connection.unregister("stated")
            if count:
                told.append(f"{header} of {count} claims is not the sum of {field}; lines count")
        return tuple(told)


def _keys(fields: pa.Table, text: VerifiedText, on: Sequence[str]) -> pa.Array:
    """What names the claim of each record, never null."""
    parts = [fields.column(text.header.index(name)).combine_chunks() for name in on]
    if len(parts) == 1:
        return pc.fill_null(parts[0], "")
    return pc.binary_join_element_wise(
        *parts, UNIT_SEPARATOR, null_handling="replace", null_replacement=""
    )
