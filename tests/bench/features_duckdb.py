"""The features of every customer, by one DuckDB statement: features_duckdb.py LAKE AS_OF OUT [--threads N] [--zone ZONE].

The files are read once, the needed columns only; what is visible is filtered in the scan, by instants instead of days.
An order keeps the returns that name another order in a list: few have one, and a second pass over the lines is spared.
These few find the day of the order that they are charged to by one join, and are added up with the orders.
"""

import duckdb

from definitions import FEATURES, KEYS, RECORDED_COLUMNS, WINDOWS, Job, parse_job


def visible(job: Job, column: str, kind: str) -> str:
    """The condition that a column's day is up to as_of, or unknown."""
    if kind == "DATE":
        known = f"{column} <= DATE '{job.as_of}'"
    elif kind == "TIMESTAMP WITH TIME ZONE":
        known = f"{column} < TIMESTAMPTZ '{job.end(in_utc=True)}'"
    else:
        known = f"{column} < TIMESTAMP '{job.end(in_utc=False)}'"
    return f"({known} OR {column} IS NULL)"


def day_of(job: Job, value: str, kind: str) -> str:
    """The day of a time. In UTC it follows from the number: converting zones costs more than that."""
    if kind != "TIMESTAMP WITH TIME ZONE":
        return f"CAST({value} AS DATE)"
    return f"CAST(make_timestamp(epoch_us({value})) AS DATE)" if job.zone == "UTC" else f"CAST(timezone('{job.zone}', {value}) AS DATE)"


def amount_minor(kind: str) -> str:
    """Minor units: whole numbers are, others are rounded half to even, after the noise of binary fractions."""
    return "amount" if kind.endswith(("INT", "INTEGER")) else "CAST(round_even(round(CAST(amount AS DOUBLE) * 100, 6), 0) AS BIGINT)"


def lines_sql(job: Job, kinds: dict[str, str]) -> str:
    """The visible product lines of known customers."""
    conditions = ["source_customer_id <> ''"]
    conditions += [visible(job, name, kinds[name]) for name in RECORDED_COLUMNS if name in kinds][:1]
    moment, returned = "ordered_at", "quantity < 0"
    if "business_date" in kinds:
        day = f"coalesce(business_date, {day_of(job, moment, kinds[moment])})"
        moment = f"{{'moment': ordered_at, 'day': {day}}}"
        conditions.append(f"{day} <= DATE '{job.as_of}'")
    else:
        conditions.append(visible(job, moment, kinds[moment]))
    if "kind" in kinds:
        returned = "(quantity < 0 OR coalesce(kind IN ('return', 'cancel'), false))"
        conditions.append("(kind IS NULL OR kind NOT IN ('gift_card', 'fee'))")
    return f"""
        SELECT source, source_customer_id, order_id, {moment} AS moment, quantity, {amount_minor(kinds["amount"])} AS amount, {returned} AS returned,
            return_of_order_id AS named, {returned} AND coalesce(return_of_order_id, '') <> '' AS moved
        FROM read_parquet('{job.files}', hive_partitioning = true)
        WHERE {" AND ".join(conditions)}"""


def parts_sql(job: Job, kinds: dict[str, str]) -> str:
    """What counts for a customer on a day: an order with the returns that stand in it, or a return charged to another order."""
    first_day = "min(moment).day" if "business_date" in kinds else day_of(job, "min(moment)", kinds["ordered_at"])
    return f"""
        lines AS ({lines_sql(job, kinds)}),
        orders AS MATERIALIZED (
            SELECT source, source_customer_id, order_id, {first_day} AS day,
                bool_or(NOT returned AND quantity > 0) AS bought,
                CAST(coalesce(sum(amount) FILTER (NOT returned), 0) AS BIGINT) AS gross,
                CAST(coalesce(sum(amount) FILTER (returned AND NOT moved), 0) AS BIGINT) AS back,
                count(*) FILTER (returned AND NOT moved) AS return_lines,
                count(*) FILTER (NOT returned) AS lines,
                coalesce(sum(round(quantity * 1000)) FILTER (NOT returned), 0) AS milli_units,
                list({{'named': named, 'amount': amount}}) FILTER (moved) AS moves
            FROM lines GROUP BY ALL),
        moved AS (SELECT source, source_customer_id, day, unnest(moves) AS move FROM orders WHERE moves IS NOT NULL),
        parts AS (
            SELECT * EXCLUDE (order_id, moves) FROM orders
            UNION ALL BY NAME
            SELECT moved.source, moved.source_customer_id, coalesce(orders.day, moved.day) AS day, false AS bought,
                CAST(0 AS BIGINT) AS gross, CAST(move.amount AS BIGINT) AS back, CAST(1 AS BIGINT) AS return_lines
            FROM moved LEFT JOIN orders ON orders.source = moved.source
                AND orders.source_customer_id = moved.source_customer_id AND orders.order_id = move.named)"""


