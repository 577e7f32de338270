//! Where the tests take hold of the program: between it and its stores, and at each step.

use std::sync::OnceLock;

use regulars::store::Access;

/// What is called, instead of nothing.
pub struct Hooks {
    /// Changes how stores are reached.
    pub access: fn(Access) -> Access,
    /// Is told when a step begins (`begin ...`) and when it is over (`end ...`).
    pub step: fn(&str),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Sets the hooks, once, before the program runs.
pub(crate) fn set(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

pub(crate) fn access(access: Access) -> Access {
    match HOOKS.get() {
        Some(hooks) => (hooks.access)(access),
        None => access,
    }
}

pub(crate) fn step(what: &str) {
    if let Some(hooks) = HOOKS.get() {
        (hooks.step)(what);
    }
}
