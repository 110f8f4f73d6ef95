//! A status line is drawn under a lock that the work needs.
//!
//! The importer locks the chain and then tells the informant; the informant, drawing its line, locks its state and then
//! asks the chain. The fixed form draws with `try_lock`: an order in which no one waits closes no circle.
//!
//! origin: openethereum/parity-ethereum c1aed4af45 "Fix light client deadlock (#9385)" (`try_lock` for the informant)

use gordian::Named;
use gordian::sync::Mutex;
use gordian::thread;
use gordian::unobserved::Barrier;

struct Client {
    chain: Mutex<u64>,
    informant: Mutex<String>,
}

impl Client {
    fn new() -> Self {
        Self { chain: Mutex::new(0).named("chain"), informant: Mutex::new(String::new()).named("informant") }
    }

    fn import(&self) {
        let mut chain = self.chain.lock().unwrap(); //~ lock-order-cycle
        *chain += 1;
        *self.informant.lock().unwrap() = "importing".to_owned(); //~ lock-order-cycle
    }

    fn draw(&self) {
        let mut line = self.informant.lock().unwrap(); //~ lock-order-cycle
        let height = self.chain.lock().unwrap(); //~ lock-order-cycle
        line.push_str(&height.to_string());
    }

    fn draw_if_free(&self) {
        let mut line = self.informant.lock().unwrap();
        if let Ok(height) = self.chain.try_lock() {
            line.push_str(&height.to_string());
        }
    }
}

pub fn buggy() {
    run(Client::draw);
}

pub fn fixed() {
    run(Client::draw_if_free);
}

fn run(draw: fn(&Client)) {
    let client = Client::new();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            client.import();
            luck.wait();
        });
        scope.spawn(|| {
            luck.wait();
            draw(&client);
        });
    });
}
