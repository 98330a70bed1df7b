"""Reads a mount again and again, as notebooks do: reader.py FILE ROWS LAST.

Of the table `bars` every commit from version 2 on brought ROWS rows. Ends when it has
seen version LAST; with an error at anything that is no whole version, or an older one.
"""

import sys

import duckdb

file, rows, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
newest, connections = 0, 0
while newest < last:
    # Not read-only, as people forget it: the mount must not mind.
    connection = duckdb.connect(file, read_only=connections % 2 == 0)
    version = connection.execute("SELECT version FROM lake_info").fetchone()[0]
    for _ in range(3):
        count = connection.execute("SELECT count(*), count(DISTINCT symbol) FROM bars").fetchone()
        expected = ((version - 1) * rows, 8 if version > 1 else 0)
        assert count == expected, f"version {version}: {count} instead of {expected}"
    assert version >= newest, f"version {version} after {newest}"
    newest, connections = version, connections + 1
    connection.close()
print(f"DuckDB {duckdb.__version__}: {connections} connections up to version {newest}")
