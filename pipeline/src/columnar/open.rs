//! A Parquet file, checked before anything of it is decoded: size, magic, footer, schema, codecs, offsets.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy, RowGroupMetaData};

use super::caught::caught;
use super::schema::Field;
use super::thrift::{Code, Read, Reader};
use crate::error::{Error, Result};
use crate::store::{Entry, Store};

/// Files up to this size are read whole.
const WHOLE: u64 = 1 << 20;
/// What is read of the end of a larger file at first.
const TAIL: u64 = 64 << 10;
/// A footer larger than this is refused.
const FOOTER_MAX: u64 = 64 << 20;
/// How many bytes a footer's byte may become in memory.
const FOOTER_EXPANDS: u64 = 16;
/// Columns nested more deeply are refused.
const SCHEMA_DEPTH_MAX: usize = 64;
/// Rows that a file may have, however small it is, and rows that each of its bytes may stand for.
const ROWS_ALWAYS: u64 = 1 << 24;
const ROWS_PER_BYTE: u64 = 10_000;
/// Magic at both ends, and the footer's length.
const FRAME: u64 = 12;

/// A checked file.
#[derive(Clone)]
pub struct File {
    pub(super) store: Store,
    /// The file in its store.
    pub entry: Entry,
    pub(super) metadata: Arc<ParquetMetaData>,
    /// The file's columns.
    pub fields: Vec<Field>,
    pub(super) whole: Option<Bytes>,
}

impl File {
    /// Reads and checks the footer of `entry`.
    ///
    /// # Errors
    /// `Input`, naming file, and row group and column where there is one; `Limit`; those of the store.
    pub fn open(store: &Store, entry: &Entry) -> Result<Self> {
        Self::check(store, entry).map_err(|error| error.at(store.display(&entry.path)))
    }

    fn check(store: &Store, entry: &Entry) -> Result<Self> {
        if entry.bytes < FRAME {
            let got = if entry.bytes == 0 { "an empty file".to_owned() } else { format!("{} bytes", entry.bytes) };
            return Err(Error::input(format!("expected a Parquet file, got {got}")));
        }
        let tail_start = if entry.bytes <= WHOLE { 0 } else { entry.bytes - TAIL };
        let parts = store.ranges(&entry.path, &[0..4, tail_start..entry.bytes])?;
        let [head, tail] = parts.as_slice() else { return Err(Error::bug("two ranges give two parts")) };
        let magic = &tail[tail.len() - 4..];
        if &head[..] == b"PARE" || magic == b"PARE" {
            return Err(Error::input("expected a Parquet file that is not encrypted, got one that is"));
        }
        if &head[..] != b"PAR1" || magic != b"PAR1" {
            return Err(Error::input("expected a Parquet file (PAR1 at both ends), got something else"));
        }
        let footer = footer(store, entry, tail)?;
        let _held = store.memory().take("open the lake", footer.len() as u64 * FOOTER_EXPANDS)?;
        let damaged = |fault: String| Error::input(format!("expected a readable footer, got a fault: {fault}"));
        check_schema(&footer).map_err(damaged)?;
        let options = without_statistics();
        let decode = || ParquetMetaDataReader::decode_metadata_with_options(&footer, Some(&options)).map_err(|error| error.to_string());
        let metadata = caught(decode).map_err(damaged)?;
        let fields = metadata.file_metadata().schema_descr().columns().iter().map(|column| Field::of(column)).collect();
        let whole = (tail_start == 0).then(|| tail.clone());
        let file = Self { store: store.clone(), entry: entry.clone(), metadata: Arc::new(metadata), fields, whole };
        file.check_counts()?;
        file.check_chunks(entry.bytes - 8 - footer.len() as u64)?;
        Ok(file)
    }

    fn check_counts(&self) -> Result<()> {
        let stated = self.metadata.file_metadata().num_rows();
        let counted = self.metadata.row_groups().iter().try_fold(0i64, |sum, group| sum.checked_add(u32::try_from(group.num_rows()).ok()?.into()));
        if counted != Some(stated) {
            let got = counted.map_or("a number that cannot be".to_owned(), |counted| counted.to_string());
            return Err(Error::input(format!("expected {stated} rows as the footer states, got {got} in its row groups")));
        }
        let most = ROWS_ALWAYS.max(self.entry.bytes.saturating_mul(ROWS_PER_BYTE));
        if stated.unsigned_abs() > most {
            return Err(Error::input(format!("expected at most {most} rows in a file of {} bytes, got {stated}", self.entry.bytes)));
        }
        Ok(())
    }

