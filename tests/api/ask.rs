//! Questions to the compiler about traits.

/// Does the type have the trait? An inherent constant hides one of a trait, and is there only if the bound holds.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code)]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        #[allow(dead_code)]
        struct Ask<T: ?Sized>(PhantomData<T>);
        #[allow(dead_code)]
        impl<T: ?Sized + $($bound)+> Ask<T> {
            const HAS: bool = true;
        }
        <Ask<$type>>::HAS
    }};
}

macro_rules! same {
    ($ours:ty, $real:ty: $($bound:path),+) => {$(
        assert_eq!(
            has!($ours: $bound),
            has!($real: $bound),
            "{}: {}", stringify!($ours), stringify!($bound)
        );
    )+};
    ($ours:ty, $real:ty) => {
        same!($ours, $real: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe, Debug, Display, Pointer, Default, Clone, Copy);
        same!($ours, $real: PartialEq, Eq, IntoIterator, Iterator);
    };
}
