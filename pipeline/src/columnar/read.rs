//! Decoding: batches of plain columns, a row group after another, one request for all column chunks of a row group.

use std::sync::Arc;

use parquet::basic::Type as Physical;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType, Int96};
use parquet::schema::types::ColumnDescPtr;

use super::caught::caught;
use super::coded::{self, Coded};
use super::listed::{Listed, ListedPages};
use super::open::{File, chunk_range};
use super::pages::{Chunk, Pages};
use super::schema::FieldKind;
use super::values::{Column, Texts, Values};
use crate::allowance::Held;
use crate::error::{Error, Result};

/// Rows of a batch.
const BATCH_ROWS: usize = 1 << 15;
/// Julian days beyond this are 270,000 years away, and no 64 bits hold their microseconds.
const JULIAN_DAY_MAX: u32 = 100_000_000;
/// Bytes of texts that a batch of one column may have.
const BATCH_TEXT_BYTES: usize = 64 << 20;
/// Bytes that a value takes while its batch is decoded and coerced.
const VALUE_BYTES: u64 = 48;
/// The share of the memory limit that one page may take.
const PAGE_SHARE: u64 = 8;

/// The batches of the named columns of a file.
pub struct Batches<'a> {
    file: &'a File,
    columns: Vec<usize>,
    group: usize,
    rows_left: usize,
    readers: Vec<Decoder>,
    /// What the row group takes of the memory.
    held: Option<Held>,
}

/// A column's reader, and how many rows it may decode at once.
struct Decoder {
    reader: ColumnReader,
    rows_max: usize,
    /// What the values are numbers of, where they are.
    texts: Option<By>,
}

/// What texts are decoded as numbers by.
enum By {
    /// Their places in a dictionary.
    Dictionary(Arc<Texts>),
    /// Those that are listed in pages.
    Pages(Listed),
}

impl File {
    /// The values of `columns` (positions), in batches.
    pub fn batches(&self, columns: &[usize]) -> Batches<'_> {
        Batches { file: self, columns: columns.to_vec(), group: 0, rows_left: 0, readers: Vec::new(), held: None }
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
            let decoder = &mut self.readers[index];
            let read = caught(|| decoder.read(rows));
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
        let chunks: Vec<_> = self.columns.iter().map(|&column| chunk_range(group.column(column)).unwrap_or_default()).collect();
        let rows = usize::try_from(group.num_rows()).map_err(|_| Error::input("a negative number of rows"))?;
        self.readers.clear();
        self.held = None;
        if rows == 0 {
            return Ok(());
        }
        let packed: u64 = chunks.iter().map(|range| range.end - range.start).sum();
        let values = rows.min(BATCH_ROWS) as u64 * self.columns.len() as u64;
        let place = |error: Error| error.at(self.file.store.display(&self.file.entry.path));
        let mut held = self.file.store.memory().take("read the lake", packed + values * VALUE_BYTES).map_err(place)?;
        let parts = match &self.file.whole {
            Some(whole) => chunks.iter().map(|range| whole.slice(range.start as usize..range.end as usize)).collect(),
            None => self.file.store.ranges(&self.file.entry.path, &chunks)?,
        };
        for (&column, bytes) in self.columns.iter().zip(parts) {
            let metadata = group.column(column);
            let described = metadata.column_descr_ptr();
            let values = u64::try_from(metadata.num_values()).unwrap_or_default();
            let page_bytes_max = self.file.store.memory().limit() / PAGE_SHARE;
            let chunk = Chunk { column: &described, codec: metadata.compression(), values, page_bytes_max };
            let pages = Pages::find(chunk, &bytes).map_err(|fault| self.fault(self.group, column, fault))?;
            // Texts of pages are held as they are, with where they begin and end, and their numbers.
            let is_text = self.file.fields[column].kind == FieldKind::Text;
            held.grow("read the lake", if is_text { 4 } else { 1 } * pages.bytes_max).map_err(place)?;
            let decoder = caught(|| Decoder::of(pages, &described, is_text));
            self.readers.push(decoder.map_err(|fault| self.fault(self.group, column, fault))?);
        }
        self.held = Some(held);
        self.rows_left = rows;
        Ok(())
    }

    fn fault(&self, group: usize, column: usize, message: String) -> Error {
        let file = self.file.store.display(&self.file.entry.path);
        let column = &self.file.fields[column].name;
        Error::input(format!("{file}: row group {group}: column {column}: expected readable values, got a fault: {message}"))
    }
}