def sums_sql(job: Job) -> str:
    """A customer's sums, and its order days."""
    sums = [
        f"""count(*) FILTER (bought AND {inside}) AS orders_{days}, coalesce(sum(gross + back) FILTER ({inside}), 0) AS value_{days},
        coalesce(sum(lines) FILTER (bought AND {inside}), 0) AS lines_{days}, coalesce(sum(milli_units) FILTER (bought AND {inside}), 0) AS milli_{days}"""
        for days in WINDOWS
        for inside in [f"day > DATE '{job.window_start(days)}'"]
    ]
    year = f"day > DATE '{job.window_start(365)}'"
    return f"""
        sums AS (
            SELECT source, source_customer_id, list(day) FILTER (bought) AS bought_on, sum(gross + back) AS value, {", ".join(sums)},
                coalesce(sum(return_lines) FILTER ({year}), 0) AS return_lines, coalesce(sum(back) FILTER ({year}), 0) AS back,
                coalesce(sum(gross) FILTER ({year}), 0) AS gross
            FROM parts GROUP BY ALL),
        sorted AS (SELECT *, list_sort(bought_on) AS days FROM sums),
        customers AS (
            SELECT *, list_filter(list_transform(days[2:], lambda day, place: day - days[place]), lambda gap: gap > 0) AS gaps
            FROM sorted)"""


def features_sql(job: Job) -> str:
    """The features; all are unknown for who never ordered."""
    expressions = {
        "first_order_date": "days[1]",
        "last_order_date": "days[-1]",
        "recency_days": f"DATE '{job.as_of}' - days[-1]",
        "tenure_days": f"DATE '{job.as_of}' - days[1]",
        "order_count": "len(days)",
        "value_minor": "value",
        "repeat_day_count": "len(gaps)",
        "t_x_days": "days[-1] - days[1]",
        "gap_days_mean": "list_avg(gaps)",
        "gap_days_deviation": "list_stddev_samp(gaps)",
        "gap_days_last": "gaps[-1]",
        "order_value_minor_mean_365d": "value_365 / nullif(orders_365, 0)",
        "basket_lines_mean_365d": "lines_365 / nullif(orders_365, 0)",
        "return_line_count_365d": "return_lines",
        "returned_value_rate_365d": "CASE WHEN gross > 0 THEN -back / gross END",
    }
    for days in WINDOWS:
        expressions |= {f"order_count_{days}d": f"orders_{days}", f"value_minor_{days}d": f"value_{days}"}
        expressions |= {f"line_count_{days}d": f"lines_{days}", f"units_{days}d": f"milli_{days} / 1000"}
    types = {"date": "DATE", "int": "BIGINT", "float": "DOUBLE"}
    columns = [f"CASE WHEN days IS NOT NULL THEN CAST({expressions[name]} AS {types[kind]}) END AS {name}" for name, kind in FEATURES.items()]
    return f"SELECT {', '.join([*KEYS, *columns])} FROM customers"


def main() -> None:
    """Computes the features and writes them."""
    job = parse_job(__doc__)
    connection = duckdb.connect(config={"threads": job.threads, "preserve_insertion_order": False})
    described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{job.files}', hive_partitioning = true)").fetchall()
    kinds = {name: kind for name, kind, *_ in described}
    query = f"WITH {parts_sql(job, kinds)}, {sums_sql(job)} {features_sql(job)}"
    connection.execute(f"COPY ({query}) TO '{job.out}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    main()
