//! Contracts of the input tables, as `TABLES.md` lists them.

use crate::table::{Column, Contract, Kind};

/// An input table: its contract, the columns that must be mapped, and its times.
#[derive(Debug, Clone)]
pub struct Input {
    /// Grain and columns.
    pub contract: Contract,
    /// Columns without which the table cannot be read.
    pub required: &'static [&'static str],
    /// The column that says when a row happened, if the table is dated.
    pub event: Option<&'static str>,
    /// Whether a job can run without the table.
    pub optional: bool,
    /// The columns that name a row in quarantine.
    pub told: &'static [&'static str],
    /// Columns that are read only where something is made of them, as `Feature::sources` and `Cohorts` say: who looks at one must name it there. All others
    /// are read always.
    pub asked_for: &'static [&'static str],
}

fn known(name: &str, kind: Kind, meaning: &str) -> Column {
    Column::new(name, kind, meaning)
}

fn maybe(name: &str, kind: Kind, meaning: &str) -> Column {
    Column::new(name, kind, meaning).nullable()
}

const RECORDED: &str = "when the row reached the lake; it is invisible before";

/// All input tables, in the order of their use.
pub fn inputs() -> Vec<Input> {
    vec![
        order_lines(),
        customers(),
        consents(),
        products(),
        stores(),
        source_status(),
        promotions(),
        promotion_products(),
        contacts(),
        responses(),
        service_cases(),
    ]
}

/// The input table called `name`.
pub fn input(name: &str) -> Option<Input> {
    inputs().into_iter().find(|input| input.contract.name == name)
}

