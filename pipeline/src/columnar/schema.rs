//! What a Parquet column holds, as far as this program reads it.

use std::fmt;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::schema::types::ColumnDescriptor;

/// How a column's stored values are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// True or false.
    Bool,
    /// Signed whole numbers.
    Int,
    /// Numbers.
    Float,
    /// UTF-8.
    Text,
    /// Days since 1970-01-01.
    Date,
    /// Ticks since 1970-01-01, in UTC or in a local time that the file does not name.
    Timestamp {
        /// Ticks in a second.
        per_second: i64,
        /// Whether ticks count from the epoch in UTC.
        utc: bool,
    },
    /// Whole numbers over a power of ten.
    Decimal {
        /// Digits after the point.
        scale: u32,
    },
    /// A type that this program does not read; its name.
    Other(String),
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Text => f.write_str("text"),
            Self::Date => f.write_str("date"),
            Self::Timestamp { utc: true, .. } => f.write_str("timestamp in UTC"),
            Self::Timestamp { utc: false, .. } => f.write_str("timestamp without a zone"),
            Self::Decimal { scale } => write!(f, "decimal with {scale} digits"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
}

impl Field {
    /// The field of a Parquet column; nested ones are of a type that is not read.
    pub(super) fn of(column: &ColumnDescriptor) -> Self {
        let nested = column.path().parts().len() > 1 || column.max_rep_level() > 0 || column.max_def_level() > 1;
        let kind = if nested { FieldKind::Other("nested".to_owned()) } else { kind(column) };
        Self { name: column.path().parts()[0].clone(), kind }
    }
}

fn kind(column: &ColumnDescriptor) -> FieldKind {
    let physical = column.physical_type();
    let converted = column.converted_type();
    let timestamp = |per_second, utc| FieldKind::Timestamp { per_second, utc };
    let decimal = || u32::try_from(column.type_scale()).map_or(other(column), |scale| FieldKind::Decimal { scale });
    match (physical, column.logical_type_ref(), converted) {
        (Physical::BOOLEAN, ..) => FieldKind::Bool,
        (Physical::INT96, ..) => timestamp(1_000_000, false),
        (Physical::FLOAT | Physical::DOUBLE, ..) => FieldKind::Float,
        (Physical::INT32, Some(LogicalType::Date), _) | (Physical::INT32, None, ConvertedType::DATE) => FieldKind::Date,
        (Physical::INT64, Some(LogicalType::Timestamp(stamp)), _) => {
            let per_second = match stamp.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            };
            timestamp(per_second, stamp.is_adjusted_to_u_t_c)
        }
        (Physical::INT64, None, ConvertedType::TIMESTAMP_MILLIS) => timestamp(1_000, true),
        (Physical::INT64, None, ConvertedType::TIMESTAMP_MICROS) => timestamp(1_000_000, true),
        (Physical::BYTE_ARRAY, Some(LogicalType::Decimal(_)), _) | (Physical::BYTE_ARRAY, None, ConvertedType::DECIMAL) => {
            FieldKind::Other("decimal of varying length".to_owned())
        }
        (_, Some(LogicalType::Decimal(_)), _) | (_, None, ConvertedType::DECIMAL) => decimal(),
        (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(int)), _) if int.is_signed => FieldKind::Int,
        (Physical::INT32 | Physical::INT64, None, converted) if signed(converted) => FieldKind::Int,
        (Physical::BYTE_ARRAY, None, ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM) => FieldKind::Text,
        (Physical::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum), _) => FieldKind::Text,
        _ => other(column),
    }
}

fn signed(converted: ConvertedType) -> bool {
    use ConvertedType as C;
    matches!(converted, C::NONE | C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64)
}

fn other(column: &ColumnDescriptor) -> FieldKind {
    let name = match column.logical_type_ref() {
        Some(LogicalType::Integer(_)) => "unsigned int".to_owned(),
        Some(logical) => format!("{logical:?}").to_lowercase(),
        None => format!("{:?}", column.physical_type()).to_lowercase(),
    };
    FieldKind::Other(name)
}
