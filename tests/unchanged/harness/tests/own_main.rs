//! A test target that is no harness of tests.

fn main() {
    harness::in_both_orders(["mine", "yours"]);
}
