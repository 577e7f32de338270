//! Writing small Parquet files, without the program's own writer.

use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

/// Values of a column; None is unknown.
#[derive(Debug, Clone)]
pub enum Cells {
    /// UTF-8.
    Text(Vec<Option<String>>),
    /// INT64.
    Int(Vec<Option<i64>>),
    /// DOUBLE.
    Float(Vec<Option<f64>>),
    /// BOOLEAN.
    Bool(Vec<Option<bool>>),
    /// DATE.
    Date(Vec<Option<i32>>),
    /// TIMESTAMP in microseconds; whether in UTC.
    Time(Vec<Option<i64>>, bool),
    /// DECIMAL(18) as INT64 with this many digits after the point.
    Decimal(Vec<Option<i64>>, i32),
}

impl Cells {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Cells::Text(values) => values.len(),
            Cells::Int(values) | Cells::Time(values, _) | Cells::Decimal(values, _) => values.len(),
            Cells::Float(values) => values.len(),
            Cells::Bool(values) => values.len(),
            Cells::Date(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows at `order`.
    pub fn pick(&self, order: &[usize]) -> Cells {
        fn at<T: Clone>(values: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|&row| values[row].clone()).collect()
        }
        match self {
            Cells::Text(values) => Cells::Text(at(values, order)),
            Cells::Int(values) => Cells::Int(at(values, order)),
            Cells::Float(values) => Cells::Float(at(values, order)),
            Cells::Bool(values) => Cells::Bool(at(values, order)),
            Cells::Date(values) => Cells::Date(at(values, order)),
            Cells::Time(values, utc) => Cells::Time(at(values, order), *utc),
            Cells::Decimal(values, scale) => Cells::Decimal(at(values, order), *scale),
        }
    }

    fn field(&self, name: &str) -> Type {
        let (physical, logical) = match self {
            Cells::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Cells::Int(_) => (Physical::INT64, None),
            Cells::Float(_) => (Physical::DOUBLE, None),
            Cells::Bool(_) => (Physical::BOOLEAN, None),
            Cells::Date(_) => (Physical::INT32, Some(LogicalType::Date)),
            Cells::Time(_, utc) => (Physical::INT64, Some(LogicalType::timestamp(*utc, TimeUnit::MICROS))),
            Cells::Decimal(_, scale) => (Physical::INT64, Some(LogicalType::decimal(*scale, 18))),
        };
        let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        let builder = if let Cells::Decimal(_, scale) = self { builder.with_precision(18).with_scale(*scale) } else { builder };
        builder.with_logical_type(logical).build().expect("a field")
    }
}

/// Texts that are all known.
pub fn texts(values: &[&str]) -> Cells {
    Cells::Text(values.iter().map(|value| Some((*value).to_owned())).collect())
}

/// Numbers that are all known.
pub fn floats(values: &[f64]) -> Cells {
    Cells::Float(values.iter().map(|value| Some(*value)).collect())
}

/// Writes columns as one file with one row group.
pub fn write(path: &Path, columns: &[(&str, Cells)], codec: Compression) {
    write_as(path, columns, WriterProperties::builder().set_compression(codec).build());
}

/// The same, as `properties` say.
pub fn write_as(path: &Path, columns: &[(&str, Cells)], properties: WriterProperties) {
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
    let fields = columns.iter().map(|(name, cells)| Arc::new(cells.field(name))).collect();
    let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build().expect("a schema"));
    let file = std::fs::File::create(path).expect("a file");
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    for (_, cells) in columns {
        let mut column = group.next_column().expect("a column").expect("as many as fields");
        macro_rules! put {
            ($kind:ty, $values:expr, $convert:expr) => {{
                let levels: Vec<i16> = $values.iter().map(|value| i16::from(value.is_some())).collect();
                let known: Vec<_> = $values.iter().flatten().map($convert).collect();
                column.typed::<$kind>().write_batch(&known, Some(&levels), None).expect("values");
            }};
        }
        match cells {
            Cells::Text(values) => put!(ByteArrayType, values, |text| ByteArray::from(text.as_str())),
            Cells::Int(values) | Cells::Time(values, _) | Cells::Decimal(values, _) => put!(Int64Type, values, |value| *value),
            Cells::Float(values) => put!(DoubleType, values, |value| *value),
            Cells::Bool(values) => put!(BoolType, values, |value| *value),
            Cells::Date(values) => put!(Int32Type, values, |value| *value),
        }
        column.close().expect("a column ends");
    }
    group.close().expect("a row group ends");
    writer.close().expect("a file ends");
}
