//! Decoding: batches of plain columns, a row group after another, one request for all column chunks of a row group.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::open::File;
use super::values::{Column, Texts, Values};
use crate::error::{Error, Result};

/// Rows of a batch.
const BATCH_ROWS: usize = 1 << 15;

/// The batches of the named columns of a file.
pub struct Batches<'a> {
    file: &'a File,
    columns: Vec<usize>,
    group: usize,
    rows_left: usize,
    readers: Vec<ColumnReader>,
}

/// A column chunk in memory, addressed as in its file.
struct Chunk {
    start: u64,
    bytes: Bytes,
}

impl Chunk {
    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let offset = start.checked_sub(self.start).filter(|offset| *offset <= self.bytes.len() as u64);
        let offset = offset.ok_or_else(|| ParquetError::EOF("offset outside of the column chunk".to_owned()))?;
        Ok(self.bytes.slice(offset as usize..))
    }
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let rest = self.from(start)?;
        if length > rest.len() {
            return Err(ParquetError::EOF(format!("expected {length} bytes, got {}", rest.len())));
        }
        Ok(rest.slice(..length))
    }
}

impl File {
    /// The values of `columns` (positions), in batches.
    pub fn batches(&self, columns: &[usize]) -> Batches<'_> {
        Batches { file: self, columns: columns.to_vec(), group: 0, rows_left: 0, readers: Vec::new() }
    }
}

impl Batches<'_> {
    /// The next batch: its number of rows, and one column for each that was asked for. None past the last row.
    ///
    /// # Errors
    /// `Input`, naming file, row group and column; those of the store.
    pub fn next_batch(&mut self) -> Result<Option<(usize, Vec<Column>)>> {
        while self.rows_left == 0 {
            if self.group == self.file.metadata.num_row_groups() {
                return Ok(None);
            }
            self.open_group()?;
            self.group += 1;
        }
        let rows = self.rows_left.min(BATCH_ROWS);
        let mut columns = Vec::with_capacity(self.readers.len());
        for index in 0..self.readers.len() {
            let read = read_column(&mut self.readers[index], rows);
            columns.push(read.map_err(|message| self.fault(self.group - 1, self.columns[index], message))?);
        }
        self.rows_left -= rows;
        Ok(Some((rows, columns)))
    }

    /// The row group of the batch that was read last.
    pub fn group(&self) -> usize {
        self.group.saturating_sub(1)
    }

    fn open_group(&mut self) -> Result<()> {
        let group = self.file.metadata.row_group(self.group);
        let ranges: Vec<_> = self.columns.iter().map(|&column| group.column(column).byte_range()).collect();
        let ranges: Vec<_> = ranges.into_iter().map(|(start, length)| start..start + length).collect();
        let parts = match &self.file.whole {
            Some(whole) => ranges.iter().map(|range| whole.slice(range.start as usize..range.end as usize)).collect(),
            None => self.file.store.ranges(&self.file.entry.path, &ranges)?,
        };
        let rows = usize::try_from(group.num_rows()).map_err(|_| Error::input("a negative number of rows"))?;
        self.readers.clear();
        for ((&column, range), bytes) in self.columns.iter().zip(&ranges).zip(parts) {
            let chunk = Arc::new(Chunk { start: range.start, bytes });
            let pages = SerializedPageReader::new(chunk, group.column(column), rows, None);
            let pages = pages.map_err(|error| self.fault(self.group, column, error.to_string()))?;
            let described = group.schema_descr().column(column);
            let boxed = Box::new(pages);
            self.readers.push(parquet::column::reader::get_column_reader(described, boxed));
        }
        self.rows_left = rows;
        Ok(())
    }

    fn fault(&self, group: usize, column: usize, message: String) -> Error {
        let file = self.file.store.display(&self.file.entry.path);
        let column = &self.file.fields[column].name;
        Error::input(format!("{file}: row group {group}: column {column}: expected readable values, got a fault: {message}"))
    }
}

