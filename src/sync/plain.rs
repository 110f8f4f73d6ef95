//! Names for the originals: nothing is reported, so there is nothing to keep a name for.

use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::sync::{Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, RwLock};

use crate::name::Named;

macro_rules! unnamed {
    ($([$($generics:tt)*] $type:ty;)+) => {
        $(impl<$($generics)*> Named for $type {
            fn set_name(&self, _name: &str) {}
        })+
    };
}

unnamed! {
    [T: ?Sized] Mutex<T>;
    [T: ?Sized] RwLock<T>;
    [] Condvar;
    [] Barrier;
    [] Once;
    [T] OnceLock<T>;
    [T, F] LazyLock<T, F>;
    [T] Sender<T>;
    [T] SyncSender<T>;
    [T] Receiver<T>;
}
