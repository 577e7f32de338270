//! Text columns by their dictionary: the texts once, and a number for each row. The parquet crate decodes the numbers of a dictionary-encoded
//! page whatever the dictionary holds: it is handed one of the whole numbers from 0.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Encoding, Repetition, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor, Type};

use super::pages::Pages;
use super::thrift::Read;
use super::values::{TEXTS_BYTES_MAX, Texts};

/// The pages of a column chunk whose dictionary was taken away.
pub struct Coded {
    pages: Pages,
    /// The page of whole numbers that stands for the dictionary.
    numbers: Option<Page>,
}

impl Coded {
    /// The dictionary of a chunk of texts whose every page is encoded by it, and pages of numbers; None for other chunks.
    ///
    /// # Errors
    /// What is wrong with the dictionary.
    pub fn of(pages: &mut Pages) -> Read<Option<Arc<Texts>>> {
        if !pages.is_by_dictionary() {
            return Ok(None);
        }
        let Some(Page::DictionaryPage { buf, num_values, .. }) = pages.get_next_page().map_err(|fault| fault.to_string())? else { return Ok(None) };
        Ok(Some(Arc::new(texts(buf, 0, Some(num_values as usize))?)))
    }

    /// The pages, of numbers below `count`.
    pub fn new(pages: Pages, count: usize) -> Self {
        let buf = Bytes::from(numbers(0..count as i32));
        let numbers = Page::DictionaryPage { buf, num_values: count as u32, encoding: Encoding::PLAIN, is_sorted: false };
        Self { pages, numbers: Some(numbers) }
    }
}

/// A column of whole numbers that is as often unknown as `column`.
///
/// # Errors
/// Those of the parquet crate.
pub fn described(column: &ColumnDescriptor) -> Read<ColumnDescPtr> {
    let repetition = if column.max_def_level() > 0 { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let number = Type::primitive_type_builder(column.name(), Physical::INT32).with_repetition(repetition).build();
    let number = number.map_err(|fault| fault.to_string())?;
    Ok(Arc::new(ColumnDescriptor::new(Arc::new(number), column.max_def_level(), column.max_rep_level(), column.path().clone())))
}

/// Whole numbers, plainly.
pub fn numbers(range: Range<i32>) -> Vec<u8> {
    let mut bytes = vec![0; range.len() * 4];
    bytes.chunks_exact_mut(4).zip(range).for_each(|(bytes, number)| bytes.copy_from_slice(&number.to_le_bytes()));
    bytes
}

/// Bytes of the length before a text.
pub const LENGTH_BYTES: usize = 4;

/// So many texts one after another, each after its length, from `at` on; as many as there are where no number is told. None is moved: the lengths, and
/// what stands before the first, become bytes of no text.
///
/// # Errors
/// If there are fewer, the last one is not whole, or one is not UTF-8.
pub fn texts(page: Bytes, mut at: usize, count: Option<usize>) -> Read<Texts> {
    let mut bytes = Vec::from(page);
    if bytes.len() > TEXTS_BYTES_MAX {
        return Err("more texts than a page may have".into());
    }
    let mut spans = Vec::with_capacity(count.unwrap_or(bytes.len() / 8).min(bytes.len() / LENGTH_BYTES));
    bytes[..at].fill(0);
    while count.map_or(at < bytes.len(), |count| spans.len() < count) {
        let left = bytes.len() - at;
        let length = bytes[at..].first_chunk_mut::<LENGTH_BYTES>().ok_or("texts that end inside a length")?;
        let text = u32::from_le_bytes(std::mem::take(length)) as usize;
        if text > left - LENGTH_BYTES {
            return Err("texts that end inside one".to_owned());
        }
        let start = at + LENGTH_BYTES;
        at = start + text;
        spans.push((start as u32, at as u32));
    }
    bytes.truncate(at);
    Texts::of(bytes, spans).ok_or_else(|| "expected UTF-8, got other bytes".to_owned())
}

impl Iterator for Coded {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Coded {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        match self.numbers.take() {
            Some(numbers) => Ok(Some(numbers)),
            None => self.pages.get_next_page(),
        }
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        match &self.numbers {
            Some(_) => Ok(Some(PageMetadata { num_rows: None, num_levels: None, is_dict: true })),
            None => self.pages.peek_next_page(),
        }
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        match self.numbers.take() {
            Some(_) => Err(ParquetError::General("a dictionary is not skipped".to_owned())),
            None => self.pages.skip_next_page(),
        }
    }
}
