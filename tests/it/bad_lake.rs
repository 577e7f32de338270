//! Lakes with faults: each with its exact message, naming file, row group and column, and exit code 3.

use std::path::Path;

use parquet::basic::Compression;
use regulars_tests::lake::{small_lines, small_lines_with};
use regulars_tests::parquet_file::{Cells, floats, texts, write};

use crate::{run, small_config, told};

const ROWS: [(&str, &str, i64, f64, f64); 3] = [("o1", "a", 20_450, 1.0, 2.5), ("o2", "b", 20_460, 2.0, 5.25), ("o3", "a", 20_470, 1.0, 1.0)];

/// Makes a lake by `build` (given the folder of the lines), runs the job, and returns exit code and the lines below the headline.
fn faults(build: &dyn Fn(&Path), more: &str) -> (i32, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    build(&folder.path().join("lines"));
    let config = folder.path().join("job.yaml");
    std::fs::write(&config, small_config(folder.path()) + more).expect("a config");
    let (code, _, error) = told(&run(&["run", &config.display().to_string()]));
    assert!(!folder.path().join("out/small/live.json").exists());
    let prefix = format!("{}/", folder.path().display());
    let told = error.lines().skip_while(|line| !line.starts_with("error")).skip(1);
    (code, told.map(|line| line.trim().replace(&prefix, "")).collect())
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table, a row a fault")]
fn each_fault_has_its_message() {
    let times = |utc: bool| Cells::Time(ROWS.iter().map(|row| Some(row.2 * 86_400_000_000)).collect(), utc);
    let base = |ordered_at: Cells, amount: Cells| {
        [
            ("order_id", texts(&["o1", "o2", "o3"])),
            ("ordered_at", ordered_at),
            ("product_id", texts(&["p", "p", "p"])),
            ("quantity", floats(&[1.0, 1.0, 1.0])),
            ("amount", amount),
        ]
    };
    let money = || floats(&[1.0, 2.0, 3.0]);
    let write_base = |path: &Path, columns: &[(&str, Cells)]| write(&path.join("part.parquet"), columns, Compression::SNAPPY);
    type Build<'a> = Box<dyn Fn(&Path) + 'a>;
    let file = |path: &Path, bytes: &[u8]| {
        std::fs::create_dir_all(path).expect("a folder");
        std::fs::write(path.join("part.parquet"), bytes).expect("a file");
    };
    let table: Vec<(&str, Build<'_>, &str, &str)> = vec![
        (
            "no folder",
            Box::new(|_| {}),
            "",
            "lines: table order_lines: expected at least one .parquet file, got none (leave the table out of `lake.tables` if there is none)",
        ),
        ("zero bytes", Box::new(|path| file(path, b"")), "", "lines/part.parquet: expected a Parquet file, got an empty file"),
        (
            "a text",
            Box::new(|path| file(path, b"order_id,customer\n1,2\n")),
            "",
            "lines/part.parquet: expected a Parquet file (PAR1 at both ends), got something else",
        ),
        (
            "forged footer length",
            Box::new(|path| file(path, &[b"PAR1".as_slice(), &[0; 20], &[0xFF, 0xFF, 0xFF, 0x7F], b"PAR1"].concat())),
            "",
            "lines/part.parquet: expected a footer of at most 20 bytes, got 2147483647",
        ),
        (
            "missing column",
            Box::new(|path| write_base(path, &base(times(true), money())[..4])),
            "",
            "lines/part.parquet: table order_lines: column amount: expected a file column `amount`, got none",
        ),
        (
            "retyped column",
            Box::new(|path| write_base(path, &base(times(true), texts(&["1", "2", "3"])))),
            "",
            "lines/part.parquet: table order_lines: column amount: expected money, got text",
        ),
        (
            "no zone",
            Box::new(|path| write_base(path, &base(times(false), money()))),
            "",
            "lines/part.parquet: table order_lines: column ordered_at: expected a timestamp in UTC, or `timezone` for one without a zone, got no zone",
        ),
        (
            "mixed zones",
            Box::new(|path| {
                write(&path.join("a.parquet"), &base(times(true), money()), Compression::SNAPPY);
                write(&path.join("b.parquet"), &base(times(false), money()), Compression::SNAPPY);
            }),
            "      timezone: UTC\n",
            "lines/b.parquet: table order_lines: column ordered_at: expected timestamp in UTC as in lines/a.parquet, got timestamp without a zone",
        ),
        (
            "misspelt mapping",
            Box::new(|path| small_lines(&path.join("part.parquet"), &ROWS)),
            "      columns: {store_id: shop}\n",
            "lines: table order_lines: column store_id: expected a file column `shop` in one of 1 files, got none",
        ),
        (
            "units here, minor units there",
            Box::new(|path| {
                write(&path.join("a.parquet"), &base(times(true), money()), Compression::SNAPPY);
                write(&path.join("b.parquet"), &base(times(true), Cells::Int(vec![Some(1), Some(2), Some(3)])), Compression::SNAPPY);
            }),
            "",
            "lines/b.parquet: table order_lines: column amount: expected float as in lines/a.parquet, got int",
        ),
        (
            "too large",
            Box::new(|path| write_base(path, &base(times(true), Cells::Int(vec![Some(1), Some(9_000_000_000_000_000_000), Some(3)])))),
            "",
            "lines/part.parquet: row group 0: table order_lines: column amount: expected an amount of at most 100000000000000 minor units, got a larger one",
        ),
        (
            "an order without an id",
            Box::new(|path| small_lines(&path.join("part.parquet"), &[("o1", "a", 20_450, 1.0, 2.5), ("", "a", 20_450, 1.0, 2.5)])),
            "",
            "lines/part.parquet: row group 0: table order_lines: column order_id: expected an id, got an empty text",
        ),
        (
            "a return that adds value",
            Box::new(|path| small_lines(&path.join("part.parquet"), &[("o1", "a", 20_450, -1.0, 2.5)])),
            "",
            "lines/part.parquet: row group 0: table order_lines: column amount: expected returns to have an amount of at most 0, got one above",
        ),
        (
            "a rule of another kind",
            Box::new(|path| small_lines(&path.join("part.parquet"), &ROWS)),
            "      reject: {bad: [{order_id: {in: [1, 2]}}]}\n",
            "lines/part.parquet: table order_lines: column order_id: expected a number or bool column for the rule `order_id in [1, 2]`, got text",
        ),
        (
            "unknown amount",
            Box::new(|path| write_base(path, &base(times(true), Cells::Float(vec![Some(1.0), None, Some(2.0)])))),
            "",
            "lines/part.parquet: row group 0: table order_lines: column amount: expected a value in every row, got 1 unknown ones",
        ),
        (
            "not a number",
            Box::new(|path| write_base(path, &base(times(true), floats(&[1.0, f64::NAN, 2.0])))),
            "",
            "lines/part.parquet: row group 0: table order_lines: column amount: expected a finite number, got NaN or infinity",
        ),
        (
            "extra column",
            Box::new(|path| small_lines_with(&path.join("part.parquet"), &ROWS, &[("note", texts(&["", "", ""]))], Compression::UNCOMPRESSED)),
            "      extra_columns: refuse\n",
            "lines/part.parquet: table order_lines: column note: expected only columns that are used, got this one (`extra_columns: refuse`)",
        ),
        (
            "other currency",
            Box::new(|path| small_lines_with(&path.join("part.parquet"), &ROWS, &[("currency", texts(&["EUR", "USD", "EUR"]))], Compression::UNCOMPRESSED)),
            "",
            "lines/part.parquet: row group 0: table order_lines: column currency: expected EUR in every row, got another",
        ),
        (
            "damaged page",
            Box::new(|path| {
                small_lines(&path.join("part.parquet"), &ROWS);
                let mut bytes = std::fs::read(path.join("part.parquet")).expect("a file");
                bytes[4..40].fill(0);
                std::fs::write(path.join("part.parquet"), bytes).expect("a file");
            }),
            "",
            "lines/part.parquet: row group 0: column order_id: expected readable values, got a fault: page 0: expected a page of data, got one of kind 0",
        ),
        (
            "a column that is nearly there",
            Box::new(|path| write_base(path, &base(times(true), money()).map(|(name, cells)| (if name == "amount" { "amounts" } else { name }, cells)))),
            "",
            "lines/part.parquet: table order_lines: column amount: expected a file column `amount`, got none (did you mean `amounts`?)",
        ),
        (
            "an unknown kind of line",
            Box::new(|path| small_lines_with(&path.join("part.parquet"), &ROWS, &[("kind", texts(&["sale", "sold", "sale"]))], Compression::SNAPPY)),
            "",
            "lines/part.parquet: row group 0: table order_lines: column kind: expected sale, return, cancel, exchange, gift_card or fee, got another word",
        ),
        (
            "a quantity beyond reason",
            Box::new(|path| small_lines(&path.join("part.parquet"), &[("o1", "a", 20_450, 1e13, 2.5)])),
            "",
            "lines/part.parquet: row group 0: table order_lines: column quantity: expected at most 1000000 units, got more",
        ),
        (
            "a source with the separator",
            Box::new(|path| small_lines_with(&path.join("part.parquet"), &ROWS, &[("source", texts(&["a", "b\u{1f}", "c"]))], Compression::SNAPPY)),
            "",
            "lines/part.parquet: row group 0: table order_lines: column source: expected no byte 0x1F, got one",
        ),
        (
            "a Delta table",
            Box::new(|path| {
                small_lines(&path.join("part.parquet"), &ROWS);
                file(&path.join("_delta_log"), b"{}");
            }),
            "",
            "lines/_delta_log/part.parquet: table order_lines: expected plain Parquet files, got a Delta table, which may list files that were removed",
        ),
        (
            "encrypted",
            Box::new(|path| file(path, &[b"PARE".as_slice(), &[0; 20], b"PARE"].concat())),
            "",
            "lines/part.parquet: expected a Parquet file that is not encrypted, got one that is",
        ),
        (
            "not UTF-8",
            Box::new(|path| {
                small_lines(&path.join("part.parquet"), &[("o1", "a", 20_450, 1.0, 2.5)]);
                let bytes = std::fs::read(path.join("part.parquet")).expect("a file");
                // The only order_id, behind its length.
                let at = bytes.windows(6).position(|part| part == [2, 0, 0, 0, b'o', b'1']).expect("a value");
                let damaged: Vec<u8> = bytes.iter().enumerate().map(|(index, byte)| if index == at + 4 { 0xFF } else { *byte }).collect();
                std::fs::write(path.join("part.parquet"), damaged).expect("a file");
            }),
            "",
            "lines/part.parquet: row group 0: column order_id: expected readable values, got a fault: expected UTF-8, got other bytes",
        ),
    ];
    assert!(table.len() >= 25);
    let mut wrong = Vec::new();
    for (name, build, more, expected) in &table {
        let (code, lines) = faults(build.as_ref(), more);
        if code != 3 || !lines.iter().any(|line| expected.strip_suffix("...").map_or(line == expected, |beginning| line.starts_with(beginning))) {
            wrong.push(format!("{name}: exit {code}\n  expected {expected}\n  got      {}", lines.join("\n           ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn codecs_are_read_and_the_others_refused_by_name() {
    use parquet::basic::{GzipLevel, ZstdLevel};
    let level = ZstdLevel::try_new(5).expect("a level");
    for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(level), Compression::GZIP(GzipLevel::default()), Compression::LZ4_RAW] {
        let folder = tempfile::tempdir().expect("a folder");
        small_lines_with(&folder.path().join("lines/part.parquet"), &ROWS, &[], codec);
        let config = folder.path().join("job.yaml");
        std::fs::write(&config, small_config(folder.path())).expect("a config");
        let (code, text, error) = told(&run(&["run", &config.display().to_string(), "--set", "audit.complete_lag_days_max=60"]));
        assert_eq!(code, 0, "{codec:?} {error}");
        assert!(text.contains("customers  2 known, 2 of them with an order"), "{text}");
    }
    let old = |path: &Path| small_lines_with(&path.join("part.parquet"), &ROWS, &[], Compression::LZ4);
    let (code, lines) = faults(&old, "");
    assert_eq!(code, 3);
    assert_eq!(lines, ["lines/part.parquet: row group 0: column order_id: expected one of the codecs none, snappy, zstd, gzip, lz4_raw, got lz4"]);
}
