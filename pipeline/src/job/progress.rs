//! How a run tells what it is doing.

/// Listens to the steps of a run.
pub trait Progress: Sync {
    /// A step begins.
    fn begin(&self, step: &str);
    /// The step that began last is over; what it did, in a few words.
    fn end(&self, detail: &str);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str) {}
    fn end(&self, _: &str) {}
}
