//! The writer's waker takes the place of the reader's, who is never woken again.
//!
//! origin: Gelbpunkt/tokio-websockets#106

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

#[derive(Default)]
struct Socket {
    ready: bool,
    wakers: [Option<Waker>; 2],
}

async fn wait(socket: Arc<Mutex<Socket>>, place: usize) {
    poll_fn(|cx| {
        let mut socket = socket.lock().unwrap();
        if socket.ready {
            return Poll::Ready(());
        }
        socket.wakers[place] = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

async fn program(places: [usize; 2]) {
    let socket = Arc::<Mutex<Socket>>::default();
    let [reader, writer] = places.map(|place| tokio::spawn(wait(Arc::clone(&socket), place))); //~ lost-wakeup
    tokio::task::yield_now().await;
    let wakers = {
        let mut socket = socket.lock().unwrap();
        socket.ready = true;
        std::mem::take(&mut socket.wakers)
    };
    wakers.into_iter().flatten().for_each(Waker::wake);
    writer.await.unwrap();
    reader.await.unwrap(); //~ lost-wakeup
}

fn main() {
    async_kernels::choose(
        || async_kernels::one_thread(program([0, 0])),
        || async_kernels::one_thread(program([0, 1])),
    );
}
