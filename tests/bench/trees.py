"""Boosted trees against LightGBM, XGBoost and CatBoost: trees.py BENCH FOLDER [--rows N] [--leaves N ...] [--words] [--times N] [--peers NAME ...].

BENCH is bench-models. A set of 30 columns, normal, log-normal, counted and of few values, with interactions and 5 % unknown values, is made in FOLDER once;
its first four fifths are learnt from, the rest is judged. 300 trees of each number of leaves that is asked for, rate 0.1, two threads. CPU seconds are those
of the step alone, binning included; contributions are asked of the first 10,000 judged rows. With --words the
columns of few values are words, whose order means nothing (CatBoost still takes them as numbers).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

WIDTH, TREES, RATE, CONTRIBUTIONS = 30, 300, 0.1, 10_000
WORDS = range(20, 24)


def simulate(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Values, row by row, and whether it came."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(rows, WIDTH))
    x[:, 8:14] = np.exp(x[:, 8:14])
    x[:, 14:20] = rng.poisson(np.exp(0.7 * x[:, 14:20] + 0.5))
    x[:, 20:24] = rng.integers(0, 12, (rows, 4))
    z = 0.9 * x[:, 0] - 0.7 * x[:, 1] + 0.8 * x[:, 0] * x[:, 2] + 0.6 * np.sin(2 * x[:, 3]) - 0.5 * np.abs(x[:, 4])
    z += 0.5 * np.log1p(x[:, 8]) * (x[:, 5] > 0) - 0.4 * np.sqrt(x[:, 14]) + 0.3 * x[:, 15] * (x[:, 6] < 0.5)
    z += rng.normal(size=12)[x[:, 20].astype(int)] * 0.6 + 0.4 * (x[:, 21] == 3) * x[:, 7] + 0.25 * x[:, 9] - 0.2 * x[:, 10] * (x[:, 16] > 1)
    came = rng.random(rows) < 1 / (1 + np.exp(-1.2 * (z - np.quantile(z, 0.42))))
    x[rng.random(x.shape) < 0.05] = np.nan
    return x, came


def judged(chance: np.ndarray, came: np.ndarray) -> dict:
    """AUC and log-loss."""
    order = np.argsort(chance, kind="stable")
    ranks = np.empty(len(chance))
    ranks[order] = np.arange(1, len(chance) + 1)
    ones = came.sum()
    chance = np.clip(chance, 1e-15, 1 - 1e-15)
    loss = -np.where(came, np.log(chance), np.log1p(-chance)).mean()
    return {"auc": float((ranks[came].sum() - ones * (ones + 1) / 2) / (ones * (len(came) - ones))), "log_loss": float(loss)}


def timed(work):
    """What it gives, and CPU seconds of all threads."""
    start = time.process_time()
    done = work()
    return done, time.process_time() - start


def lightgbm(x: np.ndarray, came: np.ndarray, train: int, leaves: int, words: range) -> dict:
    """LightGBM, the same to the bit for any number of threads as far as it promises that."""
    import lightgbm

    settings = {"objective": "binary", "learning_rate": RATE, "num_leaves": leaves, "num_threads": 2, "verbose": -1, "deterministic": True, "force_row_wise": True}
    model, fit_s = timed(lambda: lightgbm.train(settings, lightgbm.Dataset(x[:train], came[:train], categorical_feature=list(words)), TREES))
    chance, score_s = timed(lambda: model.predict(x[train:], num_threads=2))
    _, shap_s = timed(lambda: model.predict(x[train : train + CONTRIBUTIONS], pred_contrib=True, num_threads=2))
    return {"fit_s": fit_s, "score_s": score_s, "shap_s": shap_s, **judged(chance, came[train:])}


def xgboost(x: np.ndarray, came: np.ndarray, train: int, leaves: int, words: range) -> dict:
    """XGBoost, leaf by leaf."""
    import xgboost

    settings = {"objective": "binary:logistic", "eta": RATE, "max_leaves": leaves, "max_depth": 0, "grow_policy": "lossguide", "tree_method": "hist", "nthread": 2}
    types = {"feature_types": ["c" if column in words else "q" for column in range(WIDTH)], "enable_categorical": True}
    model, fit_s = timed(lambda: xgboost.train(settings, xgboost.QuantileDMatrix(x[:train], came[:train], **types), TREES))
    chance, score_s = timed(lambda: model.predict(xgboost.QuantileDMatrix(x[train:], **types)) if words else model.inplace_predict(x[train:]))
    return {"fit_s": fit_s, "score_s": score_s, **judged(chance, came[train:])}


def catboost(x: np.ndarray, came: np.ndarray, train: int, leaves: int, words: range) -> dict:
    """CatBoost, its own symmetric trees, which have a power of two of leaves."""
    import catboost

    model = catboost.CatBoostClassifier(iterations=TREES, learning_rate=RATE, depth=leaves.bit_length(), thread_count=2, verbose=False, allow_writing_files=False)
    _, fit_s = timed(lambda: model.fit(x[:train], came[:train]))
    chance, score_s = timed(lambda: model.predict_proba(x[train:], thread_count=2)[:, 1])
    return {"fit_s": fit_s, "score_s": score_s, **judged(chance, came[train:])}


PEERS = {"lightgbm": lightgbm, "xgboost": xgboost, "catboost": catboost}


def main() -> None:
    """Times in turns, and tells medians and ratios to LightGBM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--leaves", type=int, nargs="*", default=[63, 31])
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=["lightgbm"])
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    file = arguments.folder / f"trees-{arguments.rows}"
    if not file.with_suffix(".y").exists():
        x, came = simulate(arguments.rows)
        x.astype("<f8").tofile(file.with_suffix(".x"))
        came.astype("u1").tofile(file.with_suffix(".y"))
    x = np.fromfile(file.with_suffix(".x"), "<f8").reshape(-1, WIDTH)
    came = np.fromfile(file.with_suffix(".y"), "u1").astype(bool)
    train, words = len(came) * 4 // 5, WORDS if arguments.words else range(0)
    found: dict[tuple[str, int], list[dict]] = {}
    for leaves in arguments.leaves * arguments.times:
        for peer in arguments.peers:
            found.setdefault((peer, leaves), []).append(PEERS[peer](x, came, train, leaves, words))
        columns = "".join("w" if column in words else "n" for column in range(WIDTH))
        told = subprocess.run([arguments.program, "trees", file, columns, str(leaves)], check=True, capture_output=True, text=True)
        chance = np.fromfile(file.with_suffix(".p"), "<f8")
        found.setdefault(("regulars", leaves), []).append({**json.loads(told.stdout), **judged(chance, came[train:])})
    print(f"{len(came)} rows, {came.mean():.3f} came; {TREES} trees; CPU seconds, median of {arguments.times}")
    print("| | leaves | fit | rows scored a s | contributions of 10,000 rows | AUC | log-loss |\n|---|---|---|---|---|---|---|")
    for (name, leaves), runs in found.items():
        of = {key: median(run[key] for run in runs) for key in runs[0]}
        shap = f"{of['shap_s']:.2f}" if "shap_s" in of else ""
        print(f"| {name} | {leaves} | {of['fit_s']:.1f} | {(len(came) - train) / of['score_s']:.0f} | {shap} | {of['auc']:.5f} | {of['log_loss']:.5f} |")


if __name__ == "__main__":
    sys.exit(main())
