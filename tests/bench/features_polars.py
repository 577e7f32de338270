"""The features of every customer, by Polars' streaming engine: features_polars.py LAKE AS_OF OUT [--threads N] [--zone ZONE].

One lazy query: the needed columns only, what is visible is filtered in the scan, by instants instead of days. The orders
are kept for the second look that returns which name another order take at them; those are read by a scan of their own,
as lists in a group would leave the streaming engine for all lines. (The lists of order days do so for the orders; sorts
and windows, which stream, took longer.) The few sources are grouped and joined as categories.
"""

import os

from definitions import FEATURES, KEYS, RECORDED_COLUMNS, WINDOWS, Job, parse_job

JOB = parse_job(__doc__)
os.environ["POLARS_MAX_THREADS"] = str(JOB.threads)

import polars as pl  # noqa: E402  (the number of threads is read by the import)
from polars import col  # noqa: E402

ORDER = [*KEYS, "order_id"]


def visible(job: Job, column: str, kind: pl.DataType) -> pl.Expr:
    """Whether a column's day is up to as_of, or unknown."""
    if kind == pl.Date:
        known = col(column) <= job.as_of
    else:
        known = col(column) < pl.lit(job.end(in_utc=kind.time_zone is not None), dtype=kind)
    return known | col(column).is_null()


