//! Plain columns of decoded values.

use std::ops::Range;
use std::sync::Arc;

/// Texts in one string, without an allocation each; bytes that are no text's may stand between them.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    bytes: String,
    /// Where each begins and ends; those of known texts rise.
    spans: Vec<(u32, u32)>,
}

/// Most bytes that texts may have together.
pub const TEXTS_BYTES_MAX: usize = u32::MAX as usize;

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && (0..self.len()).all(|index| self.raw(index) == other.raw(index))
    }
}

impl Texts {
    /// The texts that stand at `spans` in `bytes`; None if these are not UTF-8. All are checked at once, and that none begins or ends inside a character.
    pub fn of(bytes: Vec<u8>, spans: Vec<(u32, u32)>) -> Option<Self> {
        let bytes = String::from_utf8(bytes).ok()?;
        let is_whole = |at: u32| bytes.is_char_boundary(at as usize);
        spans.iter().all(|span| is_whole(span.0) && is_whole(span.1)).then_some(Self { bytes, spans })
    }

    /// Adds a text at the end.
    pub fn push(&mut self, text: &str) {
        let start = self.end();
        self.bytes.push_str(text);
        self.spans.push((start, self.end()));
    }

    /// Where all bytes end: nobody adds as many as would not fit.
    fn end(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("texts of less than 4 GiB")
    }

    /// The text at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> &str {
        let (start, end) = self.spans[index];
        &self.bytes[start as usize..end as usize]
    }

    /// The bytes of the text at `index`.
    #[inline]
    fn raw(&self, index: usize) -> &[u8] {
        let (start, end) = self.spans[index];
        &self.bytes.as_bytes()[start as usize..end as usize]
    }

    /// Makes room for so many texts more.
    pub fn reserve(&mut self, more: usize) {
        self.spans.reserve(more);
    }

    /// Adds some texts of another, all known, at the end.
    pub fn extend(&mut self, other: &Texts, range: Range<usize>) {
        let spans = &other.spans[range];
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return };
        let before = self.end();
        self.bytes.push_str(&other.bytes[first.0 as usize..last.1 as usize]);
        self.spans.extend(spans.iter().map(|span| (span.0 - first.0 + before, span.1 - first.0 + before)));
    }

    /// Lets go of the first ones; all are known.
    pub fn let_go(&mut self, first: usize) {
        let start = self.spans.get(first).map_or(self.end(), |span| span.0);
        self.bytes.drain(..start as usize);
        self.spans.drain(..first);
        self.spans.iter_mut().for_each(|span| *span = (span.0 - start, span.1 - start));
    }

    /// The same at the rows that are `known`, and none at the others.
    fn spread(self, known: &[bool]) -> Self {
        Self { bytes: self.bytes, spans: spread(self.spans, known) }
    }

    /// Bytes of all texts, and between them.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of all texts alone.
    pub fn text_bytes(&self) -> usize {
        self.spans.iter().map(|span| (span.1 - span.0) as usize).sum()
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// Known values at their rows, and nothing in particular at the others.
fn spread<T: Copy + Default>(packed: Vec<T>, known: &[bool]) -> Vec<T> {
    let mut packed = packed.into_iter();
    known.iter().map(|&known| if known { packed.next().unwrap_or_default() } else { T::default() }).collect()
}

/// Decoded values; what stands at an unknown place means nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// True or false.
    Bool(Vec<bool>),
    /// Whole numbers, days, timestamps, decimals without their point.
    Int(Vec<i64>),
    /// Decimals of more than 18 digits, without their point.
    Wide(Vec<i128>),
    /// Numbers.
    Float(Vec<f64>),
    /// Texts.
    Text(Texts),
    /// Texts by their place in a dictionary, which the batches of a row group share. Places may be any where a text is unknown.
    Coded(Vec<u32>, Arc<Texts>),
}

