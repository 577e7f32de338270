//! Writing: fixed row groups, encodings, compression level and `created_by`, so that equal rows give equal bytes.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer, get_typed_column_writer};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType as ParquetType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnPath, Type, TypePtr};
use polars::prelude::{Column as Series, DataFrame, DataType};
use rayon::prelude::*;

use super::chunks::{Chunk, KeyChunks};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::key::fingerprint;
use crate::table::{Column, Contract, Kind};

/// Rows of a row group.
pub const ROW_GROUP_ROWS: usize = 1 << 17;
/// What most of our bytes are, ids and small numbers, takes less time at this level than at 3, and no more room.
const ZSTD_LEVEL: i32 = 1;
const CREATED_BY: &str = "regulars";

/// A Parquet file in the making: rows come in frames of any height, and leave in row groups of a fixed one.
pub struct TableFile<'a> {
    contract: &'a Contract,
    file: SerializedFileWriter<Vec<u8>>,
    /// Chunks of keys that other tables may have too.
    chunks: Option<&'a KeyChunks>,
    /// With dictionaries, and without.
    properties: [Arc<WriterProperties>; 2],
    waiting: Vec<DataFrame>,
    rows: usize,
}

/// Writes `frame`, whose columns are those of `contract`, as one Parquet file.
///
/// # Errors
/// `Limit` if memory cannot take the bytes.
pub fn write(contract: &Contract, frame: &DataFrame) -> Result<Vec<u8>> {
    let mut file = TableFile::new(contract, None)?;
    file.push(frame.clone())?;
    file.finish()
}

impl<'a> TableFile<'a> {
    /// A file of `contract` without rows, whose keys may be among `chunks`.
    ///
    /// # Errors
    /// `Limit` if memory cannot take the bytes.
    pub fn new(contract: &'a Contract, chunks: Option<&'a KeyChunks>) -> Result<Self> {
        let failed = failed(contract);
        let [with, without] = [true, false].map(|dictionary| properties(contract, dictionary).map_err(failed));
        let properties = [with?, without?];
        let file = SerializedFileWriter::new(Vec::new(), schema(contract).map_err(failed)?, properties[0].clone()).map_err(failed)?;
        Ok(Self { contract, file, chunks, properties, waiting: Vec::new(), rows: 0 })
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Appends rows.
    ///
    /// # Errors
    /// `Bug` if they are not the contract's; `Limit` if memory cannot take the bytes.
    pub fn push(&mut self, mut frame: DataFrame) -> Result<()> {
        loop {
            let waiting = self.rows % ROW_GROUP_ROWS;
            let room = ROW_GROUP_ROWS - waiting;
            let now = frame.slice(0, room);
            self.rows += now.height();
            let is_full = now.height() == room;
            if now.height() > 0 {
                self.waiting.push(now);
            }
            if !is_full {
                return Ok(());
            }
            self.write_group()?;
            frame = frame.slice(room as i64, usize::MAX);
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// As `push`.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        if !self.waiting.is_empty() {
            self.write_group()?;
        }
        self.file.into_inner().map_err(failed(self.contract))
    }

    /// Writes the rows that wait as a row group, its columns by all threads.
    fn write_group(&mut self) -> Result<()> {
        let failed = failed(self.contract);
        let frames = std::mem::take(&mut self.waiting);
        let (schema, [properties, plain]) = (self.file.schema_descr(), &self.properties);
        let write = |index: usize, values: &[&Series]| -> Result<Chunk> {
            let mut bytes = TrackedWrite::new(Vec::new());
            let properties = if repeats(&self.contract.columns[index], values) { properties } else { plain };
            let writer = get_column_writer(schema.column(index), properties.clone(), Box::new(SerializedPageWriter::new(&mut bytes)));
            let closed = write_column(&self.contract.columns[index], values, writer)?.map_err(failed)?;
            Ok((Bytes::from(bytes.into_inner().map_err(failed)?), closed))
        };
        let column = |index: usize| {
            let column = &self.contract.columns[index];
            let values: Vec<&Series> = frames.iter().map(|frame| &frame.columns()[index]).collect();
            let is_key = column.kind == Kind::Text && self.contract.key == [column.name.as_str()];
            match self.chunks.filter(|_| is_key) {
                Some(chunks) => chunks.chunk(&column.name, &values, || write(index, &values)),
                None => write(index, &values),
            }
        };
        let columns: Vec<Result<Chunk>> = (0..self.contract.columns.len()).into_par_iter().map(column).collect();
        let mut group = self.file.next_row_group().map_err(failed)?;
        for column in columns {
            let (bytes, closed) = column?;
            group.append_column(&bytes, closed).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        Ok(())
    }
}

/// What a fault of the writer means.
fn failed(contract: &Contract) -> impl Fn(ParquetError) -> Error + Copy {
    |error| Error::new(ErrorKind::Limit, format!("table {}: cannot be written: {error}", contract.name))
}

/// Whether values of a column repeat so much that a dictionary takes less time or room: that there are as few texts as a fourth of the rows, or numbers as
/// a sixteenth.
fn repeats(column: &Column, frames: &[&Series]) -> bool {
    match column.kind {
        Kind::Text => are_few(sampled(frames, |values, row| values.str().ok()?.get(row)), 4),
        Kind::Float => are_few(sampled(frames, |values, row| values.f64().ok()?.get(row).map(f64::to_bits)), 16),
        Kind::Int | Kind::Money => are_few(sampled(frames, |values, row| values.i64().ok()?.get(row)), 16),
        Kind::Bool | Kind::Date | Kind::Timestamp => true,
    }
}

/// Rows of a sample; a column of at most twice as many is looked at whole.
const SAMPLED: usize = 1024;

/// The known values of some rows of a column.
struct Sample<T> {
    values: Vec<T>,
    /// Rows that were looked at, and all.
    rows: (usize, usize),
}

/// A sample of a column: of rows that a hash draws, the same in every column of so many rows.
fn sampled<'a, T>(frames: &[&'a Series], get: impl Fn(&'a Series, usize) -> Option<T>) -> Sample<T> {
    let rows: usize = frames.iter().map(|values| values.len()).sum();
    let drawn = |number: u64| ((u128::from(fingerprint(0, &number.to_le_bytes())) * rows as u128) >> 64) as usize;
    let mut places: Vec<usize> = if rows <= 2 * SAMPLED { (0..rows).collect() } else { (0..SAMPLED as u64).map(drawn).collect() };
    places.sort_unstable();
    places.dedup();
    let (mut values, mut rest, mut start) = (Vec::with_capacity(places.len()), places.as_slice(), 0);
    for frame in frames {
        let (here, after) = rest.split_at(rest.partition_point(|place| *place < start + frame.len()));
        values.extend(here.iter().filter_map(|place| get(frame, place - start)));
        (rest, start) = (after, start + frame.len());
    }
    Sample { values, rows: (places.len(), rows) }
}

/// Whether a column has at most as many different values as a `part` of its known rows. How many there are follows from how many a sample has once and
/// twice (Chao 1984, Nonparametric estimation of the number of classes in a population; without its bias, as Chao 2005 has it).
fn are_few<T: Ord>(Sample { mut values, rows: (sampled, rows) }: Sample<T>, part: usize) -> bool {
    values.sort_unstable();
    let (mut seen, mut once, mut twice) = (0, 0, 0);
    for equal in values.chunk_by(|a, b| a == b) {
        seen += 1;
        once += usize::from(equal.len() == 1);
        twice += usize::from(equal.len() == 2);
    }
    // Of a whole column nothing is unseen.
    let unseen = if sampled < rows { once * once.saturating_sub(1) / (2 * (twice + 1)) } else { 0 };
    // A dictionary of few values costs nothing.
    rows < SAMPLED || values.len() < SAMPLED / part || (seen + unseen) * part * sampled <= values.len() * rows
}

fn properties(contract: &Contract, dictionary: bool) -> std::result::Result<Arc<WriterProperties>, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_enabled(dictionary)
        .set_created_by(CREATED_BY.to_owned());
    // What no two rows share is no dictionary's.
    if let [key] = contract.key.as_slice() {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(key.as_str()), false);
    }
    Ok(Arc::new(builder.build()))
}

