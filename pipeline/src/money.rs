//! Money as integer minor units of one currency.

/// Largest amount of a line, in minor units: beyond it a binary fraction no longer tells two amounts apart, and 90,000 lines
/// of it still add up within 64 bits.
pub const MINOR_MAX: i64 = 100_000_000_000_000;

/// `minor` if it is an amount that a line may have.
pub fn bounded(minor: i128) -> Option<i64> {
    i64::try_from(minor).ok().filter(|minor| minor.unsigned_abs() <= MINOR_MAX.unsigned_abs())
}

/// A currency and its number of minor digits.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Currency {
    /// ISO 4217 code.
    pub code: String,
    /// Digits after the point: 2 for USD, 0 for JPY.
    pub digits: u32,
}

/// Codes of ISO 4217 whose number of minor digits is not two.
const OTHER_DIGITS: &[(&str, u32)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

impl Currency {
    /// The currency of an ISO 4217 code.
    pub fn parse(code: &str) -> Option<Self> {
        let well_formed = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let digits = OTHER_DIGITS.iter().find(|(other, _)| *other == code).map_or(2, |(_, digits)| *digits);
        well_formed.then(|| Self { code: code.to_owned(), digits })
    }

    /// `units` (possibly fractional) of the currency in minor units, half to even, and whether rounding changed it.
    /// None beyond `MINOR_MAX` or where not finite.
    pub fn to_minor(&self, units: f64) -> Option<(i64, bool)> {
        let scaled = units * 10f64.powi(self.digits as i32);
        // Binary fractions stand a little beside their decimal; what is closer to a tie than that is a tie.
        let noise = (8.0 * f64::EPSILON * scaled.abs()).max(1e-9);
        let floor = scaled.floor();
        let tie = (scaled - floor - 0.5).abs() <= noise;
        let rounded = if tie { (floor + 0.5).round_ties_even() } else { scaled.round() };
        let fits = rounded.is_finite() && rounded.abs() <= MINOR_MAX as f64;
        fits.then_some((rounded as i64, (scaled - rounded).abs() > noise))
    }

    /// An exact decimal (`unscaled` / 10^`scale`) in minor units, half to even, and whether rounding changed it.
    pub fn decimal_to_minor(&self, unscaled: i128, scale: u32) -> Option<(i64, bool)> {
        if scale <= self.digits {
            let factor = 10i128.checked_pow(self.digits - scale)?;
            return bounded(unscaled.checked_mul(factor)?).map(|minor| (minor, false));
        }
        let divisor = 10i128.checked_pow(scale - self.digits)?;
        let (quotient, rest) = (unscaled.div_euclid(divisor), unscaled.rem_euclid(divisor));
        let (to_next, odd) = (divisor - rest, quotient % 2 != 0);
        let up = rest > to_next || (rest == to_next && odd);
        bounded(quotient + i128::from(up)).map(|minor| (minor, rest != 0))
    }

    /// Minor units as a text in whole units, for people: `1234.50`.
    pub fn format(&self, minor: i64) -> String {
        let factor = 10u64.pow(self.digits);
        let sign = if minor < 0 { "-" } else { "" };
        let (whole, rest) = (minor.unsigned_abs() / factor, minor.unsigned_abs() % factor);
        if self.digits == 0 {
            return format!("{sign}{whole}");
        }
        format!("{sign}{whole}.{rest:0width$}", width = self.digits as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_to_even_in_decimal() {
        let usd = Currency::parse("USD").expect("a currency");
        let minor = |units: f64| usd.to_minor(units).expect("in range");
        assert_eq!(minor(1.005), (100, true)); // 100.49999999999999 in binary, a tie in decimal
        assert_eq!(minor(1.015), (102, true));
        assert_eq!(minor(-2.675), (-268, true));
        assert_eq!(minor(0.1 + 0.2), (30, false));
        assert_eq!(minor(-4.25), (-425, false));
        assert_eq!(usd.to_minor(f64::NAN), None);
        // Large amounts keep their last digit.
        assert_eq!(minor(9_999_999.99), (999_999_999, false));
        assert_eq!(minor(5_000_000.01), (500_000_001, false));
        assert_eq!(minor(123_456_789_012.35), (12_345_678_901_235, false));
        assert_eq!(usd.to_minor(1e13), None);
    }

    #[test]
    fn decimals_are_exact() {
        let jpy = Currency::parse("JPY").expect("a currency");
        assert_eq!(jpy.decimal_to_minor(1_250, 2), Some((12, true)));
        assert_eq!(jpy.decimal_to_minor(1_350, 2), Some((14, true)));
        assert_eq!(jpy.decimal_to_minor(-1_250, 2), Some((-12, true)));
        let bhd = Currency::parse("BHD").expect("a currency");
        assert_eq!(bhd.decimal_to_minor(15, 1), Some((1_500, false)));
        assert_eq!(bhd.format(-1_500), "-1.500");
    }
}
