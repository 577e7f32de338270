//! Parquet files that are damaged, odd or made to harm: an error that names the place, or the rows that another reader reads; never a
//! crash, never rows that are not there.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use regulars::allowance::Allowance;
use regulars::columnar::{Column, FieldKind, File, Values};
use regulars::error::{Error, Kind};
use regulars::job::{Options, Silent};
use regulars::key::{hex, sha256};
use regulars::store::{Access, Location, Retries};
use regulars_tests::faulty::next;
use regulars_tests::lake::{local, small_lines_with};
use regulars_tests::parquet_file::{Cells, texts, write};
use regulars_tests::{data, long, root};

use crate::{regulars, small_config, told};

/// A value as a line of the reference's text: see the head of `tests/reference/parquet_testing.py`.
fn line(column: &Column, kind: &FieldKind, row: usize) -> String {
    if !column.is_known(row) {
        return "~".to_owned();
    }
    match (&column.values, kind) {
        (Values::Text(_) | Values::Coded(..), _) => json(column.text(row).expect("a known text")),
        (Values::Wide(values), _) => values[row].to_string(),
        (Values::Float(values), _) => format!("{:016x}", values[row].to_bits()),
        (_, FieldKind::Bool) => (column.int(row) == Some(1)).to_string(),
        _ => column.int(row).expect("a whole number").to_string(),
    }
}

