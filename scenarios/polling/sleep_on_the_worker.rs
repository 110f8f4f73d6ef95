//! A handler sleeps before it tries again.
//!
//! Each request has a thread, and one of them sleeps. The others do not notice.
//!
//! Nothing is found here, and nothing is wrong.
//!
//! origin: holochain/holochain-rust#2121, told with threads, where it is the usual thing to do

use std::time::Duration;

use gordian::thread;

const BACKOFF: Duration = Duration::from_millis(1);

fn handle(request: u32) -> u32 {
    if request == 0 {
        thread::sleep(BACKOFF);
    }
    request
}

pub fn buggy() {
    let requests: Vec<_> = (0..3).map(|request| thread::spawn(move || handle(request))).collect();
    let answered: u32 = requests.into_iter().map(|request| request.join().unwrap()).sum();
    assert_eq!(answered, 3);
}

pub fn fixed() {
    buggy();
}
