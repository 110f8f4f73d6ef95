//! A buffer is read before the thread that fills it has ended.
//!
//! A thread copies the output of a process into a buffer. The caller has waited long enough and takes what is there,
//! without joining the copier: it reads while the copier writes. The fixed form joins first.
//!
//! origin: moby#18412 of timmyyuan/gobench (a buffer read before the copying goroutine has ended)

use gordian::sync::Arc;
use gordian::unobserved::Barrier;
use gordian::{Named, Shared, thread};

pub fn buggy() {
    let output = Arc::new(Shared::new(String::new()).named("output"));
    let out_of_patience = Arc::new(Barrier::new(2));
    let copier = thread::Builder::new().name("copier".to_owned());
    let copier = copier.spawn({
        let (output, out_of_patience) = (Arc::clone(&output), Arc::clone(&out_of_patience));
        move || {
            output.with_mut(|output| output.push_str("half of the out")); //~ data-race
            out_of_patience.wait();
        }
    });
    out_of_patience.wait();
    assert!(output.with(|output| !output.is_empty())); //~ data-race
    copier.unwrap().join().unwrap();
}

pub fn fixed() {
    let output = Arc::new(Shared::new(String::new()).named("output"));
    let copier = thread::spawn({
        let output = Arc::clone(&output);
        move || output.with_mut(|output| output.push_str("all of the output"))
    });
    copier.join().unwrap();
    assert!(output.with(|output| !output.is_empty()));
}
