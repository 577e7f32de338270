//! The shape of the code: imports go one way, files and functions stay short.

use std::path::{Path, PathBuf};

use regulars_tests::{files, root};

fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// The lines before the unit tests.
fn code(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("a source");
    // A module in a file of its own may be a test's, too.
    let lines: Vec<&str> = text.lines().collect();
    let is_test = |place: usize| lines[place] == "#[cfg(test)]" && lines.get(place + 1).is_some_and(|next| next.contains("mod tests"));
    let end = (0..lines.len()).find(|&place| is_test(place)).unwrap_or(lines.len());
    lines[..end].iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_module_uses_only_what_stands_above_it() {
    let folder = root().join("pipeline/src");
    let list = std::fs::read_to_string(folder.join("lib.rs")).expect("lib.rs");
    let order: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(order.len() > 20);
    let place = |module: &str| order.iter().position(|known| *known == module);
    let mut broken = Vec::new();
    for path in sources(&folder) {
        let below = path.strip_prefix(&folder).expect("below src");
        let own = below.components().next().and_then(|part| part.as_os_str().to_str()).unwrap_or_default().trim_end_matches(".rs");
        let Some(own_place) = place(own) else { continue };
        for line in code(&path) {
            for used in uses(&line) {
                if place(&used).is_some_and(|used_place| used_place > own_place) {
                    broken.push(format!("{}: {own} uses {used}", below.display()));
                }
            }
        }
    }
    // A module that is not in the list would escape the order.
    for module in std::fs::read_dir(&folder).expect("a folder") {
        let name = module.expect("an entry").file_name().to_string_lossy().trim_end_matches(".rs").to_owned();
        assert!(name == "lib" || place(&name).is_some(), "{name} is not in lib.rs");
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Modules that a line names as `crate::module`, also in `use crate::{a, b}`.
fn uses(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in line.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            Some(list) => found.extend(list.split(',').map(|item| word(item.trim()))),
            None => found.push(word(part)),
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

#[test]
fn files_and_functions_are_short() {
    let mut long = Vec::new();
    for folder in ["pipeline/src", "jobs/src"] {
        for path in sources(&root().join(folder)) {
            let lines = code(&path);
            if lines.len() > 400 {
                long.push(format!("{}: {} lines", path.display(), lines.len()));
            }
            long.extend(
                functions(&lines).into_iter().filter(|(_, length)| *length > 60).map(|(name, length)| format!("{}: {name}: {length} lines", path.display())),
            );
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// Names and lengths of functions, as rustfmt lays them out.
fn functions(lines: &[String]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let is_function = line.trim_start().split(' ').take(3).any(|word| word == "fn") && !line.trim_start().starts_with("//");
        if is_function && !line.ends_with(';') {
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == close).map_or(1, |length| length + 1);
            found.push((line.trim().chars().take(50).collect(), length));
        }
    }
    found
}

#[test]
fn the_tidy_rules_can_fail() {
    assert_eq!(uses("use crate::{audit, job::run};"), ["audit", "job"]);
    let long: Vec<String> = std::iter::once("fn long() {".to_owned()).chain((0..60).map(|_| "    x();".to_owned())).chain(["}".to_owned()]).collect();
    assert_eq!(functions(&long), [("fn long() {".to_owned(), 62)]);
}