impl Decoder {
    fn of(mut pages: Pages, described: &ColumnDescPtr, is_text: bool) -> std::result::Result<Self, String> {
        let is_text = is_text && described.physical_type() == Physical::BYTE_ARRAY;
        let dictionary = if is_text { Coded::of(&mut pages)? } else { None };
        let rows_max = if pages.shares_prefixes() { (BATCH_TEXT_BYTES / (pages.bytes_max as usize + 1)).clamp(1, BATCH_ROWS) } else { BATCH_ROWS };
        if let Some(texts) = dictionary {
            let reader = get_column_reader(coded::described(described)?, Box::new(Coded::new(pages, texts.len())));
            return Ok(Self { reader, rows_max, texts: Some(By::Dictionary(texts)) });
        }
        if is_text && pages.is_listed() {
            let (pages, listed) = ListedPages::new(pages);
            return Ok(Self { reader: get_column_reader(coded::described(described)?, Box::new(pages)), rows_max, texts: Some(By::Pages(listed)) });
        }
        Ok(Self { reader: get_column_reader(described.clone(), Box::new(pages)), rows_max, texts: None })
    }

    /// Reads exactly `rows` values, unknown ones included.
    fn read(&mut self, rows: usize) -> std::result::Result<Column, String> {
        let steps = Steps { rows, most: self.rows_max };
        match &mut self.reader {
            ColumnReader::BoolColumnReader(reader) => steps.dense(reader, |_| 0, |values| Ok(Values::Bool(values))),
            ColumnReader::Int32ColumnReader(reader) => match &self.texts {
                Some(By::Dictionary(dictionary)) => {
                    steps.dense(reader, |_| 0, |codes| Ok(Values::Coded(codes.into_iter().map(|code| code as u32).collect(), dictionary.clone())))
                }
                Some(By::Pages(listed)) => {
                    steps.dense(reader, |_| 0, |codes| listed.gather(&codes, BATCH_TEXT_BYTES).map(Values::Text).ok_or_else(too_much_text))
                }
                None => steps.dense(reader, |_| 0, |values| Ok(Values::Int(values.into_iter().map(i64::from).collect()))),
            },
            ColumnReader::Int64ColumnReader(reader) => steps.dense(reader, |_| 0, |values| Ok(Values::Int(values))),
            ColumnReader::Int96ColumnReader(reader) => {
                steps.dense(reader, |_| 0, |values| Ok(Values::Int(values.iter().map(int96_micros).collect::<std::result::Result<_, _>>()?)))
            }
            ColumnReader::FloatColumnReader(reader) => steps.dense(reader, |_| 0, |values| Ok(Values::Float(values.into_iter().map(f64::from).collect()))),
            ColumnReader::DoubleColumnReader(reader) => steps.dense(reader, |_| 0, |values| Ok(Values::Float(values))),
            ColumnReader::ByteArrayColumnReader(reader) => steps.dense(reader, ByteArray::len, texts),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                steps.dense(reader, |value| value.len(), |values| wide(values.iter().map(|value| value.data())))
            }
        }
    }
}

/// INT96: nanoseconds of the day, then the Julian day; as microseconds since 1970-01-01.
fn int96_micros(value: &Int96) -> std::result::Result<i64, String> {
    let [low, high, day] = [value.data()[0], value.data()[1], value.data()[2]];
    let nanos = (u64::from(high) << 32 | u64::from(low)) as i64;
    if !(0..86_400_000_000_000).contains(&nanos) || day > JULIAN_DAY_MAX {
        return Err("expected INT96 with a day in reach and nanoseconds inside it, got others".to_owned());
    }
    Ok((i64::from(day) - 2_440_588) * 86_400_000_000 + nanos / 1000)
}

/// How many rows to read, and how many at once.
#[derive(Clone, Copy)]
struct Steps {
    rows: usize,
    most: usize,
}

impl Steps {
    /// Reads the rows, spreads the known values to them, and converts them.
    fn dense<T: DataType>(
        self,
        reader: &mut ColumnReaderImpl<T>,
        length: impl Fn(&T::T) -> usize,
        convert: impl FnOnce(Vec<T::T>) -> std::result::Result<Values, String>,
    ) -> std::result::Result<Column, String> {
        let (mut levels, mut values) = (Vec::with_capacity(self.rows), Vec::with_capacity(self.rows));
        let (mut records, mut bytes) = (0, 0);
        while records < self.rows {
            let before = values.len();
            let read = reader.read_records(self.most.min(self.rows - records), Some(&mut levels), None, &mut values);
            let (read, ..) = read.map_err(|error| error.to_string())?;
            if read == 0 {
                return Err(format!("expected {} more rows, got {records}", self.rows));
            }
            records += read;
            bytes += values[before..].iter().map(&length).sum::<usize>();
            if bytes > BATCH_TEXT_BYTES {
                return Err(too_much_text());
            }
        }
        if values.len() == self.rows {
            return Ok(Column { values: convert(values)?, known: None });
        }
        let known: Vec<bool> = levels.iter().map(|&level| level > 0).collect();
        if known.len() != self.rows || known.iter().filter(|known| **known).count() != values.len() {
            return Err("expected a value for every row that says it has one, got another number".to_owned());
        }
        Ok(Column { values: convert(values)?.spread(&known), known: Some(known) })
    }
}

fn too_much_text() -> String {
    format!("expected at most {BATCH_TEXT_BYTES} bytes of text in {BATCH_ROWS} rows, got more")
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
