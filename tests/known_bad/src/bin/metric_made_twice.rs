//! A family looks for a metric under its read lock and, not finding it, puts a new one under its write lock without
//! looking again: two threads that are first at once lose a count.
//!
//! origin: prometheus/client_rust#102, in prometheus-client 0.18.0
//! not seen: which critical sections belong together; the locks alone are used rightly

use known_bad::Steps;
use prometheus_client::encoding::text::Encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::thread;

/// A label; two threads that look for it do so together.
#[derive(Clone)]
struct Path<'a>(&'static str, &'a Steps);

impl Hash for Path<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.meet(3);
    }
}

impl PartialEq for Path<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Path<'_> {}

impl Encode for Path<'_> {
    fn encode(&self, writer: &mut dyn Write) -> io::Result<()> {
        writer.write_all(self.0.as_bytes())
    }
}

fn main() {
    let passed = Steps::new();
    (0..3).for_each(|_| passed.reach());
    let requests = Family::<Path<'_>, Counter>::default();
    // Nobody is hashed to look into an empty table.
    drop(requests.get_or_create(&Path("/", &passed)));
    let together = Steps::new();
    together.reach();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                requests.get_or_create(&Path("/page", &together)).inc();
            });
        }
    });
    assert_eq!(requests.get_or_create(&Path("/page", &together)).get(), 2, "a request was counted that is lost again");
}
