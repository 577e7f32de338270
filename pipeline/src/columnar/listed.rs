//! Text columns of which some pages hold their texts one after another. As for those by dictionary (`coded`), the parquet crate decodes which rows
//! have a text and which numbers a dictionary's pages hold; of a page of texts it is handed the numbers under which they are kept here, since taking
//! each of them for an object of its own is what reading texts would cost most.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};

use super::coded::{LENGTH_BYTES, numbers, texts};
use super::pages::Pages;
use super::thrift::Read;
use super::values::{TEXTS_BYTES_MAX, Texts};

/// The texts of a column chunk that are still needed.
#[derive(Debug, Default)]
struct Held {
    /// Those of the dictionary, of which the numbers are the first.
    dictionary: Texts,
    /// Those of pages that were read, in their order.
    listed: Texts,
    /// The number of the first of these.
    first: usize,
}

/// What the reader of the pages and who gathers the texts share.
#[derive(Debug, Clone, Default)]
pub struct Listed(Arc<Mutex<Held>>);

impl Listed {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The texts of `codes`, which come in the order of the rows: of no listed one is asked twice. None if they have more bytes than `most` together.
    pub fn gather(&self, codes: &[i32], most: usize) -> Option<Texts> {
        let held = &mut *self.held();
        let known = held.dictionary.len();
        let mut all = Texts::default();
        all.reserve(codes.len());
        // Those of a page follow each other, and are taken at once.
        for run in codes.chunk_by(|a, b| b.wrapping_sub(*a) == 1) {
            let (start, end) = (run[0] as usize, run[0] as usize + run.len());
            for code in start..end.min(known) {
                all.push(held.dictionary.get(code));
            }
            if end > known {
                all.extend(&held.listed, start.max(known) - held.first..end - held.first);
            }
            if all.bytes() > most + LENGTH_BYTES * codes.len() {
                return None;
            }
        }
        if all.text_bytes() > most {
            return None;
        }
        let read = codes.iter().rev().map(|code| *code as usize).find(|code| *code >= known).map_or(0, |last| last + 1 - held.first);
        // What was read is let go of, without moving the rest too often.
        if 2 * read >= held.listed.len() {
            held.listed.let_go(read);
            held.first += read;
        }
        Some(all)
    }
}

/// The pages of a column chunk of texts, as pages of numbers.
pub struct ListedPages {
    pages: Pages,
    listed: Listed,
}

impl ListedPages {
    /// Pages that hold texts one after another, or numbers into a dictionary of them.
    pub fn new(pages: Pages) -> (Self, Listed) {
        let listed = Listed::default();
        (Self { pages, listed: listed.clone() }, listed)
    }

    /// Keeps the texts of a page, whose values begin at `start`; returns the page of as many numbers.
    fn keep(&self, page: Bytes, start: usize) -> Read<Bytes> {
        let levels = page[..start].to_vec();
        let texts = texts(page, start, None)?;
        let held = &mut *self.listed.held();
        let from = held.first + held.listed.len();
        let to = i32::try_from(from + texts.len()).map_err(|_| "more texts than a chunk may have")?;
        if held.listed.is_empty() {
            held.listed = texts;
        } else if held.listed.bytes() + texts.bytes() > TEXTS_BYTES_MAX {
            return Err("more texts than some rows may have".into());
        } else {
            held.listed.extend(&texts, 0..texts.len());
        }
        Ok(Bytes::from([levels, numbers(from as i32..to)].concat()))
    }

    fn page(&self, mut page: Page) -> Read<Page> {
        match &mut page {
            Page::DictionaryPage { buf, num_values, encoding, .. } => {
                let dictionary = texts(std::mem::take(buf), 0, Some(*num_values as usize))?;
                let count = i32::try_from(dictionary.len()).map_err(|_| "more texts than a dictionary may have")?;
                let held = &mut *self.listed.held();
                (held.dictionary, held.first) = (dictionary, count as usize);
                (*buf, *encoding) = (numbers(0..count).into(), Encoding::PLAIN);
            }
            Page::DataPage { buf, num_values, encoding: Encoding::PLAIN, def_level_encoding, .. } => {
                let start = self.pages.levels_end(buf, *num_values, *def_level_encoding)?;
                *buf = self.keep(std::mem::take(buf), start)?;
            }
            Page::DataPageV2 { buf, encoding: Encoding::PLAIN, def_levels_byte_len, rep_levels_byte_len, .. } => {
                *buf = self.keep(std::mem::take(buf), (*def_levels_byte_len + *rep_levels_byte_len) as usize)?;
            }
            // Numbers already.
            Page::DataPage { .. } | Page::DataPageV2 { .. } => {}
        }
        Ok(page)
    }
}

impl Iterator for ListedPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for ListedPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let Some(page) = self.pages.get_next_page()? else { return Ok(None) };
        self.page(page).map(Some).map_err(ParquetError::General)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        Err(ParquetError::General("no page of texts is skipped".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: two texts of a dictionary and five that are listed, in three batches, of which the first takes some of both.
    #[test]
    fn texts_are_gathered_in_order() {
        let texts = |some: &[&str]| {
            let mut texts = Texts::default();
            some.iter().for_each(|text| texts.push(text));
            texts
        };
        let listed = Listed(Arc::new(Mutex::new(Held { dictionary: texts(&["ab", "c"]), listed: texts(&["d", "", "efg"]), first: 2 })));
        assert_eq!(listed.gather(&[0, 1, 2, 0, 1, 1, 3], 100), Some(texts(&["ab", "c", "d", "ab", "c", "c", ""])));
        let left = |held: &Held| (held.first, held.listed.len());
        assert_eq!(left(&listed.held()), (4, 1), "what was read is let go of");
        listed.held().listed.extend(&texts(&["h", "ij"]), 0..2);
        assert_eq!(listed.gather(&[4, 5], 100), Some(texts(&["efg", "h"])));
        assert_eq!(listed.gather(&[6, 1, 1], 3), None);
        assert_eq!(listed.gather(&[6, 1], 3), Some(texts(&["ij", "c"])));
        assert_eq!(listed.gather(&[], 0), Some(Texts::default()));
        // Lengths that stand between texts are no texts.
        let plain = [3u32, 2].into_iter().zip(["abc", "de"]).flat_map(|(length, text)| [&length.to_le_bytes(), text.as_bytes()].concat());
        let page = Held { dictionary: Texts::default(), listed: super::texts(plain.collect::<Vec<u8>>().into(), 0, None).expect("two texts"), first: 0 };
        let listed = Listed(Arc::new(Mutex::new(page)));
        assert_eq!(listed.gather(&[0, 1], 4), None);
        assert_eq!(listed.gather(&[0, 1], 5), Some(texts(&["abc", "de"])));
    }
}
