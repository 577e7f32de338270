//! Sections of the models: `cycle`, `churn`.

use super::overlay::{replaced_whole, section};

section! {
    /// When each customer returns.
    RawCycle {
        /// The model.
        model: RawCycleModel,
        /// Expected orders are counted over this many days.
        horizon_days: u32,
        /// Next-order dates further away than this are unknown (`beyond_horizon`).
        quantile_limit_days: u32,
    }
}

/// Purchase-cycle models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawCycleModel {
    /// BG/NBD: Fader, Hardie, Lee (2005).
    BgNbd,
}

section! {
    /// Who leaves.
    RawChurn {
        /// Days after a date within which an order means that the customer stayed.
        horizon_days: u32,
        /// The population has an order day within this many days before the date.
        active_days: u32,
        /// The population has at least this many order days.
        order_days_min: u32,
        /// Families of features that the model takes, of those that are chosen.
        families: Vec<String>,
        /// Fewer labelled customers than this at a date fit no model.
        training_customers_min: u32,
        /// Weight of the squared coefficients, per training row.
        ridge: f64,
        /// Largest component of the mean gradient at which a fit counts as converged.
        gradient_tolerance: f64,
        /// Most iterations of the solver.
        iterations_max: u32,
        /// Whether the run is held where no churn model could be fitted.
        hold_without_model: bool,
    }
}

replaced_whole!(RawCycleModel);
