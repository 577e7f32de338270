//! How a file is laid over the defaults, and `--set` over both: key by key.

use std::collections::BTreeMap;

/// Something whose keys can be replaced one by one by a later layer.
pub trait Overlay {
    /// Takes everything that `over` states and keeps the rest.
    fn overlay(&mut self, over: Self);
}

impl<T: Overlay> Overlay for Option<T> {
    fn overlay(&mut self, over: Self) {
        match (self.as_mut(), over) {
            (Some(base), Some(over)) => base.overlay(over),
            (None, Some(over)) => *self = Some(over),
            (_, None) => {}
        }
    }
}

impl<T: Overlay> Overlay for BTreeMap<String, T> {
    fn overlay(&mut self, over: Self) {
        for (key, value) in over {
            match self.get_mut(&key) {
                Some(base) => base.overlay(value),
                None => {
                    self.insert(key, value);
                }
            }
        }
    }
}

/// Values that are replaced whole.
macro_rules! replaced_whole {
    ($($kind:ty),+ $(,)?) => {$(
        impl $crate::config::overlay::Overlay for $kind {
            fn overlay(&mut self, over: Self) {
                *self = over;
            }
        }
    )+};
}

replaced_whole!(String, bool, u32, u64, i64, f64, Vec<String>, Vec<u32>);

/// Declares the raw shape of a section: every key optional, unknown keys refused, laid over key by key.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$key_doc:meta])* $key:ident: $kind:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$key_doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $key: Option<$kind>,)+
        }

        impl $crate::config::overlay::Overlay for $name {
            fn overlay(&mut self, over: Self) {
                $($crate::config::overlay::Overlay::overlay(&mut self.$key, over.$key);)+
            }
        }
    };
}

pub(crate) use {replaced_whole, section};
