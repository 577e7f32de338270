//! Values that must never print.

use std::fmt;

/// An option's value. Debug and Display of a hidden one print a fixed word.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    value: String,
    hidden: bool,
}

impl Secret {
    /// A value that may be shown.
    pub fn plain(value: String) -> Self {
        Self { value, hidden: false }
    }

    /// A value that must not be shown.
    pub fn hidden(value: String) -> Self {
        Self { value, hidden: true }
    }

    /// The value itself, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hidden { "[secret]" } else { &self.value })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_value_never_prints() {
        let secret = Secret::hidden("hunter2".into());
        assert_eq!(format!("{secret} {secret:?}"), "[secret] [secret]");
        assert_eq!(secret.reveal(), "hunter2");
    }
}
