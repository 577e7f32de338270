"""Compares two outputs row by row: compare.py A B. Exit code 1 on any difference.

A and B are Parquet files of one of the engines, or the folder of a published run (or its `tables`): there the features
are joined to their keys by customer_links, and customers who never ordered are left out where the other side has no row.
Integers and dates must be equal, floats within 1e-9 of the larger one. Only features that both sides have are compared;
those that one side lacks are told. It counts in a streaming pass, and looks for examples only where something differs.
"""

import argparse
import sys
from pathlib import Path

import polars as pl
from polars import col

from definitions import FEATURES, KEYS

TOLERANCE = 1e-9
EXAMPLES = 3


def read(path: Path) -> pl.LazyFrame:
    """Keys and features of an output."""
    if path.is_file():
        return pl.scan_parquet(path).with_columns(may_lack=pl.lit(False))
    tables = path / "tables" if (path / "tables").is_dir() else path
    links = pl.scan_parquet(tables / "customer_links" / "*.parquet").select(*KEYS, "customer_id")
    features = pl.scan_parquet(tables / "features" / "*.parquet")
    never_ordered = pl.all_horizontal(pl.col(names_of(features)).is_null())
    return links.join(features, on="customer_id").with_columns(may_lack=never_ordered)


def names_of(frame: pl.LazyFrame) -> list[str]:
    """The features that a frame has."""
    return [name for name in FEATURES if name in frame.collect_schema()]


def joined(a: pl.LazyFrame, b: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    """The rows of both sides, those of B with `_b`; a side without the row has nulls, also in its `may_lack`."""
    columns = [*KEYS, *names, "may_lack"]
    both = a.select(columns).join(b.select(columns), on=KEYS, how="full", suffix="_b", coalesce=True, nulls_equal=True)
    lacking = (col("may_lack") & col("may_lack_b").is_null()) | (col("may_lack_b") & col("may_lack").is_null())
    return both.filter(~lacking.fill_null(False))


def differs(name: str) -> pl.Expr:
    """Whether the two values of a row, which both sides have, differ."""
    a, b = col(name), col(f"{name}_b")
    if FEATURES[name] != "float":
        return a.ne_missing(b)
    larger = pl.when(a.abs() > b.abs()).then(a.abs()).otherwise(b.abs())
    close = (a - b).is_finite() & ((a - b).abs() <= TOLERANCE * larger)
    return a.ne_missing(b) & ~close.fill_null(False)


def count(both: pl.LazyFrame, names: list[str]) -> dict[str, int]:
    """Rows of both sides and of one, and differences by feature."""
    only_a, only_b = col("may_lack_b").is_null(), col("may_lack").is_null()
    in_both = ~only_a & ~only_b
    counts = both.select(
        pl.len().alias("rows"), only_a.sum().alias("only in A"), only_b.sum().alias("only in B"),
        *[(differs(name) & in_both).sum().alias(name) for name in names],
    )  # fmt: skip
    return counts.collect(engine="streaming").row(0, named=True)


def examples(both: pl.LazyFrame, names: list[str], condition: pl.Expr) -> str:
    """Up to three rows where the condition holds."""
    found = both.filter(condition).select(*KEYS, *names).head(EXAMPLES).collect(engine="streaming")
    return "; ".join(" ".join(str(value) for value in row) for row in found.rows())


def duplicates(frame: pl.LazyFrame) -> int:
    """Keys that stand in more than one row."""
    return frame.group_by(KEYS).len().select((col("len") > 1).sum()).collect(engine="streaming").item()


def main() -> int:
    """Prints the comparison; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    arguments = parser.parse_args()
    a, b = read(arguments.a), read(arguments.b)
    names = [name for name in names_of(a) if name in names_of(b)]
    if not names:
        sys.exit("the two sides have no feature in common")
    both = joined(a, b, names)
    counts = count(both, names) | {"keys twice in A": duplicates(a), "keys twice in B": duplicates(b)}
    in_both = col("may_lack").is_not_null() & col("may_lack_b").is_not_null()
    shown = {"only in A": ([], col("may_lack_b").is_null()), "only in B": ([], col("may_lack").is_null())}
    shown |= {name: ([name, f"{name}_b"], differs(name) & in_both) for name in names}
    told_always = ("rows", "only in A", "only in B")
    for label, number in counts.items():
        if not number and label not in told_always:
            continue
        told = examples(both, *shown[label]) if number and label in shown else ""
        print(f"{label:28} {number:>12}  {told}".rstrip())
    print(f"{len(names)} features compared, {sum(bool(counts[name]) for name in names)} of them with differences")
    print("not compared:", ", ".join(name for name in FEATURES if name not in names) or "none")
    return int(any(number for label, number in counts.items() if label != "rows"))


if __name__ == "__main__":
    sys.exit(main())
