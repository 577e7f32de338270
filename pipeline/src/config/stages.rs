//! Sections of the stages between the lake and the models: `audit`, `customers`, `snapshots`, `features`.

use std::collections::BTreeMap;

use super::overlay::{replaced_whole, section};

section! {
    /// Thresholds of the input; past one of them the run is held.
    RawAudit {
        /// Most rows of a table that rules may reject, as a share.
        rejected_share_max: f64,
        /// Most lines of customers that repeat another in all but channel and discounts, as a share.
        duplicate_share_max: f64,
        /// Most orders of customers of which something was bought more than seven days after their first line, as a share.
        spread_order_share_max: f64,
        /// Most order lines of days after which there is none for two whole years of 365 days, counted from 1970, before the others; as a share.
        old_line_share_max: f64,
        /// Most order lines without a customer, as a share.
        anonymous_line_share_max: f64,
        /// Most value that belongs to no customer, as a share.
        anonymous_value_share_max: f64,
        /// Days that the newest line of all sources may lie before as_of.
        complete_lag_days_max: u32,
        /// What a store that is complete to an earlier day than the others means.
        late_store: RawLate,
        /// A store is late when, at its pace of the last 28 days, this many orders should have come since its newest one.
        late_store_orders: f64,
        /// Days against days, by source and store.
        days: RawAuditDays,
        /// Most value of the newest week that prices have moved by more than `days.factor_move_max`, product by product, as a share.
        moved_price_value_share_max: f64,
        /// Most value of the newest week of products that the table `products` does not know, as a share.
        unknown_product_value_share_max: f64,
        /// Most customers of stores that are late or have a fault, as a share, before the run is held in place of withholding them.
        store_customer_share_max: f64,
        /// Least customers that may and can be contacted, as a share, by channel.
        contactable_share_min: BTreeMap<String, f64>,
        /// Customers to score against those that a model was trained on.
        drift: RawDrift,
        /// Holds a run that differs too much from the prior one.
        hold_if: RawHoldIf,
    }
}

section! {
    /// How far the customers to score may be from those that a model was trained on.
    RawDrift {
        /// Largest population stability index of a feature, or of the score.
        psi_max: f64,
        /// What an alarm holds.
        holds: RawDriftHolds,
    }
}

/// What an alarm holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawDriftHolds {
    /// Nothing: it is told.
    Nothing,
    /// The run.
    Run,
}

section! {
    /// What a day of a source or store may be like: the newest four weeks are compared with the eight weeks before each day.
    RawAuditDays {
        /// Lines of a day that is worth a comparison.
        lines_min: u32,
        /// Least lines, as a share of what the same weekdays and the other sources or stores lead to expect.
        expected_share_min: f64,
        /// Most lines, as a share of the same.
        expected_share_max: f64,
        /// Most lines of a day that repeat another line, or all lines of another order of that instant, as a share.
        repeated_share_max: f64,
        /// Most by which a share of lines (returns, without a customer, ...) may differ from that of usual days.
        share_move_max: f64,
        /// Most by which the middle price, or the units of a line, may differ, as a factor.
        factor_move_max: f64,
        /// Most by which the middle time of the day may differ, in hours.
        hour_move_max: f64,
        /// Days that are odd and known to be: the shop was closed, or what is lost is lost for good. They are not compared.
        accepted: Vec<String>,
    }
}

section! {
    /// By how much a run may differ from the prior one: more holds it. Shares of the prior run's customers.
    RawHoldIf {
        /// Most by which a group's head-count may change.
        group_change_max: f64,
        /// Most by which a campaign's list may change.
        list_change_max: f64,
        /// Changes by fewer customers never hold.
        customers_min: u64,
        /// Most rows of an input table that may be gone since the prior run, as a share of those that it read.
        rows_lost_max: f64,
        /// Most by which the share of rows of customers, consents or products without a value of a column may have grown since.
        unknown_rise_max: f64,
    }
}

/// What a late store means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawLate {
    /// Its customers are withheld; the rest is published.
    Withhold,
    /// The whole run is held.
    Hold,
    /// Its customers' silence is counted to the day to which it is complete.
    Publish,
}

section! {
    /// How source customers become customers.
    RawCustomers {
        /// How phone numbers are dialled where they name no country.
        country: RawCountry,
        /// What identifies nobody, in any spelling.
        blocked: RawBlocked,
        /// Which source customers are one person.
        link: RawLink,
        /// Which customers live together.
        household: RawHousehold,
        /// Whether customers keep the ids that the prior run gave them; else an id follows from the lake alone, whatever was published before.
        keep_ids: bool,
        /// Account types that stand in `customers` and are withheld everywhere else.
        leave_out_account_types: Vec<String>,
        /// Customers with more order lines are withheld everywhere but in `customers`: a card that many use is nobody's history.
        max_rows_per_customer: u64,
    }
}

