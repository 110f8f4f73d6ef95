//! The same orders, with callbacks by hand and with `await`.
//!
//! An order asks for a customer, for a cart, for the price of each thing in it, and for a payment; each question is
//! answered in a later turn of an event loop. With callbacks each answer continues in a closure, and a loop becomes a
//! function that calls itself. With `await` it reads like a program that blocks, and the compiler makes the state
//! machine. The lines are those of the order alone, without the event loop.
//!
//! latency: from the moment when all orders were placed to the end of each

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Things in a cart.
const THINGS: u64 = 3;
/// Questions of an order: each is a turn of the event loop.
pub const QUESTIONS: usize = 3 + THINGS as usize;

#[derive(Clone, Copy)]
enum Question {
    Customer(u64),
    Cart(u64),
    Price(u64),
    Payment(u64),
}

/// One customer in a hundred is not known.
struct NotKnown;

fn answer(question: Question) -> Result<u64, NotKnown> {
    match question {
        Question::Customer(number) if number % 100 == 99 => Err(NotKnown),
        Question::Customer(number) => Ok(number + 1),
        Question::Cart(customer) => Ok(customer * THINGS),
        Question::Price(thing) => Ok(thing % 7 + 1),
        Question::Payment(total) => Ok(total),
    }
}

/// Closures on an event loop.
pub fn callbacks(orders: usize, _: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let events = EventQueue::default();
    let ended = Rc::new(RefCell::new(Vec::with_capacity(orders)));
    let start = Instant::now();
    for number in 0..orders as u64 {
        let ended = Rc::clone(&ended);
        let done = move |_: &EventQueue, paid| ended.borrow_mut().push((start.elapsed(), paid));
        by_hand::order(&events, number, Box::new(done));
    }
    events.run();
    Ok(checked(ended.take()))
}

/// The same event loop, with tasks in its queue.
pub fn awaited(orders: usize, _: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let tasks = TaskQueue::default();
    let ended = Arc::new(Mutex::new(Vec::with_capacity(orders)));
    let start = Instant::now();
    for number in 0..orders as u64 {
        let ended = Arc::clone(&ended);
        tasks.spawn(async move {
            let paid = with_await::order(number).await;
            ended.lock().unwrap().push((start.elapsed(), paid));
        });
    }
    tasks.run();
    let ended = std::mem::take(&mut *ended.lock().unwrap());
    Ok(checked(ended))
}

/// tokio's event loop.
pub fn awaited_on_tokio(orders: usize, _: &dyn Fn()) -> io::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let mut ordered = tokio::task::JoinSet::new();
        for number in 0..orders as u64 {
            ordered.spawn(async move {
                let paid = with_await::order(number).await;
                (start.elapsed(), paid)
            });
        }
        Ok(checked(ordered.join_all().await))
    })
}

mod by_hand {
    use super::{EventQueue, NotKnown, Question, THINGS};

    pub(super) type Done = Box<dyn FnOnce(&EventQueue, Result<u64, NotKnown>)>;

    pub(super) fn order(events: &EventQueue, number: u64, done: Done) {
        events.ask(Question::Customer(number), move |events, customer| {
            let customer = match customer {
                Ok(customer) => customer,
                Err(refused) => return done(events, Err(refused)),
            };
            events.ask(Question::Cart(customer), move |events, cart| {
                let first = match cart {
                    Ok(first) => first,
                    Err(refused) => return done(events, Err(refused)),
                };
                let pay: Done = Box::new(move |events, total| {
                    let total = match total {
                        Ok(total) => total,
                        Err(refused) => return done(events, Err(refused)),
                    };
                    events.ask(Question::Payment(total), move |events, paid| done(events, paid));
                });
                add_prices(events, first, first + THINGS, 0, pay);
            });
        });
    }

    fn add_prices(events: &EventQueue, thing: u64, end: u64, total: u64, done: Done) {
        if thing == end {
            return done(events, Ok(total));
        }
        events.ask(Question::Price(thing), move |events, price| match price {
            Ok(price) => add_prices(events, thing + 1, end, total + price, done),
            Err(refused) => done(events, Err(refused)),
        });
    }
}

mod with_await {
    use super::{NotKnown, Question, THINGS, ask};

    pub(super) async fn order(number: u64) -> Result<u64, NotKnown> {
        let customer = ask(Question::Customer(number)).await?;
        let first = ask(Question::Cart(customer)).await?;
        let mut total = 0;
        for thing in first..first + THINGS {
            total += ask(Question::Price(thing)).await?;
        }
        ask(Question::Payment(total)).await
    }
}

type Event = Box<dyn FnOnce(&EventQueue)>;

/// An event loop for callbacks: what is ready to be called, in order.
#[derive(Default)]
struct EventQueue(RefCell<VecDeque<Event>>);

impl EventQueue {
    /// Calls back with the answer in a later turn.
    fn ask(&self, question: Question, callback: impl FnOnce(&Self, Result<u64, NotKnown>) + 'static) {
        self.0.borrow_mut().push_back(Box::new(move |events| callback(events, answer(question))));
    }

    fn run(&self) {
        loop {
            let event = self.0.borrow_mut().pop_front();
            match event {
                Some(event) => event(self),
                None => return,
            }
        }
    }
}

/// An event loop for futures: the tasks that are ready to be polled, in order.
#[derive(Clone, Default)]
struct TaskQueue(Arc<Mutex<VecDeque<Arc<Task>>>>);

struct Task {
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    queue: TaskQueue,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let queue = Arc::clone(&self.queue.0);
        queue.lock().unwrap().push_back(self);
    }
}

impl TaskQueue {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = Task { future: Mutex::new(Some(Box::pin(future))), queue: self.clone() };
        Arc::new(task).wake();
    }

    fn run(&self) {
        loop {
            let next = self.0.lock().unwrap().pop_front();
            let Some(task) = next else { return };
            let waker = Waker::from(Arc::clone(&task));
            let mut future = task.future.lock().unwrap();
            if let Some(running) = future.as_mut()
                && running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                *future = None;
            }
        }
    }
}

/// The answer, in a later turn of whatever event loop polls it.
async fn ask(question: Question) -> Result<u64, NotKnown> {
    let mut asked = false;
    pin!(std::future::poll_fn(|context| {
        if asked {
            return Poll::Ready(());
        }
        asked = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }))
    .await;
    answer(question)
}

/// The times, if the orders ended as they should.
fn checked(ended: Vec<(Duration, Result<u64, NotKnown>)>) -> Vec<Duration> {
    let orders = ended.len();
    assert_eq!(ended.iter().filter(|(_, paid)| paid.is_err()).count(), orders / 100);
    ended.into_iter().map(|(time, _)| time).collect()
}