    /// Column chunks lie between magic and footer, and none in another.
    fn check_chunks(&self, end: u64) -> Result<()> {
        let mut chunks = Vec::new();
        for (index, group) in self.metadata.row_groups().iter().enumerate() {
            for (position, column) in group.columns().iter().enumerate() {
                let fault = |message: String| Error::input(format!("row group {index}: column {}: {message}", column.column_path().string()));
                check_column(group, column).map_err(fault)?;
                // Without rows there are no pages, wherever they are said to be.
                if group.num_rows() == 0 {
                    continue;
                }
                let range = chunk_range(column).filter(|range| range.start >= 4 && range.end <= end);
                let range = range.ok_or_else(|| fault(format!("expected pages inside the file's {} bytes, got an offset outside", self.entry.bytes)))?;
                chunks.push((range.start, range.end, index, position));
            }
        }
        chunks.sort_unstable();
        match chunks.windows(2).find(|pair| pair[0].1 > pair[1].0 && pair[1].0 < pair[1].1) {
            None => Ok(()),
            Some(pair) => {
                let name = self.metadata.row_group(pair[1].2).column(pair[1].3).column_path().string();
                Err(Error::input(format!("row group {}: column {name}: expected pages of its own, got an offset inside another column", pair[1].2)))
            }
        }
    }

    /// Number of rows, as the footer states.
    pub fn rows(&self) -> u64 {
        self.metadata.file_metadata().num_rows().unsigned_abs()
    }

    /// The same file without its bytes in memory: a lake may have many small files.
    pub fn without_bytes(self) -> Self {
        Self { whole: None, ..self }
    }

    /// All bytes of a file that was small enough to be read whole.
    pub fn whole_bytes(&self) -> Option<&Bytes> {
        self.whole.as_ref()
    }

    /// The position of the column called `name`.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

fn footer(store: &Store, entry: &Entry, tail: &Bytes) -> Result<Bytes> {
    let length: [u8; 4] = tail[tail.len() - 8..tail.len() - 4].try_into().expect("four bytes");
    let length = u64::from(u32::from_le_bytes(length));
    if length > (entry.bytes - FRAME).min(FOOTER_MAX) {
        return Err(Error::input(format!("expected a footer of at most {} bytes, got {length}", (entry.bytes - FRAME).min(FOOTER_MAX))));
    }
    let held = tail.len() as u64;
    if length + 8 <= held {
        return Ok(tail.slice((held - 8 - length) as usize..(held - 8) as usize));
    }
    let range = entry.bytes - 8 - length..entry.bytes - 8;
    store.ranges(&entry.path, &[range])?.pop().ok_or_else(|| Error::bug("a range gives a part"))
}

/// Statistics are not read: nothing uses them, and old files have wrong ones.
fn without_statistics() -> ParquetMetaDataOptions {
    let skip = || ParquetStatisticsPolicy::SkipAll;
    ParquetMetaDataOptions::new().with_encoding_stats_policy(skip()).with_column_stats_policy(skip()).with_size_stats_policy(skip())
}

/// Where the pages of a column chunk lie; None for what cannot be.
pub(super) fn chunk_range(column: &ColumnChunkMetaData) -> Option<Range<u64>> {
    // A dictionary at 0 is none: some writers say so.
    let dictionary = column.dictionary_page_offset().filter(|offset| *offset > 0);
    let start = dictionary.map_or(column.data_page_offset(), |offset| offset.min(column.data_page_offset()));
    let (start, length) = (u64::try_from(start).ok()?, u64::try_from(column.compressed_size()).ok()?);
    Some(start..start.checked_add(length)?)
}

fn check_column(group: &RowGroupMetaData, column: &ColumnChunkMetaData) -> std::result::Result<(), String> {
    let codec = column.compression();
    let read = matches!(codec, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) | Compression::ZSTD(_) | Compression::LZ4_RAW);
    if !read {
        return Err(format!("expected one of the codecs none, snappy, zstd, gzip, lz4_raw, got {}", codec_name(codec)));
    }
    if column.num_values() != group.num_rows() && column.column_descr().max_rep_level() == 0 {
        return Err(format!("expected {} values as the row group has rows, got {}", group.num_rows(), column.num_values()));
    }
    Ok(())
}

/// Looks at the tree of columns before anyone builds it: a tree that is too deep would end the program.
fn check_schema(footer: &[u8]) -> Read<()> {
    Reader::new(footer).fields(|number, code, at| {
        if (number, code) != (2, Code::LIST) {
            return Ok(false);
        }
        let (length, item) = at.list()?;
        if item != Code::STRUCT {
            return Err("the schema is no list of columns".to_owned());
        }
        let mut open: Vec<i32> = Vec::new();
        for _ in 0..length {
            let mut children = 0;
            at.fields(|number, code, at| {
                let is_count = (number, code) == (5, Code::I32);
                children = if is_count { at.i32()? } else { children };
                Ok(is_count)
            })?;
            while open.last() == Some(&0) {
                open.pop();
            }
            open.iter_mut().next_back().into_iter().for_each(|left| *left -= 1);
            open.push(children.max(0));
            if open.len() > SCHEMA_DEPTH_MAX {
                return Err(format!("expected columns nested at most {SCHEMA_DEPTH_MAX} deep, got more"));
            }
        }
        Ok(true)
    })
}

fn codec_name(codec: Compression) -> String {
    format!("{codec:?}").split('(').next().unwrap_or_default().to_lowercase()
}
