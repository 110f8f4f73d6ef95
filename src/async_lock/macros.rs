//! What is said of many types.

/// Futures that take something: the field `acquire` takes it. How at once, how it is waited for, and what is made of the hold,
/// and of the future's other fields.
macro_rules! acquires {
    ($(
        [$($generics:tt)*] $name:ty => $guard:ty: $attempt:expr, $begin:expr, |$held:ident, $this:ident| $made:expr;
    )+) => {$(
        impl<$($generics)*> std::future::Future for $name {
            type Output = $guard;

            fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<$guard> {
                // SAFETY: `acquire` is pinned with `self`: it is never moved. The other fields do not care.
                let $this = unsafe { self.get_unchecked_mut() };
                // SAFETY: as above.
                let acquire = unsafe { std::pin::Pin::new_unchecked(&mut $this.acquire) };
                acquire.poll(cx, $attempt, $begin).map(|$held| $made)
            }
        }
    )+};
}
pub(super) use acquires;

/// What futures show of themselves: nothing.
macro_rules! opaque {
    ($([$($generics:tt)*] $name:ty = $shown:literal;)+) => {$(
        impl<$($generics)*> std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($shown)
            }
        }
    )+};
}
pub(super) use opaque;