section! {
    /// Which customers live together; a household never makes its members one.
    RawHousehold {
        /// Rules: fields of `customers` (household_key, card_id, address, postcode, last_name, ...) that must be known and equal.
        rules: Vec<Vec<String>>,
        /// What more customers share is an office or a home, and no household.
        members_max: u32,
    }
}

section! {
    /// The country of phone numbers that name none (ITU-T E.164).
    RawCountry {
        /// Its code, without the plus.
        code: String,
        /// Digits before a national number that are no part of it.
        trunk: String,
        /// How many digits a national number may have.
        lengths: Vec<u32>,
        /// What is dialled before a number of another country.
        international: Vec<String>,
    }
}

section! {
    /// What identifies nobody, in any spelling.
    RawBlocked {
        /// E-mail addresses; `test@*` is that mailbox in every domain.
        emails: Vec<String>,
        /// Phone numbers.
        phones: Vec<String>,
        /// First and last names.
        names: Vec<String>,
        /// Loyalty cards.
        card_ids: Vec<String>,
        /// Dates of birth, `YYYY-MM-DD`.
        birth_dates: Vec<String>,
        /// Ids of source customers, of any source: their lines are those of nobody.
        source_customer_ids: Vec<String>,
    }
}

section! {
    /// Which source customers are one person. Two of whom it is certain that they are two people are never linked.
    RawLink {
        /// Rules: fields of `customers` (email, phone, first_name, last_name, birth_date, postcode, card_id, address) that must be known and equal. With
        /// `probabilistic`, a rule without card_id decides only where nothing else is known of both.
        rules: Vec<Vec<String>>,
        /// Whether the weight of all that agrees links too (Fellegi and Sunter).
        probabilistic: bool,
        /// Two are linked from this probability.
        probability_from: f64,
        /// The only link between two groups of two or more needs this one.
        bridge_probability_from: f64,
        /// Most source customers of a person.
        members_max: u32,
        /// An address, number or card that more source customers carry identifies nobody.
        carriers_max: u32,
        /// Source customers are not compared for what more than so many share; where that is names, each order of them has as many.
        block_max: u32,
    }
}

section! {
    /// The dates at which models are trained and graded.
    RawSnapshots {
        /// Step of the fixed grid of dates, counted from 1970-01-01, in days.
        every_days: u32,
        /// How many training dates.
        training_dates: u32,
        /// Days that lines may arrive late, added to the horizon before a date's labels count as over.
        late_days: u32,
        /// Length of the observation window for windowed features, in days.
        lookback_days: u32,
        /// Largest number of customers that a model is trained or graded on, at each date.
        sample_customers: u32,
        /// Whether the samples are published, as the table `training_snapshots`.
        publish: bool,
    }
}

section! {
    /// Which features are built, by family.
    RawFeatures {
        /// Recency, frequency, monetary value, tenure.
        rfm: RawFamily,
        /// How often, how regularly, in which season.
        cadence: RawFamily,
        /// What an order holds, and what comes back.
        basket: RawFamily,
        /// A window against the one before it.
        trend: RawFamily,
        /// Category, brand, series, style, price within a category.
        preference: RawFamily,
        /// By category: national or private brands, how heavily it is used.
        brand_usage: RawFamily,
        /// Categories that were bought and left.
        wallet: RawFamily,
        /// Bought on deal, against what promotions explain.
        promotion: RawFamily,
        /// Channel and store.
        channel: RawFamily,
        /// Day of the week, part of the day.
        habits: RawFamily,
        /// What was sent, and what came of it.
        engagement: RawFamily,
        /// Complaints and other service cases.
        service: RawFamily,
        /// Who the customer is: nothing unless it is named here.
        profile: RawFamily,
    }
}

section! {
    /// What is chosen of a family; `all` alone in a list takes all of it.
    RawFamily {
        /// Features of all history, as in TABLES.md.
        items: Vec<String>,
        /// Features of windows, as in TABLES.md without the window: `order_count` for `order_count_30d`.
        windowed: Vec<String>,
        /// Lengths of windows, which end on as_of, in days.
        windows_days: Vec<u32>,
        /// Fewest orders in a window for a share of them to be known.
        evidence_min: u32,
        /// For `brand_usage`: the categories, each with columns of its own.
        categories: Vec<String>,
    }
}

replaced_whole!(RawDriftHolds, RawLate, Vec<Vec<String>>);
