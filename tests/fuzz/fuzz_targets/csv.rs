//! For machines every byte comes back; for people no cell begins like a formula.
#![no_main]

use libfuzzer_sys::fuzz_target;
use regulars::campaigns::Csv;

fuzz_target!(|cells: (String, String)| {
    let read = |for_people: bool| {
        let mut file = Csv::new(for_people);
        file.row(&["id", &cells.0, &cells.1]).expect("a row");
        let bytes = file.bytes().expect("bytes");
        let record = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice()).records().next().expect("a row").expect("sound");
        (record[1].to_owned(), record[2].to_owned())
    };
    assert_eq!(read(false), cells);
    let shown = read(true);
    for cell in [&shown.0, &shown.1] {
        assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']), "{cell:?}");
        assert!(!cell.contains(['\t', '\r', '\n', '\0']), "{cell:?}");
    }
});
