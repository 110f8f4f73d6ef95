//! An async method locks what its caller holds already.
//!
//! Scheduling a task locks the queue and the load of the agents, and awaits a helper that picks the least loaded agent; the
//! helper reads the load again. In the fixed form the helper works on the contents that its caller has locked.
//!
//! becomes: the same, more quietly. std's mutex belongs to a thread and may panic; an async lock belongs to nobody, the
//! task is suspended for ever, and only its own guards say why.
//!
//! origin: mofa-org/mofa#574, fixed by #600 (`schedule` holds its write guards and awaits `select_low_load_agent`)

use gordian::Named;
use gordian::tokio::runtime::Builder;
use gordian::tokio::sync::RwLock;

struct Scheduler {
    queue: RwLock<Vec<&'static str>>,
    load: RwLock<Vec<u32>>,
}

impl Scheduler {
    fn new() -> Self {
        Self {
            queue: RwLock::new(vec!["index the mail"]).named("queue"),
            load: RwLock::new(vec![2, 1, 3]).named("load"),
        }
    }

    async fn idlest(&self) -> usize {
        idlest(&self.load.read().await) //~ self-deadlock
    }

    async fn schedule(&self) {
        let mut queue = self.queue.write().await;
        let mut load = self.load.write().await; //~ self-deadlock
        while queue.pop().is_some() {
            let agent = self.idlest().await;
            load[agent] += 1;
        }
    }

    async fn schedule_with_contents(&self) {
        let mut queue = self.queue.write().await;
        let mut load = self.load.write().await;
        while queue.pop().is_some() {
            let agent = idlest(&load);
            load[agent] += 1;
        }
    }
}

fn idlest(load: &[u32]) -> usize {
    (0..load.len()).min_by_key(|&agent| load[agent]).unwrap_or_default()
}

pub fn buggy() {
    Builder::new_current_thread().build().unwrap().block_on(Scheduler::new().schedule());
}

pub fn fixed() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let scheduler = Scheduler::new();
        scheduler.schedule_with_contents().await;
        assert_eq!(scheduler.idlest().await, 0);
    });
}
