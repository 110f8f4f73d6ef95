//! Signatures: one program over the whole interface, compiled against both sides. That a coercion compiles is the test; and
//! what it does is the same.

macro_rules! is {
    ($($function:expr => $type:ty;)+) => { $(let _: $type = $function;)+ };
}

macro_rules! program {
    ($root:path) => {
        use std::future::{Ready, ready};
        use std::pin::pin;
        use std::sync::Arc;

        use ::futures::executor::block_on;
        use ::futures::poll;
        use async_lock::futures::*;
        use async_lock::*;
        use $root as async_lock;

        static MUTEX: Mutex<u8> = Mutex::new(1);
        static LOCK: RwLock<u8> = RwLock::new(1);
        static SEMAPHORE: Semaphore = Semaphore::new(1);
        static BARRIER: Barrier = Barrier::new(1);
        static CELL: OnceCell<u8> = OnceCell::new();

        /// What is read by a guard may live shorter than it does.
        fn shorter<'a>(guard: RwLockReadGuard<'a, &'static str>) -> RwLockReadGuard<'a, &'a str> {
            guard
        }

        fn shorter_arc<'a>(guard: RwLockReadGuardArc<&'static str>, _: &'a str) -> RwLockReadGuardArc<&'a str> {
            guard
        }

        #[test]
        fn mutexes() {
            type Shared = Arc<Mutex<u8>>;
            is! {
                Mutex::new => fn(u8) -> Mutex<u8>;
                Mutex::into_inner => fn(Mutex<u8>) -> u8;
                Mutex::get_mut => fn(&mut Mutex<u8>) -> &mut u8;
                Mutex::lock => fn(&Mutex<u8>) -> Lock<'_, u8>;
                Mutex::lock_blocking => fn(&Mutex<u8>) -> MutexGuard<'_, u8>;
                Mutex::try_lock => fn(&Mutex<u8>) -> Option<MutexGuard<'_, u8>>;
                Mutex::lock_arc => fn(&Shared) -> LockArc<u8>;
                Mutex::lock_arc_blocking => fn(&Shared) -> MutexGuardArc<u8>;
                Mutex::try_lock_arc => fn(&Shared) -> Option<MutexGuardArc<u8>>;
                MutexGuard::source => fn(&MutexGuard<'static, u8>) -> &'static Mutex<u8>;
                MutexGuardArc::source => fn(&MutexGuardArc<u8>) -> &Shared;
                <Mutex<u8> as From<u8>>::from => fn(u8) -> Mutex<u8>;
                <Mutex<u8> as Default>::default => fn() -> Mutex<u8>;
            }
            let mutex = Arc::new(Mutex::new([1, 2]));
            let unsized_: Arc<Mutex<[i32]>> = mutex.clone();
            block_on(async {
                let mut guard = mutex.lock().await;
                guard[0] += 1;
                assert!(unsized_.try_lock_arc().is_none() && mutex.try_lock().is_none());
                assert!(std::ptr::eq(MutexGuard::source(&guard), &*mutex));
                assert_eq!(format!("{mutex:?} {guard:?}"), "Mutex { data: <locked> } [2, 2]");
                let mut waits = pin!(unsized_.lock_arc());
                assert!(poll!(&mut waits).is_pending());
                drop(guard);
                let guard = waits.await;
                assert_eq!((guard[0], Arc::strong_count(MutexGuardArc::source(&guard))), (2, 3));
            });
            assert_eq!((Arc::strong_count(&mutex), *MUTEX.lock_blocking(), mutex.lock_arc_blocking()[1]), (2, 1, 2));
            assert_eq!(format!("{mutex:?} {:?}", mutex.lock()), "Mutex { data: [2, 2] } Lock { .. }");
            assert_eq!(MUTEX.try_lock().unwrap().to_string(), "1");
        }

        #[test]
        fn rwlocks() {
            type Shared = Arc<RwLock<u8>>;
            type Reader = RwLockReadGuard<'static, u8>;
            type Upgradable = RwLockUpgradableReadGuard<'static, u8>;
            type Writer = RwLockWriteGuard<'static, u8>;
            type ReaderArc = RwLockReadGuardArc<u8>;
            type UpgradableArc = RwLockUpgradableReadGuardArc<u8>;
            type WriterArc = RwLockWriteGuardArc<u8>;
            is! {
                RwLock::new => fn(u8) -> RwLock<u8>;
                RwLock::into_inner => fn(RwLock<u8>) -> u8;
                RwLock::get_mut => fn(&mut RwLock<u8>) -> &mut u8;
                RwLock::read => fn(&RwLock<u8>) -> Read<'_, u8>;
                RwLock::read_blocking => fn(&RwLock<u8>) -> RwLockReadGuard<'_, u8>;
                RwLock::try_read => fn(&RwLock<u8>) -> Option<RwLockReadGuard<'_, u8>>;
                RwLock::read_arc => fn(&Shared) -> ReadArc<'_, u8>;
                RwLock::read_arc_blocking => fn(&Shared) -> ReaderArc;
                RwLock::try_read_arc => fn(&Shared) -> Option<ReaderArc>;
                RwLock::upgradable_read => fn(&RwLock<u8>) -> UpgradableRead<'_, u8>;
                RwLock::upgradable_read_blocking => fn(&RwLock<u8>) -> RwLockUpgradableReadGuard<'_, u8>;
                RwLock::try_upgradable_read => fn(&RwLock<u8>) -> Option<RwLockUpgradableReadGuard<'_, u8>>;
                RwLock::upgradable_read_arc => fn(&Shared) -> UpgradableReadArc<'_, u8>;
                RwLock::upgradable_read_arc_blocking => fn(&Shared) -> UpgradableArc;
                RwLock::try_upgradable_read_arc => fn(&Shared) -> Option<UpgradableArc>;
                RwLock::write => fn(&RwLock<u8>) -> Write<'_, u8>;
                RwLock::write_blocking => fn(&RwLock<u8>) -> RwLockWriteGuard<'_, u8>;
                RwLock::try_write => fn(&RwLock<u8>) -> Option<RwLockWriteGuard<'_, u8>>;
                RwLock::write_arc => fn(&Shared) -> WriteArc<'_, u8>;
                RwLock::write_arc_blocking => fn(&Shared) -> WriterArc;
                RwLock::try_write_arc => fn(&Shared) -> Option<WriterArc>;
                RwLockUpgradableReadGuard::downgrade => fn(Upgradable) -> Reader;
                RwLockUpgradableReadGuard::try_upgrade => fn(Upgradable) -> Result<Writer, Upgradable>;
                RwLockUpgradableReadGuard::upgrade => fn(Upgradable) -> Upgrade<'static, u8>;
                RwLockUpgradableReadGuard::upgrade_blocking => fn(Upgradable) -> Writer;
                RwLockWriteGuard::downgrade => fn(Writer) -> Reader;
                RwLockWriteGuard::downgrade_to_upgradable => fn(Writer) -> Upgradable;
                RwLockUpgradableReadGuardArc::downgrade => fn(UpgradableArc) -> ReaderArc;
                RwLockUpgradableReadGuardArc::try_upgrade => fn(UpgradableArc) -> Result<WriterArc, UpgradableArc>;
                RwLockUpgradableReadGuardArc::upgrade => fn(UpgradableArc) -> UpgradeArc<u8>;
                RwLockUpgradableReadGuardArc::upgrade_blocking => fn(UpgradableArc) -> WriterArc;
                RwLockWriteGuardArc::downgrade => fn(WriterArc) -> ReaderArc;
                RwLockWriteGuardArc::downgrade_to_upgradable => fn(WriterArc) -> UpgradableArc;
                <RwLock<u8> as From<u8>>::from => fn(u8) -> RwLock<u8>;
                <RwLock<u8> as Default>::default => fn() -> RwLock<u8>;
            }
            let lock = Arc::new(RwLock::new("a"));
            let word = String::from("b");
            assert_eq!(*shorter(lock.read_blocking()), *shorter_arc(lock.read_arc_blocking(), &word));
            assert_eq!(
                (lock.read_blocking().to_string(), format!("{lock:?}")),
                ("a".into(), "RwLock { value: \"a\" }".into())
            );
            let unsized_: Arc<RwLock<dyn std::fmt::Debug>> = lock.clone();
            assert_eq!(format!("{:?} {:?}", unsized_.write_arc_blocking(), unsized_.write()), "\"a\" Write { .. }");
            assert_eq!((*LOCK.read_blocking(), Arc::strong_count(&lock)), (1, 2));
        }

        #[test]
        fn who_reads_and_who_writes() {
            let lock = Arc::new(RwLock::new(0));
            let is_free = || lock.try_write().is_some();
            let is_read = || lock.try_write().is_none() && lock.try_read().is_some();
            let is_written = || lock.try_read().is_none();
            let is_read_upgradably = || is_read() && lock.try_upgradable_read().is_none();
            block_on(async {
                // A writer that waits for a reader keeps others away; dropped, it does not.
                let reader = lock.read().await;
                let mut writes = Box::pin(lock.write());
                assert!(poll!(&mut writes).is_pending() && is_written() && lock.try_upgradable_read().is_none());
                let mut reads = pin!(lock.read_arc());
                assert!(poll!(&mut reads).is_pending());
                assert_eq!((Arc::strong_count(&lock), format!("{reads:?}").as_str()), (1, "ReadArc { .. }"));
                drop(writes);
                drop((reads.await, reader));
                assert!(is_free());

                // One that waits for an upgradable reader does not, until that upgrades.
                let upgradable = lock.upgradable_read_arc().await;
                let mut writes = Box::pin(lock.write_arc());
                assert!(poll!(&mut writes).is_pending() && is_read_upgradably());
                let reader = lock.read().await;
                let upgradable = RwLockUpgradableReadGuardArc::try_upgrade(upgradable).unwrap_err();
                let mut upgrades = Box::pin(RwLockUpgradableReadGuardArc::upgrade(upgradable));
                assert!(poll!(&mut upgrades).is_pending() && is_written());
                drop(reader);
                *upgrades.as_mut().await += 1;
                drop(upgrades);
                *writes.await += 1;
                assert!(is_free());

                // An upgrade is one from the start, and dropped holds nothing.
                let reader = lock.read().await;
                let upgrades = RwLockUpgradableReadGuard::upgrade(lock.upgradable_read().await);
                assert!(is_written());
                assert_eq!(format!("{upgrades:?}"), "Upgrade");
                drop(upgrades);
                assert!(is_read());
                drop(reader);

                // From the top to the bottom.
                let writer = lock.write().await;
                assert!(is_written());
                let upgradable = RwLockWriteGuard::downgrade_to_upgradable(writer);
                assert!(is_read_upgradably());
                let writer = RwLockUpgradableReadGuard::try_upgrade(upgradable).unwrap();
                assert!(is_written());
                let reader = RwLockWriteGuard::downgrade(writer);
                assert!(is_read() && lock.try_upgradable_read().is_some());
                drop(reader);
                let upgradable = RwLockWriteGuardArc::downgrade_to_upgradable(lock.write_arc().await);
                let reader = RwLockUpgradableReadGuardArc::downgrade(upgradable);
                assert!(is_read() && lock.try_upgradable_read_arc().is_some());
                assert_eq!((*reader, Arc::strong_count(&lock)), (2, 2));
            });
            *RwLockUpgradableReadGuard::upgrade_blocking(lock.upgradable_read_blocking()) += 1;
            *RwLockUpgradableReadGuardArc::upgrade_blocking(lock.upgradable_read_arc_blocking()) += 1;
            assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), 4);
        }

        #[test]
        fn semaphores_and_barriers() {
            type Shared = Arc<Semaphore>;
            is! {
                Semaphore::new => fn(usize) -> Semaphore;
                Semaphore::try_acquire => fn(&Semaphore) -> Option<SemaphoreGuard<'_>>;
                Semaphore::acquire => fn(&Semaphore) -> Acquire<'_>;
                Semaphore::acquire_blocking => fn(&Semaphore) -> SemaphoreGuard<'_>;
                Semaphore::try_acquire_arc => fn(&Shared) -> Option<SemaphoreGuardArc>;
                Semaphore::acquire_arc => fn(&Shared) -> AcquireArc;
                Semaphore::acquire_arc_blocking => fn(&Shared) -> SemaphoreGuardArc;
                Semaphore::add_permits => fn(&Semaphore, usize);
                Semaphore::available_permits => fn(&Semaphore) -> usize;
                SemaphoreGuard::forget => fn(SemaphoreGuard<'static>);
                SemaphoreGuardArc::forget => fn(SemaphoreGuardArc);
                Barrier::new => fn(usize) -> Barrier;
                Barrier::wait => fn(&Barrier) -> BarrierWait<'_>;
                Barrier::wait_blocking => fn(&Barrier) -> BarrierWaitResult;
                BarrierWaitResult::is_leader => fn(&BarrierWaitResult) -> bool;
            }
            let semaphore = Arc::new(Semaphore::new(1));
            block_on(async {
                let permit = semaphore.acquire_arc().await;
                let mut waits = pin!(semaphore.acquire());
                assert!(poll!(&mut waits).is_pending() && semaphore.try_acquire().is_none());
                permit.forget();
                assert!(poll!(&mut waits).is_pending() && semaphore.try_acquire_arc().is_none());
                semaphore.add_permits(2);
                drop(waits.await);
                assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (2, 1));
            });
            let (one, other) = (SEMAPHORE.acquire_blocking(), semaphore.acquire_arc_blocking());
            let shown = |text: String, start: &str| assert!(text.starts_with(start), "{text}");
            shown(format!("{one:?}"), "SemaphoreGuard(Semaphore { count: 0, ");
            shown(format!("{other:?}"), "SemaphoreGuardArc(Some(Semaphore { count: 1, ");
            assert_eq!(
                format!("{:?} {:?}", semaphore.acquire(), semaphore.acquire_arc()),
                "Acquire { .. } AcquireArc { .. }"
            );

            let barrier = Barrier::new(2);
            block_on(async {
                let mut first = pin!(barrier.wait());
                assert!(poll!(&mut first).is_pending());
                assert!(barrier.wait().await.is_leader() && !first.await.is_leader());
            });
            assert!(BARRIER.wait_blocking().is_leader() && Barrier::new(0).wait_blocking().is_leader());
            shown(format!("{barrier:?} {:?}", barrier.wait()), "Barrier { n: 2, ");
        }

        #[test]
        fn cells() {
            type Cell = OnceCell<u8>;
            is! {
                Cell::new => fn() -> Cell;
                Cell::is_initialized => fn(&Cell) -> bool;
                Cell::get => fn(&Cell) -> Option<&u8>;
                Cell::get_mut => fn(&mut Cell) -> Option<&mut u8>;
                Cell::take => fn(&mut Cell) -> Option<u8>;
                Cell::into_inner => fn(Cell) -> Option<u8>;
                Cell::wait_blocking => fn(&Cell) -> &u8;
                Cell::try_set => fn(&Cell, u8) -> Result<(), u8>;
                Cell::set_blocking => fn(&Cell, u8) -> Result<&u8, u8>;
                Cell::get_unchecked => unsafe fn(&Cell) -> &u8;
                <Cell as From<u8>>::from => fn(u8) -> Cell;
                <Cell as Default>::default => fn() -> Cell;
            }
            fn fails(_: ()) -> Ready<Result<u8, char>> {
                ready(Err('e'))
            }
            fn sent<F: Future + Send>(_: &F) {}
            sent(&CELL.get_or_init(|| ready(1)));
            sent(&CELL.get_or_try_init(|| fails(())));
            (sent(&CELL.set(1)), sent(&CELL.wait()));
            let mut cell = OnceCell::new();
            block_on(async {
                assert_eq!(cell.get_or_try_init(|| fails(())).await, Err('e'));
                let mut initialises = Box::pin(cell.get_or_init(std::future::pending::<u8>));
                assert!(poll!(&mut initialises).is_pending() && !cell.is_initialized());
                assert_eq!((format!("{cell:?}").as_str(), cell.try_set(1)), ("OnceCell(<initializing>)", Err(1)));
                let mut waits = pin!(cell.wait());
                let mut sets = pin!(cell.set(2));
                assert!(poll!(&mut waits).is_pending() && poll!(&mut sets).is_pending());
                // Another one's turn.
                drop(initialises);
                assert_eq!((sets.await, waits.await), (Ok(&2), &2));
                assert_eq!((cell.set(3).await, cell.try_set(4), cell.get()), (Err(3), Err(4), Some(&2)));
                assert_eq!(*cell.get_or_init(|| async { 5 }).await, 2);
            });
            assert_eq!((cell.get_mut().copied(), cell.take(), cell.take()), (Some(2), Some(2), None));
            assert_eq!(cell.get_or_try_init_blocking(|| Err('e')), Err('e'));
            assert_eq!((cell.set_blocking(6), cell.set_blocking(7), cell.wait_blocking()), (Ok(&6), Err(7), &6));
            assert_eq!((CELL.get_or_init_blocking(|| 8), CELL.try_set(9)), (&8, Err(9)));
            assert_eq!((cell.into_inner(), OnceCell::from(1).take()), (Some(6), Some(1)));
        }
    };
}

mod originals {
    program!(::async_lock);
}

mod ours {
    program!(gordian::async_lock);
}
