"""Fingerprints of files and of tables' contents, equal whenever the content is equal.

Deciding what to do about a difference does not belong here.
"""

import hashlib
from pathlib import Path

import duckdb

_CHUNK = 1 << 20


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def relation_digest(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Digest of a relation's column names, types and rows; the rows' physical order is no part.

    `relation` is a quoted name or a table function, from our own code. The rows are put in the
    total order of their own fingerprints, so that equal content gives an equal digest whatever
    the engine did to its order.
    """
    described = connection.execute(f"describe select * from {relation}").fetchall()
    header = "\n".join(f"{column[0]} {column[1]}" for column in described)
    ((rows, content),) = connection.execute(
        "select count(*), coalesce(sha256(string_agg(fingerprint, '' order by fingerprint)), '') "
        f"from (select sha256(content::varchar) as fingerprint from {relation} as content)"
    ).fetchall()
    return hashlib.sha256(f"{header}\n{rows}\n{content}".encode()).hexdigest()
