//! Writing a log and rotating it take the locks in opposite orders.
//!
//! Writing locks the index and then the file; rotating locks the file and then the index. The fixed form leaves both as
//! they are, but gives both jobs to one thread: a thread that takes its locks in two orders never waits for itself.
//!
//! origin: system-pclub/rust-study (conflicting lock orders are 7 of its 59 blocking bugs)

use gordian::Named;
use gordian::sync::Mutex;
use gordian::thread;
use gordian::unobserved::Barrier;

struct Log {
    index: Mutex<Vec<usize>>,
    file: Mutex<String>,
}

impl Log {
    fn new() -> Self {
        Self { index: Mutex::new(Vec::new()).named("index"), file: Mutex::new(String::new()).named("file") }
    }

    fn write(&self, line: &str) {
        let mut index = self.index.lock().unwrap(); //~ lock-order-cycle
        let mut file = self.file.lock().unwrap(); //~ lock-order-cycle
        index.push(file.len());
        file.push_str(line);
    }

    fn rotate(&self) {
        let mut file = self.file.lock().unwrap(); //~ lock-order-cycle
        self.index.lock().unwrap().clear(); //~ lock-order-cycle
        file.clear();
    }
}

pub fn buggy() {
    let log = Log::new();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            log.write("started\n");
            luck.wait();
        });
        scope.spawn(|| {
            luck.wait();
            log.rotate();
        });
    });
}

pub fn fixed() {
    let log = Log::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            log.write("started\n");
            log.rotate();
            log.write("rotated\n");
        });
    });
}
