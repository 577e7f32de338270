//! A manifest is what it was written as, or refused with words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regulars::publish::Manifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::unsealed(bytes) {
        let again = manifest.clone().sealed().expect("it was read");
        assert_eq!(again.text().expect("it was read"), bytes);
        assert_eq!(again, manifest);
    }
});
