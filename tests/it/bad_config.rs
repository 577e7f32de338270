//! Configs with faults: each with its exact message. The program names the place, what it expected and what it got.

use crate::{run, small_config, told};

/// Runs `check` on a config and returns the lines below the headline, without the folder.
fn faults(text: &str) -> (i32, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("job.yaml");
    std::fs::write(&path, text.replace("FOLDER", &folder.path().display().to_string())).expect("a config");
    let (code, _, error) = told(&run(&["check", &path.display().to_string()]));
    let prefix = format!("{}/", folder.path().display());
    (code, error.lines().skip(1).map(|line| line.trim().replace(&prefix, "")).collect())
}

/// Whether `line` is `expected`, or begins like it where that ends in three dots.
fn exactly(line: &str, expected: &str) -> bool {
    expected.strip_suffix("...").map_or(line == expected, |beginning| line.starts_with(beginning))
}

/// A sound config with `from` replaced by `to`.
fn with(from: &str, to: &str) -> String {
    let sound = small_config(std::path::Path::new("FOLDER"));
    assert!(sound.contains(from), "{from}");
    sound.replace(from, to)
}

/// A sound config with a section appended: its first line is line 9.
fn and(section: &str) -> String {
    small_config(std::path::Path::new("FOLDER")) + section
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table, a row a fault")]
fn each_fault_has_its_message() {
    let table: Vec<(&str, String, &str)> = vec![
        ("no version", with("version: 1\n", "# none\n"), "job.yaml:1:1: version: expected 1, got nothing"),
        (
            "all in braces",
            "{version: 1, job: {name: braces}}\n".to_owned(),
            "job.yaml:1:1: expected `section:` (one section below the other, not in braces), got something else",
        ),
        ("no section", and("models\n"), "job.yaml:9:1: expected `section:` (one section below the other, not in braces), got something else"),
        ("another version", with("version: 1", "version: 2"), "job.yaml:1:1: version: expected 1, got 2"),
        (
            "unknown section",
            and("churns: {}\n"),
            "job.yaml:9:1: churns: expected one of the sections version, job, store, run, lake, audit, customers, snapshots, features, cycle, churn, due, backtest, groups, campaign_defaults, campaigns, got `churns` (did you mean `churn`?)",
        ),
        ("section twice", and("job: {}\n"), "job.yaml:9:1: job: expected each section once, got it again (first at line 2)"),
        (
            "unknown key",
            and("cycle:\n  horizon: 9\n"),
            "job.yaml:10:3: cycle.horizon: expected one of `choose`, `model`, `candidates`, `challengers`, `fallbacks`, `cohorts`, `prior`, `horizon_days`, `quantile_limit_days`, `life_days`, `discount_rate`, got `horizon` (did you mean `horizon_days`?)",
        ),
        (
            "key twice",
            and("cycle:\n  horizon_days: 9\n  horizon_days: 9\n"),
            "job.yaml:11:3: cycle.horizon_days: expected each key once, got `horizon_days` again",
        ),
        ("out of range", and("churn:\n  horizon_days: 0\n"), "job.yaml:10:17: churn.horizon_days: expected 1..=730, got 0"),
        ("not a number", and("churn:\n  horizon_days: soon\n"), "job.yaml:10:17: churn.horizon_days: expected a whole number, got `soon`"),
        ("yes is no bool", and("churn:\n  hold_without_model: yes\n"), "job.yaml:10:23: churn.hold_without_model: expected true or false, got `yes`"),
        (
            "unknown model",
            and("cycle:\n  model: bgnbd\n"),
            "job.yaml:10:10: cycle.model: expected one of `nbd`, `bg_nbd`, `mbg_nbd`, `bg_cnbd_k`, `mbg_cnbd_k`, `pareto_nbd`, got `bgnbd` (did you mean `bg_nbd`?)",
        ),
        (
            "unknown parameter of a prior",
            and("cycle:\n  prior:\n    deviation: 1.0\n    centres: {alfa: 30.0}\n"),
            "job.yaml:12:21: cycle.prior.centres.alfa: expected one of the parameters r, alpha, a, b, s, beta, got `alfa`",
        ),
        ("bad date", with("2026-01-31", "2026-02-30"), "job.yaml:2:27: job.as_of: expected a date YYYY-MM-DD, got `2026-02-30`"),
        ("bad zone", with("timezone: UTC", "timezone: Mars/Olympus"), "job.yaml:2:49: job.timezone: expected an IANA time zone, got `Mars/Olympus`"),
        ("bad currency", with("currency: EUR", "currency: euro"), "job.yaml:2:64: job.currency: expected an ISO 4217 code of three capitals, got `euro`"),
        ("bad name", with("name: small", "name: ../up"), "job.yaml:2:13: job.name: expected a name of a-z, 0-9, _ and -, got `../up`"),
        (
            "unknown scheme",
            with("store: {url: FOLDER/out}", "store: {url: 'ftp://host/x'}"),
            "job.yaml:3:14: store.url: expected a folder, or a URL of file, s3, gs, az, memory, got `ftp://host/x`",
        ),
        (
            "unknown option",
            with("store: {url: FOLDER/out}", "store: {url: 's3://b/x', options: {regoin: r}}"),
            "job.yaml:3:44: store.options.regoin: expected an option of this kind of store, got `regoin`",
        ),
        (
            "variable not set",
            with("store: {url: FOLDER/out}", "store: {url: '${env:NO_SUCH_VARIABLE}'}"),
            "job.yaml:3:14: store.url: expected environment variable NO_SUCH_VARIABLE to be set, got nothing",
        ),
        (
            "secret in a plain value",
            with("store: {url: FOLDER/out}", "store: {url: '${secret:HOME}'}"),
            "job.yaml:3:14: store.url: expected a plain value (secrets belong into `options`), got a secret",
        ),
        (
            "unknown column",
            with("      path: lines\n", "      path: lines\n      columns: {amout: x}\n"),
            "job.yaml:9:24: lake.tables.order_lines.columns.amout: expected one of the columns source, order_id, line_id, source_customer_id, ordered_at, recorded_at, business_date, product_id, quantity, amount, regular_amount, discount_shelf, discount_coupon_sponsor, discount_coupon_store, unit_cost, currency, promo_id, channel, store_id, kind, return_of_order_id, got `amout` (did you mean `amount`?)",
        ),
        (
            "product of one",
            with("      path: lines\n", "      path: lines\n      columns: {amount: {product: [quantity]}}\n"),
            "job.yaml:9:17: lake.tables.order_lines.columns.amount: expected two columns, got 1",
        ),
        (
            "unknown feature",
            and("features: {rfm: {items: [recency]}}\n"),
            "job.yaml:9:26: features.rfm.items[0]: expected one of the features first_order_date, last_order_date, recency_days, tenure_days, order_count, value_minor, all, got `recency` (did you mean `recency_days`?)",
        ),
        (
            "feature without its window",
            and("features: {habits: {windowed: [weekend_order_share], windows_days: []}}\n"),
            "job.yaml:9:54: features.habits.windows_days: expected at least one window, got none",
        ),
        (
            "feature of a table that is not there",
            and("features: {engagement: {items: [contact_days]}}\n"),
            "job.yaml:9:12: features.engagement: expected `contacts` among lake.tables, of which contact_days is made, got no such table",
        ),
        (
            "past feature of what is only known now",
            with(
                "      path: lines\n",
                "      path: lines\n    products: {path: products}\nchurn: {families: [preference]}\nfeatures: {preference: {windowed: [brand_count]}}\n",
            ),
            "job.yaml:11:12: features.preference: expected `brand` among lake.tables.products.slow, since models take brand_count_365d at past dates, got a column that is only known as it is now (or leave the family out of churn.families)",
        ),
        (
            "no category",
            and("features: {brand_usage: {windowed: [brand_group]}}\n"),
            "job.yaml:9:12: features.brand_usage.categories: expected at least one category, got none",
        ),
        (
            "unknown family for models",
            and("churn: {families: [rfn]}\n"),
            "job.yaml:9:20: churn.families[0]: expected one of the families rfm, cadence, basket, trend, preference, brand_usage, wallet, promotion, channel, habits, engagement, service, profile, got `rfn` (did you mean `rfm`?)",
        ),
        (
            "window twice",
            and("features: {basket: {windows_days: [30, 30]}}\n"),
            "job.yaml:9:40: features.basket.windows_days[1]: expected each window once, got 30 again",
        ),
        (
            "unknown family",
            and("features: {rfn: {}}\n"),
            "job.yaml:9:12: features.rfn: expected one of `rfm`, `cadence`, `basket`, `trend`, `preference`, `brand_usage`, `wallet`, `promotion`, `channel`, `habits`, `engagement`, `service`, `profile`, got `rfn` (did you mean `rfm`?)",
        ),
        (
            "hole in the groups",
            and("groups:\n  table:\n    - {group: a, stage: [new]}\n"),
            "job.yaml:10:3: groups.table: expected exactly one row for stage never_bought, value high, risk high, registered recent, got none",
        ),
        (
            "groups overlap",
            and("groups:\n  table:\n    - {group: a}\n    - {group: b, stage: [new]}\n"),
            "job.yaml:10:3: groups.table: expected exactly one row for stage new, value high, risk high, registered recent, got rows 0 and 1",
        ),
        (
            "rule over no column",
            and("campaigns:\n  c: {size: 5, audience: [{recency: {at_most: 5}}]}\n"),
            "job.yaml:10:28: campaigns.c.audience[0].recency: expected a column that the table has, got `recency`",
        ),
        (
            "rule of another kind",
            and("campaigns:\n  c: {size: 5, audience: [{recency_days: {at_most: soon}}]}\n"),
            "job.yaml:10:52: campaigns.c.audience[0].recency_days.at_most: expected a number, got `soon`",
        ),
        (
            "misspelt group",
            and("campaigns:\n  c: {size: 5, audience: [{stage: {in: [lapsd]}}]}\n"),
            "job.yaml:10:16: campaigns.c.audience: expected stage to be one of never_bought, new, active, silent, lapsed, got `lapsd`",
        ),
        (
            "a chance above one",
            and("campaigns:\n  c: {size: 5, audience: [{churn_probability: {at_least: 80}}]}\n"),
            "job.yaml:10:28: campaigns.c.audience[0].churn_probability: expected bounds that a value of 0 to 1 keeps, got `at least 80`",
        ),
        (
            "bounds that nothing keeps",
            and("campaigns:\n  c: {size: 5, audience: [{recency_days: {at_least: 300, at_most: 30}}]}\n"),
            "job.yaml:10:28: campaigns.c.audience[0].recency_days: expected `at_least` to be at most `at_most`, got `at least 300 and at most 30`",
        ),
        ("no size", and("campaigns:\n  c: {audience: []}\n"), "job.yaml:10:3: campaigns.c.size: expected 1..=100000000, got nothing"),
        (
            "due lists without models",
            and("due: {level: category}\n").replace("job: {", "job: {models: false, "),
            "job.yaml:9:14: due.level: expected `none` in a job without models (`job.models`), got a level",
        ),
        (
            "a list by a score without models",
            and("campaigns:\n  c: {size: 5, audience: [{churn_probability: {at_least: 0.5}}]}\n").replace("job: {", "job: {models: false, "),
            "job.yaml:10:28: campaigns.c.audience[0].churn_probability: expected a column that no model makes, in a job without models (`job.models`), got `churn_probability`",
        ),
        (
            "a list in the order of a score without models",
            and("campaigns:\n  c: {size: 5, order_by: p_alive, audience: [{risk_tier: {in: [high]}}]}\n").replace("job: {", "job: {models: false, "),
            "job.yaml:10:26: campaigns.c.order_by: expected a column that no model makes, in a job without models (`job.models`), got `p_alive`",
        ),
        ("a name of nothing", with("name: small", "name: ''"), "job.yaml:2:13: job.name: expected a name of a-z, 0-9, _ and -, got ``"),
        (
            "a direction of no feature",
            and("churn: {monotone: {recency_day: rising}}\n"),
            "job.yaml:9:33: churn.monotone.recency_day: expected one of the features that the churn model takes as numbers: recency_days, ...",
        ),
        (
            "no direction",
            and("churn: {monotone: {recency_days: up}}\n"),
            "job.yaml:9:34: churn.monotone.recency_days: expected one of `rising`, `falling`, got `up`",
        ),
        (
            "a sensitive column that is none",
            and("churn: {sensitive: [customers.sex]}\n"),
            "job.yaml:9:21: churn.sensitive[0]: expected a column of the lake, as `customers.gender`, got `customers.sex`",
        ),
        (
            "no way to leave",
            and("churn: {leaving: partial}\n"),
            "job.yaml:9:18: churn.leaving: expected one of `no_order`, `partial_defection`, `own_cycle`, got `partial` (did you mean `partial_defection`?)",
        ),
        ("no churn model", and("churn: {models: []}\n"), "job.yaml:9:9: churn.models: expected one model or more, got none"),
        ("a loss on who stays", and("churn: {profit: {margin_minor: -5}}\n"), "job.yaml:9:32: churn.profit.margin_minor: expected 0..=1000000000000, got -5"),
        ("drift that holds all", and("audit: {drift: {holds: all}}\n"), "job.yaml:9:24: audit.drift.holds: expected one of `nothing`, `run`, got `all`"),
        ("broken YAML", and("churn: {horizon_days: 5\n"), "job.yaml:..."),
        (
            "misspelt table",
            with("    order_lines:", "    order_line:"),
            "job.yaml:7:5: lake.tables.order_line: expected one of the tables order_lines, customers, consents, products, stores, source_status, promotions, promotion_products, contacts, responses, service_cases, got `order_line` (did you mean `order_lines`?)",
        ),
        (
            "a way out of the lake",
            with("path: lines", "path: a/%2e%2E/b"),
            "job.yaml:8:13: lake.tables.order_lines.path: expected a path below the lake's URL, of plain names, got `a/%2e%2E/b`",
        ),
        (
            "an endpoint inside",
            with("store: {url: FOLDER/out}", "store: {url: 's3://b/x', options: {endpoint: 'https://2130706433'}}"),
            "job.yaml:3:46: store.options.endpoint: expected an endpoint on a public address, or its host in `private_hosts`, got `127.0.0.1`",
        ),
        (
            "credentials in the open",
            with("store: {url: FOLDER/out}", "store: {url: 's3://b/x', options: {endpoint: 'http://example.com'}}"),
            "job.yaml:3:46: store.options.endpoint: expected https, or the option `allow_http: 'true'`: credentials would travel in the open, got http",
        ),
        (
            "an option that would be dropped",
            with("store: {url: FOLDER/out}", "store: {url: 's3://b/x', options: {proxy_url: 'http://p'}}"),
            "job.yaml:3:47: store.options.proxy_url: expected an option of this kind of store, got `proxy_url`",
        ),
        (
            "misspelt guard",
            and("audit: {hold_if: {list_change: 0.3}}\n"),
            "job.yaml:9:19: audit.hold_if.list_change: expected one of `group_change_max`, `list_change_max`, `customers_min`, `rows_lost_max`, `unknown_rise_max`, got `list_change` (did you mean `list_change_max`?)",
        ),
        ("no retry at all", and("run: {retries: -1}\n"), "job.yaml:9:16: run.retries: expected a whole number, got `-1`"),
    ];
    assert!(table.len() >= 30);
    let mut wrong = Vec::new();
    for (name, text, expected) in &table {
        let (code, lines) = faults(text);
        if code != 2 || !lines.iter().any(|line| exactly(line, expected)) {
            wrong.push(format!("{name}: exit {code}\n  expected {expected}\n  got      {}", lines.join("\n           ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_faults_of_value_are_told_together() {
    let (code, lines) = faults(&and("churn: {horizon_days: 0, ridge: 7}\ncycle: {horizon_days: 9999}\n"));
    assert_eq!(code, 2);
    assert_eq!(
        lines,
        [
            "job.yaml:9:23: churn.horizon_days: expected 1..=730, got 0",
            "job.yaml:9:33: churn.ridge: expected 0..=1, got 7",
            "job.yaml:10:23: cycle.horizon_days: expected 1..=730, got 9999",
        ]
    );
}

#[test]
fn the_first_fault_of_shape_of_every_section_is_told() {
    let (code, lines) = faults(&and("churn: {horizon: 0}\ncycle: {horizon: 1}\n"));
    assert_eq!((code, lines.len()), (2, 2), "{lines:?}");
}

#[test]
fn an_override_is_named_as_such() {
    let (code, _, error) = told(&run(&["check", "configs/quickstart.yaml", "--set", "churn.horizon_days=0"]));
    assert_eq!(code, 2);
    assert!(error.contains("\n  --set churn.horizon_days: churn.horizon_days: expected 1..=730, got 0\n"), "{error}");
}
