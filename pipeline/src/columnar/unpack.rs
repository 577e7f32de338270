//! Packed bytes as the bytes they stand for, and never more of them than they said.

use std::cell::RefCell;
use std::io::Read as _;

use bytes::Bytes;
use parquet::basic::Compression;

use super::thrift::Read;

thread_local! {
    /// What zstd needs to unpack a page, made once a thread; None where there is no memory for it.
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = RefCell::new(zstd::bulk::Decompressor::new().ok());
}

/// `packed` as exactly `unpacked` bytes; what would be more is never produced.
pub fn unpack(codec: Compression, packed: &Bytes, unpacked: usize) -> Read<Bytes> {
    if codec == Compression::UNCOMPRESSED {
        return if packed.len() == unpacked { Ok(packed.clone()) } else { Err(format!("expected {unpacked} bytes, got {}", packed.len())) };
    }
    // A page without a known value may be empty, packed as well as unpacked.
    if unpacked == 0 && packed.len() < 64 {
        return Ok(Bytes::new());
    }
    let damaged = |fault: &dyn std::fmt::Display| format!("its packed bytes are damaged: {fault}");
    let mut bytes = Vec::new();
    match codec {
        Compression::GZIP(_) => {
            let mut limited = flate2::read::MultiGzDecoder::new(&packed[..]).take(unpacked as u64 + 1);
            limited.read_to_end(&mut bytes).map_err(|fault| damaged(&fault))?;
        }
        Compression::ZSTD(_) => {
            bytes = UNPACKER
                .with_borrow_mut(|unpacker| match unpacker {
                    Some(unpacker) => unpacker.decompress(packed, unpacked),
                    None => zstd::bulk::decompress(packed, unpacked),
                })
                .map_err(|fault| damaged(&fault))?;
        }
        Compression::SNAPPY => {
            let stated = snap::raw::decompress_len(packed).map_err(|fault| damaged(&fault))?;
            if stated == unpacked {
                bytes = snap::raw::Decoder::new().decompress_vec(packed).map_err(|fault| damaged(&fault))?;
            }
        }
        Compression::LZ4_RAW => {
            bytes = lz4_flex::block::decompress(packed, unpacked).map_err(|fault| damaged(&fault))?;
        }
        other => return Err(format!("a codec that is not read: {other:?}")),
    }
    if bytes.len() == unpacked { Ok(bytes.into()) } else { Err(format!("expected {unpacked} bytes when unpacked, got another number")) }
}
