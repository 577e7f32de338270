//! Sections of the results: `groups`, `campaign_defaults`, `campaigns`.

use super::overlay::{replaced_whole, section};
use super::rule::RawRules;

section! {
    /// How customers are sorted into groups.
    RawGroups {
        /// Share of customers with value that count as high value, the highest first.
        high_value_share: f64,
        /// A customer is new for this many days after the first order or registration.
        new_days: u32,
        /// An order this many days ago or less means active.
        active_days: u32,
        /// Silence longer than this means lapsed.
        lapsed_days: u32,
        /// From this churn probability on the risk is high.
        high_risk_from: f64,
        /// The value x risk groups; every combination of inputs, unknown included, must fall into exactly one row.
        table: Vec<RawGroup>,
    }
}

section! {
    /// One row of the table of groups; an input that is not named may have any value.
    RawGroup {
        /// Name of the group.
        group: String,
        /// `never_bought`, `new`, `active`, `silent`, `lapsed`.
        stage: Vec<String>,
        /// `high`, `other`, `unknown`.
        value: Vec<String>,
        /// `high`, `low`, `unknown`.
        risk: Vec<String>,
        /// `recent`, `earlier`, `unknown`.
        registered: Vec<String>,
    }
}

section! {
    /// One campaign's target list.
    RawCampaign {
        /// Whom the campaign is for: rules over columns of features, scores and groups.
        audience: RawRules,
        /// The column by which customers are ranked.
        order_by: String,
        /// Whether the highest value or the lowest comes first.
        order: RawOrder,
        /// Most customers on the list, both arms together.
        size: u32,
        /// Share of the list that is kept out of the campaign to measure it.
        control_share: f64,
        /// Channel of the campaign, as in `consents`.
        channel: String,
        /// Purpose of the campaign, as in `consents`.
        purpose: String,
        /// Whether consent must have been given for this channel and purpose; without, who withdrew or objected is left out all the same.
        consent_required: bool,
        /// Whether the customer must have an address for the channel: an e-mail address for `email`, a phone number for `sms` and `phone`.
        address_required: bool,
        /// Who reads the campaign's CSV file.
        csv_for: RawReader,
    }
}

/// Who reads a CSV file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawReader {
    /// A program: every byte as it is.
    Machines,
    /// A spreadsheet: no cell is taken for a formula.
    People,
}

/// Direction of a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawOrder {
    /// Highest first.
    Descending,
    /// Lowest first.
    Ascending,
}

replaced_whole!(RawOrder, RawReader, Vec<RawGroup>);
