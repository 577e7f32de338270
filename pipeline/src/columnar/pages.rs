//! The pages of a column chunk: every header is looked at before memory is taken for what it promises, and no page gives more than it
//! promised. The parquet crate's own page reader believes a header's sizes, and reads a gzip page to its end however long that is.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::schema::types::ColumnDescriptor;

use super::thrift::{Code, Read, Reader};
use super::unpack::unpack;

/// What is known of a column chunk before its pages are read.
#[derive(Debug, Clone, Copy)]
pub struct Chunk<'a> {
    /// The column.
    pub column: &'a ColumnDescriptor,
    /// How its pages are packed.
    pub codec: Compression,
    /// Its values, unknown ones included, as the footer states.
    pub values: u64,
    /// Most bytes that a page may have when it is unpacked.
    pub page_bytes_max: u64,
}

/// A page whose header was found sound.
#[derive(Debug, Clone)]
struct Found {
    header: Header,
    body: Bytes,
}

impl Found {
    /// How the values of a page of data are written.
    fn encoding(&self) -> Option<Encoding> {
        self.header.data.and_then(|data| encoding(data.encoding))
    }

    /// Whether the values are numbers into a dictionary.
    fn is_by_dictionary(&self) -> bool {
        matches!(self.encoding(), Some(Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY))
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Header {
    kind: i32,
    unpacked: i32,
    packed: i32,
    crc: Option<i32>,
    data: Option<Data>,
    dictionary: Option<Dictionary>,
}

/// The header of a data page, of either version.
#[derive(Debug, Clone, Copy, Default)]
struct Data {
    values: i32,
    encoding: i32,
    definition_encoding: i32,
    repetition_encoding: i32,
    second: Option<Second>,
}

/// What only version 2 has.
#[derive(Debug, Clone, Copy)]
struct Second {
    nulls: i32,
    rows: i32,
    definition_bytes: i32,
    repetition_bytes: i32,
    is_packed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Dictionary {
    values: i32,
    encoding: i32,
}

const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;
const DATA_PAGE_V2: i32 = 3;

/// The pages of a chunk, in order.
#[derive(Debug)]
pub struct Pages {
    found: std::vec::IntoIter<Found>,
    codec: Compression,
    physical: Physical,
    width: usize,
    levels: bool,
    /// The largest page and the dictionary, unpacked.
    pub bytes_max: u64,
}

impl Pages {
    /// Looks at the headers of all pages in `bytes`.
    ///
    /// # Errors
    /// What is wrong with the first page that cannot be.
    pub fn find(chunk: Chunk<'_>, bytes: &Bytes) -> Read<Self> {
        let (mut found, mut values, mut start) = (Vec::new(), 0u64, 0usize);
        let (mut largest, mut dictionary) = (0u64, 0u64);
        while values < chunk.values {
            let at = |fault: String| format!("page {}: {fault}", found.len());
            let mut reader = Reader::new(&bytes[start..]);
            let header = header(&mut reader).map_err(|fault| at(format!("its header is damaged: {fault}")))?;
            let body = bytes.len() - reader.left();
            header.check(chunk, reader.left(), chunk.values - values, found.is_empty()).map_err(at)?;
            start = body + header.packed as usize;
            values += header.data.map_or(0, |data| data.values as u64);
            match header.dictionary {
                Some(_) => dictionary = header.unpacked as u64,
                None => largest = largest.max(header.unpacked as u64),
            }
            found.push(Found { header, body: bytes.slice(body..start) });
        }
        let column = chunk.column;
        let (physical, width) = (column.physical_type(), usize::try_from(column.type_length()).unwrap_or_default());
        let levels = column.max_def_level() > 0;
        Ok(Self { found: found.into_iter(), codec: chunk.codec, physical, width, levels, bytes_max: largest + dictionary })
    }

    /// Whether a page holds texts by what they share with the one before: a few bytes of it may stand for many.
    pub fn shares_prefixes(&self) -> bool {
        self.found.as_slice().iter().any(|found| found.encoding() == Some(Encoding::DELTA_BYTE_ARRAY))
    }

    /// Whether every page holds texts one after another, or is a dictionary or of numbers into one.
    pub fn is_listed(&self) -> bool {
        let is_listed = |found: &Found| found.header.dictionary.is_some() || found.is_by_dictionary() || found.encoding() == Some(Encoding::PLAIN);
        self.found.as_slice().iter().all(is_listed)
    }

    /// Where the values of a page of version 1 begin.
    ///
    /// # Errors
    /// If its levels end outside.
    pub fn levels_end(&self, buf: &Bytes, values: u32, encoding: Encoding) -> Read<usize> {
        if self.levels { first_version_levels(buf, values, encoding) } else { Ok(0) }
    }

    /// Whether the first page is a dictionary and all others are numbers into it.
    pub fn is_by_dictionary(&self) -> bool {
        matches!(self.found.as_slice(), [first, rest @ ..] if first.header.dictionary.is_some() && rest.iter().all(Found::is_by_dictionary))
    }

    fn page(&self, found: &Found) -> Read<Page> {
        let header = &found.header;
        if let Some(crc) = header.crc {
            let got = crc32fast::hash(&found.body);
            if got != crc as u32 {
                return Err(format!("expected the CRC {:08x}, got {got:08x}", crc as u32));
            }
        }
        let known = |code: i32| encoding(code).ok_or_else(|| format!("an encoding of number {code}, which does not exist"));
        let unpacked = header.unpacked as usize;
        if let Some(dictionary) = header.dictionary {
            let buf = unpack(self.codec, &found.body, unpacked)?;
            self.check_dictionary(dictionary, &buf)?;
            return Ok(Page::DictionaryPage { buf, num_values: dictionary.values as u32, encoding: known(dictionary.encoding)?, is_sorted: false });
        }
        let data = header.data.ok_or("no header of its kind")?;
        let (num_values, encoding) = (data.values as u32, known(data.encoding)?);
        let Some(second) = data.second else {
            let buf = unpack(self.codec, &found.body, unpacked)?;
            let (def, rep) = (known(data.definition_encoding)?, known(data.repetition_encoding)?);
            let start = self.levels_end(&buf, num_values, def)?;
            self.check_delta(encoding, &buf[start..], num_values)?;
            return Ok(Page::DataPage { buf, num_values, encoding, def_level_encoding: def, rep_level_encoding: rep, statistics: None });
        };
        let levels = (second.definition_bytes + second.repetition_bytes) as usize;
        let values = if second.is_packed { unpack(self.codec, &found.body.slice(levels..), unpacked - levels)? } else { found.body.slice(levels..) };
        self.check_delta(encoding, &values, num_values)?;
        let buf = if second.is_packed { Bytes::from([&found.body[..levels], &values].concat()) } else { found.body.clone() };
        Ok(Page::DataPageV2 {
            buf,
            num_values,
            encoding,
            num_nulls: second.nulls as u32,
            num_rows: second.rows as u32,
            def_levels_byte_len: second.definition_bytes as u32,
            rep_levels_byte_len: second.repetition_bytes as u32,
            is_compressed: false,
            statistics: None,
        })
    }

    /// A dictionary holds its values plainly: it cannot have more of them than its bytes can.
    fn check_dictionary(&self, dictionary: Dictionary, buf: &Bytes) -> Read<()> {
        let width = match self.physical {
            Physical::INT32 | Physical::FLOAT | Physical::BYTE_ARRAY => 4,
            Physical::INT64 | Physical::DOUBLE => 8,
            Physical::INT96 => 12,
            Physical::FIXED_LEN_BYTE_ARRAY => self.width.max(1),
            Physical::BOOLEAN => return Err("a dictionary of bools".to_owned()),
        };
        let most = buf.len() / width;
        if dictionary.values as usize > most {
            return Err(format!("expected at most {most} values in a dictionary of {} bytes, got {}", buf.len(), dictionary.values));
        }
        Ok(())
    }

    /// DELTA encodings begin with the number of their values, for which decoders take memory.
    fn check_delta(&self, encoding: Encoding, bytes: &[u8], values: u32) -> Read<()> {
        if !matches!(encoding, Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY) || bytes.is_empty() {
            return Ok(());
        }
        let mut reader = Reader::new(bytes);
        let (block, parts, count) = (reader.varint()?, reader.varint()?, reader.varint()?);
        if block > 1 << 20 || parts > block || count > u64::from(values) {
            return Err(format!("expected at most {values} values in blocks of at most 1048576, got {count} in blocks of {block}"));
        }
        Ok(())
    }
}

impl Header {
    /// Refuses what cannot be: sizes beyond the chunk or the limit, more values than the chunk has, a page where none of its kind may be.
    fn check(&self, chunk: Chunk<'_>, left: usize, values_left: u64, is_first: bool) -> Read<()> {
        let packed = usize::try_from(self.packed).ok().filter(|packed| *packed <= left);
        packed.ok_or_else(|| format!("expected at most {left} bytes as the column chunk has, got {}", self.packed))?;
        if self.unpacked < 0 || self.unpacked as u64 > chunk.page_bytes_max {
            return Err(format!("expected at most {} bytes when unpacked, got {}", chunk.page_bytes_max, self.unpacked));
        }
        match (self.kind, self.data, self.dictionary) {
            (DICTIONARY_PAGE, None, Some(dictionary)) if is_first && dictionary.values >= 0 => Ok(()),
            (DICTIONARY_PAGE, ..) => Err("expected one dictionary, before all other pages, got another".to_owned()),
            (DATA_PAGE | DATA_PAGE_V2, Some(data), None) => {
                if data.values < 0 || data.values as u64 > values_left {
                    return Err(format!("expected at most {values_left} values more as the column chunk has, got {}", data.values));
                }
                match (self.kind == DATA_PAGE_V2, data.second) {
                    (true, Some(second)) => second.check(self, data),
                    (false, None) => Ok(()),
                    _ => Err("expected a header of its kind, got another".to_owned()),
                }
            }
            _ => Err(format!("expected a page of data, got one of kind {}", self.kind)),
        }
    }
}

impl Second {
    fn check(&self, header: &Header, data: Data) -> Read<()> {
        let parts = [self.nulls, self.rows, self.definition_bytes, self.repetition_bytes];
        let levels = i64::from(self.definition_bytes) + i64::from(self.repetition_bytes);
        let fits = levels <= i64::from(header.packed.min(header.unpacked)) && self.nulls <= data.values && self.rows <= data.values;
        if parts.iter().any(|part| *part < 0) || !fits {
            return Err("expected levels inside the page and no more rows and nulls than values, got others".to_owned());
        }
        if !self.is_packed && header.packed != header.unpacked {
            return Err(format!("expected {} bytes as they are not packed, got {}", header.packed, header.unpacked));
        }
        Ok(())
    }
}

/// Where the values of a page of version 1 begin: behind the definition levels.
fn first_version_levels(buf: &Bytes, values: u32, encoding: Encoding) -> Read<usize> {
    if encoding != Encoding::RLE {
        // One bit a value, without a length.
        return Ok((values as usize).div_ceil(8).min(buf.len()));
    }
    let length: [u8; 4] = buf.get(..4).and_then(|bytes| bytes.try_into().ok()).ok_or("expected the length of its levels, got nothing")?;
    let end = 4 + u32::from_le_bytes(length) as usize;
    if end > buf.len() { Err(format!("expected levels inside its {} bytes, got {} bytes of them", buf.len(), end - 4)) } else { Ok(end) }
}

fn header(reader: &mut Reader<'_>) -> Read<Header> {
    let mut header = Header::default();
    reader.fields(|number, code, at| {
        match (number, code) {
            (1, Code::I32) => header.kind = at.i32()?,
            (2, Code::I32) => header.unpacked = at.i32()?,
            (3, Code::I32) => header.packed = at.i32()?,
            (4, Code::I32) => header.crc = Some(at.i32()?),
            (5, Code::STRUCT) => header.data = Some(data(at)?),
            (7, Code::STRUCT) => header.dictionary = Some(dictionary(at)?),
            (8, Code::STRUCT) => header.data = Some(second_version(at)?),
            (1..=5 | 7 | 8, _) => return Err(format!("field {number} is of another kind")),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(header)
}

fn data(at: &mut Reader<'_>) -> Read<Data> {
    let mut data = Data { values: -1, ..Data::default() };
    at.fields(|number, code, at| {
        match (number, code) {
            (1, Code::I32) => data.values = at.i32()?,
            (2, Code::I32) => data.encoding = at.i32()?,
            (3, Code::I32) => data.definition_encoding = at.i32()?,
            (4, Code::I32) => data.repetition_encoding = at.i32()?,
            (1..=4, _) => return Err(format!("field {number} is of another kind")),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(data)
}

fn second_version(at: &mut Reader<'_>) -> Read<Data> {
    let mut data = Data { values: -1, ..Data::default() };
    let mut second = Second { nulls: -1, rows: -1, definition_bytes: -1, repetition_bytes: -1, is_packed: true };
    at.fields(|number, code, at| {
        match (number, code) {
            (1, Code::I32) => data.values = at.i32()?,
            (2, Code::I32) => second.nulls = at.i32()?,
            (3, Code::I32) => second.rows = at.i32()?,
            (4, Code::I32) => data.encoding = at.i32()?,
            (5, Code::I32) => second.definition_bytes = at.i32()?,
            (6, Code::I32) => second.repetition_bytes = at.i32()?,
            (7, Code::TRUE | Code::FALSE) => second.is_packed = code == Code::TRUE,
            (1..=7, _) => return Err(format!("field {number} is of another kind")),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    data.second = Some(second);
    Ok(data)
}

fn dictionary(at: &mut Reader<'_>) -> Read<Dictionary> {
    let mut dictionary = Dictionary { values: -1, encoding: 0 };
    at.fields(|number, code, at| {
        match (number, code) {
            (1, Code::I32) => dictionary.values = at.i32()?,
            (2, Code::I32) => dictionary.encoding = at.i32()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(dictionary)
}

/// An encoding by its number in the format's specification.
fn encoding(code: i32) -> Option<Encoding> {
    Some(match code {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        #[allow(deprecated, reason = "old files have levels of this encoding")]
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return None,
    })
}

impl Iterator for Pages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let Some(found) = self.found.next() else { return Ok(None) };
        self.page(&found).map(Some).map_err(ParquetError::General)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        let metadata = |found: &Found| PageMetadata {
            num_rows: None,
            num_levels: found.header.data.map(|data| data.values as usize),
            is_dict: found.header.dictionary.is_some(),
        };
        Ok(self.found.as_slice().first().map(metadata))
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.found.next();
        Ok(())
    }
}
