//! Waits inside tasks.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::TaskRecord;
use crate::record::Place;

/// What a leaf waits for. Made by the meta of the object.
#[derive(Clone, Debug)]
pub struct Target(());

impl Target {
    /// A moment in time. Served by the runtime's driver, so it comes unless every thread that could serve is stuck.
    #[must_use]
    pub const fn timer() -> Self {
        Self(())
    }

    /// Something that nobody knows: the wait is never taken for a stuck one.
    #[must_use]
    pub const fn foreign() -> Self {
        Self(())
    }

    pub(super) fn end_of(task: &TaskRecord) -> Self {
        let _ = task;
        Self(())
    }

    pub(crate) const fn object() -> Self {
        Self(())
    }
}

/// A future that waits for one thing: it passes everything on to `F`, and tells when its task waits here, was woken here,
/// or gave up. Ready at the first poll it costs next to nothing, and without a task around it nothing is told.
#[derive(Debug)]
pub struct Leaf<F> {
    future: F,
    target: Target,
    place: Place,
}

impl<F> Leaf<F> {
    /// The wait of `future` for `target`, asked for at `place`.
    #[must_use]
    pub fn new(future: F, target: Target, place: Place) -> Self {
        Self { future, target, place }
    }

    /// The future inside.
    #[must_use]
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// The future inside.
    #[must_use]
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: `future` is pinned with `self` and is never moved out of it.
        unsafe { self.map_unchecked_mut(|leaf| &mut leaf.future) }
    }

    /// What it waits for. Changed only by who polls by hand (an interval that waits again and again needs not to).
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Where the wait was asked for.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }
}

impl<F> Leaf<F> {
    /// Polls by hand, for waits that are functions (`poll_recv`) and not futures: one leaf for all calls. The pending wait
    /// ends with the first ready result, and another one may follow.
    pub fn poll_with<R>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut F, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        poll(&mut self.future, context)
    }
}

impl<F: Future> Future for Leaf<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.get_pin_mut().poll(context)
    }
}
