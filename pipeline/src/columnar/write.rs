//! Writing: fixed row groups, encodings, compression level and `created_by`, so that equal rows give equal bytes.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType as ParquetType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use polars::prelude::{Column as Series, DataFrame, DataType};

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::table::{Column, Contract, Kind};

/// Rows of a row group.
pub const ROW_GROUP_ROWS: usize = 1 << 17;
const ZSTD_LEVEL: i32 = 3;
const CREATED_BY: &str = "regulars";

/// Writes `frame`, whose columns are those of `contract`, as one Parquet file.
///
/// # Errors
/// `Limit` if `sink` cannot take the bytes (a full disk).
pub fn write<W: Write + Send>(contract: &Contract, frame: &DataFrame, sink: W) -> Result<()> {
    let failed = |error: ParquetError| Error::new(ErrorKind::Limit, format!("table {}: cannot be written: {error}", contract.name));
    let mut file = SerializedFileWriter::new(sink, schema(contract).map_err(failed)?, properties().map_err(failed)?).map_err(failed)?;
    let mut start = 0;
    while start < frame.height() {
        let rows = frame.slice(start as i64, ROW_GROUP_ROWS);
        let mut group = file.next_row_group().map_err(failed)?;
        for (column, values) in contract.columns.iter().zip(rows.columns()) {
            let writer = group.next_column().map_err(failed)?;
            let mut writer = writer.ok_or_else(|| Error::bug("the file has as many columns as the contract"))?;
            write_column(column, values, &mut writer)?.map_err(failed)?;
            writer.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        start += rows.height();
    }
    file.close().map_err(failed)?;
    Ok(())
}

fn properties() -> std::result::Result<Arc<WriterProperties>, ParquetError> {
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by(CREATED_BY.to_owned());
    Ok(Arc::new(builder.build()))
}

fn schema(contract: &Contract) -> std::result::Result<TypePtr, ParquetError> {
    let fields = contract.columns.iter().map(|column| field(column).map(Arc::new)).collect::<std::result::Result<_, _>>()?;
    Ok(Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?))
}

fn field(column: &Column) -> std::result::Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Int | Kind::Money => (Physical::INT64, None),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Date => (Physical::INT32, Some(LogicalType::Date)),
        Kind::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
    };
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&column.name, physical).with_repetition(repetition).with_logical_type(logical).build()
}

type Written = std::result::Result<(), ParquetError>;

fn write_column(column: &Column, values: &Series, writer: &mut SerializedColumnWriter<'_>) -> Result<Written> {
    let nullable = column.nullable;
    Ok(match column.kind {
        Kind::Text => write_values::<ByteArrayType>(writer, nullable, values.str()?.iter().map(|text| text.map(ByteArray::from))),
        Kind::Int | Kind::Money | Kind::Timestamp => write_values::<Int64Type>(writer, nullable, values.i64()?.iter()),
        Kind::Float => write_values::<DoubleType>(writer, nullable, values.f64()?.iter()),
        Kind::Bool => write_values::<BoolType>(writer, nullable, values.bool()?.iter()),
        Kind::Date => write_values::<Int32Type>(writer, nullable, values.cast(&DataType::Int32)?.i32()?.iter()),
    })
}

fn write_values<T: ParquetType>(writer: &mut SerializedColumnWriter<'_>, nullable: bool, values: impl Iterator<Item = Option<T::T>>) -> Written {
    let (mut levels, mut known) = (Vec::new(), Vec::new());
    for value in values {
        levels.push(i16::from(value.is_some()));
        known.extend(value);
    }
    writer.typed::<T>().write_batch(&known, nullable.then_some(&levels), None)?;
    Ok(())
}
