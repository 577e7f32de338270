//! Sections of the models: `cycle`, `churn`, `backtest`.

use std::collections::BTreeMap;

use super::overlay::{replaced_whole, section};

section! {
    /// When each customer returns.
    RawCycle {
        /// Whether `model` scores, or the best of `candidates`.
        choose: RawChoose,
        /// The model.
        model: RawCycleModel,
        /// Models that `regulars backtest` compares. With `choose: best`, the one that foretold returns best at the training dates scores; `model` where
        /// there is no such date.
        candidates: Vec<RawCycleModel>,
        /// What may set right what the model foretells: learnt at the training dates, and scoring where it foretells returns better at the test date.
        challengers: Vec<RawChallenger>,
        /// Models that score where it does not converge: the first of them that does.
        fallbacks: Vec<RawCycleModel>,
        /// Who is fitted apart.
        cohorts: RawCohorts,
        /// What is believed of the parameters before any customer is seen.
        prior: RawPrior,
        /// Expected orders are counted over this many days.
        horizon_days: u32,
        /// Next-order dates further away than this are unknown (`beyond_horizon`).
        quantile_limit_days: u32,
        /// Value over a life is counted over this many days.
        life_days: u32,
        /// A year makes value so much less, as a share.
        discount_rate: f64,
    }
}

/// Which model scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawChoose {
    /// The one that is named.
    Model,
    /// The one that foretold best, by mean log-loss.
    Best,
}

/// What sets right what a purchase-cycle model foretells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawChallenger {
    /// Isotonic steps over its own forecasts, learnt at the newest date.
    Recalibrated,
    /// Boosted trees on features, which start from its forecasts, learnt at all dates.
    Boosted,
}

impl RawChallenger {
    /// The name in the YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recalibrated => "recalibrated",
            Self::Boosted => "boosted",
        }
    }

    /// What a model is called in grades that it has set right; trees are told by themselves.
    pub fn told(self, model: &str) -> String {
        match self {
            Self::Recalibrated => format!("{model}_recalibrated"),
            Self::Boosted => self.name().to_owned(),
        }
    }
}

/// Purchase-cycle models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawCycleModel {
    /// NBD: nobody drops out. Ehrenberg (1959).
    Nbd,
    /// BG/NBD: Fader, Hardie, Lee (2005).
    BgNbd,
    /// MBG/NBD, in which customers may drop out after the first order day: Batislam, Denizel, Filiztekin (2007).
    MbgNbd,
    /// BG/CNBD-k, in which orders are more regular; k by likelihood: Reutterer, Platzer, Schroeder (2021).
    BgCnbdK,
    /// MBG/CNBD-k: both.
    MbgCnbdK,
    /// Pareto/NBD, in which customers drop out at any time: Schmittlein, Morrison, Colombo (1987).
    ParetoNbd,
}

impl RawCycleModel {
    /// The name in the YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nbd => "nbd",
            Self::BgNbd => "bg_nbd",
            Self::MbgNbd => "mbg_nbd",
            Self::BgCnbdK => "bg_cnbd_k",
            Self::MbgCnbdK => "mbg_cnbd_k",
            Self::ParetoNbd => "pareto_nbd",
        }
    }
}

