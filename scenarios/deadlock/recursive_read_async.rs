//! A task reads an async lock that it is reading already, and another task writes.
//!
//! tokio's `RwLock` is fair: who comes after a waiting writer waits behind it, readers too. A writer between the two reads
//! would wait for the first, and the second for the writer. In this run the writer comes late, by luck. The fixed form
//! passes the contents on instead of reading again.
//!
//! becomes: the same. Between the two reads of a task there may be a thousand others: every await on the way is a place
//! where the writer can come in.
//!
//! origin: tokio-rs/tokio#2849, and #3389, which put the warning into the documentation

use std::sync::Arc;

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::RwLock;
use gordian::tokio::task;

struct Segment {
    points: RwLock<Vec<f32>>,
}

impl Segment {
    fn new() -> Arc<Self> {
        Arc::new(Self { points: RwLock::new(vec![1.0, 3.0]).named("points") })
    }

    async fn count(&self) -> usize {
        self.points.read().await.len() //~ recursive-read
    }

    async fn mean(&self) -> f32 {
        let points = self.points.read().await; //~ recursive-read
        points.iter().sum::<f32>() / self.count().await as f32
    }

    async fn mean_of_one_read(&self) -> f32 {
        let points = self.points.read().await;
        points.iter().sum::<f32>() / points.len() as f32
    }

    async fn insert(&self, point: f32) {
        self.points.write().await.push(point); //~ recursive-read
    }
}

pub fn buggy() {
    run(async |segment| segment.mean().await);
}

pub fn fixed() {
    run(async |segment| segment.mean_of_one_read().await);
}

fn run(mean: impl AsyncFnOnce(&Segment) -> f32) {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let segment = Segment::new();
        let inserting = task::spawn({
            let segment = Arc::clone(&segment);
            // The searcher has its turn first, by luck.
            async move { segment.insert(5.0).await }
        });
        assert_eq!(mean(&segment).await, 2.0);
        inserting.await.unwrap();
    });
}
