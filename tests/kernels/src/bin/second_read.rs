//! A second read of a lock, which a writer can come between.
//!
//! origin: qdrant/qdrant#1671; the fixed form is what parking_lot has `read_recursive` for

use kernels::Steps;
use parking_lot::RwLock;
use std::thread;

struct Segment {
    points: RwLock<Vec<f32>>,
}

impl Segment {
    fn mean(&self) -> f32 {
        let points = self.points.read(); //~ recursive-read
        points.iter().sum::<f32>() / self.points.read().len() as f32 //~ recursive-read
    }

    fn mean_recursive(&self) -> f32 {
        let points = self.points.read();
        points.iter().sum::<f32>() / self.points.read_recursive().len() as f32
    }

    fn insert(&self, point: f32) {
        self.points.write().push(point); //~ recursive-read
    }
}

fn run(mean: fn(&Segment) -> f32) {
    let segment = Segment { points: RwLock::new(vec![1.0, 3.0]) };
    let luck = Steps::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(mean(&segment), 2.0);
            luck.reach();
        });
        scope.spawn(|| {
            luck.wait(1);
            segment.insert(5.0);
        });
    });
}

fn main() {
    kernels::choose(|| run(Segment::mean), || run(Segment::mean_recursive));
}
