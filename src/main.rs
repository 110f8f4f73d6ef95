//! The `gordian` command.

fn main() {}