impl Values {
    /// The same at the rows that are `known`, and nothing in particular at the others.
    pub fn spread(self, known: &[bool]) -> Self {
        match self {
            Self::Bool(packed) => Self::Bool(spread(packed, known)),
            Self::Int(packed) => Self::Int(spread(packed, known)),
            Self::Wide(packed) => Self::Wide(spread(packed, known)),
            Self::Float(packed) => Self::Float(spread(packed, known)),
            Self::Coded(packed, dictionary) => Self::Coded(spread(packed, known), dictionary),
            Self::Text(packed) => Self::Text(packed.spread(known)),
        }
    }
}

/// A column: values, and which of them are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// One value a row.
    pub values: Values,
    /// None where all are known.
    pub known: Option<Vec<bool>>,
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Bool(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Wide(values) => values.len(),
            Values::Float(values) => values.len(),
            Values::Text(values) => values.len(),
            Values::Coded(codes, _) => codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value at `row` is known.
    #[inline]
    pub fn is_known(&self, row: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known[row])
    }

    /// The text at `row`; None where unknown or not a text.
    #[inline]
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Text(texts) if self.is_known(row) => Some(texts.get(row)),
            Values::Coded(codes, texts) if self.is_known(row) => Some(texts.get(codes[row] as usize)),
            _ => None,
        }
    }

    /// The whole number at `row`; None where unknown or not one.
    #[inline]
    pub fn int(&self, row: usize) -> Option<i64> {
        match &self.values {
            Values::Int(values) if self.is_known(row) => Some(values[row]),
            Values::Bool(values) if self.is_known(row) => Some(i64::from(values[row])),
            _ => None,
        }
    }

    /// Hands the whole number at each of `rows` to `put`, with its place among them; rows without one are passed over.
    #[inline]
    pub fn each_int(&self, rows: &[usize], mut put: impl FnMut(usize, i64)) {
        match (&self.values, &self.known) {
            (Values::Int(values), None) => rows.iter().enumerate().for_each(|(place, row)| put(place, values[*row])),
            _ => rows.iter().enumerate().for_each(|(place, row)| self.int(*row).into_iter().for_each(|value| put(place, value))),
        }
    }

    /// As `each_int`, numbers.
    #[inline]
    pub fn each_float(&self, rows: &[usize], mut put: impl FnMut(usize, f64)) {
        match (&self.values, &self.known) {
            (Values::Float(values), None) => rows.iter().enumerate().for_each(|(place, row)| put(place, values[*row])),
            _ => rows.iter().enumerate().for_each(|(place, row)| self.float(*row).into_iter().for_each(|value| put(place, value))),
        }
    }

    /// Marks those of `rows`, which rise, whose value may be another than that of the one before, and the first one.
    pub fn mark_changes(&self, rows: &[usize], changes: &mut [bool]) {
        match &self.values {
            Values::Bool(values) => mark_changes(values, rows, changes),
            Values::Int(values) => mark_changes(values, rows, changes),
            Values::Wide(values) => mark_changes(values, rows, changes),
            Values::Float(values) => mark_changes(values, rows, changes),
            Values::Coded(codes, _) => mark_changes(codes, rows, changes),
            Values::Text(texts) => {
                changes.first_mut().into_iter().for_each(|first| *first = true);
                let pairs = rows.windows(2).zip(changes.iter_mut().skip(1));
                // Where there is a change already, no text is looked at.
                pairs.for_each(|(pair, change)| *change = *change || texts.raw(pair[0]) != texts.raw(pair[1]));
            }
        }
        self.known.iter().for_each(|known| mark_changes(known, rows, changes));
    }

    /// The number at `row`; None where unknown or not one.
    #[inline]
    pub fn float(&self, row: usize) -> Option<f64> {
        match &self.values {
            Values::Float(values) if self.is_known(row) => Some(values[row]),
            Values::Wide(values) if self.is_known(row) => Some(values[row] as f64),
            _ => self.int(row).map(|value| value as f64),
        }
    }
}