fn order_lines() -> Input {
    let columns = vec![
        maybe("source", Kind::Text, "system that wrote the line; may not hold byte 0x1F"),
        known("order_id", Kind::Text, "order or receipt; of one source no two orders may ever have the same one"),
        maybe(
            "line_id",
            Kind::Text,
            "line of the order, which tells equal lines apart; all lines count: a correction comes as what is added or taken away, not as the line once more",
        ),
        maybe("source_customer_id", Kind::Text, "customer as the source calls it; unknown for anonymous lines"),
        known("ordered_at", Kind::Timestamp, "when it was ordered"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        maybe("business_date", Kind::Date, "day to which the shop counts the line; replaces the day of ordered_at"),
        known("product_id", Kind::Text, "product"),
        known("quantity", Kind::Float, "units, which count in thousandths; below zero for returns"),
        known(
            "amount",
            Kind::Money,
            "value of the line, net of discounts, of a return at most 0: whole numbers are minor units, fractions and decimals are units",
        ),
        maybe(
            "regular_amount",
            Kind::Money,
            "what the line would have cost without any discount; where it is told, the columns of discounts only say what coupons took off",
        ),
        maybe("discount_shelf", Kind::Money, "taken off for everyone; counts by its size, whatever its sign"),
        maybe("discount_coupon_sponsor", Kind::Money, "taken off by a coupon that a manufacturer pays"),
        maybe("discount_coupon_store", Kind::Money, "taken off by a coupon of the shop's own"),
        maybe("unit_cost", Kind::Money, "what a unit cost the shop, with tax if the amount has it; else that of the product"),
        maybe("currency", Kind::Text, "ISO 4217 code; another than the job's is an error"),
        maybe("promo_id", Kind::Text, "promotion under which it was bought"),
        maybe("channel", Kind::Text, "where it was bought"),
        maybe("store_id", Kind::Text, "store in which it was bought"),
        maybe("kind", Kind::Text, "sale, return, cancel (a return), exchange, gift_card or fee; else by the sign of quantity"),
        maybe("return_of_order_id", Kind::Text, "order that a return belongs to"),
    ];
    Input {
        contract: Contract::new("order_lines", "One row a line of an order or receipt.", &[], columns),
        required: &["order_id", "ordered_at", "product_id", "quantity", "amount"],
        event: Some("ordered_at"),
        optional: false,
        told: &["order_id", "line_id", "product_id"],
        asked_for: &["regular_amount", "discount_shelf", "discount_coupon_sponsor", "discount_coupon_store", "channel"],
    }
}

fn customers() -> Input {
    let columns = vec![
        maybe("source", Kind::Text, "system that knows the customer"),
        known("source_customer_id", Kind::Text, "customer as the source calls it"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        maybe("account_type", Kind::Text, "person, business, staff, house_card or test"),
        maybe("registered_at", Kind::Timestamp, "when the customer registered"),
        maybe("home_store_id", Kind::Text, "store that the customer calls home"),
        maybe("email", Kind::Text, "e-mail address"),
        maybe("phone", Kind::Text, "phone number"),
        maybe("first_name", Kind::Text, "first name"),
        maybe("last_name", Kind::Text, "last name"),
        maybe("birth_date", Kind::Date, "date of birth"),
        maybe("gender", Kind::Text, "gender, in the source's words"),
        maybe("address", Kind::Text, "street and house number"),
        maybe("postcode", Kind::Text, "postcode of the address"),
        maybe("card_id", Kind::Text, "loyalty card"),
        maybe("household_key", Kind::Text, "what members of a household share"),
        maybe("deceased", Kind::Bool, "whether the customer is known to have died: no features, scores, groups or lists are made"),
        maybe("moved_out_on", Kind::Date, "day on which the customer moved out of reach: who has not ordered since is not taken for someone who leaves"),
    ];
    Input {
        contract: Contract::new("customers", "One row a customer of a source.", &["source", "source_customer_id"], columns),
        required: &["source_customer_id"],
        event: Some("registered_at"),
        optional: true,
        told: &["source_customer_id"],
        asked_for: &[],
    }
}

fn consents() -> Input {
    let columns = vec![
        maybe("source", Kind::Text, "system of the customer"),
        maybe("source_customer_id", Kind::Text, "customer as the source calls it"),
        maybe("address", Kind::Text, "e-mail address or phone number that it is about; without one, that of the customer"),
        known("purpose", Kind::Text, "what for"),
        known("channel", Kind::Text, "by which means"),
        known("changed_at", Kind::Timestamp, "when it was decided"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        known("status", Kind::Text, "given, withdrawn or objected; the latest holds for the address, an objection for the person"),
    ];
    Input {
        contract: Contract::new("consents", "One row a decision about being contacted.", &[], columns),
        required: &["purpose", "channel", "changed_at", "status"],
        event: Some("changed_at"),
        optional: true,
        told: &["source_customer_id", "purpose", "channel"],
        asked_for: &[],
    }
}

fn products() -> Input {
    let columns = vec![
        known("product_id", Kind::Text, "product"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        maybe("name", Kind::Text, "name"),
        maybe("leaf_category", Kind::Text, "narrowest category"),
        maybe("brand", Kind::Text, "brand"),
        maybe("brand_type", Kind::Text, "national, private, exclusive or unbranded"),
        maybe("series_id", Kind::Text, "series that the product belongs to"),
        maybe("style", Kind::Text, "style"),
        maybe("base_units", Kind::Float, "what one unit holds, in the units that its category is counted in (kilograms, rolls, washes): at most 1,000,000,000"),
        maybe("unit_cost", Kind::Money, "what a unit costs the shop, with tax if the amounts of lines have it"),
        maybe("regular_price", Kind::Money, "price without promotions"),
        maybe(
            "kind",
            Kind::Text,
            "consumable, replenishable_part, durable, service or fee (no product; the audit counts value by the kind of the line alone): what a product is, it is at all dates",
        ),
    ];
    Input {
        contract: Contract::new("products", "One row a product.", &["product_id"], columns),
        required: &["product_id"],
        event: None,
        optional: true,
        told: &["product_id"],
        asked_for: &[],
    }
}

fn stores() -> Input {
    let columns = vec![
        known("store_id", Kind::Text, "store"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        maybe("opened_on", Kind::Date, "first day of business"),
        maybe("closed_on", Kind::Date, "last day of business"),
    ];
    Input {
        contract: Contract::new("stores", "One row a store.", &["store_id"], columns),
        required: &["store_id"],
        event: None,
        optional: true,
        told: &["store_id"],
        asked_for: &[],
    }
}

fn source_status() -> Input {
    let columns = vec![
        known("source", Kind::Text, "system"),
        maybe("store_id", Kind::Text, "store; unknown for the whole source"),
        known("complete_through", Kind::Date, "last day of which everything has arrived"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
    ];
    Input {
        contract: Contract::new("source_status", "One row a source, or a source and store.", &[], columns),
        required: &["source", "complete_through"],
        event: None,
        optional: true,
        told: &["store_id"],
        asked_for: &[],
    }
}

fn promotions() -> Input {
    let columns = vec![
        known("promo_id", Kind::Text, "promotion"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        known("starts_on", Kind::Date, "first day"),
        known("ends_on", Kind::Date, "last day; what runs for over 3650 days is a price, and no deal"),
        maybe("mechanic", Kind::Text, "how it works"),
        maybe("value", Kind::Float, "discount, as a share"),
    ];
    Input {
        contract: Contract::new("promotions", "One row a promotion.", &["promo_id"], columns),
        required: &["promo_id", "starts_on", "ends_on"],
        event: None,
        optional: true,
        told: &["promo_id"],
        asked_for: &[],
    }
}

fn promotion_products() -> Input {
    let columns =
        vec![known("promo_id", Kind::Text, "promotion"), known("product_id", Kind::Text, "product on deal"), maybe("recorded_at", Kind::Timestamp, RECORDED)];
    Input {
        contract: Contract::new("promotion_products", "One row a promotion and product: what was on deal.", &["promo_id", "product_id"], columns),
        required: &["promo_id", "product_id"],
        event: None,
        optional: true,
        told: &["promo_id", "product_id"],
        asked_for: &[],
    }
}

fn contacts() -> Input {
    let columns = vec![
        known("campaign_id", Kind::Text, "campaign"),
        maybe("source", Kind::Text, "system of the customer"),
        known("source_customer_id", Kind::Text, "customer as the source calls it"),
        known("channel", Kind::Text, "by which means"),
        known("sent_at", Kind::Timestamp, "when it was sent, or would have been"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        maybe("arm", Kind::Text, "treatment or control"),
    ];
    Input {
        contract: Contract::new("contacts", "One row a send, or a control that was not sent to.", &[], columns),
        required: &["campaign_id", "source_customer_id", "channel", "sent_at"],
        event: Some("sent_at"),
        optional: true,
        told: &["campaign_id", "source_customer_id"],
        asked_for: &[],
    }
}

fn service_cases() -> Input {
    let columns = vec![
        maybe("source", Kind::Text, "system of the customer"),
        known("source_customer_id", Kind::Text, "customer as the source calls it"),
        known("kind", Kind::Text, "complaint, or another word for another case"),
        known("at", Kind::Timestamp, "when the customer turned to service"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        maybe("closed_at", Kind::Timestamp, "when the case was closed; unknown while it is open"),
        maybe("rating", Kind::Float, "how content the customer was, on the source's scale"),
    ];
    Input {
        contract: Contract::new("service_cases", "One row a case of service.", &[], columns),
        required: &["source_customer_id", "kind", "at"],
        event: Some("at"),
        optional: true,
        told: &["source_customer_id", "kind"],
        asked_for: &[],
    }
}

fn responses() -> Input {
    let columns = vec![
        known("campaign_id", Kind::Text, "campaign"),
        maybe("source", Kind::Text, "system of the customer"),
        known("source_customer_id", Kind::Text, "customer as the source calls it"),
        known("kind", Kind::Text, "open, click or order"),
        known("at", Kind::Timestamp, "when"),
        maybe("recorded_at", Kind::Timestamp, RECORDED),
        maybe("value", Kind::Money, "value of it"),
    ];
    Input {
        contract: Contract::new("responses", "One row a reaction to a campaign.", &[], columns),
        required: &["campaign_id", "source_customer_id", "kind", "at"],
        event: Some("at"),
        optional: true,
        told: &["campaign_id", "source_customer_id", "kind"],
        asked_for: &[],
    }
}
