"""Compares a mount with the lake: mounted.py LAKE FILE, with LAKE_QUERY=lake-query.

Every view's columns, types and rows as this Python's DuckDB reads them must be those that
`lake-query sql` gives; also under filters, which drop files, and through ATTACH.
"""

import json
import os
import subprocess
import sys

import duckdb

lake, file = sys.argv[1:]


def theirs(sql, version):
    command = [os.environ["LAKE_QUERY"], "sql", sql, "--format", "json"]
    command += ["--lake", lake, "--at", str(version)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(said.stdout)["rows"]


def same(sql, version, connection):
    ours = [list(row) for row in connection.execute(sql).fetchall()]
    expected = theirs(sql, version)
    if ours != expected:
        both = [row for row in expected if row in ours]
        print(f"{sql}\nhere {len(ours)} rows, there {len(expected)}, in common {len(both)}")
        print("here first:", ours[:3], "there first:", expected[:3])
        sys.exit(1)
    return len(ours)


def text(where, table):
    """As text, which JSON carries whole."""
    return f'SELECT CAST(COLUMNS(*) AS VARCHAR) FROM "{table}" {where} ORDER BY ALL'


connection = duckdb.connect(file, read_only=True)
print("DuckDB", duckdb.__version__)
version, root = connection.execute("SELECT version, lake FROM lake_info").fetchone()
assert os.path.samefile(root, lake), root
views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
tables = sorted(name for (name,) in views if name != "lake_info")
assert not connection.execute("SELECT * FROM duckdb_tables() WHERE NOT internal").fetchall()
for table in tables:
    types = f'SELECT column_name, column_type FROM (DESCRIBE "{table}")'
    same(types, version, connection)
    rows = same(text("", table), version, connection)
    first = theirs(f'SELECT column_name FROM (DESCRIBE "{table}") LIMIT 1', version)[0][0]
    values = theirs(f'SELECT DISTINCT "{first}" FROM "{table}" ORDER BY 1', version)
    for (value,) in values:
        value = str(value).replace("'", "''")
        same(text(f"WHERE \"{first}\" = '{value}'", table), version, connection)
    print(f"{table}: {rows} rows, {len(values)} of {first}")

count = 'SELECT count(*) FROM "{}"'
counts = [connection.execute(count.format(table)).fetchone() for table in tables]
connection.close()
other = duckdb.connect()
attached = file.replace("'", "''")
other.execute(f"ATTACH '{attached}' AS other (READ_ONLY)")
for table, expected in zip(tables, counts):
    there = other.execute(count.format(table).replace("FROM ", "FROM other.")).fetchone()
    assert there == expected, table
