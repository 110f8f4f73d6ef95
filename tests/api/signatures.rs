//! Signatures: one program over the whole interface, compiled against both sides.

/// Names a function by its type: a value that has another signature does not fit.
macro_rules! is {
    ($($function:expr => $type:ty;)+) => {
        $({
            let _: $type = $function;
        })+
    };
}

macro_rules! integer {
    ($root:ident: $($name:ident $value:ty),+) => {$({
        use $root::sync::atomic::$name;
        const _: $name = $name::new(1);
        const _: $value = $name::new(1).into_inner();
        type Change = fn(&$name, $value, Ordering) -> $value;
        type Exchange = fn(&$name, $value, $value, Ordering, Ordering) -> Result<$value, $value>;
        is! {
            $name::load => fn(&$name, Ordering) -> $value;
            $name::store => fn(&$name, $value, Ordering);
            $name::swap => Change;
            $name::fetch_add => Change;
            $name::fetch_sub => Change;
            $name::fetch_and => Change;
            $name::fetch_nand => Change;
            $name::fetch_or => Change;
            $name::fetch_xor => Change;
            $name::fetch_max => Change;
            $name::fetch_min => Change;
            $name::compare_and_swap => fn(&$name, $value, $value, Ordering) -> $value;
            $name::compare_exchange => Exchange;
            $name::compare_exchange_weak => Exchange;
            $name::get_mut => fn(&mut $name) -> &mut $value;
            $name::as_ptr => fn(&$name) -> *mut $value;
            $name::from_ptr => unsafe fn(*mut $value) -> &'static $name;
            <$name as From<$value>>::from => fn($value) -> $name;
        }
        let number = $name::default();
        let _ = number.fetch_update(Ordering::AcqRel, Ordering::Acquire, Some);
        let _ = number.try_update(Ordering::AcqRel, Ordering::Acquire, Some);
        let _ = number.update(Ordering::AcqRel, Ordering::Acquire, |value| value);
    })+};
}

