//! Tools that the detector does not see, for tests of programs that it watches.

use std::fmt;

/// Brings threads into an order without the detector knowing: it makes no happens-before edge, and waiting in it is not a
/// wait.
///
/// A test of a race or a deadlock has to force the bad schedule. A [`crate::sync::Barrier`] would order the accesses that
/// are to race; this one does not. Otherwise it is a [`std::sync::Barrier`].
///
/// ```
/// use gordian::unobserved::Barrier;
///
/// let meet = Barrier::new(2);
/// std::thread::scope(|scope| {
///     scope.spawn(|| meet.wait());
///     meet.wait();
/// });
/// ```
pub struct Barrier(std::sync::Barrier);

impl Barrier {
    /// A barrier for `parties` threads. With 0 or 1 nobody waits.
    #[must_use]
    pub const fn new(parties: usize) -> Self {
        Self(std::sync::Barrier::new(parties))
    }

    /// Waits until all parties are here; then the barrier is as new. True for one of them.
    pub fn wait(&self) -> bool {
        self.0.wait().is_leader()
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