/// Reads exactly `rows` values, unknown ones included.
fn read_column(reader: &mut ColumnReader, rows: usize) -> std::result::Result<Column, String> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => dense(reader, rows, |values| Ok(Values::Bool(values))),
        ColumnReader::Int32ColumnReader(reader) => dense(reader, rows, |values| Ok(Values::Int(values.into_iter().map(i64::from).collect()))),
        ColumnReader::Int64ColumnReader(reader) => dense(reader, rows, |values| Ok(Values::Int(values))),
        ColumnReader::Int96ColumnReader(reader) => dense(reader, rows, |values| Ok(Values::Int(values.iter().map(int96_micros).collect()))),
        ColumnReader::FloatColumnReader(reader) => dense(reader, rows, |values| Ok(Values::Float(values.into_iter().map(f64::from).collect()))),
        ColumnReader::DoubleColumnReader(reader) => dense(reader, rows, |values| Ok(Values::Float(values))),
        ColumnReader::ByteArrayColumnReader(reader) => dense(reader, rows, texts),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => dense(reader, rows, |values| wide(values.iter().map(|value| value.data()))),
    }
}

/// INT96: nanoseconds of the day, then the Julian day; as microseconds since 1970-01-01.
fn int96_micros(value: &Int96) -> i64 {
    let [low, high, day] = [value.data()[0], value.data()[1], value.data()[2]];
    let nanos = (u64::from(high) << 32 | u64::from(low)) as i64;
    (i64::from(day) - 2_440_588).saturating_mul(86_400_000_000).saturating_add(nanos / 1000)
}

/// Reads `rows` records, spreads the known values to their rows, and converts them.
fn dense<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    convert: impl FnOnce(Vec<T::T>) -> std::result::Result<Values, String>,
) -> std::result::Result<Column, String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let read = reader.read_records(rows, Some(&mut levels), None, &mut values);
    let (records, ..) = read.map_err(|error| error.to_string())?;
    if records != rows {
        return Err(format!("expected {rows} more rows, got {records}"));
    }
    if values.len() == rows {
        return Ok(Column { values: convert(values)?, known: None });
    }
    let known: Vec<bool> = levels.iter().map(|&level| level > 0).collect();
    Ok(Column { values: spread(convert(values)?, &known), known: Some(known) })
}

/// Known values at their rows, and nothing in particular at the others.
fn spread(packed: Values, known: &[bool]) -> Values {
    fn plain<T: Copy + Default>(packed: Vec<T>, known: &[bool]) -> Vec<T> {
        let mut packed = packed.into_iter();
        known.iter().map(|&known| if known { packed.next().unwrap_or_default() } else { T::default() }).collect()
    }
    match packed {
        Values::Bool(packed) => Values::Bool(plain(packed, known)),
        Values::Int(packed) => Values::Int(plain(packed, known)),
        Values::Wide(packed) => Values::Wide(plain(packed, known)),
        Values::Float(packed) => Values::Float(plain(packed, known)),
        Values::Text(packed) => {
            let mut texts = Texts::default();
            let mut next = 0;
            for &known in known {
                texts.push(if known { packed.get(next) } else { "" });
                next += usize::from(known);
            }
            Values::Text(texts)
        }
    }
}

fn texts(values: Vec<ByteArray>) -> std::result::Result<Values, String> {
    let mut texts = Texts::default();
    for value in &values {
        texts.push(std::str::from_utf8(value.data()).map_err(|_| "expected UTF-8, got other bytes".to_owned())?);
    }
    Ok(Values::Text(texts))
}

/// Big-endian two's complement integers of up to 16 bytes.
fn wide<'a>(values: impl Iterator<Item = &'a [u8]>) -> std::result::Result<Values, String> {
    let number = |bytes: &[u8]| {
        if bytes.len() > 16 {
            return Err(format!("expected a decimal of at most 16 bytes, got {}", bytes.len()));
        }
        let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1i128 } else { 0 };
        Ok(bytes.iter().fold(sign, |number, &byte| (number << 8) | i128::from(byte)))
    };
    Ok(Values::Wide(values.map(number).collect::<std::result::Result<_, _>>()?))
}
