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
        /// Whether models are trained and customers scored; else there are features, and what follows from them alone.
        models: bool,
        /// Salt of everything that is drawn: samples, arms.
        salt: String,
        /// Key of the hashes under which `regulars erase` remembers whom to forget: `${secret:NAME}`.
        erasure_key: String,
    }
}

section! {
    /// Where results are published.
    RawStore {
        /// A folder, or a URL: `s3://`, `gs://`, `az://`, `file://`.
        url: String,
        /// Options of the object store; secrets as `${secret:NAME}`.
        options: BTreeMap<String, String>,
        /// Hosts of endpoints on this machine or in a private network; others there are refused.
        private_hosts: Vec<String>,
        /// What `gc` leaves alone.
        keep: RawKeep,
    }
}

section! {
    /// What `gc` leaves alone; with neither `dates` nor `days`, every run.
    RawKeep {
        /// Runs of the newest so many as-of dates.
        dates: u32,
        /// Runs whose as_of is at most so many days before the live one.
        days: u32,
        /// Files without a manifest until they are this old: their run may be at work.
        min_age_hours: f64,
    }
}

section! {
    /// Means of the run; none of them changes a published byte.
    RawRun {
        /// Worker threads; 0 takes one for each core.
        threads: u32,
        /// Parts that customers are divided into while lines are sorted.
        shards: u32,
        /// What the program's own buffers may hold in memory, in MiB: lines are spilled to `scratch`, what cannot be ends the run with 8.
        memory_limit_mib: u64,
        /// What may be spilled to `scratch`, in MiB: more ends the run with 8.
        scratch_limit_mib: u64,
        /// Whether to keep, in the store, what was read of the order lines, so that the next run reads only files that it does not know.
        keep_state: bool,
        /// Folder for temporary files; empty takes the system's. In one that is named digests of local input files stay, so that each is hashed once.
        scratch: String,
        /// How often a request to an object store is tried again.
        retries: u32,
        /// How long a run may wait between tries, all of its requests together, before it ends with 6.
        retry_wait_seconds_max: u64,
        /// The wait before the first new try; it doubles with each further one.
        retry_wait_first_ms: u64,
    }
}
