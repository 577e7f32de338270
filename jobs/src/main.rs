//! The program `regulars`.

fn main() -> std::process::ExitCode {
    regulars_jobs::run()
}