fn schema(contract: &Contract) -> std::result::Result<TypePtr, ParquetError> {
    let fields = contract.columns.iter().map(|column| field(column).map(Arc::new)).collect::<std::result::Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?))
}

fn field(column: &Column) -> std::result::Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Int | Kind::Money => (Physical::INT64, None),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
        Kind::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
    };
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&column.name, physical).with_repetition(repetition).with_logical_type(logical).build()
}

type Written = std::result::Result<ColumnCloseResult, ParquetError>;

/// Values of a column that are known, and of a column that may have others, which rows have one.
struct Known<T> {
    levels: Option<Vec<i16>>,
    values: Vec<T>,
}

impl<T: Clone + Default> Known<T> {
    /// None yet, with room for so many rows.
    fn new(column: &Column, rows: usize) -> Self {
        Self { levels: column.nullable.then(|| Vec::with_capacity(rows)), values: Vec::with_capacity(rows) }
    }

    fn push(&mut self, value: Option<T>) {
        self.levels.iter_mut().for_each(|levels| levels.push(i16::from(value.is_some())));
        self.values.extend(value);
    }

    /// Adds values that are all known.
    fn extend(&mut self, values: &[T]) {
        self.levels.iter_mut().for_each(|levels| levels.resize(levels.len() + values.len(), 1));
        self.values.extend_from_slice(values);
    }

    /// Adds values of which some are known. Each is written, and stays where it is known: which those are nobody can foretell.
    fn extend_known(&mut self, values: &[T], is_known: impl Iterator<Item = bool> + Clone) {
        self.levels.iter_mut().for_each(|levels| levels.extend(is_known.clone().map(i16::from)));
        let mut end = self.values.len();
        self.values.resize(end + values.len(), T::default());
        for (value, is_known) in values.iter().zip(is_known) {
            self.values[end] = value.clone();
            end += usize::from(is_known);
        }
        self.values.truncate(end);
    }

