//! Signatures: one program over the whole interface, compiled against both sides. That a coercion compiles is the test.

macro_rules! is {
    ($($function:expr => $type:ty;)+) => { $(let _: $type = $function;)+ };
}

macro_rules! program {
    ($root:path) => {
        use std::pin::Pin;
        use std::sync::Arc;
        use std::task::{Context, Poll};
        use std::time::Duration;

        use $root as tokio;
        use tokio::runtime::{Builder, EnterGuard, Handle, LocalRuntime, Runtime};
        use tokio::sync::*;
        use tokio::task::{AbortHandle, Id, JoinError, JoinHandle, JoinSet, LocalSet};
        use tokio::time::{Instant, Interval, Sleep, Timeout};

        /// A future that may go anywhere.
        fn travels<F: Future + Send + Sync>(future: F) {
            drop(future);
        }

        /// A future that may be sent.
        fn sends<F: Future + Send>(future: F) {
            drop(future);
        }

        static MUTEX: Mutex<u8> = Mutex::const_new(1);
        static RWLOCK: RwLock<u8> = RwLock::const_new(1);
        static FEW_READERS: RwLock<u8> = RwLock::const_with_max_readers(1, 2);
        static SEMAPHORE: Semaphore = Semaphore::const_new(2);
        static NOTIFY: Notify = Notify::const_new();
        static CELL: OnceCell<u8> = OnceCell::const_new();
        static FULL: OnceCell<u8> = OnceCell::const_new_with(1);
        static SET: SetOnce<u8> = SetOnce::const_new();

        #[test]
        fn locks() {
            type Tried<T> = Result<T, TryLockError>;
            is! {
                Mutex::new => fn(u8) -> Mutex<u8>;
                Mutex::try_lock => fn(&Mutex<u8>) -> Tried<MutexGuard<'_, u8>>;
                Mutex::try_lock_owned => fn(Arc<Mutex<u8>>) -> Tried<OwnedMutexGuard<u8>>;
                Mutex::blocking_lock => fn(&Mutex<u8>) -> MutexGuard<'_, u8>;
                Mutex::blocking_lock_owned => fn(Arc<Mutex<u8>>) -> OwnedMutexGuard<u8>;
                Mutex::get_mut => fn(&mut Mutex<u8>) -> &mut u8;
                Mutex::into_inner => fn(Mutex<u8>) -> u8;
                MutexGuard::mutex => fn(&MutexGuard<'static, u8>) -> &'static Mutex<u8>;
                OwnedMutexGuard::mutex => fn(&OwnedMutexGuard<u8>) -> &Arc<Mutex<u8>>;
                <Mutex<u8> as From<u8>>::from => fn(u8) -> Mutex<u8>;
                RwLock::with_max_readers => fn(u8, u32) -> RwLock<u8>;
                RwLock::try_read => fn(&RwLock<u8>) -> Tried<RwLockReadGuard<'_, u8>>;
                RwLock::try_write => fn(&RwLock<u8>) -> Tried<RwLockWriteGuard<'_, u8>>;
                RwLock::try_read_owned => fn(Arc<RwLock<u8>>) -> Tried<OwnedRwLockReadGuard<u8>>;
                RwLock::try_write_owned => fn(Arc<RwLock<u8>>) -> Tried<OwnedRwLockWriteGuard<u8>>;
                RwLock::blocking_read => fn(&RwLock<u8>) -> RwLockReadGuard<'_, u8>;
                RwLock::blocking_write => fn(&RwLock<u8>) -> RwLockWriteGuard<'_, u8>;
                RwLockWriteGuard::downgrade => fn(RwLockWriteGuard<'static, u8>) -> RwLockReadGuard<'static, u8>;
                RwLockWriteGuard::into_mapped =>
                    fn(RwLockWriteGuard<'static, u8>) -> RwLockMappedWriteGuard<'static, u8>;
                OwnedRwLockWriteGuard::downgrade => fn(OwnedRwLockWriteGuard<u8>) -> OwnedRwLockReadGuard<u8>;
                OwnedRwLockWriteGuard::into_mapped =>
                    fn(OwnedRwLockWriteGuard<u8>) -> OwnedRwLockMappedWriteGuard<u8>;
                OwnedRwLockReadGuard::rwlock => fn(&OwnedRwLockReadGuard<u8>) -> &Arc<RwLock<u8>>;
            }
            travels(MUTEX.lock());
            travels(Arc::new(Mutex::new(1)).lock_owned());
            travels(RWLOCK.read());
            travels(FEW_READERS.write());
            travels(Arc::new(RwLock::new(1)).read_owned());
            travels(Arc::new(RwLock::new(1)).write_owned());
            // A lock of what is not `Send` can be waited for where it is.
            drop(Mutex::new(std::rc::Rc::new(1)).lock());
            // Guards of parts, and of parts without a size.
            let words = Mutex::new(vec![1, 2]);
            let words = MutexGuard::map(words.try_lock().unwrap(), Vec::as_mut_slice);
            let word: MappedMutexGuard<'_, i32> = MappedMutexGuard::map(words, |words| &mut words[0]);
            assert_eq!(*word, 1);
            // A lock that borrows may be owned by a guard that borrows as long.
            let text = String::from("borrowed");
            let owned = Arc::new(Mutex::new(text.as_str())).try_lock_owned().unwrap();
            let part: OwnedMappedMutexGuard<&str, &str> = OwnedMutexGuard::map(owned, |text| text);
            assert_eq!(*part, "borrowed");
            let unsized_lock: Arc<Mutex<dyn std::fmt::Debug + Send>> = Arc::new(Mutex::new(3));
            assert_eq!(format!("{unsized_lock:?}"), "Mutex { data: 3 }");
        }

        #[test]
        fn semaphores_and_signals() {
            type Acquired<T> = Result<T, AcquireError>;
            type Tried<T> = Result<T, TryAcquireError>;
            is! {
                Semaphore::try_acquire => fn(&Semaphore) -> Tried<SemaphorePermit<'_>>;
                Semaphore::try_acquire_many => fn(&Semaphore, u32) -> Tried<SemaphorePermit<'_>>;
                Semaphore::try_acquire_owned => fn(Arc<Semaphore>) -> Tried<OwnedSemaphorePermit>;
                Semaphore::try_acquire_many_owned => fn(Arc<Semaphore>, u32) -> Tried<OwnedSemaphorePermit>;
                Semaphore::blocking_acquire => fn(&Semaphore) -> Acquired<SemaphorePermit<'_>>;
                Semaphore::blocking_acquire_many => fn(&Semaphore, u32) -> Acquired<SemaphorePermit<'_>>;
                Semaphore::blocking_acquire_owned => fn(Arc<Semaphore>) -> Acquired<OwnedSemaphorePermit>;
                Semaphore::blocking_acquire_many_owned => fn(Arc<Semaphore>, u32) -> Acquired<OwnedSemaphorePermit>;
                Semaphore::add_permits => fn(&Semaphore, usize);
                Semaphore::forget_permits => fn(&Semaphore, usize) -> usize;
                Semaphore::available_permits => fn(&Semaphore) -> usize;
                Semaphore::close => fn(&Semaphore);
                Semaphore::is_closed => fn(&Semaphore) -> bool;
                SemaphorePermit::forget => fn(SemaphorePermit<'static>);
                SemaphorePermit::merge => fn(&mut SemaphorePermit<'static>, SemaphorePermit<'static>);
                SemaphorePermit::split => fn(&mut SemaphorePermit<'static>, usize) -> Option<SemaphorePermit<'static>>;
                SemaphorePermit::semaphore => for<'a> fn(&'a SemaphorePermit<'static>) -> &'a Semaphore;
                OwnedSemaphorePermit::semaphore => fn(&OwnedSemaphorePermit) -> &Arc<Semaphore>;
                OwnedSemaphorePermit::num_permits => fn(&OwnedSemaphorePermit) -> usize;
                Notify::notified => fn(&Notify) -> futures::Notified<'_>;
                Notify::notified_owned => fn(Arc<Notify>) -> futures::OwnedNotified;
                Notify::notify_one => fn(&Notify);
                Notify::notify_last => fn(&Notify);
                Notify::notify_waiters => fn(&Notify);
                futures::Notified::enable => fn(Pin<&mut futures::Notified<'static>>) -> bool;
                futures::OwnedNotified::enable => fn(Pin<&mut futures::OwnedNotified>) -> bool;
                Barrier::new => fn(usize) -> Barrier;
                BarrierWaitResult::is_leader => fn(&BarrierWaitResult) -> bool;
                OnceCell::get => fn(&OnceCell<u8>) -> Option<&u8>;
                OnceCell::get_mut => fn(&mut OnceCell<u8>) -> Option<&mut u8>;
                OnceCell::set => fn(&OnceCell<u8>, u8) -> Result<(), SetError<u8>>;
                OnceCell::take => fn(&mut OnceCell<u8>) -> Option<u8>;
                OnceCell::into_inner => fn(OnceCell<u8>) -> Option<u8>;
                OnceCell::initialized => fn(&OnceCell<u8>) -> bool;
                SetOnce::set => fn(&SetOnce<u8>, u8) -> Result<(), SetOnceError<u8>>;
                SetOnce::get => fn(&SetOnce<u8>) -> Option<&u8>;
                SetOnce::into_inner => fn(SetOnce<u8>) -> Option<u8>;
            }
            const _: usize = Semaphore::MAX_PERMITS;
            travels(SEMAPHORE.acquire());
            travels(SEMAPHORE.acquire_many(2));
            travels(Arc::new(Semaphore::new(1)).acquire_owned());
            travels(NOTIFY.notified());
            travels(Barrier::new(2).wait());
            travels(CELL.get_or_init(|| async { 1 }));
            travels(FULL.get_or_try_init(|| async { Ok::<u8, ()>(1) }));
            travels(SET.wait());
        }

        #[test]
        fn channels() {
            use mpsc::error::{SendError, TryRecvError, TrySendError};
            type Poller<R> = fn(&mut R, &mut Context<'_>) -> Poll<Option<u8>>;
            type ManyPoller<R> = fn(&mut R, &mut Context<'_>, &mut Vec<u8>, usize) -> Poll<usize>;
            is! {
                mpsc::channel => fn(usize) -> (mpsc::Sender<u8>, mpsc::Receiver<u8>);
                mpsc::unbounded_channel => fn() -> (mpsc::UnboundedSender<u8>, mpsc::UnboundedReceiver<u8>);
                mpsc::Sender::try_send => fn(&mpsc::Sender<u8>, u8) -> Result<(), TrySendError<u8>>;
                mpsc::Sender::blocking_send => fn(&mpsc::Sender<u8>, u8) -> Result<(), SendError<u8>>;
                mpsc::Sender::try_reserve => fn(&mpsc::Sender<u8>) -> Result<mpsc::Permit<'_, u8>, TrySendError<()>>;
                mpsc::Sender::try_reserve_owned =>
                    fn(mpsc::Sender<u8>) -> Result<mpsc::OwnedPermit<u8>, TrySendError<mpsc::Sender<u8>>>;
                mpsc::Sender::downgrade => fn(&mpsc::Sender<u8>) -> mpsc::WeakSender<u8>;
                mpsc::WeakSender::upgrade => fn(&mpsc::WeakSender<u8>) -> Option<mpsc::Sender<u8>>;
                mpsc::Permit::send => fn(mpsc::Permit<'static, u8>, u8);
                mpsc::OwnedPermit::send => fn(mpsc::OwnedPermit<u8>, u8) -> mpsc::Sender<u8>;
                mpsc::OwnedPermit::release => fn(mpsc::OwnedPermit<u8>) -> mpsc::Sender<u8>;
                mpsc::Receiver::try_recv => fn(&mut mpsc::Receiver<u8>) -> Result<u8, TryRecvError>;
                mpsc::Receiver::blocking_recv => fn(&mut mpsc::Receiver<u8>) -> Option<u8>;
                mpsc::Receiver::poll_recv => Poller<mpsc::Receiver<u8>>;
                mpsc::Receiver::poll_recv_many => ManyPoller<mpsc::Receiver<u8>>;
                mpsc::UnboundedReceiver::poll_recv => Poller<mpsc::UnboundedReceiver<u8>>;
                mpsc::UnboundedReceiver::poll_recv_many => ManyPoller<mpsc::UnboundedReceiver<u8>>;
                mpsc::UnboundedSender::send => fn(&mpsc::UnboundedSender<u8>, u8) -> Result<(), SendError<u8>>;
                oneshot::channel => fn() -> (oneshot::Sender<u8>, oneshot::Receiver<u8>);
                oneshot::Sender::send => fn(oneshot::Sender<u8>, u8) -> Result<(), u8>;
                oneshot::Sender::poll_closed => fn(&mut oneshot::Sender<u8>, &mut Context<'_>) -> Poll<()>;
                oneshot::Receiver::blocking_recv => fn(oneshot::Receiver<u8>) -> Result<u8, oneshot::error::RecvError>;
                oneshot::Receiver::is_terminated => fn(&oneshot::Receiver<u8>) -> bool;
                broadcast::channel => fn(usize) -> (broadcast::Sender<u8>, broadcast::Receiver<u8>);
                broadcast::Sender::send => fn(&broadcast::Sender<u8>, u8) -> Result<usize, broadcast::error::SendError<u8>>;
                broadcast::Sender::subscribe => fn(&broadcast::Sender<u8>) -> broadcast::Receiver<u8>;
                broadcast::Sender::downgrade => fn(&broadcast::Sender<u8>) -> broadcast::WeakSender<u8>;
                broadcast::Receiver::resubscribe => fn(&broadcast::Receiver<u8>) -> broadcast::Receiver<u8>;
                watch::channel => fn(u8) -> (watch::Sender<u8>, watch::Receiver<u8>);
                watch::Sender::send => fn(&watch::Sender<u8>, u8) -> Result<(), watch::error::SendError<u8>>;
                watch::Sender::send_replace => fn(&watch::Sender<u8>, u8) -> u8;
                watch::Sender::borrow => fn(&watch::Sender<u8>) -> watch::Ref<'_, u8>;
                watch::Receiver::borrow => fn(&watch::Receiver<u8>) -> watch::Ref<'_, u8>;
                watch::Receiver::borrow_and_update => fn(&mut watch::Receiver<u8>) -> watch::Ref<'_, u8>;
                watch::Receiver::has_changed => fn(&watch::Receiver<u8>) -> Result<bool, watch::error::RecvError>;
            }
            let (bounded, mut received) = mpsc::channel::<u8>(1);
            travels(bounded.send(1));
            travels(bounded.reserve());
            travels(bounded.reserve_many(1));
            travels(bounded.clone().reserve_owned());
            travels(bounded.closed());
            travels(bounded.send_timeout(1, Duration::ZERO));
            travels(received.recv());
            travels(received.recv_many(&mut Vec::new(), 3));
            let (mut sender, mut receiver) = oneshot::channel::<u8>();
            travels(sender.closed());
            travels(&mut receiver);
            let (_sender, mut receiver) = broadcast::channel::<u8>(1);
            travels(receiver.recv());
            let (sender, mut receiver) = watch::channel::<u8>(1);
            travels(sender.closed());
            travels(receiver.changed());
            sends(receiver.wait_for(|value| *value == 1));
        }

        #[test]
        fn tasks_and_runtimes() {
            use std::future::Ready;
            type Joined = Result<u8, JoinError>;
            is! {
                tokio::spawn => fn(Ready<u8>) -> JoinHandle<u8>;
                tokio::task::spawn_blocking => fn(fn() -> u8) -> JoinHandle<u8>;
                tokio::task::block_in_place => fn(fn() -> u8) -> u8;
                tokio::task::spawn_local => fn(Ready<u8>) -> JoinHandle<u8>;
                JoinHandle::abort => fn(&JoinHandle<u8>);
                JoinHandle::abort_handle => fn(&JoinHandle<u8>) -> AbortHandle;
                JoinHandle::is_finished => fn(&JoinHandle<u8>) -> bool;
                JoinHandle::id => fn(&JoinHandle<u8>) -> Id;
                JoinSet::spawn => fn(&mut JoinSet<u8>, Ready<u8>) -> AbortHandle;
                JoinSet::spawn_on => fn(&mut JoinSet<u8>, Ready<u8>, &Handle) -> AbortHandle;
                JoinSet::spawn_local => fn(&mut JoinSet<u8>, Ready<u8>) -> AbortHandle;
                JoinSet::spawn_local_on => fn(&mut JoinSet<u8>, Ready<u8>, &LocalSet) -> AbortHandle;
                JoinSet::spawn_blocking => fn(&mut JoinSet<u8>, fn() -> u8) -> AbortHandle;
                JoinSet::try_join_next => fn(&mut JoinSet<u8>) -> Option<Joined>;
                JoinSet::poll_join_next => fn(&mut JoinSet<u8>, &mut Context<'_>) -> Poll<Option<Joined>>;
                LocalSet::spawn_local => fn(&LocalSet, Ready<u8>) -> JoinHandle<u8>;
                LocalSet::block_on => fn(&LocalSet, &Runtime, Ready<u8>) -> u8;
                LocalSet::enter => fn(&LocalSet) -> tokio::task::LocalEnterGuard;
                Runtime::new => fn() -> std::io::Result<Runtime>;
                Runtime::handle => fn(&Runtime) -> &Handle;
                Runtime::spawn => fn(&Runtime, Ready<u8>) -> JoinHandle<u8>;
                Runtime::spawn_blocking => fn(&Runtime, fn() -> u8) -> JoinHandle<u8>;
                Runtime::block_on => fn(&Runtime, Ready<u8>) -> u8;
                Runtime::enter => fn(&Runtime) -> EnterGuard<'_>;
                Runtime::shutdown_timeout => fn(Runtime, Duration);
                Runtime::shutdown_background => fn(Runtime);
                LocalRuntime::spawn_local => fn(&LocalRuntime, Ready<u8>) -> JoinHandle<u8>;
                LocalRuntime::block_on => fn(&LocalRuntime, Ready<u8>) -> u8;
                Handle::current => fn() -> Handle;
                Handle::try_current => fn() -> Result<Handle, tokio::runtime::TryCurrentError>;
                Handle::block_on => fn(&Handle, Ready<u8>) -> u8;
                Handle::enter => fn(&Handle) -> EnterGuard<'_>;
                Handle::runtime_flavor => fn(&Handle) -> tokio::runtime::RuntimeFlavor;
                Builder::new_current_thread => fn() -> Builder;
                Builder::new_multi_thread => fn() -> Builder;
                Builder::worker_threads => fn(&mut Builder, usize) -> &mut Builder;
                Builder::max_blocking_threads => fn(&mut Builder, usize) -> &mut Builder;
                Builder::on_thread_start => fn(&mut Builder, fn()) -> &mut Builder;
                Builder::build => fn(&mut Builder) -> std::io::Result<Runtime>;
            }
            let mut set = JoinSet::<u8>::new();
            sends(set.join_next());
            sends(set.shutdown());
            sends(set.join_all());
        }

        #[test]
        fn time() {
            is! {
                tokio::time::sleep => fn(Duration) -> Sleep;
                tokio::time::sleep_until => fn(Instant) -> Sleep;
                tokio::time::timeout => fn(Duration, std::future::Ready<u8>) -> Timeout<std::future::Ready<u8>>;
                tokio::time::interval => fn(Duration) -> Interval;
                tokio::time::interval_at => fn(Instant, Duration) -> Interval;
                Interval::poll_tick => fn(&mut Interval, &mut Context<'_>) -> Poll<Instant>;
                Interval::period => fn(&Interval) -> Duration;
                Sleep::deadline => fn(&Sleep) -> Instant;
                Sleep::reset => fn(Pin<&mut Sleep>, Instant);
                tokio::time::pause => fn();
            }
        }
    };
}

mod originals {
    program!(::tokio);
}

mod ours {
    program!(gordian::tokio);
}
