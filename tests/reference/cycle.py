#!/usr/bin/env python3
"""Purchase-cycle models in arbitrary precision (mpmath, 40 digits): NBD, (M)BG/CNBD-k (k = 1: BG/NBD, MBG/NBD), Pareto/NBD; prints CSV.

Parameters and cells are drawn (seed below) from wide ranges, beside the extremes. Times are integer days; log_likelihood is that of one
customer without what depends on gaps alone; return_probability and expected_orders are unconditional, within `horizon` days.

Formulas: likelihoods, G and p_alive as in Reutterer, Platzer, Schroeder (2021) and Fader, Hardie (2005). Expected orders of (M)BG/CNBD-k: the
events after T are negative binomial given the stage j (of k) that the customer is in; every k-th is an order, of which the n-th happens if n - 1
drop-outs did not. For some cases it is compared with an integral over the drop-out chance p of (1 - E[(1-p)^floor((M+j)/k)]) / p, by roots of
unity: disagreement stops the script. Pareto/NBD: integrals by quadrature, expected orders in closed form."""
import random
import sys
from mpmath import mp, mpf, mpc, log, loggamma, gamma, exp, expm1, log1p, quad, nstr, pi, cos, sin

mp.dps = 40
SEED = 20261126
RANDOM = 2000  # of each of five families


def nbd(q, x, T, h):
    r, al = q
    n = r + x
    ll = loggamma(n) - loggamma(r) + r * log(al) - n * log(al + T)
    return ll, mpf(1), -expm1(-n * log1p(h / (al + T))), n / (al + T) * h


def weights(k, n, z):
    w = [mpf(1)]
    for j in range(1, k):
        w.append(w[-1] * (n + j - 1) / j * z)
    return w


def ln_g(k, n, al, tx, u):
    return -n * log(al + tx + u) + log(sum(weights(k, n, u / (al + tx + u))))


def survivors(a, b):
    """Mean number of the next 0, 1, 2, ... orders that happen, p ~ Beta(a, b)."""
    known, term = [mpf(0)], mpf(1)
    def upto(n):
        nonlocal term
        while len(known) <= n:
            known.append(known[-1] + term)
            i = len(known) - 2
            term *= (b + i) / (a + b + i)
        return known[n]
    return upto


