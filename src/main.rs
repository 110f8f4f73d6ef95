//! The `gordian` command.

fn main() -> gordian::cli::ExitCode {
    gordian::cli::main()
}
