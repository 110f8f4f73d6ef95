//! Signatures: one program over the whole interface, compiled against both sides. That a coercion compiles is the test.

macro_rules! is {
    ($($function:expr => $type:ty;)+) => { $(let _: $type = $function;)+ };
}

macro_rules! program {
    ($root:path) => {
        use std::hash::DefaultHasher;
        use std::pin::Pin;
        use std::sync::Arc;
        use std::task::{Context, Poll};

        use futures::channel::{mpsc, oneshot};
        use futures::future::FusedFuture;
        use futures::lock::*;
        use futures::stream::{FusedStream, StreamExt};
        use futures::{Sink, SinkExt, Stream};
        use mpsc::{SendError, TryRecvError, TrySendError};
        use $root as futures;

        fn fused<F: FusedFuture>(_: &F) {}
        fn stream<S: Stream<Item = u8> + FusedStream>(_: &S) {}
        fn sink<S: Sink<u8, Error = SendError>>(_: &S) {}

        #[test]
        fn locks() {
            type Mapped = MappedMutexGuard<'static, u8, u8>;
            is! {
                Mutex::new => fn(u8) -> Mutex<u8>;
                Mutex::into_inner => fn(Mutex<u8>) -> u8;
                Mutex::get_mut => fn(&mut Mutex<u8>) -> &mut u8;
                Mutex::lock => fn(&Mutex<u8>) -> MutexLockFuture<'_, u8>;
                Mutex::try_lock => fn(&Mutex<u8>) -> Option<MutexGuard<'_, u8>>;
                Mutex::lock_owned => fn(Arc<Mutex<u8>>) -> OwnedMutexLockFuture<u8>;
                Mutex::try_lock_owned => fn(&Arc<Mutex<u8>>) -> Option<OwnedMutexGuard<u8>>;
                MutexGuard::map => fn(MutexGuard<'static, u8>, fn(&mut u8) -> &mut u8) -> Mapped;
                MappedMutexGuard::map => fn(Mapped, fn(&mut u8) -> &mut u8) -> Mapped;
                <Mutex<u8> as From<u8>>::from => fn(u8) -> Mutex<u8>;
                <Mutex<u8> as Default>::default => fn() -> Mutex<u8>;
            }
            let mutex = Arc::new(Mutex::new([1, 2]));
            let unsized_: Arc<Mutex<[i32]>> = mutex.clone();
            fused(&mutex.lock());
            fused(&unsized_.clone().lock_owned());
            futures::executor::block_on(async {
                let mut guard = mutex.lock().await;
                guard[0] += 1;
                assert!(unsized_.try_lock_owned().is_none() && mutex.try_lock().is_none());
                let part = MutexGuard::map(guard, |all| &mut all[0]);
                assert_eq!(*MappedMutexGuard::map(part, |part| part), 2);
                assert_eq!(unsized_.clone().lock_owned().await[0], 2);
            });
            assert_eq!(format!("{mutex:?}"), "Mutex { is_locked: false, has_waiters: false }");
            let guard = mutex.try_lock().unwrap();
            let shown = "MutexGuard { value: [2, 2], mutex: Mutex { is_locked: true, has_waiters: false } }";
            assert_eq!(format!("{guard:?}"), shown);
        }

        #[test]
        fn oneshots() {
            is! {
                oneshot::channel => fn() -> (oneshot::Sender<u8>, oneshot::Receiver<u8>);
                oneshot::Sender::send => fn(oneshot::Sender<u8>, u8) -> Result<(), u8>;
                oneshot::Sender::poll_canceled => fn(&mut oneshot::Sender<u8>, &mut Context<'_>) -> Poll<()>;
                oneshot::Sender::cancellation => fn(&mut oneshot::Sender<u8>) -> oneshot::Cancellation<'_, u8>;
                oneshot::Sender::is_canceled => fn(&oneshot::Sender<u8>) -> bool;
                oneshot::Sender::is_connected_to => fn(&oneshot::Sender<u8>, &oneshot::Receiver<u8>) -> bool;
                oneshot::Receiver::close => fn(&mut oneshot::Receiver<u8>);
                oneshot::Receiver::try_recv => fn(&mut oneshot::Receiver<u8>) -> Result<Option<u8>, oneshot::Canceled>;
            }
            let (mut sender, mut receiver) = oneshot::channel();
            fused(&receiver);
            assert!(sender.is_connected_to(&receiver) && receiver.try_recv() == Ok(None));
            receiver.close();
            futures::executor::block_on(sender.cancellation());
            assert_eq!((sender.is_canceled(), sender.send(1)), (true, Err(1)));
            assert_eq!(futures::executor::block_on(receiver), Err(oneshot::Canceled));
        }

        #[test]
        fn mpscs() {
            type Sent<T> = Result<(), T>;
            type Ready = Poll<Sent<SendError>>;
            is! {
                mpsc::channel => fn(usize) -> (mpsc::Sender<u8>, mpsc::Receiver<u8>);
                mpsc::unbounded => fn() -> (mpsc::UnboundedSender<u8>, mpsc::UnboundedReceiver<u8>);
                mpsc::Sender::try_send => fn(&mut mpsc::Sender<u8>, u8) -> Sent<TrySendError<u8>>;
                mpsc::Sender::start_send => fn(&mut mpsc::Sender<u8>, u8) -> Sent<SendError>;
                mpsc::Sender::poll_ready => fn(&mut mpsc::Sender<u8>, &mut Context<'_>) -> Ready;
                mpsc::Sender::is_closed => fn(&mpsc::Sender<u8>) -> bool;
                mpsc::Sender::close_channel => fn(&mut mpsc::Sender<u8>);
                mpsc::Sender::disconnect => fn(&mut mpsc::Sender<u8>);
                mpsc::Sender::same_receiver => fn(&mpsc::Sender<u8>, &mpsc::Sender<u8>) -> bool;
                mpsc::Sender::is_connected_to => fn(&mpsc::Sender<u8>, &mpsc::Receiver<u8>) -> bool;
                mpsc::Sender::hash_receiver => fn(&mpsc::Sender<u8>, &mut DefaultHasher);
                mpsc::UnboundedSender::unbounded_send => fn(&mpsc::UnboundedSender<u8>, u8) -> Sent<TrySendError<u8>>;
                mpsc::UnboundedSender::start_send => fn(&mut mpsc::UnboundedSender<u8>, u8) -> Sent<SendError>;
                mpsc::UnboundedSender::poll_ready => fn(&mpsc::UnboundedSender<u8>, &mut Context<'_>) -> Ready;
                mpsc::UnboundedSender::close_channel => fn(&mpsc::UnboundedSender<u8>);
                mpsc::UnboundedSender::disconnect => fn(&mut mpsc::UnboundedSender<u8>);
                mpsc::UnboundedSender::len => fn(&mpsc::UnboundedSender<u8>) -> usize;
                mpsc::UnboundedSender::is_empty => fn(&mpsc::UnboundedSender<u8>) -> bool;
                mpsc::Receiver::recv => fn(&mut mpsc::Receiver<u8>) -> mpsc::Recv<'_, mpsc::Receiver<u8>>;
                mpsc::Receiver::try_recv => fn(&mut mpsc::Receiver<u8>) -> Result<u8, TryRecvError>;
                mpsc::Receiver::close => fn(&mut mpsc::Receiver<u8>);
                mpsc::UnboundedReceiver::try_recv => fn(&mut mpsc::UnboundedReceiver<u8>) -> Result<u8, TryRecvError>;
                mpsc::UnboundedReceiver::close => fn(&mut mpsc::UnboundedReceiver<u8>);
                TrySendError::is_full => fn(&TrySendError<u8>) -> bool;
                TrySendError::is_disconnected => fn(&TrySendError<u8>) -> bool;
                TrySendError::into_inner => fn(TrySendError<u8>) -> u8;
                TrySendError::into_send_error => fn(TrySendError<u8>) -> SendError;
            }
            let (mut sender, mut receiver) = mpsc::channel::<u8>(0);
            (stream(&receiver), sink(&sender), fused(&receiver.recv()));
            sender.try_send(1).unwrap();
            let full = sender.try_send(2).unwrap_err();
            assert_eq!((full.is_full(), format!("{full:?}").as_str()), (true, "TrySendError { kind: Full }"));
            assert_eq!((full.to_string().as_str(), full.into_inner()), ("send failed because channel is full", 2));
            let mut other = sender.clone();
            assert!(other.same_receiver(&sender) && other.is_connected_to(&receiver));
            futures::executor::block_on(async {
                other.feed(3).await.unwrap();
                assert_eq!((receiver.next().await, receiver.recv().await), (Some(1), Ok(3)));
                assert!(receiver.try_recv().unwrap_err().is_empty());
                (sender.disconnect(), other.close().await.unwrap());
                assert_eq!((receiver.next().await, receiver.is_terminated()), (None, true));
            });
            let gone = sender.try_send(4).unwrap_err();
            assert_eq!(
                (gone.is_disconnected(), format!("{gone:?}").as_str()),
                (true, "TrySendError { kind: Disconnected }")
            );
            assert!(gone.into_send_error().is_disconnected());

            let (mut sender, mut receiver) = mpsc::unbounded::<u8>();
            (stream(&receiver), sink(&sender), sink(&&sender));
            sender.unbounded_send(1).unwrap();
            assert_eq!((sender.len(), receiver.size_hint()), (1, (1, None)));
            Pin::new(&mut sender).start_send(2).unwrap();
            receiver.close();
            assert!(sender.is_closed() && sender.unbounded_send(3).is_err());
            assert_eq!(futures::executor::block_on(receiver.collect::<Vec<_>>()), [1, 2]);
        }
    };
}

mod originals {
    program!(::futures);
}

mod ours {
    program!(gordian::futures);
}
