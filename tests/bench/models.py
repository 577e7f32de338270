"""Purchase-cycle models against lifetimes, and due lists: models.py BENCH FOLDER [--customers N] [--times N] [--data FOLDER].

BENCH is the program that `cargo build --release -p regulars-tests` makes, bench-models. Customers are simulated by BG/NBD in FOLDER once. Each round fits
them by lifetimes, by lifetimes on its own compressed cells, and by each of our models; CPU seconds are those of the fit alone (lifetimes: one row a
customer is what it takes). With --data, the public supermarket set's due lists are timed too, beside LightGBM on pair features.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

MODELS = ("nbd", "bg_nbd", "mbg_nbd", "mbg_cnbd_k", "pareto_nbd")
# In days; the horizon is what a shop of two years knows.
R, ALPHA, A, B, DAYS = 0.6, 30.0, 0.8, 2.5, 730


def simulate(customers: int) -> np.ndarray:
    """x, t_x and T of customers who order and leave as BG/NBD says, in whole days."""
    rng = np.random.default_rng(1)
    observed = rng.integers(1, DAYS, customers)
    rate, leaves = rng.gamma(R, 1 / ALPHA, customers), rng.beta(A, B, customers)
    x, t_x, at, there = np.zeros(customers, int), np.zeros(customers, int), np.zeros(customers), np.ones(customers, bool)
    while there.any():
        at[there] += rng.exponential(1 / rate[there])
        there &= at <= observed
        # Two orders of a day are one.
        day = np.ceil(at[there]).astype(int)
        new = day > t_x[there]
        who = np.flatnonzero(there)
        x[who[new]] += 1
        t_x[who] = np.minimum(day, observed[who])
        there[who] &= rng.random(len(who)) >= leaves[who]
    return np.stack([x, t_x, observed], axis=1).astype("<u4")


def lifetimes(cells: np.ndarray, compressed: bool) -> float:
    """CPU seconds of its BG/NBD."""
    from lifetimes import BetaGeoFitter

    weights = None
    if compressed:
        cells, weights = np.unique(cells, axis=0, return_counts=True)
    x, t_x, observed = (cells[:, column].astype(float) for column in range(3))
    start = time.process_time()
    BetaGeoFitter().fit(x, t_x, observed, weights=weights)
    return time.process_time() - start


def ours(program: Path, *arguments: str) -> dict:
    """What the program tells."""
    return json.loads(subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Times in turns, and tells medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    file = arguments.folder / f"cells-{arguments.customers}.bin"
    if not file.exists():
        simulate(arguments.customers).tofile(file)
    cells = np.fromfile(file, "<u4").reshape(-1, 3)
    times: dict[str, list[float]] = {}
    for _ in range(arguments.times):
        for name, compressed in (("lifetimes", False), ("lifetimes, compressed", True)):
            times.setdefault(name, []).append(lifetimes(cells, compressed))
        for model in MODELS:
            found = ours(arguments.program, "fit", str(file), model)
            times.setdefault(model, []).append(found["fit_s"])
    print(f"{len(cells)} customers, {len(np.unique(cells, axis=0))} cells; CPU seconds of the fit, median of {arguments.times}")
    print("| fit | cpu s | lifetimes / this |\n|---|---|---|")
    for name, runs in times.items():
        print(f"| {name} | {median(runs):.2f} | {median(times['lifetimes']) / max(median(runs), 0.005):.1f} |")
    if arguments.data:
        peer = subprocess.run([sys.executable, Path(__file__).parent / "due_lightgbm.py", arguments.data], check=True, capture_output=True, text=True)
        for level in ours(arguments.program, "due", str(arguments.data)) + json.loads(peer.stdout):
            print(json.dumps(level))


if __name__ == "__main__":
    sys.exit(main())
