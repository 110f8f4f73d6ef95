//! Starting up takes the locks in another order than running does.
//!
//! The loader locks the plugins and then the settings; requests lock the settings and then the plugins. In the buggy form
//! requests are served while the loader runs. In the fixed form the loader is joined before the first request, so the two
//! orders cannot meet, and both may stay.
//!
//! origin: rust-lang/rust-analyzer 9b7284dca7 "Fix deadlock in recreate_crate_graph <-> file_line_index" (a lock
//! held until running queries have ended, and the queries need it), with a second lock in the place of that wait

use gordian::Named;
use gordian::sync::{Arc, Mutex};
use gordian::thread;
use gordian::unobserved::Barrier;

struct Application {
    settings: Mutex<u32>,
    plugins: Mutex<Vec<u32>>,
}

impl Application {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            settings: Mutex::new(1).named("settings"),
            plugins: Mutex::new(Vec::new()).named("plugins"),
        })
    }

    fn load(&self) {
        let mut plugins = self.plugins.lock().unwrap(); //~ lock-order-cycle
        plugins.push(*self.settings.lock().unwrap()); //~ lock-order-cycle
    }

    fn serve(&self) -> usize {
        let settings = self.settings.lock().unwrap(); //~ lock-order-cycle
        self.plugins.lock().unwrap().iter().filter(|&plugin| *plugin == *settings).count() //~ lock-order-cycle
    }
}

fn loader(application: &Arc<Application>, loaded: impl Fn() + Send + 'static) -> thread::JoinHandle<()> {
    let application = Arc::clone(application);
    let loader = thread::Builder::new().name("loader".to_owned());
    loader
        .spawn(move || {
            application.load();
            loaded();
        })
        .unwrap()
}

pub fn buggy() {
    let application = Application::new();
    let luck = Arc::new(Barrier::new(2));
    let loaded = Arc::clone(&luck);
    let loader = loader(&application, move || { loaded.wait(); });
    luck.wait();
    application.serve();
    loader.join().unwrap();
}

pub fn fixed() {
    let application = Application::new();
    loader(&application, || ()).join().unwrap();
    application.serve();
}