section! {
    /// When each customer buys what again: the table `due_products`.
    RawDue {
        /// What is due.
        level: RawDueLevel,
        /// Fewest days on which the customer bought it.
        purchase_days_min: u32,
        /// The customer's last visit lies at most this many days before as_of.
        active_days: u32,
        /// Days between the dates at which the model is trained.
        every_days: u32,
        /// How many such dates; the last one on which it is graded is not among them.
        training_dates: u32,
        /// Customers of whom the model is made, at the most.
        sample_customers: u32,
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawDueLevel {
    /// Nothing: no table is made.
    None,
    /// Categories of products (`leaf_category`).
    Category,
    /// Products.
    Product,
}

section! {
    /// What `regulars backtest` looks back on.
    RawBacktest {
        /// Dates at which forecasts are graded; with them come earlier ones, from which recalibration learns.
        vintages: u32,
        /// Days between them; they lie on a fixed grid, counted from 1970-01-01.
        every_days: u32,
    }
}

section! {
    /// A prior of a model's parameters: each log parameter that is named is normal about the log of its centre.
    RawPrior {
        /// Centres by parameter: r, alpha, a, b, s, beta; alpha and beta in days.
        centres: BTreeMap<String, f64>,
        /// Standard deviation of the log parameters.
        deviation: f64,
    }
}

section! {
    /// Customers who are fitted apart.
    RawCohorts {
        /// What customers of a cohort share; each cohort's parameters are drawn to everyone's.
        by: RawCohortsBy,
        /// Days of a period of first orders.
        period_days: u32,
        /// How far a cohort's log parameters may lie from everyone's, as a standard deviation.
        deviation: f64,
        /// A cohort of fewer customers has everyone's parameters.
        customers_min: u32,
        /// Who orders on so many days a year, of 90 days or more, is no household, and fitted on their own.
        apart_from_order_days_a_year: f64,
    }
}

/// What customers of a cohort share: nothing that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawCohortsBy {
    /// There are no cohorts.
    None,
    /// The period of the first order.
    FirstOrderPeriod,
    /// The channel of the first order.
    FirstChannel,
    /// The store of the first order.
    FirstStore,
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
        /// Its own mean gap between order days is at most so long; without, it may be of any length.
        gap_days_max: f64,
        /// What counts as leaving.
        leaving: RawLeaving,
        /// With `partial_defection`: orders of the horizon worth less than this share of the baseline.
        value_share_max: f64,
        /// With `partial_defection`: what the horizon is held against.
        baseline: RawBaseline,
        /// With `own_cycle`: silence of so many own mean gaps.
        own_gaps: f64,
        /// Whether customers of one order day are asked for too, by models of their own: who makes no second order?
        newcomers: bool,
        /// Families of features that the model takes, of those that are chosen.
        families: Vec<String>,
        /// Models that may score: the one that foretells best of customers whom it has not seen does, if it beats the best rule at the test date.
        models: Vec<RawChurnModel>,
        /// Fewer labelled customers than this fit no model.
        training_customers_min: u32,
        /// Fewer of them who left, or who stayed, fit no model.
        training_events_min: u32,
        /// Weight of the squared coefficients, per training row.
        ridge: f64,
        /// Largest component of the mean gradient at which a fit counts as converged.
        gradient_tolerance: f64,
        /// Most iterations of the solver.
        iterations_max: u32,
        /// A churn model that was trained less than so many days before, by the same definition, features and program, is taken from the prior run; 0 trains
        /// at every run.
        train_every_days: u32,
        /// Whether the run is held where no churn model could be fitted.
        hold_without_model: bool,
        /// Who is at least so likely to leave is told why, in the table `churn_reasons`.
        explain_from: f64,
        /// Columns of the lake, as `table.column`, that no reason names: what is made of them is told as `other`.
        sensitive: Vec<String>,
        /// What contacting those who may leave costs and earns.
        profit: RawProfit,
        /// By feature that trees take: the chance to leave may only rise with it, or only fall.
        monotone: BTreeMap<String, RawDirection>,
    }
}

/// What counts as leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawLeaving {
    /// No order in the horizon.
    NoOrder,
    /// Orders of the horizon worth less than a share of what went before: a grocer's customers seldom stay away altogether.
    PartialDefection,
    /// No order until silent for so many own mean gaps, where that day lies within the horizon.
    OwnCycle,
}

/// What the orders of the horizon are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawBaseline {
    /// Those of as many days before.
    WindowBefore,
    /// Those of the same days 52 weeks before, times the trend of the home store: what it sells in as many days before the date, over what it sold in these
    /// days 52 weeks before.
    YearAgo,
}

section! {
    /// What contacting those who may leave costs and earns, in minor units.
    RawProfit {
        /// What a customer earns who is kept.
        margin_minor: f64,
        /// What the offer costs, where it is taken.
        offer_cost_minor: f64,
        /// What contacting costs, whatever comes of it.
        contact_cost_minor: f64,
        /// The chance that the offer keeps who would have left is not known exactly: alpha of its beta distribution.
        acceptance_alpha: f64,
        /// And beta.
        acceptance_beta: f64,
    }
}

/// Which way a chance may go with a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawDirection {
    /// Never down.
    Rising,
    /// Never up.
    Falling,
}

/// What says who leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawChurnModel {
    /// Silent for more than so many days.
    InactivityRule,
    /// Silent for more than so many own gaps.
    OwnCycleRule,
    /// No return in the horizon, by the purchase-cycle model.
    Cycle,
    /// Logistic regression.
    Logistic,
    /// Boosted trees that start from the logistic.
    Trees,
}

impl RawChurnModel {
    /// The name in the YAML.
    pub fn name(self) -> &'static str {
        match self {
            Self::InactivityRule => "inactivity_rule",
            Self::OwnCycleRule => "own_cycle_rule",
            Self::Cycle => "cycle",
            Self::Logistic => "logistic",
            Self::Trees => "trees",
        }
    }
}

replaced_whole!(
    RawChoose,
    RawCohortsBy,
    RawDueLevel,
    RawCycleModel,
    Vec<RawCycleModel>,
    Vec<RawChallenger>,
    Vec<RawChurnModel>,
    RawLeaving,
    RawBaseline,
    RawDirection
);
