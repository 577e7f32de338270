//! CSV files (RFC 4180): for machines every byte as it is, for people no cell that a spreadsheet takes for a formula.

use crate::error::{Error, Result};

/// A CSV file in the making.
pub struct Csv {
    writer: csv::Writer<Vec<u8>>,
    for_people: bool,
}

/// What a spreadsheet takes for the beginning of a formula, also where it is written wide; a tab or a line's end hides one.
const TRIGGERS: [char; 14] = ['=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\u{2212}'];

impl Csv {
    /// An empty file, for people or for machines.
    pub fn new(for_people: bool) -> Self {
        // Quoted always: what stands in quotes is not cut at another separator than the comma.
        let style = if for_people { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).quote_style(style).from_writer(Vec::new());
        Self { writer, for_people }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `Bug` if rows are not equally long.
    pub fn row(&mut self, cells: &[&str]) -> Result<()> {
        let failed = |error: csv::Error| Error::bug(format!("csv: {error}"));
        if self.for_people {
            return self.writer.write_record(cells.iter().map(|cell| harmless(cell))).map_err(failed);
        }
        self.writer.write_record(cells).map_err(failed)
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// `Bug` if memory cannot be written to.
    pub fn bytes(self) -> Result<Vec<u8>> {
        self.writer.into_inner().map_err(|error| Error::bug(format!("csv: {error}")))
    }
}

/// The cell with an apostrophe before what a spreadsheet would take for a formula, in each of its lines; control bytes become spaces.
fn harmless(cell: &str) -> String {
    let plain: String = cell.chars().map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter }).collect();
    let starts = |line: &str| line.trim_start_matches(invisible).starts_with(TRIGGERS);
    let lines: Vec<String> = plain.split('\n').map(|line| if starts(line) { format!("'{line}") } else { line.to_owned() }).collect();
    lines.join(" ")
}

/// What a spreadsheet skips before it looks for a formula, and a person does not see.
fn invisible(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '"' | '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than two hundred payloads: each trigger before and behind what hides it, and what is known from published lists (OWASP, CSV
    /// injection).
    fn payloads() -> Vec<String> {
        let bodies =
            ["cmd|' /C calc'!A0", "1+1", "HYPERLINK(\"http://x\",\"y\")", "SUM(1,2)*cmd|' /C calc'!A0", "2+5+cmd|' /C calc'!A0", "IMPORTXML(\"http://x\")"];
        let hides = ["", " ", "\t", "\r", "\n", "\u{feff}", "\u{200b}", "\u{a0}", "\"", "a\n", "x\r\n", "'"];
        let mut payloads = Vec::new();
        for body in bodies {
            for trigger in ["=", "+", "-", "@", "\u{ff1d}"] {
                payloads.extend(hides.iter().map(|hide| format!("{hide}{trigger}{body}")));
            }
        }
        payloads.extend(["|calc", "%0A=1", "\t=1", "=\u{0}1", "a;=1", "a\t=1", "\u{2212}1", "-1", "+49 171", "@handle"].map(str::to_owned));
        payloads
    }

    #[test]
    fn machines_read_every_byte_back() {
        let payloads = payloads();
        assert!(payloads.len() > 200);
        let mut file = Csv::new(false);
        payloads.iter().try_for_each(|payload| file.row(&["id", payload, "K\u{e4}se, \"fein\""])).expect("rows");
        let bytes = file.bytes().expect("bytes");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
        let read: Vec<String> = reader.records().map(|record| record.expect("a row")[1].to_owned()).collect();
        assert_eq!(read, payloads);
    }

    #[test]
    fn people_open_no_formula() {
        for payload in payloads() {
            let mut file = Csv::new(true);
            file.row(&["id", &payload]).expect("a row");
            let bytes = file.bytes().expect("bytes");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
            let cell = reader.records().next().expect("a row").expect("sound")[1].to_owned();
            let shown = cell.trim_start();
            assert!(!cell.contains(['\t', '\r', '\n', '\u{0}']) && !shown.starts_with(TRIGGERS), "{payload:?}: {cell:?}");
            assert!(!shown.trim_start_matches(|letter| letter != '\'' && invisible(letter)).starts_with(TRIGGERS), "{payload:?}: {cell:?}");
        }
        assert_eq!(harmless("O'Neill & S\u{f6}hne - 12"), "O'Neill & S\u{f6}hne - 12");
        assert_eq!(harmless("a\n=1"), "a '=1");
    }
}
