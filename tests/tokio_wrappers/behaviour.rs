//! Behaviour: what is asserted of the wrappers is asserted of the originals, too.

macro_rules! program {
    ($root:path) => {
        use std::future::{Future, poll_fn};
        use std::pin::{Pin, pin};
        use std::sync::Arc;
        use std::task::{Context, Poll, Waker};
        use std::time::Duration;

        use tokio::sync::*;
        use $root as tokio;

        fn current_thread() -> tokio::runtime::Runtime {
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
        }

        fn run<F: Future>(future: F) -> F::Output {
            current_thread().block_on(future)
        }

        /// Polls once, without a runtime.
        fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
            future.poll(&mut Context::from_waker(Waker::noop()))
        }

        #[test]
        fn a_mutex_is_fair_and_a_waiter_may_leave() {
            let mutex = Mutex::new(0);
            let guard = mutex.try_lock().unwrap();
            let mut first = Box::pin(mutex.lock());
            let mut second = pin!(mutex.lock());
            assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
            assert!(mutex.try_lock().is_err());
            drop(guard);
            // It is the first one's, polled or not.
            assert!(poll(second.as_mut()).is_pending() && mutex.try_lock().is_err());
            drop(first);
            let Poll::Ready(_given) = poll(second.as_mut()) else { panic!("not given to the next") };
            assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        }

        #[test]
        fn guards_of_parts_keep_the_mutex() {
            let mutex = Arc::new(Mutex::new((1, String::from("two"))));
            let part = MutexGuard::map(mutex.try_lock().unwrap(), |pair| &mut pair.1);
            let mut part = MappedMutexGuard::map(part, |text| text);
            part.make_ascii_uppercase();
            assert!(mutex.try_lock().is_err());
            drop(part);
            let guard = MutexGuard::try_map(mutex.try_lock().unwrap(), |_| None::<&mut u8>).unwrap_err();
            assert_eq!((&*guard.1, format!("{guard:?}")), ("TWO", r#"(1, "TWO")"#.to_owned()));
            assert!(std::ptr::eq(MutexGuard::mutex(&guard), &*mutex));
            drop(guard);
            let owned = Arc::clone(&mutex).try_lock_owned().unwrap();
            let part = OwnedMutexGuard::map(owned, |pair| &mut pair.0);
            let part = OwnedMappedMutexGuard::try_map(part, |number| Some(number)).unwrap();
            assert!(mutex.try_lock().is_err() && Arc::strong_count(&mutex) == 2);
            drop(part);
            assert!(mutex.try_lock().is_ok() && Arc::strong_count(&mutex) == 1);
            assert_eq!(Arc::into_inner(mutex).unwrap().into_inner().0, 1);
        }

        #[test]
        fn a_writer_in_the_queue_holds_readers_back() {
            let lock = Arc::new(RwLock::with_max_readers(1, 2));
            let (one, two) = (lock.try_read().unwrap(), lock.try_read().unwrap());
            assert!(lock.try_read().is_err(), "no more than two");
            drop(two);
            let mut writer = Box::pin(lock.write());
            assert!(poll(writer.as_mut()).is_pending());
            assert!(lock.try_read().is_err(), "behind the writer");
            drop(writer);
            assert!(lock.try_read().is_ok());
            drop(one);
            let writer = lock.try_write().unwrap();
            assert!(lock.try_read().is_err());
            let reader = writer.downgrade();
            assert_eq!((*reader, lock.try_read().is_ok(), lock.try_write().is_err()), (1, true, true));
            drop(reader);
            let owned = Arc::clone(&lock).try_write_owned().unwrap();
            let mut part = OwnedRwLockWriteGuard::map(owned, |value| value);
            *part += 1;
            drop(part);
            let reader =
                OwnedRwLockWriteGuard::downgrade_map(Arc::clone(&lock).try_write_owned().unwrap(), |value| value);
            assert_eq!((*reader, format!("{lock:?}")), (2, "RwLock { data: 2 }".to_owned()));
        }

        #[test]
        fn permits_are_counted() {
            let semaphore = Arc::new(Semaphore::new(3));
            let mut two = semaphore.try_acquire_many(2).unwrap();
            assert_eq!((two.num_permits(), semaphore.available_permits()), (2, 1));
            let one = two.split(1).unwrap();
            assert!(two.split(2).is_none());
            drop(one);
            assert_eq!(semaphore.available_permits(), 2);
            two.merge(semaphore.try_acquire().unwrap());
            assert_eq!((two.num_permits(), semaphore.available_permits()), (2, 1));
            two.forget();
            assert_eq!(semaphore.available_permits(), 1);
            semaphore.add_permits(1);
            assert_eq!((semaphore.forget_permits(5), semaphore.available_permits()), (2, 0));
            let mut waiting = pin!(Arc::clone(&semaphore).acquire_many_owned(2));
            assert!(poll(waiting.as_mut()).is_pending());
            semaphore.add_permits(1);
            assert!(poll(waiting.as_mut()).is_pending());
            assert!(matches!(semaphore.try_acquire(), Err(TryAcquireError::NoPermits)), "kept for who waits");
            semaphore.add_permits(1);
            let Poll::Ready(Ok(permit)) = poll(waiting.as_mut()) else { panic!("not granted") };
            assert_eq!(permit.num_permits(), 2);
            semaphore.close();
            assert!(matches!(semaphore.try_acquire(), Err(TryAcquireError::Closed)));
            assert!(matches!(poll(pin!(semaphore.acquire())), Poll::Ready(Err(_))));
            drop(permit);
            assert_eq!(semaphore.available_permits(), 2);
        }

        #[test]
        #[should_panic(expected = "merging permits from different semaphore instances")]
        fn permits_of_two_semaphores_do_not_merge() {
            let (one, other) = (Semaphore::new(1), Semaphore::new(1));
            one.try_acquire().unwrap().merge(other.try_acquire().unwrap());
        }

        #[test]
        fn notifications_go_where_they_went() {
            let notify = Arc::new(Notify::new());
            notify.notify_one();
            notify.notify_one();
            assert!(poll(pin!(notify.notified())).is_ready(), "a permit was kept");
            assert!(poll(pin!(notify.notified())).is_pending(), "and only one");
            let (mut first, mut last) = (Box::pin(notify.notified()), Box::pin(notify.notified()));
            assert!(!first.as_mut().enable() && !last.as_mut().enable());
            notify.notify_last();
            assert!(poll(first.as_mut()).is_pending() && poll(last.as_mut()).is_ready());
            notify.notify_one();
            drop(first);
            assert!(poll(pin!(notify.notified())).is_ready(), "who is dropped hands it on");
            let mut made = pin!(Arc::clone(&notify).notified_owned());
            notify.notify_waiters();
            assert!(poll(made.as_mut()).is_ready(), "it was there, though nobody polled it");
            assert!(poll(pin!(notify.notified())).is_pending(), "this one was not");
        }

        #[test]
        fn one_of_a_barrier_leads() {
            let barrier = Barrier::new(2);
            let (mut one, mut two) = (pin!(barrier.wait()), pin!(barrier.wait()));
            assert!(poll(one.as_mut()).is_pending());
            let (Poll::Ready(two), Poll::Ready(one)) = (poll(two.as_mut()), poll(one.as_mut())) else { panic!() };
            assert!(two.is_leader() && !one.is_leader());
            assert!(poll(pin!(Barrier::new(0).wait())).is_ready());
        }

        #[test]
        fn a_cell_is_filled_by_the_next_when_one_gives_up() {
            let cell = OnceCell::new();
            let mut first = Box::pin(cell.get_or_init(|| async {
                std::future::pending::<()>().await;
                1
            }));
            let mut second = pin!(cell.get_or_init(|| async { 2 }));
            assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
            assert!(matches!(cell.set(3), Err(SetError::InitializingError(3))));
            drop(first);
            assert!(matches!(poll(second.as_mut()), Poll::Ready(&2)));
            assert!(matches!(cell.set(3), Err(SetError::AlreadyInitializedError(3))));
            let empty = OnceCell::<u8>::new();
            let mut failing = pin!(empty.get_or_try_init(|| async { Err("no") }));
            assert!(matches!(poll(failing.as_mut()), Poll::Ready(Err("no"))) && !empty.initialized());
            let mut taken = OnceCell::new_with(Some(4));
            assert_eq!(
                (taken.take(), taken.get(), taken.set(5).is_ok(), taken.clone().into_inner()),
                (Some(4), None, true, Some(5))
            );
            assert_eq!(
                format!("{:?} {:?}", OnceCell::<u8>::new(), cell),
                r#"OnceCell { value: None } OnceCell { value: Some(2) }"#
            );
            assert!(OnceCell::from(2) == cell);
            let set = SetOnce::new();
            let mut waiting = pin!(set.wait());
            assert!(poll(waiting.as_mut()).is_pending());
            assert!(set.set(6).is_ok() && set.set(7) == Err(SetOnceError(7)));
            assert!(matches!(poll(waiting.as_mut()), Poll::Ready(&6)));
        }

        #[test]
        fn a_bounded_channel_has_room_and_order() {
            run(async {
                let (sender, mut receiver) = mpsc::channel(2);
                sender.try_send(1).unwrap();
                let permit = sender.reserve().await.unwrap();
                assert!(matches!(sender.try_send(9), Err(mpsc::error::TrySendError::Full(9))));
                let mut waiting = Box::pin(sender.send(3));
                assert!(poll(waiting.as_mut()).is_pending());
                permit.send(2);
                assert_eq!((receiver.recv().await, receiver.len(), sender.capacity()), (Some(1), 1, 0));
                waiting.await.unwrap();
                let mut many = Vec::new();
                assert_eq!((receiver.recv_many(&mut many, 5).await, many.as_slice()), (2, &[2, 3][..]));
                let late = sender.send_timeout(4, Duration::from_secs(1)).await;
                assert!(late.is_ok());
                let owned = sender.clone().reserve_owned().await.unwrap();
                let late = sender.send_timeout(5, Duration::from_secs(1)).await;
                assert_eq!(late, Err(mpsc::error::SendTimeoutError::Timeout(5)));
                let again = owned.send(6);
                assert!(again.same_channel(&sender));
                assert_eq!((receiver.try_recv(), receiver.recv().await), (Ok(4), Some(6)));
                assert_eq!(sender.reserve_many(3).await.unwrap_err(), mpsc::error::SendError(()));
                let mut permits = sender.reserve_many(2).await.unwrap();
                assert_eq!(permits.len(), 2);
                permits.next().unwrap().send(7);
                drop(permits);
                assert_eq!((sender.capacity(), receiver.recv().await), (1, Some(7)));
                let weak = sender.downgrade();
                drop((sender, again));
                assert!(weak.upgrade().is_none() && receiver.recv().await.is_none());
                assert_eq!(receiver.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
                let (sender, mut receiver) = mpsc::channel(1);
                sender.send(1).await.unwrap();
                receiver.close();
                assert_eq!(sender.send(2).await, Err(mpsc::error::SendError(2)));
                sender.closed().await;
                assert_eq!((receiver.recv().await, receiver.recv().await, receiver.is_closed()), (Some(1), None, true));
            });
        }

        #[test]
        fn an_unbounded_channel_is_polled_by_hand() {
            run(async {
                let (sender, mut receiver) = mpsc::unbounded_channel();
                let task = tokio::spawn(async move {
                    let first = poll_fn(|cx| receiver.poll_recv(cx)).await;
                    let mut rest = Vec::new();
                    let count = poll_fn(|cx| receiver.poll_recv_many(cx, &mut rest, 2)).await;
                    (first, count, rest, receiver.len())
                });
                tokio::task::yield_now().await;
                (1..=4).for_each(|number| sender.send(number).unwrap());
                assert_eq!(task.await.unwrap(), (Some(1), 2, vec![2, 3], 1));
                assert!(sender.send(5).is_err() && sender.is_closed());
            });
        }

        #[test]
        fn a_oneshot_channel_ends() {
            run(async {
                let (sender, mut receiver) = oneshot::channel();
                assert_eq!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Empty));
                sender.send(1).unwrap();
                assert_eq!((&mut receiver).await, Ok(1));
                assert!(receiver.is_terminated());
                let (sender, receiver) = oneshot::channel::<u8>();
                drop(sender);
                assert!(receiver.await.is_err());
                let (mut sender, mut receiver) = oneshot::channel::<u8>();
                receiver.close();
                sender.closed().await;
                assert_eq!((sender.is_closed(), sender.send(2)), (true, Err(2)));
                let (sender, receiver) = oneshot::channel();
                let job = tokio::task::spawn_blocking(|| receiver.blocking_recv());
                sender.send(3).unwrap();
                assert_eq!(job.await.unwrap(), Ok(3));
            });
        }

        #[test]
        fn a_broadcast_reaches_all_and_loses_what_is_old() {
            run(async {
                use broadcast::error::{RecvError, TryRecvError};
                let (sender, mut one) = broadcast::channel(2);
                let mut two = sender.subscribe();
                assert_eq!((sender.send(1).unwrap(), one.recv().await), (2, Ok(1)));
                sender.send(2).unwrap();
                sender.send(3).unwrap();
                assert_eq!((two.recv().await, two.recv().await), (Err(RecvError::Lagged(1)), Ok(2)));
                let mut new = two.resubscribe();
                assert_eq!((new.try_recv(), sender.receiver_count(), one.len()), (Err(TryRecvError::Empty), 3, 2));
                let weak = sender.downgrade();
                drop(sender);
                assert!(weak.upgrade().is_none());
                assert_eq!((new.recv().await, one.recv().await), (Err(RecvError::Closed), Ok(2)));
            });
        }

        #[test]
        fn a_watched_value_is_seen() {
            run(async {
                let (sender, mut receiver) = watch::channel(1);
                assert!(!receiver.has_changed().unwrap() && !sender.send_if_modified(|_| false));
                sender.send(2).unwrap();
                receiver.changed().await.unwrap();
                assert_eq!(*receiver.borrow_and_update(), 2);
                let mut other = sender.subscribe();
                let task = tokio::spawn(async move { *other.wait_for(|value| *value > 3).await.unwrap() });
                tokio::task::yield_now().await;
                sender.send_modify(|value| *value += 1);
                tokio::task::yield_now().await;
                assert_eq!((sender.send_replace(4), task.await.unwrap(), *sender.borrow()), (3, 4, 4));
                let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    sender.send_modify(|_| panic!("on purpose"));
                }));
                assert!(panicked.is_err() && *receiver.borrow() == 4);
                drop(receiver);
                assert!(sender.send(5).is_err() && sender.is_closed());
                sender.closed().await;
                assert_eq!(*sender.borrow(), 4);
                drop(sender);
            });
        }

        #[test]
        fn the_budget_is_the_same() {
            let polls = |mode: usize| {
                run(async {
                    let (mutex, semaphore) = (Mutex::new(()), Semaphore::new(1));
                    let (sender, mut receiver) = mpsc::unbounded_channel();
                    (0..1000).for_each(|number| sender.send(number).unwrap());
                    let mut ready = 0;
                    poll_fn(|cx| {
                        loop {
                            let polled = match mode {
                                0 => pin!(mutex.lock()).poll(cx).map(drop),
                                1 => pin!(semaphore.acquire()).poll(cx).map(drop),
                                _ => receiver.poll_recv(cx).map(drop),
                            };
                            if polled.is_pending() {
                                return Poll::Ready(());
                            }
                            ready += 1;
                        }
                    })
                    .await;
                    ready
                })
            };
            assert_eq!([0, 1, 2].map(polls), [128; 3]);
        }

        #[test]
        fn a_time_limit_is_seen_though_the_budget_is_used_up() {
            run(async {
                let greedy = async {
                    loop {
                        tokio::task::consume_budget().await;
                        tokio::time::advance(Duration::from_secs(1)).await;
                    }
                };
                let limited = tokio::time::timeout(Duration::from_secs(5), greedy).await;
                assert_eq!(limited.unwrap_err().to_string(), "deadline has elapsed");
                let in_time = tokio::time::timeout(Duration::MAX, async { 1 });
                assert_eq!(in_time.await, Ok(1));
                let mut limited = tokio::time::timeout(Duration::from_secs(1), std::future::ready(2));
                assert_eq!(
                    (limited.get_mut().await, format!("{:?}", limited.get_ref())),
                    (2, "Ready(None)".to_owned())
                );
            });
        }

        #[test]
        fn time_passes_as_it_is_told() {
            run(async {
                let start = tokio::time::Instant::now();
                let mut interval = tokio::time::interval(Duration::from_secs(2));
                interval.tick().await;
                poll_fn(|cx| interval.poll_tick(cx)).await;
                assert_eq!(start.elapsed(), Duration::from_secs(2));
                let mut sleep = pin!(tokio::time::sleep(Duration::from_secs(10)));
                sleep.as_mut().reset(start + Duration::from_secs(5));
                sleep.as_mut().await;
                assert_eq!((sleep.is_elapsed(), start.elapsed()), (true, Duration::from_secs(5)));
            });
        }

        #[test]
        fn macros_work_as_they_are() {
            run(async {
                let (sender, mut receiver) = mpsc::channel(1);
                sender.send(1).await.unwrap();
                let chosen = tokio::select! {
                    biased;
                    message = receiver.recv() => message,
                    () = tokio::time::sleep(Duration::from_secs(1)) => None,
                };
                let joined = tokio::join!(async { 1 }, async { 2 });
                let tried = tokio::try_join!(async { Ok::<_, ()>(1) }, async { Err::<u8, _>(()) });
                tokio::pin! { let pinned = async { 3 }; }
                assert_eq!((chosen, joined, tried, pinned.await), (Some(1), (1, 2), Err(()), 3));
                tokio::task_local! { static NUMBER: u8; }
                assert_eq!(NUMBER.scope(4, async { NUMBER.get() }).await, 4);
            });
        }

        #[tokio::test(start_paused = true)]
        async fn attributes_find_their_crate() {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            assert_eq!(tokio::spawn(async { 1 }).await.unwrap(), 1);
        }
    };
}

mod originals {
    program!(::tokio);
}

mod ours {
    program!(gordian::tokio);
}