/// Marks those of `rows`, which rise, whose value is another than that of the one before, and the first one.
pub fn mark_changes<T: PartialEq>(values: &[T], rows: &[usize], changes: &mut [bool]) {
    let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return };
    changes[0] = true;
    if last - first + 1 == rows.len() {
        // One after another in memory, too: several are compared at once.
        let (before, after) = (&values[first..last], &values[first + 1..=last]);
        before.iter().zip(after).zip(&mut changes[1..]).for_each(|((before, after), change)| *change |= before != after);
    } else {
        rows.windows(2).zip(&mut changes[1..]).for_each(|(pair, change)| *change |= values[pair[0]] != values[pair[1]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: five texts between which other bytes stand, one of them empty; some are added to others, some go, and some rows have none.
    #[test]
    fn texts_stand_between_other_bytes() {
        let all = |texts: &Texts| (0..texts.len()).map(|index| texts.get(index).to_owned()).collect::<Vec<_>>();
        let spans = vec![(1, 3), (4, 4), (5, 7), (9, 10), (11, 12)];
        let texts = Texts::of("-ab--\u{e9}--c-d".as_bytes().to_vec(), spans.clone()).expect("UTF-8");
        assert_eq!(all(&texts), ["ab", "", "\u{e9}", "c", "d"]);
        assert_eq!((texts.bytes(), texts.text_bytes()), (12, 6));
        assert_eq!(Texts::of("-ab--\u{e9}--c-d".as_bytes().to_vec(), vec![(5, 6)]), None, "a text ends inside a character");
        assert_eq!(Texts::of(b"\xff".to_vec(), vec![]), None);
        let mut some = Texts::default();
        some.push("x");
        some.extend(&texts, 1..4);
        some.extend(&texts, 4..4);
        some.extend(&texts, 4..5);
        assert_eq!((all(&some), some.text_bytes()), (["x", "", "\u{e9}", "c", "d"].map(str::to_owned).to_vec(), 5));
        some.let_go(2);
        assert_eq!(all(&some), ["\u{e9}", "c", "d"]);
        assert_eq!(all(&some.clone().spread(&[true, false, true, true])), ["\u{e9}", "", "c", "d"]);
        some.let_go(3);
        assert!(some.is_empty() && some.bytes() == 0);
    }

    /// By hand: rows one after another and with a hole between them, with a value that is unknown and one that follows it.
    #[test]
    fn changes_are_marked() {
        let changes = |column: &Column, rows: &[usize]| {
            let mut changes = vec![false; rows.len()];
            column.mark_changes(rows, &mut changes);
            changes
        };
        let mut texts = Texts::default();
        ["a", "a", "b", "b", "a"].into_iter().for_each(|text| texts.push(text));
        let (codes, numbers) = ([7u32, 7, 8, 8, 7], vec![7i64, 7, 8, 8, 7]);
        let coded = Values::Coded(codes.iter().map(|code| code - 7).collect(), Arc::new(texts.clone()));
        for values in [Values::Text(texts), coded, Values::Int(numbers), Values::Float(codes.iter().map(|code| f64::from(*code)).collect())] {
            let column = Column { values, known: None };
            assert_eq!(changes(&column, &[0, 1, 2, 3, 4]), [true, false, true, false, true]);
            assert_eq!(changes(&column, &[1, 2, 3]), [true, true, false]);
            assert_eq!(changes(&column, &[0, 1, 4]), [true, false, false]);
            let unknown = Column { known: Some(vec![true, true, true, false, false]), ..column };
            assert_eq!(changes(&unknown, &[0, 1, 2, 3])[..], [true, false, true, true]);
            assert_eq!(changes(&unknown, &[0, 1, 4]), [true, false, true]);
            assert!(changes(&unknown, &[]).is_empty());
        }
    }
}