macro_rules! program {
    ($root:ident) => {
        use std::time::Duration;

        use $root::sync::atomic::{self, AtomicBool, AtomicPtr, Ordering};
        use $root::sync::mpsc::{self, Receiver, Sender, SyncSender, channel, sync_channel};
        use $root::sync::{
            Arc, Barrier, BarrierWaitResult, Condvar, LazyLock, LockResult, Mutex, MutexGuard, Once, OnceLock, OnceState,
            PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult, WaitTimeoutResult, Weak,
        };
        use $root::thread::{
            self, AccessError, Builder, JoinHandle, LocalKey, Scope, ScopedJoinHandle, Thread, ThreadId,
        };

        static MUTEX: Mutex<u8> = Mutex::new(1);
        static RWLOCK: RwLock<u8> = RwLock::new(1);
        static CONDVAR: Condvar = Condvar::new();
        static BARRIER: Barrier = Barrier::new(1);
        static ONCE: Once = Once::new();
        static CELL: OnceLock<u8> = OnceLock::new();
        static LAZY: LazyLock<u8> = LazyLock::new(|| 1);
        static CLOSURE: LazyLock<Vec<u8>, fn() -> Vec<u8>> = LazyLock::new(Vec::new);
        static POINTER: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

        #[test]
        fn locks() {
            is! {
                Mutex::lock => fn(&Mutex<u8>) -> LockResult<MutexGuard<'_, u8>>;
                Mutex::try_lock => fn(&Mutex<u8>) -> TryLockResult<MutexGuard<'_, u8>>;
                Mutex::into_inner => fn(Mutex<u8>) -> LockResult<u8>;
                Mutex::get_mut => fn(&mut Mutex<u8>) -> LockResult<&mut u8>;
                Mutex::is_poisoned => fn(&Mutex<dyn Send>) -> bool;
                Mutex::clear_poison => fn(&Mutex<dyn Send>);
                <Mutex<u8> as From<u8>>::from => fn(u8) -> Mutex<u8>;
                RwLock::read => fn(&RwLock<u8>) -> LockResult<RwLockReadGuard<'_, u8>>;
                RwLock::try_read => fn(&RwLock<u8>) -> TryLockResult<RwLockReadGuard<'_, u8>>;
                RwLock::write => fn(&RwLock<u8>) -> LockResult<RwLockWriteGuard<'_, u8>>;
                RwLock::try_write => fn(&RwLock<u8>) -> TryLockResult<RwLockWriteGuard<'_, u8>>;
                RwLock::into_inner => fn(RwLock<u8>) -> LockResult<u8>;
                RwLock::get_mut => fn(&mut RwLock<u8>) -> LockResult<&mut u8>;
                RwLock::is_poisoned => fn(&RwLock<dyn Send>) -> bool;
                RwLock::clear_poison => fn(&RwLock<dyn Send>);
                <RwLock<u8> as From<u8>>::from => fn(u8) -> RwLock<u8>;
                RwLockWriteGuard::downgrade => fn(RwLockWriteGuard<'static, u8>) -> RwLockReadGuard<'static, u8>;
            }
            // Unsized contents, by coercion and by inference through a guard.
            let dynamic: Arc<Mutex<dyn Fn() -> u8>> = Arc::new(Mutex::new(|| 1));
            let slice: Box<RwLock<[u8]>> = Box::new(RwLock::new([1, 2]));
            assert_eq!(((dynamic.lock().unwrap())(), slice.read().unwrap().len()), (1, 2));
            let weak: Weak<Mutex<dyn Fn() -> u8>> = Arc::downgrade(&dynamic);
            assert!(weak.upgrade().is_some());
            let recovered: MutexGuard<'_, u8> = MUTEX.lock().unwrap_or_else(PoisonError::into_inner);
            assert!(matches!(MUTEX.try_lock(), Err(TryLockError::WouldBlock)));
            assert_eq!(*recovered + *RWLOCK.read().unwrap(), 2);
        }

        #[test]
        #[allow(deprecated)]
        fn signals() {
            type Timed<'a> = LockResult<(MutexGuard<'a, u8>, WaitTimeoutResult)>;
            is! {
                Condvar::wait => for<'a> fn(&Condvar, MutexGuard<'a, u8>) -> LockResult<MutexGuard<'a, u8>>;
                Condvar::wait_timeout => for<'a> fn(&Condvar, MutexGuard<'a, u8>, Duration) -> Timed<'a>;
                Condvar::wait_timeout_ms =>
                    for<'a> fn(&Condvar, MutexGuard<'a, u8>, u32) -> LockResult<(MutexGuard<'a, u8>, bool)>;
                Condvar::notify_one => fn(&Condvar);
                Condvar::notify_all => fn(&Condvar);
                WaitTimeoutResult::timed_out => fn(&WaitTimeoutResult) -> bool;
                Barrier::wait => fn(&Barrier) -> BarrierWaitResult;
                BarrierWaitResult::is_leader => fn(&BarrierWaitResult) -> bool;
            }
            let other = Mutex::new(1);
            let guard = CONDVAR.wait_while(other.lock().unwrap(), |value| *value > 1).unwrap();
            let ended = CONDVAR.wait_timeout_while(guard, Duration::ZERO, |value| *value > 1);
            assert!(!ended.unwrap().1.timed_out() && BARRIER.wait().is_leader());
        }

        #[test]
        #[allow(deprecated, clippy::declare_interior_mutable_const)]
        fn onces() {
            const _: Once = $root::sync::ONCE_INIT;
            is! {
                Once::is_completed => fn(&Once) -> bool;
                Once::wait => fn(&Once);
                Once::wait_force => fn(&Once);
                OnceState::is_poisoned => fn(&OnceState) -> bool;
                OnceLock::get => fn(&OnceLock<u8>) -> Option<&u8>;
                OnceLock::get_mut => fn(&mut OnceLock<u8>) -> Option<&mut u8>;
                OnceLock::set => fn(&OnceLock<u8>, u8) -> Result<(), u8>;
                OnceLock::wait => fn(&OnceLock<u8>) -> &u8;
                OnceLock::into_inner => fn(OnceLock<u8>) -> Option<u8>;
                OnceLock::take => fn(&mut OnceLock<u8>) -> Option<u8>;
                <OnceLock<u8> as From<u8>>::from => fn(u8) -> OnceLock<u8>;
                LazyLock::force => fn(&LazyLock<u8>) -> &u8;
                LazyLock::force_mut => fn(&mut LazyLock<u8>) -> &mut u8;
                LazyLock::get => fn(&LazyLock<u8>) -> Option<&u8>;
                LazyLock::get_mut => fn(&mut LazyLock<u8>) -> Option<&mut u8>;
            }
            ONCE.call_once(|| ());
            ONCE.call_once_force(|_: &OnceState| ());
            assert_eq!((*CELL.get_or_init(|| 1), *LAZY, CLOSURE.len()), (1, 1, 0));
            let lazy: LazyLock<u8> = LazyLock::default();
            assert_eq!(*lazy, 0);
        }

        #[test]
        fn channels() {
            is! {
                channel => fn() -> (Sender<u8>, Receiver<u8>);
                sync_channel => fn(usize) -> (SyncSender<u8>, Receiver<u8>);
                Sender::send => fn(&Sender<u8>, u8) -> Result<(), mpsc::SendError<u8>>;
                SyncSender::send => fn(&SyncSender<u8>, u8) -> Result<(), mpsc::SendError<u8>>;
                SyncSender::try_send => fn(&SyncSender<u8>, u8) -> Result<(), mpsc::TrySendError<u8>>;
                Receiver::recv => fn(&Receiver<u8>) -> Result<u8, mpsc::RecvError>;
                Receiver::try_recv => fn(&Receiver<u8>) -> Result<u8, mpsc::TryRecvError>;
                Receiver::recv_timeout => fn(&Receiver<u8>, Duration) -> Result<u8, mpsc::RecvTimeoutError>;
                Receiver::iter => fn(&Receiver<u8>) -> mpsc::Iter<'_, u8>;
                Receiver::try_iter => fn(&Receiver<u8>) -> mpsc::TryIter<'_, u8>;
                <Receiver<u8> as IntoIterator>::into_iter => fn(Receiver<u8>) -> mpsc::IntoIter<u8>;
                <&Receiver<u8> as IntoIterator>::into_iter => fn(&'static Receiver<u8>) -> mpsc::Iter<'static, u8>;
            }
            // A message may borrow what ends after the channel's last use.
            let text = String::from("borrowed");
            let (tx, rx) = channel();
            tx.send(&text).unwrap();
            assert_eq!(rx.recv().unwrap(), "borrowed");
        }

        #[test]
        #[allow(deprecated, clippy::declare_interior_mutable_const)]
        fn atomics() {
            const _: AtomicBool = atomic::ATOMIC_BOOL_INIT;
            const _: atomic::AtomicIsize = atomic::ATOMIC_ISIZE_INIT;
            const _: atomic::AtomicUsize = atomic::ATOMIC_USIZE_INIT;
            integer!($root: AtomicI8 i8, AtomicU8 u8, AtomicI16 i16, AtomicU16 u16, AtomicI32 i32, AtomicU32 u32);
            integer!($root: AtomicI64 i64, AtomicU64 u64, AtomicIsize isize, AtomicUsize usize);
            type Change = fn(&AtomicBool, bool, Ordering) -> bool;
            type Move = fn(&AtomicPtr<u8>, usize, Ordering) -> *mut u8;
            is! {
                atomic::fence => fn(Ordering);
                atomic::compiler_fence => fn(Ordering);
                atomic::spin_loop_hint => fn();
                AtomicBool::load => fn(&AtomicBool, Ordering) -> bool;
                AtomicBool::swap => Change;
                AtomicBool::fetch_and => Change;
                AtomicBool::fetch_nand => Change;
                AtomicBool::fetch_or => Change;
                AtomicBool::fetch_xor => Change;
                AtomicBool::fetch_not => fn(&AtomicBool, Ordering) -> bool;
                AtomicPtr::load => fn(&AtomicPtr<u8>, Ordering) -> *mut u8;
                AtomicPtr::fetch_ptr_add => Move;
                AtomicPtr::fetch_ptr_sub => Move;
                AtomicPtr::fetch_byte_add => Move;
                AtomicPtr::fetch_byte_sub => Move;
                AtomicPtr::fetch_or => Move;
                AtomicPtr::fetch_and => Move;
                AtomicPtr::fetch_xor => Move;
                AtomicPtr::from_ptr => unsafe fn(*mut *mut u8) -> &'static AtomicPtr<u8>;
            }
            assert!(POINTER.load(Ordering::Relaxed).is_null());
        }

        $root::thread_local! {
            static LOCAL: std::cell::Cell<u8> = const { std::cell::Cell::new(1) };
        }

        #[test]
        #[allow(deprecated)]
        fn threads() {
            is! {
                thread::spawn => fn(fn() -> u8) -> JoinHandle<u8>;
                thread::current => fn() -> Thread;
                thread::park => fn();
                thread::park_timeout => fn(Duration);
                thread::park_timeout_ms => fn(u32);
                thread::sleep => fn(Duration);
                thread::sleep_ms => fn(u32);
                thread::yield_now => fn();
                thread::panicking => fn() -> bool;
                thread::available_parallelism => fn() -> std::io::Result<std::num::NonZero<usize>>;
                Thread::unpark => fn(&Thread);
                Thread::id => fn(&Thread) -> ThreadId;
                Thread::name => fn(&Thread) -> Option<&str>;
                JoinHandle::join => fn(JoinHandle<u8>) -> thread::Result<u8>;
                JoinHandle::thread => fn(&JoinHandle<u8>) -> &Thread;
                JoinHandle::is_finished => fn(&JoinHandle<u8>) -> bool;
                ScopedJoinHandle::join => fn(ScopedJoinHandle<'static, u8>) -> thread::Result<u8>;
                ScopedJoinHandle::thread => for<'a> fn(&'a ScopedJoinHandle<'static, u8>) -> &'a Thread;
                ScopedJoinHandle::is_finished => fn(&ScopedJoinHandle<'static, u8>) -> bool;
                Builder::new => fn() -> Builder;
                Builder::name => fn(Builder, String) -> Builder;
                Builder::stack_size => fn(Builder, usize) -> Builder;
                Builder::spawn => fn(Builder, fn() -> u8) -> std::io::Result<JoinHandle<u8>>;
                Builder::spawn_unchecked => unsafe fn(Builder, fn() -> u8) -> std::io::Result<JoinHandle<u8>>;
            }
            fn helper<'scope>(scope: &'scope Scope<'scope, '_>, text: &'scope str) -> ScopedJoinHandle<'scope, usize> {
                Builder::new().spawn_scoped(scope, || text.len()).unwrap()
            }
            let text = String::from("borrowed");
            let length = thread::scope(|scope| {
                let inner = scope.spawn(|| helper(scope, &text).join().unwrap());
                inner.join().unwrap()
            });
            let key: &LocalKey<_> = &LOCAL;
            let local: Result<u8, AccessError> = key.try_with(|cell| cell.get());
            assert_eq!((length, local.unwrap()), (8, 1));
        }
    };
}

mod originals {
    program!(std);
}

mod ours {
    // The macro of the original stands at the root of its crate, ours in `thread`.
    mod gordian {
        pub(super) use ::gordian::thread::thread_local;
        pub(super) use ::gordian::{sync, thread};
    }
    program!(gordian);
}
