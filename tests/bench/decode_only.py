"""Decodes the needed columns of all files and does next to nothing with them: decode_only.py LAKE --engine E [--threads N] [--also C ...].

The columns are those that the 27 features read, and those that are named. That they are decoded, and not counted from metadata:

- duckdb, polars: every value enters a sum: numbers as they are, texts by their length in bytes. Parquet's statistics
  hold minimum, maximum and nulls, but neither sums nor lengths, so that every page must be decompressed and every value
  looked at. Both engines may keep texts as places in a dictionary; so they may when they compute the features.
- pyarrow: every row group becomes an Arrow table in memory, texts as places in a dictionary where the file has one;
  row groups are read one after another, their columns by all threads.

Dates and times enter the sum as numbers. Partition keys are not in the files and are not decoded.
"""

import argparse
import os
from pathlib import Path

from definitions import COLUMNS, OPTIONAL_COLUMNS, RECORDED_COLUMNS


def needed(names: list[str], also: list[str]) -> list[str]:
    """The columns of the files that the features need."""
    recorded = [name for name in RECORDED_COLUMNS if name in names][:1]
    return [*COLUMNS, *[name for name in (*OPTIONAL_COLUMNS, *also) if name in names], *recorded]


def by_duckdb(files: str, threads: int, also: list[str]) -> None:
    """One aggregate over all columns."""
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    lake = f"read_parquet('{files}', hive_partitioning = false)"
    kinds = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {lake}").fetchall()}

    def total(name: str) -> str:
        if kinds[name] == "VARCHAR":
            return f"sum(strlen({name}))"
        return f"sum(epoch({name}))" if kinds[name].startswith(("TIMESTAMP", "DATE")) else f"sum({name})"

    connection.execute(f"SELECT {', '.join(total(name) for name in needed(list(kinds), also))} FROM {lake}").fetchall()


def by_polars(files: str, threads: int, also: list[str]) -> None:
    """One aggregate over all columns, in the streaming engine."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    lake = pl.scan_parquet(files, hive_partitioning=False)
    kinds = lake.collect_schema()

    def total(name: str) -> pl.Expr:
        column = pl.col(name)
        return (column.str.len_bytes() if kinds[name] == pl.String else column.to_physical()).sum()

    lake.select(total(name) for name in needed(kinds.names(), also)).collect(engine="streaming")


def by_pyarrow(files: list[Path], threads: int, also: list[str]) -> None:
    """Every row group of every file."""
    import pyarrow
    import pyarrow.parquet as parquet

    pyarrow.set_cpu_count(threads)
    columns = needed(parquet.read_schema(files[0]).names, also)
    for path in files:
        with parquet.ParquetFile(path, read_dictionary=columns) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group, columns=columns, use_threads=True)


def main() -> None:
    """Decodes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path, help="folder of order_lines")
    parser.add_argument("--engine", choices=("duckdb", "polars", "pyarrow"), required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--also", nargs="*", default=[], help="further columns, where files have them")
    arguments = parser.parse_args()
    pattern = str(arguments.lake / "**" / "*.parquet")
    match arguments.engine:
        case "duckdb":
            by_duckdb(pattern, arguments.threads, arguments.also)
        case "polars":
            by_polars(pattern, arguments.threads, arguments.also)
        case "pyarrow":
            by_pyarrow(sorted(arguments.lake.rglob("*.parquet")), arguments.threads, arguments.also)


if __name__ == "__main__":
    main()
