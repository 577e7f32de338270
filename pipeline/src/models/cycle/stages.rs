//! How many events a customer's process gives within a time, whose rate is gamma-distributed, and how many orders come of them before a drop-out.

use statrs::function::gamma::ln_gamma;

/// Terms below this share of the sum, on their way down, add nothing that counts: what is left is at most about 1 + share times the last one.
const NOTHING: f64 = 1e-14;

/// Chances of 0, 1, 2, ... events within a time of `share` times the gamma's scale: negative binomial of size `size`. Handed out from the likeliest
/// one upwards, then downwards, until `visit` says that the rest adds nothing.
fn each_chance(size: f64, share: f64, mut visit: impl FnMut(usize, f64) -> bool) {
    let rate = share / (1.0 + share);
    let mode = if size > 1.0 { ((size - 1.0) * share).floor() } else { 0.0 };
    let ln_first = if mode == 0.0 {
        -size * share.ln_1p()
    } else {
        ln_gamma(size + mode) - ln_gamma(size) - ln_gamma(mode + 1.0) - size * share.ln_1p() - mode * (1.0 / share).ln_1p()
    };
    let first = ln_first.exp();
    let (mut at, mut chance) = (mode, first);
    while visit(at as usize, chance) {
        chance *= (size + at) / (at + 1.0) * rate;
        at += 1.0;
    }
    (at, chance) = (mode, first);
    while at > 0.0 {
        chance *= at / ((size + at - 1.0) * rate);
        at -= 1.0;
        if !visit(at as usize, chance) {
            break;
        }
    }
}

/// The chance of `count` events or more.
pub fn at_least(count: usize, size: f64, share: f64) -> f64 {
    if share <= 0.0 {
        return if count == 0 { 1.0 } else { 0.0 };
    }
    let rate = share / (1.0 + share);
    let (mut below, mut chance) = (0.0, (-size * share.ln_1p()).exp());
    if chance == 0.0 && count > FEW {
        return many(count, size, share);
    }
    for events in 0..count {
        below += chance;
        chance *= (size + events as f64) / (events as f64 + 1.0) * rate;
    }
    if below > 0.1 {
        // 1 less what is near 1 loses digits: the chances from `count` up are added instead.
        let (mut above, mut events) = (0.0, count as f64);
        while chance > NOTHING * (above + chance) {
            above += chance;
            chance *= (size + events) / (events + 1.0) * rate;
            events += 1.0;
        }
        return above.min(1.0);
    }
    1.0 - below
}

/// Fewer events than these, where no event at all is too rare for a double, are as good as impossible.
const FEW: usize = 16;

/// The same where the chance of no event is too small for a double: all chances, from the likeliest one on.
fn many(count: usize, size: f64, share: f64) -> f64 {
    let (mut below, mut above) = (0.0, 0.0);
    each_chance(size, share, |events, chance| {
        *(if events < count { &mut below } else { &mut above }) += chance;
        chance > NOTHING * (below + above)
    });
    above / (below + above)
}

/// More events than these are as good as none.
pub fn most(size: f64, share: f64) -> usize {
    let mean = size * share;
    (mean + 10.0 * (mean * (1.0 + share)).sqrt() + 45.0 * (1.0 + share)) as usize
}

/// The mean of `worth` over the number of events; it is 0 at 0 and rises by at most 1 an event.
pub fn expected(size: f64, share: f64, worth: impl Fn(usize) -> f64) -> f64 {
    if share <= 0.0 {
        return 0.0;
    }
    let (mut sum, mut chances) = (0.0, 0.0);
    each_chance(size, share, |events, chance| {
        let part = chance * worth(events);
        sum += part;
        chances += chance;
        // Events that are worth nothing may be all that is likely.
        part > NOTHING * sum || chance > NOTHING * chances || (sum == 0.0 && chance > 0.0)
    });
    // All chances are 1: what the logarithm of the first one lacks in digits, all lack.
    sum / chances
}

/// How many of the next orders a customer is there for, whose chance p of dropping out after each is Beta(a, b).
#[derive(Debug, Clone)]
pub struct Survivors {
    a: f64,
    b: f64,
    /// By number of events that would be orders: the mean number of orders before a drop-out.
    up_to: Vec<f64>,
    /// The chance to be there for the next one.
    next: f64,
}

/// So many are kept. Of more, what is added is a power of their number to a digit that does not count.
const KEPT_MAX: usize = 1 << 16;

impl Survivors {
    /// Prepares for up to so many orders: E[(1 - p)^n] = (b)_n / (a + b)_n, added up.
    pub fn of(a: f64, b: f64, orders: usize) -> Self {
        let mut survivors = Self { a, b, up_to: vec![0.0], next: 1.0 };
        for n in 0..orders.min(KEPT_MAX) {
            survivors.up_to.push(survivors.up_to[n] + survivors.next);
            survivors.next = survivors.after(n, survivors.next);
        }
        survivors
    }

    #[inline]
    fn after(&self, n: usize, chance: f64) -> f64 {
        chance * (self.b + n as f64) / (self.a + self.b + n as f64)
    }

    /// The mean number of orders of the next `orders` before a drop-out.
    #[inline]
    pub fn up_to(&self, orders: usize) -> f64 {
        match self.up_to.get(orders) {
            Some(mean) => *mean,
            None => self.beyond(orders),
        }
    }

    /// (b)_n / (a + b)_n is the power -a of n + b + (a - 1) / 2 for large n (Tricomi, Erdelyi 1951): added up by its integral.
    fn beyond(&self, orders: usize) -> f64 {
        let kept = self.up_to.len() - 1;
        let (mut mean, mut next) = (self.up_to[kept], self.next);
        for n in kept..orders.min(KEPT_MAX) {
            mean += next;
            next = self.after(n, next);
        }
        if orders <= KEPT_MAX {
            return mean;
        }
        let (middle, rest) = (self.b + (self.a - 1.0) / 2.0, 1.0 - self.a);
        let (first, from, to) = (KEPT_MAX as f64 + middle, KEPT_MAX as f64 - 0.5 + middle, orders as f64 - 0.5 + middle);
        let stretch = (to / from).ln();
        let powers = if rest == 0.0 { stretch } else { (rest * stretch).exp_m1() / rest };
        mean + next * (first / from).powf(self.a) * from * powers
    }
}
