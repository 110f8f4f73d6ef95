//! A thread reads a lock that it is reading already, and another thread writes.
//!
//! Reading twice works, as long as no writer comes between the two: std's `RwLock` lets a waiting writer go before new
//! readers, so the second read would wait for the writer, and the writer for the first read. In this run the writer comes
//! late, by luck. The fixed form passes the contents on instead of reading again.
//!
//! origin: qdrant/qdrant#1671 (a recursive read, found by lockbud)

use gordian::Named;
use gordian::sync::RwLock;
use gordian::thread;
use gordian::unobserved::Barrier;

struct Segment {
    points: RwLock<Vec<f32>>,
}

impl Segment {
    fn new() -> Self {
        Self { points: RwLock::new(vec![1.0, 3.0]).named("points") }
    }

    fn count(&self) -> usize {
        self.points.read().unwrap().len() //~ recursive-read
    }

    fn mean(&self) -> f32 {
        let points = self.points.read().unwrap(); //~ recursive-read
        points.iter().sum::<f32>() / self.count() as f32
    }

    fn mean_of_one_read(&self) -> f32 {
        let points = self.points.read().unwrap();
        points.iter().sum::<f32>() / points.len() as f32
    }

    fn insert(&self, point: f32) {
        self.points.write().unwrap().push(point); //~ recursive-read
    }
}

pub fn buggy() {
    run(Segment::mean);
}

pub fn fixed() {
    run(Segment::mean_of_one_read);
}

fn run(mean: fn(&Segment) -> f32) {
    let segment = Segment::new();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        let searcher = thread::Builder::new().name("searcher".to_owned());
        let searching = searcher.spawn_scoped(scope, || {
            assert_eq!(mean(&segment), 2.0);
            luck.wait();
        });
        let inserter = thread::Builder::new().name("inserter".to_owned());
        let inserting = inserter.spawn_scoped(scope, || {
            luck.wait();
            segment.insert(5.0);
        });
        searching.unwrap().join().unwrap();
        inserting.unwrap().join().unwrap();
    });
}
