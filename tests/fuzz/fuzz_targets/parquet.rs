//! A Parquet file is read to its last row or refused with words, within its memory, whatever it is.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use object_store::memory::InMemory;
use regulars::allowance::Allowance;
use regulars::columnar::File;
use regulars::store::{Access, Retries, Store};

static STORE: LazyLock<Store> = LazyLock::new(|| {
    // A decoder's panic is caught, and told as a fault of the file.
    std::panic::set_hook(Box::new(|panic| {
        if !regulars::columnar::is_caught() {
            eprintln!("{panic}");
            std::process::abort();
        }
    }));
    let access = Access::new(Retries { times: 0, ..Retries::default() }, Allowance::memory(64 << 20)).expect("threads");
    Store::over(Arc::new(InMemory::new()), "", &access, "memory")
});

fuzz_target!(|bytes: &[u8]| {
    let store = &*STORE;
    let path = "part.parquet".to_owned();
    store.delete(std::slice::from_ref(&path)).expect("memory");
    store.create(&path, bytes::Bytes::copy_from_slice(bytes)).expect("memory");
    let entry = store.head(&path).expect("memory").expect("it was written");
    let Ok(file) = File::open(store, &entry) else { return };
    let columns: Vec<usize> = (0..file.fields.len()).collect();
    let mut batches = file.batches(&columns);
    let mut rows = 0;
    while let Ok(Some((batch, values))) = batches.next_batch() {
        assert!(values.iter().all(|column| column.len() == batch));
        rows += batch as u64;
        // Rows may be many and cheap; the fuzzer's time is not.
        if rows > 1 << 20 {
            return;
        }
    }
});
