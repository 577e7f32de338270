//! `regulars sample`.

use crate::args::SampleArgs;

/// Writes a simulated shop.
pub fn run(_arguments: &SampleArgs) -> anyhow::Result<u8> {
    anyhow::bail!("not there yet")
}
