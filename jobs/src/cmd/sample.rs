//! `regulars sample`.

use anyhow::Context;
use regulars::allowance::Allowance;
use regulars::error::{Error, Kind};
use regulars::sample::{Params, generate};
use regulars::store::{Location, Retries};
use regulars::time::Day;

use super::{access, say};
use crate::args::{Files, SampleArgs};

/// Writes a simulated shop.
pub fn run(arguments: &SampleArgs) -> anyhow::Result<u8> {
    let until = Day::parse(&arguments.until);
    let until = until.ok_or_else(|| Error::new(Kind::Config, format!("--until: expected a date YYYY-MM-DD, got `{}`", arguments.until)))?;
    let params = Params {
        customers: arguments.customers,
        until,
        months: arguments.months,
        products: arguments.products,
        lines_per_customer: arguments.lines_per_customer,
        gap_shape: arguments.gap_shape,
        seasons: arguments.seasons,
        seed: arguments.seed,
        monthly_files: arguments.files == Files::Month,
    };
    let params = params.check()?;
    let access = access(Retries::default(), Allowance::memory(1 << 30))?;
    let out = arguments.out.display().to_string();
    let store = Location::folder(&out).open(true, &access)?;
    let written = generate(&params, &store).with_context(|| format!("cannot write a sample into {out}"))?;
    say(&format!("{} order lines, {} files, {} bytes in {out}\n", written.lines, written.files, written.bytes))
}