    fn write<K: ParquetType<T = T>>(&self, writer: ColumnWriter<'_>) -> Written {
        let mut writer = get_typed_column_writer::<K>(writer);
        writer.write_batch(&self.values, self.levels.as_deref(), None)?;
        writer.close()
    }
}

fn write_column(column: &Column, frames: &[&Series], writer: ColumnWriter<'_>) -> Result<Written> {
    let rows = frames.iter().map(|values| values.len()).sum();
    macro_rules! one_by_one {
        ($kind:ty, $values:ident => $iterated:expr) => {{
            let mut known = Known::new(column, rows);
            for $values in frames {
                $iterated.for_each(|value| known.push(value));
            }
            known.write::<$kind>(writer)
        }};
    }
    macro_rules! numbers {
        ($kind:ty, $values:ident => $numbers:expr) => {{
            let mut known = Known::new(column, rows);
            for $values in frames {
                for chunk in $numbers.downcast_iter() {
                    match chunk.validity() {
                        Some(is_known) => known.extend_known(chunk.values(), is_known.iter()),
                        None => known.extend(chunk.values()),
                    }
                }
            }
            known.write::<$kind>(writer)
        }};
    }
    Ok(match column.kind {
        Kind::Text => {
            // One buffer for all texts: an allocation for each is what writing them would cost most.
            let mut buffer = Vec::new();
            for values in frames {
                values.str()?.iter().flatten().for_each(|text| buffer.extend_from_slice(text.as_bytes()));
            }
            let (buffer, mut start) = (Bytes::from(buffer), 0);
            let mut part = |text: &str| {
                start += text.len();
                ByteArray::from(buffer.slice(start - text.len()..start))
            };
            one_by_one!(ByteArrayType, values => values.str()?.iter().map(|text| text.map(&mut part)))
        }
        Kind::Int | Kind::Money | Kind::Timestamp => numbers!(Int64Type, values => values.i64()?),
        Kind::Float => numbers!(DoubleType, values => values.f64()?),
        Kind::Bool => one_by_one!(BoolType, values => values.bool()?.iter()),
        Kind::Date => numbers!(Int32Type, values => values.cast(&DataType::Int32)?.i32()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 131,072 rows: a thousand values, mixed and one after another; 20,000, which are few texts and many numbers; 50,000; all different, but for every
    /// fifth or every second, which is 0. Of few rows, or few that are known, all are seen.
    #[test]
    fn values_are_few_by_a_sample() {
        let few = |rows: u64, part: usize, value: &dyn Fn(u64) -> Option<u64>| {
            let column = Series::new("n".into(), (0..rows).map(|row| value(row).map(|value| value as i64)).collect::<Vec<_>>());
            are_few(sampled(&[&column.slice(0, 1000), &column.slice(1000, rows as usize)], |values, row| values.i64().ok()?.get(row)), part)
        };
        let (rows, mixed) = (ROW_GROUP_ROWS as u64, |row: u64| fingerprint(7, &row.to_le_bytes()) >> 20);
        assert!(few(rows, 16, &|row| Some(mixed(row) % 1000)) && few(rows, 16, &|row| Some(row / 131)));
        assert!(few(rows, 4, &|row| Some(mixed(row) % 20_000)) && !few(rows, 16, &|row| Some(mixed(row) % 20_000)));
        assert!(!few(rows, 4, &|row| Some(mixed(row) % 50_000)));
        assert!(!few(rows, 4, &|row| Some(if row % 5 == 0 { 0 } else { row })) && !few(rows, 4, &|row| Some(if row % 2 == 0 { 0 } else { row })));
        assert!(few(rows, 16, &|row| (row % 100 == 0).then_some(row)) && !few(rows, 16, &|row| (row % 5 == 0).then_some(row)));
        assert!(few(1600, 16, &|row| Some(row / 16)) && !few(1600, 16, &|row| Some(row / 15)) && few(1023, 16, &Some));
    }

    /// Of frames of 2, 0, 7 and 5,000 rows the values of each row that is drawn, in their order; of fewer all.
    #[test]
    fn samples_are_of_all_frames() {
        let of = |rows: [i64; 4]| {
            let mut start = 0;
            let frames = rows.map(|rows| {
                start += rows;
                Series::new("n".into(), (start - rows..start).collect::<Vec<_>>())
            });
            let sample = sampled(&frames.iter().collect::<Vec<_>>(), |values, row| values.i64().ok()?.get(row));
            (sample.values, sample.rows)
        };
        assert_eq!(of([2, 0, 7, 100]), ((0..109).collect(), (109, 109)));
        let (values, (drawn, rows)) = of([2, 0, 7, 5000]);
        assert!(values.is_sorted_by(|a, b| a < b) && (900..1024).contains(&drawn) && (values.len(), rows) == (drawn, 5009));
        assert!(values.iter().filter(|value| **value < 2504).count() > 400 && values.last().is_some_and(|last| (4900..5009).contains(last)));
    }
}
