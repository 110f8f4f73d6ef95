//! The same command, where cargo looks for it: `cargo gordian`.

fn main() -> gordian::cli::ExitCode {
    gordian::cli::main()
}
