//! A config is read or refused with words, whatever it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regulars::config::{self, Faults};
use regulars::lake;
use regulars::store::{Location, RawLocation};

fuzz_target!(|text: &str| {
    let Ok((raw, places)) = config::read("job.yaml", text, &[]) else { return };
    let mut faults = Faults::new("job.yaml", &places, &|name| Some(name.to_owned()));
    lake::check(raw.lake, &mut faults);
    let store = RawLocation { url: raw.store.url, options: raw.store.options, private_hosts: raw.store.private_hosts };
    Location::check(store, "store", &mut faults);
    let _ = faults.finish();
});
