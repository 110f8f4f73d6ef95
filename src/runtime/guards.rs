//! What all guards of locks of tasks are to their values: the field `held` is the hold, `data` leads to the value.
//!
//! The macros are exported, for layers are compiled apart; by these names, for what is exported lies at the root of the crate.

/// Guards through which the value is looked at.
#[doc(hidden)]
#[macro_export]
macro_rules! __guards {
    ($($name:ident<$($lifetime:lifetime,)? $($parameter:ident),+> of $value:ident;)+) => {$(
        impl<$($lifetime,)? $($parameter: ?Sized),+> std::ops::Deref for $name<$($lifetime,)? $($parameter),+> {
            type Target = $value;

            #[inline]
            #[track_caller]
            fn deref(&self) -> &$value {
                self.held.accessed(false, std::mem::needs_drop::<$value>());
                // SAFETY: the lock is held while the guard lives, and the value is part of what it guards.
                unsafe { &*self.data }
            }
        }
    )+};
}
pub use __guards as guards;

/// The same, which show the value and nothing of themselves.
#[doc(hidden)]
#[macro_export]
macro_rules! __shown_guards {
    ($($name:ident<$($lifetime:lifetime,)? $($parameter:ident),+> of $value:ident;)+) => {
        $crate::runtime::guards::guards! { $($name<$($lifetime,)? $($parameter),+> of $value;)+ }
        $(
            impl<$($lifetime,)? $($parameter: ?Sized),+> std::fmt::Debug for $name<$($lifetime,)? $($parameter),+>
            where
                $value: std::fmt::Debug,
            {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    (**self).fmt(f)
                }
            }

            impl<$($lifetime,)? $($parameter: ?Sized),+> std::fmt::Display for $name<$($lifetime,)? $($parameter),+>
            where
                $value: std::fmt::Display,
            {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    (**self).fmt(f)
                }
            }
        )+
    };
}
pub use __shown_guards as shown_guards;

/// What guards are to their value beside that, where the value may be written.
#[doc(hidden)]
#[macro_export]
macro_rules! __writers {
    ($($name:ident<$($lifetime:lifetime,)? $($parameter:ident),+> of $value:ident;)+) => {$(
        impl<$($lifetime,)? $($parameter: ?Sized),+> std::ops::DerefMut for $name<$($lifetime,)? $($parameter),+> {
            #[inline]
            #[track_caller]
            fn deref_mut(&mut self) -> &mut $value {
                self.held.accessed(true, std::mem::needs_drop::<$value>());
                // SAFETY: as above, and nobody else holds it.
                unsafe { &mut *self.data }
            }
        }
    )+};
}
pub use __writers as writers;
