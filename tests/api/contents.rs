//! Questions about types of one parameter, with contents of every kind.

/// Have those of a crate the traits of the originals? `Guard` and `Unsafe` are types of the place where this is asked.
macro_rules! same_for_all {
    ($of:ident: $($($path:ident)::+ $(<$lifetime:lifetime>)?),+ $(,)?) => {$({
        use $of::$($path)::+ as Real;
        use gordian::$of::$($path)::+ as Ours;
        same!(Ours<$($lifetime,)? u8>, Real<$($lifetime,)? u8>);
        same!(Ours<$($lifetime,)? Cell<u8>>, Real<$($lifetime,)? Cell<u8>>);
        same!(Ours<$($lifetime,)? UnsafeCell<u8>>, Real<$($lifetime,)? UnsafeCell<u8>>);
        same!(Ours<$($lifetime,)? Rc<u8>>, Real<$($lifetime,)? Rc<u8>>);
        same!(Ours<$($lifetime,)? Guard>, Real<$($lifetime,)? Guard>);
        same!(Ours<$($lifetime,)? Unsafe>, Real<$($lifetime,)? Unsafe>);
        same!(Ours<$($lifetime,)? PhantomPinned>, Real<$($lifetime,)? PhantomPinned>);
        same!(Ours<$($lifetime,)? *mut u8>, Real<$($lifetime,)? *mut u8>);
    })+};
}
