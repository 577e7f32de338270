//! Text columns by their dictionary: the texts once, and a number for each row. The parquet crate decodes the numbers of a dictionary-encoded
//! page whatever the dictionary holds: it is handed one of the whole numbers from 0.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Encoding, Repetition, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor, Type};

use super::pages::Pages;
use super::thrift::Read;
use super::values::Texts;

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
        Ok(Some(Arc::new(texts(&buf, num_values as usize)?)))
    }

    /// The pages, of numbers below `count`.
    pub fn new(pages: Pages, count: usize) -> Self {
        let buf: Bytes = (0..count as u32).flat_map(u32::to_le_bytes).collect();
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

/// Texts one after another, each after its length.
fn texts(mut bytes: &[u8], count: usize) -> Read<Texts> {
    let (mut all, mut ends) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(count.min(bytes.len() / 4)));
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or("a dictionary that ends inside a length")?;
        let length = u32::from_le_bytes(*length) as usize;
        let (text, rest) = rest.split_at_checked(length).ok_or("a dictionary that ends inside a text")?;
        all.extend_from_slice(text);
        ends.push(all.len());
        bytes = rest;
    }
    Texts::of(all, ends).ok_or_else(|| "expected UTF-8, got other bytes".to_owned())
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
