"""LightGBM on pair features, on the supermarket set's due lists: due_lightgbm.py DATA.

The task of `bench-models due`: every 14 days, every pair of customer and category (the first 7, or 9, digits of its code) with three purchase days or more
whose customer came in the 60 days before: is it bought in the next 14? Learnt at 78 dates, judged at the 26 after them, whose first label begins where the
last one learnt ends. Features are made here, from the files, without the program: CPU seconds count them, learning aside.
"""

import json
import sys
import time
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl

EPOCH = date(1970, 1, 1)
END = (date(2014, 8, 10) - EPOCH).days
# Oldest first; the last 26 are judged.
ORIGINS = np.array([END - 14 * back for back in range(104, 0, -1)])
JUDGED = 26
WINDOWS = (14, 28, 56, 112, 364)
LAST_GAPS = 4


def counted(days: np.ndarray, ends: np.ndarray, windows: tuple[int, ...]) -> list[np.ndarray]:
    """How many of sorted days lie in each window up to each end."""
    upto = np.searchsorted(days, ends, "right")
    return [upto - np.searchsorted(days, ends - window, "right") for window in windows]


def of_pair(days: np.ndarray, visits: np.ndarray, everyone: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features at the origins at which the pair counts, which these are, and whether it was bought."""
    n = np.searchsorted(days, ORIGINS, "right")
    came = np.searchsorted(visits, ORIGINS, "right")
    counts = (n >= 3) & (came > 0) & (visits[np.maximum(came - 1, 0)] >= ORIGINS - 60)
    at, n, came = ORIGINS[counts], n[counts], came[counts]
    last, first = days[n - 1], days[0]
    gaps = np.diff(days)
    before = np.stack([np.where(n - 1 - back > 0, gaps[np.maximum(n - 2 - back, 0)], np.nan) for back in range(LAST_GAPS)], axis=1)
    mean = (last - first) / (n - 1)
    median = np.array([np.median(gaps[: count - 1]) for count in n]) if len(n) else np.zeros(0)
    deviation = np.array([np.std(gaps[: count - 1]) for count in n]) if len(n) else np.zeros(0)
    silent = at - last
    season = np.searchsorted(days, at - 364 + 28, "right") - np.searchsorted(days, at - 364 - 14, "right")
    rows = [n, at - first, silent, silent / mean, silent / np.maximum(median, 1), mean, median, deviation, season, at - visits[came - 1], n / came]
    rows += counted(days, at, WINDOWS) + counted(visits, at, WINDOWS) + [many[counts] for many in everyone]
    bought = np.searchsorted(days, at + 14, "right") > n
    return np.column_stack([np.stack(rows, axis=1), before]), counts, bought


def features(folder: Path, digits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all pairs and origins: features, the origin's place, and whether it was bought."""
    codes = pl.read_parquet(folder / "item_hierarchy.parquet", columns=["item_id", "cod_mkt"]).with_columns(pl.col("cod_mkt").str.slice(0, digits))
    items = pl.read_parquet(folder / "basket_items.parquet", columns=["customer_id", "date", "item_id"])
    days = pl.col("date").cast(pl.Date).cast(pl.Int32).cast(pl.Int64)
    bought = items.join(codes, on="item_id").select("customer_id", "cod_mkt", days.alias("day")).unique().sort("customer_id", "cod_mkt", "day")
    visits = {who: np.unique(part["day"].to_numpy()) for (who,), part in bought.group_by("customer_id")}
    of_code = {code: np.sort(part["day"].to_numpy()) for (code,), part in bought.group_by("cod_mkt")}
    everyone = {code: counted(days, ORIGINS, (28, 364)) for code, days in of_code.items()}
    found = []
    for (who, code), part in bought.group_by("customer_id", "cod_mkt", maintain_order=True):
        if len(part) >= 3:
            rows, counts, came = of_pair(part["day"].to_numpy(), visits[who], everyone[code])
            found.append((rows, np.flatnonzero(counts), came))
    return tuple(np.concatenate([one[place] for one in found]) for place in range(3))


def judge(folder: Path, digits: int) -> dict:
    """How good it is at one level, and what that cost."""
    start = time.process_time()
    x, origin, bought = features(folder, digits)
    made = time.process_time() - start
    learnt = origin < len(ORIGINS) - JUDGED
    start = time.process_time()
    settings = {"objective": "binary", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 200, "num_threads": 2, "verbose": -1, "seed": 1}
    # Rounds by the last of the dates that are learnt from, whose labels are over before those that are judged begin.
    inner = origin < len(ORIGINS) - 2 * JUDGED
    held = learnt & ~inner
    stop = [lightgbm.early_stopping(50, verbose=False)]
    some, others = lightgbm.Dataset(x[inner], bought[inner]), lightgbm.Dataset(x[held], bought[held])
    stopped = lightgbm.train(settings, some, 2000, [others], callbacks=stop)
    model = lightgbm.train(settings, lightgbm.Dataset(x[learnt], bought[learnt]), stopped.best_iteration)
    fit_s = time.process_time() - start
    start = time.process_time()
    chance = np.clip(model.predict(x[~learnt]), 1e-15, 1 - 1e-15)
    foretell_s = time.process_time() - start
    came = bought[~learnt]
    loss = -np.where(came, np.log(chance), np.log1p(-chance)).mean()
    a_million = 1e6 / len(came)
    return {
        "digits": digits,
        "pairs": len(came),
        "training_rows": int(learnt.sum()),
        "rounds": stopped.best_iteration,
        "fit_s": round(fit_s, 1),
        "measure_s_a_million": round(made * 1e6 / len(bought), 2),
        "foretell_s_a_million": round(foretell_s * a_million, 2),
        "lightgbm": {"log_loss": round(float(loss), 4), "brier": round(float(((chance - came) ** 2).mean()), 4)},
    }


def main() -> None:
    """Both levels."""
    folder = Path(sys.argv[1]) / "coop"
    print(json.dumps([judge(folder, digits) for digits in (7, 9)]))


if __name__ == "__main__":
    sys.exit(main())
