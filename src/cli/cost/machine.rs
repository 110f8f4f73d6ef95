//! The machine that the numbers are of.

use serde::Serialize;

/// What there is to know of it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Machine {
    /// Cores that this process may use.
    pub(super) cores: usize,
    pub(super) processor: Option<String>,
    /// Bytes of memory.
    pub(super) memory: Option<u64>,
    pub(super) system: String,
    /// How many wanted a core in the last minute, on average, when the run began.
    pub(super) load: Option<f32>,
}

impl Machine {
    pub(super) fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (processor, memory, version, load) = known();
        let system = format!("{} {version}", std::env::consts::OS);
        Self { cores, processor, memory, system: system.trim_end().to_owned(), load }
    }

    /// In one line.
    pub(super) fn describe(&self) -> String {
        let mut parts = vec![match self.cores {
            1 => "1 core".to_owned(),
            many => format!("{many} cores"),
        }];
        parts.extend(self.processor.clone());
        parts.extend(self.memory.map(|memory| format!("{:.0} GiB", memory as f64 / f64::from(1 << 30))));
        parts.push(self.system.clone());
        parts.extend(self.load.map(|load| format!("load {load:.1} at the start")));
        if cfg!(debug_assertions) {
            parts.push("gordian compiled without optimisation".to_owned());
        }
        parts.join(", ")
    }
}

#[cfg(target_os = "linux")]
fn known() -> (Option<String>, Option<u64>, String, Option<f32>) {
    use procfs::{CpuInfo, Current as _, LoadAverage, Meminfo};

    let processor = CpuInfo::current().ok().and_then(|info| info.model_name(0).map(str::to_owned));
    let memory = Meminfo::current().ok().map(|memory| memory.mem_total);
    let version = procfs::sys::kernel::Version::current();
    let version = version.map_or_else(|_| String::new(), |version| format!("{}.{}", version.major, version.minor));
    (processor, memory, version, LoadAverage::current().ok().map(|load| load.one))
}

#[cfg(not(target_os = "linux"))]
fn known() -> (Option<String>, Option<u64>, String, Option<f32>) {
    (None, None, String::new(), None)
}
