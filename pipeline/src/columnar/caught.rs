//! Decoders of other people's bytes may panic: that is a fault of the file, not of the program.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread decodes, so that its panics are told as faults of a file and by nobody else.
pub fn is_caught() -> bool {
    DECODING.get()
}

/// The result of `decode`; a panic of it is a fault. What it held is not used afterwards.
pub fn caught<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let outer = DECODING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(outer);
    result.unwrap_or_else(|_| Err("bytes that no decoder understands".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_fault() {
        assert_eq!(caught(|| Ok(7)), Ok(7));
        let empty: Vec<u8> = Vec::new();
        assert!(caught(|| Ok(empty[3])).is_err());
        assert!(!is_caught());
    }
}
