//! The program `regulars`.

/// What is let go of goes back to the system: the peak is a seventh lower than with the C library's.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    regulars_jobs::run()
}