/// A text as JSON of ASCII only.
fn json(text: &str) -> String {
    let escaped = serde_json::to_string(text).expect("a text");
    let mut ascii = String::new();
    for letter in escaped.chars() {
        match letter {
            '\0'..='\u{7f}' => ascii.push(letter),
            other => other.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    ascii
}

/// Nulls and digest by column.
type Digests = BTreeMap<String, (u64, String)>;

/// Rows, and nulls and digest of every column that is read, or the error of the first that is not.
fn read(folder: &Path, name: &str) -> Result<(u64, Digests), Error> {
    let store = local(folder);
    let entry = store.head(name)?.expect("the file is there");
    let file = File::open(&store, &entry)?;
    let mut found = BTreeMap::new();
    for (position, field) in file.fields.iter().enumerate().filter(|(_, field)| !matches!(field.kind, FieldKind::Other(_))) {
        let (mut text, mut nulls) = (String::new(), 0);
        let mut batches = file.batches(&[position]);
        while let Some((rows, columns)) = batches.next_batch()? {
            for row in 0..rows {
                nulls += u64::from(!columns[0].is_known(row));
                text.push_str(&line(&columns[0], &field.kind, row));
                text.push('\n');
            }
        }
        found.insert(field.name.clone(), (nulls, hex(&sha256(text.as_bytes()))));
    }
    Ok((file.rows(), found))
}

/// Apache's files: what pyarrow reads, or an error that says what is wrong.
#[test]
fn apaches_files_give_an_error_or_pyarrows_rows() {
    let Some(folder) = data("hostile::apaches_files_give_an_error_or_pyarrows_rows") else { return };
    let folder = folder.join("parquet_testing");
    let reference = std::fs::read_to_string(root().join("tests/reference/parquet_testing.json")).expect("what pyarrow read");
    let reference: serde_json::Value = serde_json::from_str(&reference).expect("JSON");
    // What must not be read although pyarrow reads it, or reads it in part; and what has nothing that this program reads.
    let refused = [
        ("data/datapage_v1-corrupt-checksum.parquet", "column a: expected readable values, got a fault: "),
        ("data/rle-dict-uncompressed-corrupt-checksum.parquet", "expected the CRC "),
        ("data/hadoop_lz4_compressed.parquet", "expected one of the codecs none, snappy, zstd, gzip, lz4_raw, got lz4"),
        ("data/large_string_map.brotli.parquet", "expected one of the codecs none, snappy, zstd, gzip, lz4_raw, got brotli"),
        // An old writer left the dictionary's header out of the chunk's size (PARQUET-816).
        ("data/nation.dict-malformed.parquet", "expected at most 13 bytes as the column chunk has, got 28"),
        // A writer's own field stands where the format has a bloom filter's length by now; the parquet crate takes it for one.
        ("data/dict-page-offset-zero.parquet", "expected a readable footer, got a fault: "),
        ("data/int96_from_spark.parquet", "expected INT96 with a day in reach"),
        ("bad_data/ARROW-GH-41317.parquet", "expected a readable footer, got a fault: "),
        ("bad_data/ARROW-GH-41321.parquet", "column "),
        ("bad_data/ARROW-RS-GH-6229-DICTHEADER.parquet", "expected pages inside the file's 533 bytes, got an offset outside"),
        ("bad_data/PARQUET-1481.parquet", "expected a readable footer, got a fault: "),
    ];
    let of_no_kind =
        ["bad_data/ARROW-GH-43605.parquet", "bad_data/ARROW-GH-45185.parquet", "bad_data/ARROW-GH-47662.parquet", "bad_data/ARROW-RS-GH-6229-LEVELS.parquet"];
    let mut compared = 0;
    for (name, expected) in reference.as_object().expect("files by name") {
        let got = read(&folder, name);
        if let Some((_, words)) = refused.iter().find(|(refused, _)| refused == name) {
            let error = got.expect_err(name);
            assert!(error.kind() == Kind::Input && error.to_string().contains(words) && error.to_string().contains(name), "{name}: {error}");
            continue;
        }
        let (rows, columns) = got.unwrap_or_else(|error| panic!("{name}: {error}"));
        if of_no_kind.contains(&name.as_str()) {
            assert!(columns.is_empty(), "{name}");
            continue;
        }
        assert_eq!(Some(rows), expected["rows"].as_u64(), "{name}");
        for (column, expected) in expected["columns"].as_object().expect("columns by name") {
            let Some(digest) = expected["sha256"].as_str() else { continue };
            let got = columns.get(column).unwrap_or_else(|| panic!("{name}: {column} is not read"));
            assert_eq!((got.0, got.1.as_str()), (expected["nulls"].as_u64().expect("a count"), digest), "{name}: {column}");
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared}");
    let error = read(&folder, "data/encrypt_columns_and_footer.parquet.encrypted").expect_err("encrypted");
    assert!(error.to_string().contains("expected a Parquet file that is not encrypted"), "{error}");
}

/// A lake of order lines, customers in turn, in a codec.
fn lake(folder: &Path, codec: Compression) -> Vec<u8> {
    let names: Vec<(String, String)> = (0..120).map(|n| (format!("order-{}", n / 2), format!("customer-{}", n % 9))).collect();
    let rows: Vec<(&str, &str, i64, f64, f64)> = names
        .iter()
        .enumerate()
        .map(|(n, (order, customer))| (order.as_str(), customer.as_str(), 20_300 + n as i64, 1.0 + (n % 3) as f64, 0.25 * n as f64))
        .collect();
    let unknown = (0..120).map(|n| (n % 4 != 0).then(|| format!("store-{}", n % 5))).collect();
    let path = folder.join("lines/part.parquet");
    small_lines_with(&path, &rows, &[("store_id", Cells::Text(unknown))], codec);
    std::fs::read(path).expect("a file")
}

/// Runs the job inside this process: what it says, and whether the bytes that it was given were refused.
fn run_inside(folder: &Path, access: &Access) -> Result<(), Error> {
    let text = small_config(folder).replace("store: {url: ", "run: {threads: 1, shards: 2}\naudit: {complete_lag_days_max: 3650}\nstore: {url: ");
    let options = Options { as_of: None, overrides: &[], environment: &|_| None };
    let params = regulars::job::load("job.yaml", &text, &options).expect("a sound config");
    params.with_threads(|| regulars::job::run(&params, access, &Silent).map(|_| ()))
}

/// Damages `bytes` in one of many ways; says how.
fn mutate(bytes: &mut Vec<u8>, state: &mut u64) -> String {
    let length = bytes.len();
    let footer = u32::from_le_bytes(bytes[length - 8..length - 4].try_into().expect("four bytes")) as usize;
    let footer_start = length - 8 - footer;
    let below = |limit: usize, state: &mut u64| next(state) as usize % limit.max(1);
    let odd = [0x00, 0xFF, 0x7F, 0x80, 0x01, 0x1C, 0x15];
    match next(state) % 9 {
        0 => {
            let at = below(length, state);
            bytes[at] ^= 1 << below(8, state);
            format!("bit flipped at {at}")
        }
        1 => {
            let at = footer_start + below(footer, state);
            bytes[at] = odd[below(odd.len(), state)];
            format!("footer byte forged at {at}")
        }
        2 => {
            let at = 4 + below(footer_start - 4, state);
            bytes[at] = odd[below(odd.len(), state)];
            format!("page byte forged at {at}")
        }
        3 => {
            let at = below(length, state);
            bytes.truncate(at);
            format!("cut at {at}")
        }
        4 => {
            // Page headers of one writer begin alike: kind, then two sizes. What follows the mark is forged.
            let marks: Vec<usize> =
                (4..footer_start).filter(|&at| bytes[at..].starts_with(&[0x15, 0x00, 0x15]) || bytes[at..].starts_with(&[0x15, 0x04, 0x15])).collect();
            let at = marks.get(below(marks.len(), state)).map_or(4, |mark| mark + 1 + below(14, state));
            bytes[at] = odd[below(odd.len(), state)];
            format!("page header forged at {at}")
        }
        5 => {
            let (at, count) = (4 + below(footer_start - 4, state), 1 + below(200, state));
            let end = (at + count).min(footer_start);
            bytes[at..end].fill(0);
            format!("zeroes from {at} to {end}")
        }
        6 => {
            let (from, to) = (below(footer_start, state), below(footer_start, state));
            let count = below(60, state).min(footer_start - from.max(to));
            let copied = bytes[from..from + count].to_vec();
            bytes[to..to + count].copy_from_slice(&copied);
            format!("{count} bytes copied from {from} to {to}")
        }
        7 => {
            let forged = [0u32, 1, footer as u32 - 1, footer as u32 + 1, length as u32, u32::MAX, 0x7FFF_FFFF][below(7, state)];
            bytes[length - 8..length - 4].copy_from_slice(&forged.to_le_bytes());
            format!("footer of {forged} bytes")
        }
        _ => {
            let mut at = footer_start + below(footer, state);
            for _ in 0..1 + below(4, state) {
                bytes[at] = (next(state) & 0xFF) as u8;
                at = footer_start + below(footer, state);
            }
            format!("footer bytes forged, the last at {at}")
        }
    }
}

/// Mutants of our own files: no abort, no hang, and each error says where.
#[test]
fn mutants_are_refused_by_name_or_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4_RAW,
    ];
    let files: Vec<Vec<u8>> = codecs.iter().map(|codec| lake(folder.path(), *codec)).collect();
    let access = Access::new(Retries::default(), Allowance::memory(256 << 20)).expect("threads");
    let (mut refused, mut placed) = (0, 0);
    let count = long(2000, 250) as u64;
    for seed in 0..count {
        let mut state = seed;
        let mut bytes = files[(seed % 5) as usize].clone();
        let how = mutate(&mut bytes, &mut state);
        std::fs::write(folder.path().join("lines/part.parquet"), &bytes).expect("a file");
        let start = Instant::now();
        let ended = run_inside(folder.path(), &access);
        assert!(start.elapsed() < Duration::from_secs(10), "seed {seed}: {how}: took {:?}", start.elapsed());
        let Err(error) = ended else { continue };
        let words = error.to_string();
        assert_eq!(error.kind(), Kind::Input, "seed {seed}: {how}: {words}");
        assert!(words.contains("lines/part.parquet: "), "seed {seed}: {how}: {words}");
        let column = words.contains(": column ") || words.contains(": row group ");
        let whole = ["expected a Parquet file", "footer", "rows as the footer states", "rows in a file of"].iter().any(|part| words.contains(part));
        assert!(column || whole, "seed {seed}: {how}: {words}");
        refused += 1;
        placed += u64::from(words.contains(": row group ") && words.contains("column "));
    }
    assert!(refused > count / 3 && placed > count / 20, "{refused} refused, {placed} with row group and column, of {count}");
}

/// The peak of a child's memory in MiB, and how it ended.
fn peak(folder: &Path, more: &[&str]) -> (i32, String, u64) {
    let config = folder.join("job.yaml");
    std::fs::write(&config, small_config(folder)).expect("a config");
    let list = folder.join("peak");
    let mut command = regulars();
    command.args(["run", &config.display().to_string(), "--set", "run.memory_limit_mib=64", "--set", "run.threads=1"]).args(more);
    let (code, _, error) = told(&command.env("UNDER_TEST_PEAK", &list).output().expect("it starts"));
    let kib: u64 = std::fs::read_to_string(list).expect("a peak").trim().parse().expect("a number");
    (code, error, kib >> 10)
}

/// Pages that unpack to a thousand times their size, honestly stated or not; texts that stand for many times their bytes.
#[test]
fn bombs_are_refused_within_the_memory_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lines/part.parquet");
    let row = |order: &'static str| (order, "c", 20_450, 1.0, 2.5);
    small_lines_with(&path, &[row("o")], &[], Compression::UNCOMPRESSED);
    let (code, error, plain) = peak(folder.path(), &["--set", "audit.complete_lag_days_max=60"]);
    assert!(code == 0 && plain < 150, "{plain} MiB {error}");
    for codec in [Compression::ZSTD(ZstdLevel::default()), Compression::GZIP(GzipLevel::default()), Compression::SNAPPY] {
        let huge = Cells::Text(vec![Some("x".repeat(300 << 20))]);
        small_lines_with(&path, &[row("o")], &[("store_id", huge)], codec);
        let honest = std::fs::read(&path).expect("a file");
        let (code, error, peak_mib) = peak(folder.path(), &[]);
        assert_eq!(code, 3, "{codec:?}: {error}");
        assert!(
            error.contains(
                "row group 0: column store_id: expected readable values, got a fault: page 0: expected at most 8388608 bytes when unpacked, got 3145"
            ),
            "{error}"
        );
        assert!(peak_mib < plain + 64, "{codec:?}: {peak_mib} MiB, {plain} without");
        // The header says that it is small; the sizes stand behind the kind as numbers of seven bits a byte.
        let stated = varint((300u64 << 20) + 4);
        let at = honest.windows(stated.len()).position(|bytes| bytes == stated).expect("the size stands there");
        let mut lying = honest.clone();
        lying[at..at + stated.len()].copy_from_slice(&[0x84, 0x80, 0x80, 0x80, 0x00]);
        std::fs::write(&path, lying).expect("a file");
        let (code, error, peak_mib) = peak(folder.path(), &[]);
        assert_eq!(code, 3, "{codec:?}: {error}");
        assert!(error.contains("row group 0: column store_id: "), "{error}");
        assert!(peak_mib < plain + 64, "{codec:?}: {peak_mib} MiB, {plain} without");
    }
    // One text of a dictionary stands for all rows.
    let rows = 1 << 15;
    let long_text = "y".repeat(4 << 10);
    let columns = [
        ("order_id", texts(&vec!["o"; rows])),
        ("source_customer_id", texts(&vec![long_text.as_str(); rows])),
        ("ordered_at", Cells::Time(vec![Some(20_450 * 86_400_000_000); rows], true)),
        ("product_id", texts(&vec!["p"; rows])),
        ("quantity", Cells::Float(vec![Some(1.0); rows])),
        ("amount", Cells::Float(vec![Some(2.5); rows])),
    ];
    write(&path, &columns, Compression::UNCOMPRESSED);
    let (code, error, peak_mib) = peak(folder.path(), &["--set", "audit.complete_lag_days_max=60", "--set", "audit.duplicate_share_max=1.0"]);
    assert_eq!(code, 0, "{error}");
    assert!(peak_mib < plain + 64, "{peak_mib} MiB, {plain} without");
}

