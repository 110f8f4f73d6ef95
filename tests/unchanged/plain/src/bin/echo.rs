//! Says what it was given.

fn main() {
    let loud = if cfg!(feature = "loud") { "LOUD" } else { "quiet" };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    println!("{loud}, built {}, {arguments:?}", env!("BUILT"));
    for name in ["RUSTC_WRAPPER", "RUSTDOC", "GORDIAN_RUNTIME", "GORDIAN_LEAVE_OUT"] {
        assert!(std::env::var_os(name).is_none(), "{name}");
    }
}
