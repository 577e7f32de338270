"""How near churn probabilities come to what can be known of the sample shop: churn_truth.py REGULARS FOLDER [--customers N] [--seed N].

REGULARS is the program. A shop is simulated in FOLDER; its people order by a gamma renewal process of a rate and a shape of their own, drop out after each
order but the first with a chance of their own, and one order in twelve carries no card (the sample's README). A run some months before its end publishes
churn probabilities; what followed says who left. Beside their log-loss stand two that know more:

- bayes: the posterior of rate, shape and dropping out given the customer's own order days, from the laws by which people were drawn. No program that
  sees order days alone does better, but by chance;
- told: the person's own rate, shape and chance to drop out.
"""

import argparse
import datetime as dt
import glob
import json
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import betaln, gammaln
from scipy.stats import gamma

HORIZON = 90
END = dt.date(2026, 6, 30)
# pipeline/src/sample/visits.rs: the laws of rates, shapes and dropping out; the share of orders with a card.
RATE_SHAPE, DROP_OUT, SHAPES, CARD = 1.1, (0.8, 7.0), ((1, 0.4), (2, 0.3), (4, 0.3)), 11 / 12
UNSEEN = 4  # so many orders without a card in a row are looked at

CONFIG = """version: 1
job: {{name: truth, as_of: {as_of}, timezone: America/New_York, currency: USD}}
store: {{url: {folder}/out}}
run: {{keep_state: false}}
lake:
  url: {folder}/shop/lake
  tables:
    order_lines: {{path: order_lines, timezone: America/New_York}}
    customers: {{path: customers, timezone: America/New_York}}
audit: {{late_store: publish, complete_lag_days_max: 10}}
snapshots: {{training_dates: 6}}
features:
  cadence: {{items: [all]}}
  trend: {{windowed: [all]}}
"""


def run(program: str, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def survival(t, rates, shape):
    """By rate, the chance of no order with a card within t days of one; dropping out aside."""
    seen = (CARD * (1 - CARD) ** n * gamma.cdf(t, shape * (n + 1), scale=1 / (shape * rates)) for n in range(UNSEEN))
    return 1 - sum(seen)


def bayes(days: np.ndarray, silent: float, rates: np.ndarray) -> float:
    """The chance to leave, given order days; rates stand for equal parts of everyone."""
    gaps, logs, before, after = np.diff(days), [], [], []
    for shape, share in SHAPES:
        pace = shape * rates[:, None]
        density = sum(
            CARD * (1 - CARD) ** n * np.exp(shape * (n + 1) * np.log(pace) + (shape * (n + 1) - 1) * np.log(gaps) - pace * gaps - gammaln(shape * (n + 1)))
            for n in range(UNSEEN)
        )
        logs.append(np.log(np.maximum(density, 1e-300)).sum(axis=1) + np.log(share))
        before.append(survival(silent, rates, shape))
        after.append(survival(silent + HORIZON, rates, shape))
    weights = np.exp(np.concatenate(logs) - max(log.max() for log in logs))
    a, b = DROP_OUT
    gone, stays = (np.exp(betaln(a + x, b + y) - betaln(a, b)) for x, y in ((1, len(gaps) - 1), (0, len(gaps))))
    return (weights @ (gone + stays * np.concatenate(after))) / (weights @ (gone + stays * np.concatenate(before)))


def told(silent, rate, shape, chance):
    """The chance to leave of people whose own numbers are known."""

    def none_by(t):
        cdf = lambda n: gamma.cdf(t, shape * n, scale=1 / (shape * rate)) if n else np.ones_like(t)
        none = 0.0
        for n in range(UNSEEN + 3):
            none += (1 - CARD) ** n * (1 - chance) ** n * (cdf(n) - cdf(n + 1))
            none += (1 - CARD) ** n * (1 - chance) ** (n - 1) * chance * cdf(n) if n else 0.0
        return none

    return (chance + (1 - chance) * none_by(silent + HORIZON)) / (chance + (1 - chance) * none_by(silent))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--customers", type=int, default=30_000)
    arguments.add_argument("--seed", type=int, default=5)
    asked = arguments.parse_args()
    shop, as_of = asked.folder / "shop", END - dt.timedelta(HORIZON + 24)
    if not shop.exists():
        how = ["--customers", str(asked.customers), "--products", "2000", "--months", "24", "--until", str(END), "--files", "month", "--seed", str(asked.seed)]
        run(asked.program, "sample", *how, "--out", str(shop))
    config = asked.folder / "truth.yaml"
    config.write_text(CONFIG.format(as_of=as_of, folder=asked.folder))
    summary = run(asked.program, "run", str(config))
    live = json.loads((asked.folder / "out/truth/live.json").read_text())
    tables = (asked.folder / "out/truth" / live["manifest"]).parent / "tables"
    published = lambda name: pl.read_parquet(glob.glob(f"{tables}/{name}/*.parquet"))
    links = published("customer_links").select("source", "source_customer_id", "customer_id")
    key = ["source", "source_customer_id"]
    lines = pl.read_parquet(glob.glob(f"{shop}/lake/order_lines/**/*.parquet", recursive=True), columns=[*key, "ordered_at", "quantity"])
    lines = lines.filter(pl.col("quantity") > 0).with_columns(day=pl.col("ordered_at").dt.convert_time_zone("America/New_York").dt.date())
    orders = lines.join(links, on=key).select("customer_id", "day").unique().sort("customer_id", "day")
    people = links.join(pl.read_parquet(f"{shop}/truth/source_customers/*.parquet"), on=key).group_by("customer_id").agg(pl.col("person").min())
    after = orders.filter(pl.col("day").is_between(as_of, as_of + dt.timedelta(HORIZON), closed="right"))
    rows = (
        published("scores").select("customer_id", "churn_probability").drop_nulls()
        .join(orders.filter(pl.col("day") <= as_of).group_by("customer_id", maintain_order=True).agg("day"), on="customer_id")
        .join(people, on="customer_id").join(pl.read_parquet(f"{shop}/truth/people/*.parquet"), on="person")
        .with_columns(left=~pl.col("customer_id").is_in(after["customer_id"].unique().to_list()))
        .sort("customer_id")
    )
    mean = json.loads((shop / "truth/shop.json").read_text())["mean_orders_per_day"]
    rates = gamma.ppf((np.arange(80) + 0.5) / 80, RATE_SHAPE, scale=mean / RATE_SHAPE)
    silent = np.array([(as_of - days[-1]).days + 0.5 for days in rows["day"].to_list()])
    all_days = [np.array([day.toordinal() for day in days], dtype=float) for days in rows["day"].to_list()]
    chances = {
        "regulars": rows["churn_probability"].to_numpy(),
        "bayes": np.array([bayes(days, e, rates) for days, e in zip(all_days, silent)]),
        "told": told(silent, *(rows[name].to_numpy() for name in ("orders_per_day", "gap_shape", "drop_out_chance"))),
    }
    left = rows["left"].to_numpy()
    loss = {name: -np.log(np.clip(np.where(left, p, 1 - p), 1e-12, None)).mean() for name, p in chances.items()}
    print(next(line.strip() for line in summary.splitlines() if "churn is scored by" in line))
    print(f"{len(left)} customers, {left.mean():.1%} left")
    for name, p in chances.items():
        print(f"{name:<10} log-loss {loss[name]:.4f}  mean {p.mean():.4f}  above bayes {loss[name] / loss['bayes'] - 1:+.1%}")


if __name__ == "__main__":
    main()
