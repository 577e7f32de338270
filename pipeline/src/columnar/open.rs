//! A Parquet file, checked before anything of it is decoded: size, magic, footer, schema, codecs, offsets.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

use super::schema::Field;
use crate::error::{Error, Result};
use crate::store::{Entry, Store};

/// Files up to this size are read whole.
const WHOLE: u64 = 1 << 20;
/// What is read of the end of a larger file at first.
const TAIL: u64 = 64 << 10;
/// A footer larger than this is refused.
const FOOTER_MAX: u64 = 64 << 20;
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
    /// `Input`, naming file, and row group and column where there is one; those of the store.
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
        if tail.len() as u64 != entry.bytes - tail_start || &head[..] != b"PAR1" || &tail[tail.len() - 4..] != b"PAR1" {
            return Err(Error::input("expected a Parquet file (PAR1 at both ends), got something else"));
        }
        let footer = footer(store, entry, tail)?;
        let metadata = ParquetMetaDataReader::decode_metadata(&footer);
        let metadata = metadata.map_err(|error| Error::input(format!("expected a readable footer, got a fault: {error}")))?;
        let fields = metadata.file_metadata().schema_descr().columns().iter().map(|column| Field::of(column)).collect();
        let whole = (tail_start == 0).then(|| tail.clone());
        let file = Self { store: store.clone(), entry: entry.clone(), metadata: Arc::new(metadata), fields, whole };
        file.check_counts()?;
        Ok(file)
    }

    fn check_counts(&self) -> Result<()> {
        let stated = self.metadata.file_metadata().num_rows();
        let counted: i64 = self.metadata.row_groups().iter().map(|group| group.num_rows().max(0)).sum();
        if stated != counted {
            return Err(Error::input(format!("expected {stated} rows as the footer states, got {counted} in its row groups")));
        }
        for (index, group) in self.metadata.row_groups().iter().enumerate() {
            check_group(group, self.entry.bytes).map_err(|error| error.at(format!("row group {index}")))?;
        }
        Ok(())
    }

    /// Number of rows, as the footer states.
    pub fn rows(&self) -> u64 {
        self.metadata.file_metadata().num_rows().unsigned_abs()
    }

    /// The same file without its bytes in memory: a lake may have many small files.
    pub fn without_bytes(self) -> Self {
        Self { whole: None, ..self }
    }

    /// The store that holds the file.
    pub fn store(&self) -> &Store {
        &self.store
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

fn check_group(group: &RowGroupMetaData, bytes: u64) -> Result<()> {
    for column in group.columns() {
        let fault = |message: String| Err(Error::input(format!("column {}: {message}", column.column_path().string())));
        let codec = column.compression();
        let read = matches!(codec, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) | Compression::ZSTD(_) | Compression::LZ4_RAW);
        if !read {
            return fault(format!("expected one of the codecs none, snappy, zstd, gzip, lz4_raw, got {}", codec_name(codec)));
        }
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let end = start.checked_add(column.compressed_size());
        if start < 0 || column.compressed_size() < 0 || end.is_none_or(|end| end.unsigned_abs() > bytes) {
            return fault(format!("expected pages inside the file's {bytes} bytes, got an offset outside"));
        }
        if column.num_values() != group.num_rows() && column.column_descr().max_rep_level() == 0 {
            return fault(format!("expected {} values as the row group has rows, got {}", group.num_rows(), column.num_values()));
        }
    }
    Ok(())
}

fn codec_name(codec: Compression) -> String {
    format!("{codec:?}").split('(').next().unwrap_or_default().to_lowercase()
}
