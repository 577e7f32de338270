//! Sections `job`, `store` and `run`: what runs, where it publishes, with which means.

use std::collections::BTreeMap;

use super::overlay::section;

section! {
    /// What this job is.
    RawJob {
        /// Name of the job: the first folder below the store.
        name: String,
        /// Last day that may be seen, `YYYY-MM-DD`; `--as-of` replaces it.
        as_of: String,
        /// IANA time zone in which days begin.
        timezone: String,
        /// ISO 4217 code of the currency of all amounts.
        currency: String,
        /// Salt of everything that is drawn: samples, arms.
        salt: String,
    }
}

section! {
    /// Where results are published.
    RawStore {
        /// A folder, or a URL: `s3://`, `gs://`, `az://`, `file://`.
        url: String,
        /// Options of the object store; secrets as `${secret:NAME}`.
        options: BTreeMap<String, String>,
    }
}

section! {
    /// Means of the run; none of them changes a published byte.
    RawRun {
        /// Worker threads; 0 takes one for each core.
        threads: u32,
        /// Parts that customers are divided into while lines are sorted.
        shards: u32,
        /// Lines are kept in memory up to this many MiB, then spilled to `scratch`.
        memory_limit_mib: u64,
        /// Folder for temporary files; empty takes the system's.
        scratch: String,
    }
}