def day_of(job: Job, value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """The day of a time."""
    return (value.dt.convert_time_zone(job.zone) if kind.time_zone else value).dt.date()


def amount_minor(kind: pl.DataType) -> pl.Expr:
    """Minor units: whole numbers are, others are rounded half to even, after the noise of binary fractions."""
    if kind.is_integer():
        return col("amount").cast(pl.Int64)
    return (col("amount").cast(pl.Float64) * 100).round(6).round(0).cast(pl.Int64)


def visible_lines(job: Job, lake: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """The visible product lines of known customers."""
    at, returned, is_visible = schema["ordered_at"], col("quantity") < 0, col("source_customer_id") != ""
    for name in [name for name in RECORDED_COLUMNS if name in schema][:1]:
        is_visible &= visible(job, name, schema[name])
    day = []
    if "business_date" in schema:
        day = [pl.coalesce("business_date", day_of(job, col("ordered_at"), at)).alias("day")]
        is_visible &= day[0] <= job.as_of
    else:
        is_visible &= visible(job, "ordered_at", at)
    if "kind" in schema:
        is_visible &= col("kind").is_null() | ~col("kind").is_in(["gift_card", "fee"])
        returned |= col("kind").is_in(["return", "cancel"]).fill_null(False)
    moved = returned & (col("return_of_order_id") != "").fill_null(False)
    return lake.filter(is_visible).select(
        col("source").cast(pl.Categorical), *ORDER[1:], "ordered_at", *day, "quantity", amount_minor(schema["amount"]),
        named="return_of_order_id", returned=returned, moved=moved,
    )  # fmt: skip


def sum_where(condition: pl.Expr, value: pl.Expr | str) -> pl.Expr:
    """The sum of the values where the condition holds. (A filter would split the group-by in two.)"""
    return pl.when(condition).then(value).otherwise(0).sum()


def orders_of(job: Job, lines: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """The orders, each with the returns that stand in it."""
    sold, stays = ~col("returned"), col("returned") & ~col("moved")
    if "business_date" in schema:
        first_day = col("day").sort_by("ordered_at", "day").first()
    else:
        first_day = day_of(job, col("ordered_at").min(), schema["ordered_at"])
    return lines.group_by(ORDER).agg(
        day=first_day,
        bought=(sold & (col("quantity") > 0)).any(),
        gross=sum_where(sold, "amount"),
        back=sum_where(stays, "amount"),
        return_lines=stays.sum().cast(pl.Int64),
        lines=sold.sum().cast(pl.Int64),
        milli_units=sum_where(sold, (col("quantity") * 1000).round(0, mode="half_away_from_zero")),
    )


def charges_of(lines: pl.LazyFrame, orders: pl.LazyFrame) -> pl.LazyFrame:
    """Returns that name an order, on the day of the order that they are charged to: the named one, or else their own."""
    moved = lines.filter("moved").select(*ORDER, "named", "amount")
    named = orders.select(*KEYS, named="order_id", named_day="day")
    placed = moved.join(orders.select(*ORDER, "day"), on=ORDER).join(named, on=[*KEYS, "named"], how="left")
    none = pl.lit(0, dtype=pl.Int64)
    return placed.select(
        *KEYS, day=pl.coalesce("named_day", "day"), bought=pl.lit(False), gross=none, back="amount",
        return_lines=pl.lit(1, dtype=pl.Int64), lines=none, milli_units=pl.lit(0.0),
    )  # fmt: skip


def customers_of(job: Job, parts: pl.LazyFrame) -> pl.LazyFrame:
    """A customer's sums, order days and gaps."""
    sums = [pl.when("bought").then("day").implode().alias("bought_on"), (col("gross") + col("back")).sum().alias("value"), col("bought").sum().alias("orders")]
    for days in WINDOWS:
        inside = col("day") > job.window_start(days)
        bought = inside & col("bought")
        sums += [bought.sum().alias(f"orders_{days}"), sum_where(inside, col("gross") + col("back")).alias(f"value_{days}")]
        sums += [sum_where(bought, "lines").alias(f"lines_{days}"), sum_where(bought, "milli_units").alias(f"milli_{days}")]
    sums += [sum_where(inside, name).alias(name) for name in ("return_lines", "back", "gross")]
    days = col("days").cast(pl.List(pl.Int32))
    later, earlier = days.list.slice(1), days.list.head(days.list.len().clip(1) - 1)
    distinct = col("bought_on").list.drop_nulls().list.unique().list.sort()
    return parts.group_by(KEYS).agg(sums).with_columns(days=distinct).with_columns(gaps=later - earlier)


def features_of(job: Job, customers: pl.LazyFrame) -> pl.LazyFrame:
    """The features; all are unknown for who never ordered."""
    first, last, gaps = col("days").list.first(), col("days").list.last(), col("gaps").list
    orders = pl.when(col("orders_365") > 0).then("orders_365")
    expressions = {
        "first_order_date": first,
        "last_order_date": last,
        "recency_days": (pl.lit(job.as_of) - last).dt.total_days(),
        "tenure_days": (pl.lit(job.as_of) - first).dt.total_days(),
        "order_count": col("orders"),
        "value_minor": col("value"),
        "repeat_day_count": gaps.len(),
        "t_x_days": (last - first).dt.total_days(),
        "gap_days_mean": gaps.mean(),
        "gap_days_deviation": gaps.std(),
        "gap_days_last": gaps.last(),
        "order_value_minor_mean_365d": col("value_365") / orders,
        "basket_lines_mean_365d": col("lines_365") / orders,
        "return_line_count_365d": col("return_lines"),
        "returned_value_rate_365d": pl.when(col("gross") > 0).then(-col("back") / col("gross")),
    }
    for days in WINDOWS:
        expressions |= {f"order_count_{days}d": col(f"orders_{days}"), f"value_minor_{days}d": col(f"value_{days}")}
        expressions |= {f"line_count_{days}d": col(f"lines_{days}"), f"units_{days}d": col(f"milli_{days}") / 1000}
    types = {"date": pl.Date, "int": pl.Int64, "float": pl.Float64}
    features = {name: pl.when(col("orders") > 0).then(expressions[name].cast(types[kind])) for name, kind in FEATURES.items()}
    return customers.select(col("source").cast(pl.String), "source_customer_id", **features)


def main() -> None:
    """Computes the features and writes them."""
    lake = pl.scan_parquet(JOB.files, hive_partitioning=True)
    schema = lake.collect_schema()
    lines = visible_lines(JOB, lake, schema)
    orders = orders_of(JOB, lines, schema).cache()
    parts = pl.concat([orders.drop("order_id"), charges_of(lines, orders)])
    features_of(JOB, customers_of(JOB, parts)).sink_parquet(JOB.out, compression="zstd", engine="streaming")


if __name__ == "__main__":
    main()