def orders_of_stage(k, j, n, share, upto):
    rate = share / (1 + share)
    chance, m, total = exp(-n * log1p(share)), 0, mpf(0)
    mean = n * share
    while True:
        part = chance * upto((m + j) // k)
        total += part
        chance *= (n + m) / (m + 1) * rate
        m += 1
        if m > mean and part < total * mpf(10) ** -22 * (1 - rate) and (total > 0 or chance < mpf(10) ** -300):
            return total


def by_integral(k, j, n, share, a, b):
    """E over p ~ Beta(a, b) of (1 - E[(1-p)^floor((M+j)/k)]) / p, M negative binomial: by its generating function."""
    roots = [mpc(cos(2 * pi * i / k), sin(2 * pi * i / k)) for i in range(k)]
    lb = loggamma(a) + loggamma(b) - loggamma(a + b)
    def inner(p, there):
        if there < mpf(10) ** -24:
            # What powers of 1 / there would drown: nobody stays for a second order.
            chance, chances = (1 + share) ** -n, []
            for i in range(2 * k):
                chances.append(chance)
                chance *= (n + i) / (i + 1) * share / (1 + share)
            return (1 - sum(chances[:k - j]) - there * sum(chances[k - j:2 * k - j])) / p
        q = there ** (mpf(1) / k)
        total = mpf(0)
        for i in range(k):
            f = sum(q ** -s * roots[(-i * s) % k] for s in range(k)) / k
            z = q * roots[i]
            total += (f * z ** j * (1 + share * (1 - z)) ** -n).real
        return (1 - total) / p
    def f(t):
        p = exp(t)
        return exp(a * t + (b - 1) * log1p(-p) - lb) * inner(p, 1 - p)
    def g(w):  # there = 1 - p = w^(1/b), from 0 to 1/2: it may be singular there
        there = w ** (1 / b)
        return exp((a - 1) * log1p(-there) - lb) * inner(1 - there, there) / b
    with mp.workdps(70):
        # Below p0 nobody drops out, to 25 digits: all of E[floor((M+j)/k)] orders happen.
        rest = sum(s * sum(roots[(i * (j - s)) % k] * (1 + share * (1 - roots[i])) ** -n for i in range(k)).real / k for s in range(k))
        mean = (n * share + j - rest) / k
        low = log(mpf(10) ** -25 / max(mpf(1), n * share, b))
        half, t = -log(mpf(2)), low
        marks = {low, half}
        while t < half - 1:
            marks.add(t)
            t += 3
        above = [mpf(0)] + [mpf(2) ** (-b * i) for i in range(12, 0, -1)]
        return exp(a * low - lb) / a * mean + quad(f, sorted(marks)) + quad(g, above)


def cnbd(k, m, q, x, tx, T, h, check=False):
    r, al, a, b = q
    n, e, c = r + k * x, T - tx, x + m
    w = weights(k, n, e / (al + T))
    s2 = sum(w)
    s1 = a / (b + c - 1) * ((al + T) / (al + tx)) ** n if c > 0 else mpf(0)
    lb = loggamma(a) + loggamma(b + c) - loggamma(a + b + c) - loggamma(a) - loggamma(b) + loggamma(a + b)
    ll = lb + loggamma(n) - loggamma(r) + r * log(al) - n * log(al + T) + log(s1 + s2)
    alive = s2 / (s1 + s2)
    with mp.workdps(80):
        returns = -expm1(ln_g(k, n, al, tx, mpf(e + h)) - ln_g(k, n, al, tx, mpf(e)))
    upto = survivors(a, b + c)
    share = h / (al + T)
    # The sum has about so many terms.
    if share * (n + 50) > 2e4:
        parts = [by_integral(k, j, n + j, share, a, b + c) for j in range(k)]
    else:
        parts = [orders_of_stage(k, j, n + j, share, upto) for j in range(k)]
    if check:
        for j in range(k):
            other = by_integral(k, j, n + j, share, a, b + c)
            assert abs(other / parts[j] - 1) < mpf(10) ** -12, (k, m, q, x, tx, T, h, j, nstr(other, 20), nstr(parts[j], 20))
    return ll, alive, alive * returns, alive * sum(wj * p for wj, p in zip(w, parts)) / s2


def falling(f, low, high):
    """The integral of a falling function, in pieces that grow."""
    marks, step = [mpf(low)], mpf(1) / 64
    while marks[-1] < high:
        marks.append(min(mpf(high), marks[-1] + step))
        step *= 2
    return quad(f, marks)


def pareto(q, x, tx, T, h):
    r, al, s, be = q
    n = r + x
    ln_alive = -n * log(al + T) - s * log(be + T)
    # Scaled by its largest value.
    ln_top = log(s) - n * log(al + tx) - (s + 1) * log(be + tx)
    dead = falling(lambda u: exp(log(s) - n * log(al + u) - (s + 1) * log(be + u) - ln_top), tx, T) if T > tx else mpf(0)
    ratio = exp(ln_top - ln_alive) * dead
    ll = loggamma(n) - loggamma(r) + r * log(al) + s * log(be) + ln_alive + log1p(ratio)
    alive = 1 / (1 + ratio)
    A, B = al + T, be + T
    returns = falling(lambda v: n / A * (1 + v / A) ** -(n + 1) * (1 + v / B) ** -s, 0, h)
    rho = B / (B + h)
    orders = n * B / A * (-log(rho) if s == 1 else (1 - rho ** (s - 1)) / (s - 1))
    return ll, alive, alive * returns, alive * orders


def draw(rng):
    def spread(low, high):
        return float(f"{low * (high / low) ** rng.random():.3g}")
    T = rng.choice([0, rng.randint(0, 30), rng.randint(0, 400), rng.randint(0, 3000)])
    x = min(T, rng.choice([0, 0, 1, rng.randint(0, 5), rng.randint(0, 40), rng.randint(0, 500)]))
    tx = 0 if x == 0 else rng.choice([rng.randint(x, T), max(x, T - rng.randint(0, 20))])
    h = rng.choice([1, 7, 30, 90, 180, 365, 730, rng.randint(1, 5000)])
    return spread, x, tx, T, h


EXTREMES = [(x, tx, T, h) for x, tx, T in ((0, 0, 0), (0, 0, 3000), (1, 1, 729), (500, 700, 705), (500, 1500, 3000), (2000, 6990, 7010)) for h in (1, 700000)]
CORNERS = {
    "cnbd": [(0.3, 2.0, 0.01, 0.02), (1.5, 30.0, 1.0, 2.5), (1.5, 30.0, 1.000000001, 2.5), (1.5, 30.0, 0.999999999, 2.5), (0.5, 10.0, 0.2, 0.3), (50.0, 2000.0, 40.0, 0.05)],
    "pareto": [(0.3, 2.0, 0.05, 2000.0), (0.3, 2000.0, 0.3, 2.0), (1.5, 30.0, 1.0, 30.0), (1.5, 30.0, 1.000000001, 31.0), (20.0, 500.0, 8.0, 1.0)],
    "nbd": [(0.05, 1.0), (50.0, 2000.0)],
}


def main():
    rng = random.Random(SEED)
    skip = int(sys.argv[1]) if len(sys.argv) > 1 else 0  # rows that an earlier run printed
    print("family,k,from_first,p1,p2,p3,p4,x,t_x,T,horizon,log_likelihood,p_alive,return_probability,expected_orders")

    def row(family, k, m, q, x, tx, T, h, check=False):
        nonlocal skip
        if skip > 0:
            skip -= 1
            return
        parameters = [mpf(v) for v in q]
        args = (mpf(x), mpf(tx), mpf(T), mpf(h))
        if family == "nbd":
            values = nbd(parameters, mpf(x), mpf(T), mpf(h))
        elif family == "pareto_nbd":
            values = pareto(parameters, *args)
        else:
            values = cnbd(k, m, parameters, x, *args[1:], check)
        q = list(q) + [0.0] * (4 - len(q))
        cells = [family, k, m, *(repr(float(v)) for v in q), x, tx, T, h, *(nstr(v, 12, min_fixed=-4, max_fixed=6) for v in values)]
        print(",".join(map(str, cells)), flush=True)

    # A horizon of 700,000 days is 1e5 weeks.
    for x, tx, T, h in EXTREMES:
        for q in CORNERS["nbd"]:
            row("nbd", 1, 0, q, x, tx, T, h)
        for q in CORNERS["pareto"]:
            row("pareto_nbd", 1, 0, q, x, tx, T, h)
        for q in CORNERS["cnbd"]:
            for k, m in ((1, 0), (1, 1), (2, 1), (5, 0)):
                # For k > 1 the integral takes minutes where the sum has very many terms.
                if k == 1 or h / (T + q[1]) * (q[0] + k * x + 50) <= 2e4:
                    row("cnbd_k", k, m, q, x, tx, T, h)
    checked = 0
    for family in ("nbd", "bg", "mbg", "cnbd", "pareto"):
        for number in range(RANDOM):
            spread, x, tx, T, h = draw(rng)
            r, al = spread(0.05, 20), spread(0.5, 500)
            if family == "nbd":
                row("nbd", 1, 0, (r, al), x, tx, T, h)
            elif family == "pareto":
                row("pareto_nbd", 1, 0, (r, al, spread(0.05, 10), spread(0.5, 2000)), x, tx, T, h)
            else:
                k = 1 if family != "cnbd" else rng.randint(2, 12)
                m = {"bg": 0, "mbg": 1}.get(family, rng.randint(0, 1))
                check = number % 50 == 0 and k <= 4
                # No more terms than a minute is worth.
                while family == "cnbd" and h / (T + al) * (r + k * x + 50) > 2000 and h > 1:
                    h //= 2
                checked += check
                row("cnbd_k", k, m, (r, al, spread(0.05, 10), spread(0.05, 10)), x, tx, T, h, check)
    print(checked, "compared with the integral", file=sys.stderr)


main()
