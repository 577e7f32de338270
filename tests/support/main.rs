//! The program `regulars`, built for the integration tests.

fn main() -> std::process::ExitCode {
    regulars_jobs::run()
}
