//! As much of Thrift's compact protocol as is needed to look at a Parquet header before anyone believes it.

/// Structs within structs beyond this are refused.
const DEPTH_MAX: u32 = 32;

/// What a read gives: a value, or what was wrong.
pub type Read<T> = Result<T, String>;

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

/// The kinds of values, as their codes stand in a field's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(u8);

impl Code {
    /// A bool that is true, in the code itself.
    pub const TRUE: Self = Self(1);
    /// A bool that is false, in the code itself.
    pub const FALSE: Self = Self(2);
    /// A whole number of 32 bits.
    pub const I32: Self = Self(5);
    /// A list.
    pub const LIST: Self = Self(9);
    /// A struct.
    pub const STRUCT: Self = Self(12);

    /// The kind of an item in a list or map, where a bool takes a byte.
    fn inside(self) -> Self {
        if matches!(self, Self::TRUE | Self::FALSE) { Self(3) } else { self }
    }
}

impl<'a> Reader<'a> {
    /// Reads `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        if count > self.bytes.len() {
            return Err("it ends too early".to_owned());
        }
        let (head, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned number of seven bits a byte, as DELTA encodings begin with too.
    pub fn varint(&mut self) -> Read<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number is too long".to_owned())
    }

    /// A signed whole number of 32 bits.
    pub fn i32(&mut self) -> Read<i32> {
        let zigzag = self.varint()?;
        let value = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        i32::try_from(value).map_err(|_| "a number is too large".to_owned())
    }

    /// A list's length and the kind of its items.
    pub fn list(&mut self) -> Read<(usize, Code)> {
        let first = self.byte()?;
        let length = match first >> 4 {
            15 => self.length()?,
            short => usize::from(short),
        };
        Ok((length, Code(first & 0x0F)))
    }

    /// How many items follow: each takes a byte at least.
    fn length(&mut self) -> Read<usize> {
        let length = usize::try_from(self.varint()?).ok().filter(|length| *length <= self.left());
        length.ok_or_else(|| "a list is longer than the bytes it stands in".to_owned())
    }

    /// Hands every field of a struct to `field`: its number and kind, the reader at its value; what `field` does not take is skipped.
    pub fn fields(&mut self, mut field: impl FnMut(i16, Code, &mut Self) -> Read<bool>) -> Read<()> {
        let mut number = 0i16;
        loop {
            let first = self.byte()?;
            if first == 0 {
                return Ok(());
            }
            let code = Code(first & 0x0F);
            number = match first >> 4 {
                0 => i16::try_from(self.i32()?).map_err(|_| "a field's number is too large".to_owned())?,
                delta => number.checked_add(i16::from(delta)).ok_or("a field's number is too large")?,
            };
            let mut at = *self;
            if field(number, code, &mut at)? {
                *self = at;
            } else {
                self.skip(code, DEPTH_MAX)?;
            }
        }
    }

    fn skip(&mut self, code: Code, depth: u32) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or("structs are nested too deeply")?;
        match code.0 {
            1 | 2 => {}
            3 => drop(self.take(1)?),
            4..=6 => drop(self.varint()?),
            7 => drop(self.take(8)?),
            8 => {
                let length = usize::try_from(self.varint()?).map_err(|_| "a text is too long")?;
                self.take(length)?;
            }
            9 | 10 => {
                let (length, item) = self.list()?;
                (0..length).try_for_each(|_| self.skip(item.inside(), depth))?;
            }
            11 => {
                let length = self.length()?;
                if length > 0 {
                    let kinds = self.byte()?;
                    for _ in 0..length {
                        self.skip(Code(kinds >> 4).inside(), depth)?;
                        self.skip(Code(kinds & 0x0F).inside(), depth)?;
                    }
                }
            }
            12 => loop {
                let first = self.byte()?;
                if first == 0 {
                    break;
                }
                if first >> 4 == 0 {
                    self.varint()?;
                }
                self.skip(Code(first & 0x0F), depth)?;
            },
            other => return Err(format!("a value of kind {other}, which does not exist")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_skipped() {
        // {1: i32 -3, 2: [{}, {}], 5: true, 300: i32 64}, written by hand from the protocol's specification.
        let bytes = [0x15, 0x05, 0x19, 0x2C, 0x00, 0x00, 0x31, 0x05, 0xD8, 0x04, 0x80, 0x01, 0x00, 0xFF];
        let mut reader = Reader::new(&bytes);
        let mut seen = Vec::new();
        let read = reader.fields(|number, code, at| match code {
            Code::I32 => {
                seen.push((number, at.i32()?));
                Ok(true)
            }
            _ => {
                seen.push((number, 0));
                Ok(false)
            }
        });
        assert_eq!(read, Ok(()));
        assert_eq!(seen, [(1, -3), (2, 0), (5, 0), (300, 64)]);
        assert_eq!(reader.left(), 1);
    }

    #[test]
    fn nonsense_ends() {
        let skipped = |bytes: &[u8]| Reader::new(bytes).fields(|_, _, _| Ok(false));
        assert!(skipped(&[0x1C; 4000]).is_err_and(|fault| fault.contains("nested")));
        assert!(skipped(&[0x19, 0xFC, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]).is_err_and(|fault| fault.contains("longer")));
        assert!(skipped(&[0x18, 0x7F, 0x01]).is_err_and(|fault| fault.contains("too early")));
        assert!(skipped(&[0x1E, 0x00]).is_err_and(|fault| fault.contains("does not exist")));
        // Found by fuzzing: a map of very many bools that took no byte each.
        assert!(skipped(&[0x1B, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0x11]).is_err_and(|fault| fault.contains("longer")));
        assert!(skipped(&[0x1B, 0x02, 0x11, 0x01, 0x01, 0x01]).is_err_and(|fault| fault.contains("too early")));
        assert!(skipped(&[0x16, 0x80]).is_err());
        assert!(skipped(&[]).is_err());
    }
}
