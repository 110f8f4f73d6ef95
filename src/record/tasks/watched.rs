//! A future that is a task, and the waker that it gives to those who may wake it.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::Task;
use super::poll::Polling;
use super::states::StateRef;
use super::task::Kind;

/// A future that is a task: what happens in its polls is the task's doing. Dropped before it was ready, the task was
/// cancelled.
pub struct Watched<F> {
    /// Our waker, once somebody has cloned it.
    waker: Option<Arc<TaskWaker>>,
    /// Dropped in the name of the task.
    future: ManuallyDrop<F>,
    task: Task,
}

impl<F> std::fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watched").field(&self.task).finish()
    }
}

impl<F> Watched<F> {
    /// The future of a task.
    #[must_use]
    pub fn new(task: Task, future: F) -> Self {
        if let Some(state) = task.0.as_ref().filter(|state| state.kind == Kind::Polled) {
            state.runtime.count_future(true);
        }
        Self { waker: None, future: ManuallyDrop::new(future), task }
    }

    /// The task itself.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: nothing is moved out of `self`: `future` is pinned with it, the rest does not care.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: `future` is pinned with `self`.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        let Some(state) = &this.task.0 else { return future.poll(context) };
        let Some(polling) = Polling::begin(state) else { return future.poll(context) };
        let result = match this.waker.as_ref().filter(|waker| waker.inner.will_wake(context.waker())) {
            Some(waker) => {
                // SAFETY: the pointer is that of a living `Arc<TaskWaker>`, and the waker is not dropped: it borrows.
                let waker = ManuallyDrop::new(unsafe { Waker::new(Arc::as_ptr(waker).cast(), &TASK) });
                future.poll(&mut Context::from_waker(&waker))
            }
            None => {
                let lazy = Lazy { state, inner: context.waker(), made: OnceLock::new() };
                // SAFETY: `lazy` outlives the waker, which is not dropped. It is `Sync`, and its functions keep their
                // contracts: a clone owns what it needs.
                let waker = ManuallyDrop::new(unsafe { Waker::new((&raw const lazy).cast(), &LAZY) });
                let result = future.poll(&mut Context::from_waker(&waker));
                if let Some(made) = lazy.made.into_inner() {
                    this.waker = Some(made);
                }
                result
            }
        };
        match result {
            Poll::Ready(output) => {
                polling.ended();
                Poll::Ready(output)
            }
            Poll::Pending => {
                polling.pending();
                Poll::Pending
            }
        }
    }
}

impl<F> Drop for Watched<F> {
    fn drop(&mut self) {
        let polling = self.task.0.as_ref().and_then(Polling::of_drop);
        // SAFETY: dropped once, here, and not used again.
        unsafe { ManuallyDrop::drop(&mut self.future) };
        if let Some(polling) = polling {
            polling.dropped();
        }
        if let Some(state) = &self.task.0 {
            // Before it is counted no more: until it has left its runtime, that would have one more than are watched.
            state.end(true);
            if state.kind == Kind::Polled {
                state.runtime.count_future(false);
            }
        }
    }
}

/// Is it the place where a [`Watched`] polls?
pub(super) fn is_poll(place: &std::panic::Location<'_>) -> bool {
    place.file() == file!()
}

/// The waker of a task, counted while somebody has it.
pub(super) struct TaskWaker {
    state: StateRef,
    inner: Waker,
}

/// Of an `Arc<TaskWaker>`.
static TASK: RawWakerVTable = RawWakerVTable::new(
    // SAFETY: here and below, `data` is from `Arc::as_ptr` or `Arc::into_raw` of a living `Arc<TaskWaker>`, and a waker that
    // is consumed or dropped is one that `clone` has made, with a reference of its own.
    |data| unsafe {
        let waker = data.cast::<TaskWaker>();
        let borrowed = &*waker;
        borrowed.state.wakers.fetch_add(1, Ordering::SeqCst);
        Arc::increment_strong_count(waker);
        RawWaker::new(data, &TASK)
    },
    // SAFETY: see above.
    |data| unsafe {
        let waker = Arc::from_raw(data.cast::<TaskWaker>());
        waker.state.woken();
        waker.inner.wake_by_ref();
        waker.state.wakers.fetch_sub(1, Ordering::SeqCst);
    },
    // SAFETY: see above.
    |data| unsafe {
        let waker = &*data.cast::<TaskWaker>();
        waker.state.woken();
        waker.inner.wake_by_ref();
    },
    // SAFETY: see above.
    |data| unsafe {
        let waker = Arc::from_raw(data.cast::<TaskWaker>());
        if waker.state.wakers.fetch_sub(1, Ordering::SeqCst) == waker.state.leaf_wakers.load(Ordering::SeqCst) + 1 {
            waker.state.forsaken();
        }
    },
);

/// Does the waker wake a task at once, with nothing of somebody else's in between?
pub(super) fn is_of_task(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &TASK) || std::ptr::eq(waker.vtable(), &LAZY)
}

/// The waker of a first poll: a task that ends in it needs none.
struct Lazy<'a> {
    state: &'a StateRef,
    inner: &'a Waker,
    made: OnceLock<Arc<TaskWaker>>,
}

/// Of a [`Lazy`].
static LAZY: RawWakerVTable = RawWakerVTable::new(
    // SAFETY: here and below, `data` is that of a waker that borrows a living `Lazy`.
    |data| unsafe {
        let lazy = &*data.cast::<Lazy<'_>>();
        let make = || Arc::new(TaskWaker { state: StateRef::clone(lazy.state), inner: lazy.inner.clone() });
        let waker = Arc::clone(lazy.made.get_or_init(make));
        waker.state.wakers.fetch_add(1, Ordering::SeqCst);
        RawWaker::new(Arc::into_raw(waker).cast(), &TASK)
    },
    |_| unreachable!("a waker that borrows is never consumed"),
    // SAFETY: see above.
    |data| unsafe {
        let lazy = &*data.cast::<Lazy<'_>>();
        lazy.state.woken();
        lazy.inner.wake_by_ref();
    },
    |_| {},
);
