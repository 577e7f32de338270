//! A YAML text cut into its sections, and where each key and value stands.

use std::collections::BTreeMap;

use serde_yaml::granit_parser::{Event, Parser};

/// Where a key or value was read: a file with line and column (both from 1), or a `--set` option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's path as given, or `--set key`.
    pub source: String,
    /// Line and column, unless the source is an option of the command line.
    pub position: Option<(usize, usize)>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.position {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.source),
            None => write!(f, "{}", self.source),
        }
    }
}

/// Places by dotted path (`campaigns.win_back.size`, `groups.table[3].value`); later layers win.
#[derive(Debug, Default, Clone)]
pub struct Places {
    values: BTreeMap<String, Place>,
    /// Where keys stand, beside their values.
    keys: BTreeMap<String, (usize, usize)>,
}

impl Places {
    /// The place of `path`, or of its nearest parent that stands somewhere.
    pub fn nearest(&self, path: &str) -> Option<&Place> {
        let mut path = path;
        loop {
            if let Some(place) = self.values.get(path) {
                return Some(place);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// Lays the places of a later layer over these.
    pub fn extend(&mut self, later: Places) {
        self.values.extend(later.values);
    }

    /// The longest path that stands exactly at `position` of `source`, or failing that before it.
    pub fn path_at(&self, position: (usize, usize)) -> Option<&str> {
        let values = self.values.iter().filter_map(|(path, place)| Some((place.position?, path)));
        let placed = values.chain(self.keys.iter().map(|(path, at)| (*at, path)));
        placed.filter(|(at, _)| *at <= position).max().map(|(_, path)| path.as_str())
    }
}

/// One top-level section: its name, its line, and the text with all other lines blanked, so that positions stay true.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// The top-level key.
    pub name: String,
    /// Its line, from 1.
    pub line: usize,
    /// The whole file's lines, blank but for this section's.
    pub text: String,
}

/// Cuts `text` into its top-level sections. A line that is neither a section, nor inside one, nor blank is an error: its number. So is one that begins a
/// mapping in braces, of which every section would be a part.
pub fn sections(text: &str) -> Result<Vec<Section>, usize> {
    let mut found: Vec<Section> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let outside = line.is_empty() || line.starts_with('#') || line.starts_with("---");
        let inside = line.starts_with([' ', '\t', '-', ']', '}']) && !line.starts_with("---");
        if !outside && !inside {
            let (name, _) = line.split_once(':').filter(|_| !line.starts_with('{')).ok_or(index + 1)?;
            let name = name.trim().trim_matches(['"', '\'']).to_owned();
            found.push(Section { name, line: index + 1, text: "\n".repeat(index) });
        }
        match found.last_mut() {
            Some(section) if !outside => section.text.push_str(line),
            None if !outside && !line.trim().is_empty() => return Err(index + 1),
            _ => {}
        }
        if let Some(section) = found.last_mut() {
            section.text.push('\n');
        }
    }
    Ok(found)
}

/// A mapping or sequence that is being walked.
enum Frame {
    Mapping { path: String, key: Option<String> },
    Sequence { path: String, next: usize },
}

/// Where every value of `text` stands; a mapping stands where its key does. Empty past a syntax fault.
pub fn places(source: &str, text: &str) -> Places {
    let mut places = Places::default();
    let mut frames: Vec<Frame> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let position = (span.start.line(), span.start.col() + 1);
        match event {
            Event::Scalar(text, ..) => match frames.last_mut() {
                Some(Frame::Mapping { path, key: key @ None }) => {
                    places.insert(source, join(path, &text), position);
                    places.keys.insert(join(path, &text), position);
                    *key = Some(text.into_owned());
                }
                _ => {
                    let path = value_path(&mut frames);
                    places.insert(source, path, position);
                }
            },
            Event::MappingStart(..) => {
                let path = value_path(&mut frames);
                places.insert_first(source, &path, position);
                frames.push(Frame::Mapping { path, key: None });
            }
            Event::SequenceStart(..) => {
                let path = value_path(&mut frames);
                places.insert_first(source, &path, position);
                frames.push(Frame::Sequence { path, next: 0 });
            }
            Event::Alias(_) => {
                let path = value_path(&mut frames);
                places.insert(source, path, position);
            }
            Event::MappingEnd | Event::SequenceEnd => {
                frames.pop();
            }
            _ => {}
        }
    }
    places
}

impl Places {
    fn insert(&mut self, source: &str, path: String, position: (usize, usize)) {
        self.values.insert(path, Place { source: source.to_owned(), position: Some(position) });
    }

    fn insert_first(&mut self, source: &str, path: &str, position: (usize, usize)) {
        if !path.is_empty() && !self.values.contains_key(path) {
            self.insert(source, path.to_owned(), position);
        }
    }

    /// The same places without lines, for text that came from the command line.
    pub fn unnumbered(mut self) -> Self {
        self.values.values_mut().for_each(|place| place.position = None);
        self
    }
}

/// The path of the value that comes next, and the step past it.
fn value_path(frames: &mut [Frame]) -> String {
    match frames.last_mut() {
        None => String::new(),
        Some(Frame::Mapping { path, key }) => join(path, &key.take().unwrap_or_default()),
        Some(Frame::Sequence { path, next }) => {
            *next += 1;
            format!("{path}[{}]", *next - 1)
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