/// A number as Thrift's compact protocol writes it: zigzag, seven bits a byte, low ones first.
fn varint(value: u64) -> Vec<u8> {
    let mut value = value << 1;
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A footer whose columns are nested a million deep ends no program.
#[test]
fn a_deep_schema_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = 1_000_000usize;
    // {1: version 1, 2: list of count structs {4: name "x", 5: one child}}
    let mut footer = vec![0x15, 0x02, 0x19, 0xFC];
    let mut left = count;
    while left >= 0x80 {
        footer.push((left & 0x7F) as u8 | 0x80);
        left >>= 7;
    }
    footer.push(left as u8);
    (0..count).for_each(|_| footer.extend([0x48, 0x01, b'x', 0x15, 0x02, 0x00]));
    footer.push(0x00);
    let mut bytes = b"PAR1".to_vec();
    bytes.extend(&footer);
    bytes.extend((footer.len() as u32).to_le_bytes());
    bytes.extend(b"PAR1");
    std::fs::create_dir_all(folder.path().join("lines")).expect("a folder");
    std::fs::write(folder.path().join("lines/part.parquet"), bytes).expect("a file");
    let (code, error, _) = peak(folder.path(), &["--set", "run.memory_limit_mib=1024"]);
    assert_eq!(code, 3, "{error}");
    assert!(error.contains("lines/part.parquet: expected a readable footer, got a fault: expected columns nested at most 64 deep, got more"), "{error}");
}

/// The memory that reading takes is taken from the limit: a row group that is larger is refused by step and file.
#[test]
fn a_row_group_beyond_the_limit_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    lake(folder.path(), Compression::UNCOMPRESSED);
    let access = Access::new(Retries::default(), Allowance::memory(20_000)).expect("threads");
    let store = Location::folder(&folder.path().display().to_string()).open(false, &access).expect("a store");
    let entry = store.head("lines/part.parquet").expect("answers").expect("is there");
    let error = match File::open(&store, &entry) {
        Ok(file) => file.batches(&[0, 1, 2, 3, 4, 5]).next_batch().map(|_| ()).expect_err("too large"),
        Err(error) => error,
    };
    assert_eq!(error.kind(), Kind::Limit);
    assert!(error.to_string().contains("lines/part.parquet: step "), "{error}");
}
