//! An order of two locks stays when a third one, taken between them, is released.
//!
//! A connection is locked, its session is looked up under the registry's lock, the registry is released, and the session
//! is locked: connection before session, although the lock that led from one to the other is gone. Closing a session goes
//! the other way. The fixed form releases the connection before it locks the session.
//!
//! origin: system-pclub/rust-study (conflicting lock orders are 7 of its 59 blocking bugs), in the shape that a graph of
//! edges from the newest lock only forgets

use gordian::Named;
use gordian::sync::Mutex;
use gordian::thread;
use gordian::unobserved::Barrier;

struct Server {
    connection: Mutex<u32>,
    registry: Mutex<Vec<u32>>,
    session: Mutex<Vec<u32>>,
}

impl Server {
    fn new() -> Self {
        Self {
            connection: Mutex::new(7).named("connection"),
            registry: Mutex::new(vec![7]).named("registry"),
            session: Mutex::new(Vec::new()).named("session"),
        }
    }

    fn receive(&self) {
        let connection = self.connection.lock().unwrap(); //~ lock-order-cycle
        let registry = self.registry.lock().unwrap();
        let known = registry.contains(&connection);
        drop(registry);
        if known {
            self.session.lock().unwrap().push(*connection); //~ lock-order-cycle
        }
    }

    fn close(&self) {
        let mut session = self.session.lock().unwrap(); //~ lock-order-cycle
        *self.connection.lock().unwrap() = 0; //~ lock-order-cycle
        session.clear();
    }

    fn receive_fixed(&self) {
        let connection = *self.connection.lock().unwrap();
        let known = self.registry.lock().unwrap().contains(&connection);
        if known {
            self.session.lock().unwrap().push(connection);
        }
    }
}

pub fn buggy() {
    run(Server::receive);
}

pub fn fixed() {
    run(Server::receive_fixed);
}

fn run(receive: fn(&Server)) {
    let server = Server::new();
    let luck = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            receive(&server);
            luck.wait();
        });
        scope.spawn(|| {
            luck.wait();
            server.close();
        });
    });
}
