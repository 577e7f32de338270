//! The program `regulars`.

/// What is let go of goes back to the system: the peak is a quarter lower than with the C library's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    regulars_jobs::run()
}
