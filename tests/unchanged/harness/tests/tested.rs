//! A harness of tests: what is found belongs to a test, whatever the threads are called.

#[test]
fn both_orders() {
    harness::in_both_orders(["here", "there"]);
}

#[test]
fn no_order() {
    assert_eq!(*plain::two().0.lock().unwrap(), 1);
}
