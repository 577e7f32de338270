"""Coefficients of penalised logistic regressions by scikit-learn, on three sets that `tests/it/logistic.rs` makes by the same arithmetic.

    pip install scikit-learn==1.9.1
    python tests/reference/logistic.py > tests/reference/logistic.csv

Per row the loss is the mean negative log-likelihood plus ridge / 2 times the squared coefficients; the intercept is not penalised. Inputs are
sign(v) ln(1 + |v|), less the mean, over the deviation of known values; an unknown value is 0, and has an indicator of its own.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

MASK = (1 << 64) - 1


def uniform(key):
    """splitmix64, as a number from 0 to 1."""
    z = (key + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) / 2.0**53


# Name, rows, columns, shift of the log-odds, share of unknown values in the second column, ridge.
SETS = [("even", 500, 3, 0.0, 0.0, 1e-4), ("rare", 2000, 6, -2.5, 0.15, 1e-3), ("common", 800, 4, 2.0, 0.4, 1e-2)]


def make(number, rows, columns, shift, unknown):
    u = lambda row, what: uniform((number << 40) + (row << 8) + what)
    values, left = np.empty((rows, columns)), np.empty(rows, dtype=bool)
    for row in range(rows):
        score = shift
        for column in range(columns):
            # Columns lean on the first one, and have tails of their own.
            value = 10.0 * u(row, column) ** (1 + column) - 3.0 + (0.5 * column * u(row, 0) if column else 0.0)
            score += (0.4 - 0.15 * column) * value
            values[row, column] = np.nan if column == 1 and u(row, 100) < unknown else value
        left[row] = u(row, 101) < 1.0 / (1.0 + np.exp(-score))
    return values, left


def matrix(values):
    columns = []
    for column in values.T:
        known = ~np.isnan(column)
        transformed = np.sign(column) * np.log1p(np.abs(column))
        mean, deviation = transformed[known].mean(), transformed[known].std()
        columns.append(np.where(known, (transformed - mean) / deviation, 0.0))
        if not known.all():
            columns.append(np.where(known, 0.0, 1.0))
    return np.array(columns).T


print("set,place,coefficient")
for number, (name, rows, columns, shift, unknown, ridge) in enumerate(SETS):
    values, left = make(number, rows, columns, shift, unknown)
    model = LogisticRegression(C=1.0 / (ridge * rows), tol=1e-12, max_iter=100_000).fit(matrix(values), left)
    for place, coefficient in enumerate([model.intercept_[0], *model.coef_[0]]):
        print(f"{name},{place},{float(coefficient)!r}")
