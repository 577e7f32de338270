//! Lakes: the sample with its files and rows in another order, and tiny ones.

use std::collections::BTreeMap;
use std::path::Path;

use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use regulars::allowance::Allowance;
use regulars::columnar::{Column, FieldKind, File};
use regulars::store::{Access, Location, Retries, Store};

use crate::parquet_file::{Cells, floats, texts, write, write_as};

/// A small order_lines file: one line an order, on the day given (days since 1970-01-01, 12:00 UTC).
pub fn small_lines(path: &Path, rows: &[(&str, &str, i64, f64, f64)]) {
    small_lines_with(path, rows, &[], Compression::UNCOMPRESSED);
}

/// The same with further columns and a codec. Rows: order, customer, day, quantity, amount in units.
pub fn small_lines_with(path: &Path, rows: &[(&str, &str, i64, f64, f64)], more: &[(&str, Cells)], codec: Compression) {
    let column = |pick: fn(&(&str, &str, i64, f64, f64)) -> String| Cells::Text(rows.iter().map(|row| Some(pick(row))).collect());
    let times = rows.iter().map(|row| Some(row.2 * 86_400_000_000 + 43_200_000_000)).collect();
    let mut columns = vec![
        ("order_id", column(|row| row.0.to_owned())),
        ("source_customer_id", column(|row| row.1.to_owned())),
        ("ordered_at", Cells::Time(times, true)),
        ("product_id", texts(&vec!["p"; rows.len()])),
        ("quantity", floats(&rows.iter().map(|row| row.3).collect::<Vec<_>>())),
        ("amount", floats(&rows.iter().map(|row| row.4).collect::<Vec<_>>())),
    ];
    columns.extend(more.iter().cloned());
    write(path, &columns, codec);
}

/// Every Parquet file below `from`, rewritten below `to`: rows in another order, in two files with other names. Files for which
/// `change` says so are changed: their amounts are doubled.
pub fn reshuffle(from: &Path, to: &Path, change: &dyn Fn(&str) -> bool) {
    let store = local(from);
    for entry in store.list("").expect("files").iter().filter(|entry| entry.path.ends_with(".parquet")) {
        let file = File::open(&store, entry).expect("a file");
        let changed = change(&entry.path);
        let mut columns = read(&file);
        for (name, cells) in &mut columns {
            if let (true, "amount", Cells::Int(values)) = (changed, name.as_str(), &mut *cells) {
                values.iter_mut().flatten().for_each(|value| *value *= 2);
            }
        }
        let rows = columns[0].1.len();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by_key(|row| (row * 7919 + 13) % (rows.max(2) * 31 + 7));
        let folder = to.join(Path::new(&entry.path).parent().expect("a folder"));
        for (name, part) in [("z-first", &order[..rows / 3]), ("a-second", &order[rows / 3..])] {
            let picked: Vec<(&str, Cells)> = columns.iter().map(|(name, cells)| (name.as_str(), cells.pick(part))).collect();
            write(&folder.join(format!("{name}.parquet")), &picked, Compression::SNAPPY);
        }
    }
}

/// Every Parquet file below `from`, rewritten below `to` as `properties` say.
pub fn rewrite(from: &Path, to: &Path, properties: &WriterProperties) {
    let store = local(from);
    for entry in store.list("").expect("files").iter().filter(|entry| entry.path.ends_with(".parquet")) {
        let columns = read(&File::open(&store, entry).expect("a file"));
        let columns: Vec<(&str, Cells)> = columns.iter().map(|(name, cells)| (name.as_str(), cells.clone())).collect();
        write_as(&to.join(&entry.path), &columns, properties.clone());
    }
}

/// Changes the columns of the Parquet files below `folder` of whose paths `which` holds; a file that has no row left goes.
pub fn edit(folder: &Path, which: &dyn Fn(&str) -> bool, change: &dyn Fn(&mut BTreeMap<String, Cells>)) {
    let store = local(folder);
    for entry in store.list("").expect("files").iter().filter(|entry| which(&entry.path)) {
        let mut columns = read(&File::open(&store, entry).expect("a file")).into_iter().collect();
        change(&mut columns);
        let path = folder.join(&entry.path);
        // The file may be another lake's, too.
        std::fs::remove_file(&path).expect("a file goes");
        if columns.values().any(|cells| !cells.is_empty()) {
            write(&path, &columns.iter().map(|(name, cells)| (name.as_str(), cells.clone())).collect::<Vec<_>>(), Compression::SNAPPY);
        }
    }
}

fn read(file: &File) -> Vec<(String, Cells)> {
    let positions: Vec<usize> = (0..file.fields.len()).collect();
    let mut batches = file.batches(&positions);
    let mut columns: Vec<Vec<Column>> = vec![Vec::new(); positions.len()];
    while let Some((_, batch)) = batches.next_batch().expect("rows") {
        columns.iter_mut().zip(batch).for_each(|(all, column)| all.push(column));
    }
    file.fields.iter().zip(columns).map(|(field, parts)| (field.name.clone(), cells(&field.kind, &parts))).collect()
}

fn cells(kind: &FieldKind, parts: &[Column]) -> Cells {
    fn each<T>(parts: &[Column], value: impl Fn(&Column, usize) -> Option<T>) -> Vec<Option<T>> {
        parts.iter().flat_map(|part| (0..part.len()).map(|row| value(part, row)).collect::<Vec<_>>()).collect()
    }
    match kind {
        FieldKind::Text => Cells::Text(each(parts, |part, row| part.text(row).map(str::to_owned))),
        FieldKind::Float => Cells::Float(each(parts, Column::float)),
        FieldKind::Date => Cells::Date(each(parts, |part, row| part.int(row).map(|day| day as i32))),
        FieldKind::Timestamp { utc, .. } => Cells::Time(each(parts, Column::int), *utc),
        _ => Cells::Int(each(parts, Column::int)),
    }
}

/// A store over a folder of this machine.
pub fn local(folder: &Path) -> Store {
    let access = Access::new(Retries::default(), Allowance::memory(1 << 30)).expect("threads");
    Location::folder(&folder.display().to_string()).open(true, &access).expect("a store")
}
