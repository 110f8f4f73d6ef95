//! Names for objects in reports.

/// Objects that can be given a name, which reports then use instead of "the mutex made at src/lib.rs:7".
///
/// Implemented for every wrapper, and without the feature `detect` for the originals, where it does nothing.
///
/// ```
/// use gordian::Named;
/// use gordian::sync::Mutex;
///
/// let left = Mutex::new(()).named("left fork");
/// # drop(left);
/// ```
pub trait Named {
    /// Sets the name.
    fn set_name(&self, name: &str);

    /// The object itself, named.
    #[must_use]
    fn named(self, name: &str) -> Self
    where
        Self: Sized,
    {
        self.set_name(name);
        self
    }
}
