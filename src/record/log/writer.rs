//! The background thread that writes the file. It uses only what std and parking_lot give, so no wrapper sees it.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use super::outgoing::Packing;
use super::{PERIOD, Request, Shared};

pub(super) struct Writer<W> {
    sink: W,
    shared: Arc<Shared>,
    packing: Packing,
    bytes: Vec<u8>,
    /// The first error: after it nothing is written, but what threads pass on is still taken.
    error: Option<io::Error>,
}

impl<W: Write> Writer<W> {
    /// Writes the header of the file.
    pub(super) fn new(sink: W, shared: Arc<Shared>) -> io::Result<Self> {
        let mut writer = Self { sink, shared, packing: Packing::default(), bytes: Vec::new(), error: None };
        writer.write();
        match writer.error {
            None => Ok(writer),
            Some(error) => Err(error),
        }
    }

    /// Writes until closed.
    pub(super) fn run(mut self) {
        let mut next_look = Instant::now() + PERIOD;
        loop {
            let (asked, worth_a_look) = self.wait(next_look);
            let close = asked.iter().any(|request| request.close);
            if worth_a_look || Instant::now() >= next_look {
                self.look();
                next_look = Instant::now() + PERIOD;
            }
            let late = if close { self.end() } else { Vec::new() };
            self.write();
            for request in asked.into_iter().chain(late) {
                let _ = request.answer.send(self.result());
            }
            if close {
                return;
            }
        }
    }

    /// Waits for work, until the deadline at most; says what was asked for, and whether it is worth a look.
    fn wait(&self, deadline: Instant) -> (Vec<Request>, bool) {
        let mut outgoing = self.shared.outgoing.lock();
        while outgoing.asked.is_empty() && !outgoing.is_enough() {
            if self.shared.work.wait_until(&mut outgoing, deadline).timed_out() {
                break;
            }
        }
        let asked = std::mem::take(&mut outgoing.asked);
        let worth_a_look = !asked.is_empty() || outgoing.is_worth_a_look();
        (asked, worth_a_look)
    }

    /// Passes on what stands in the buffers of living threads.
    fn look(&mut self) {
        self.shared.outgoing.lock().looked();
        let parts = self.shared.parts.lock().clone();
        for part in parts {
            part.pass_on(&self.shared, &mut self.packing, false);
        }
    }

    /// Nothing more is taken. Requests that came meanwhile are to be answered.
    fn end(&self) -> Vec<Request> {
        let mut outgoing = self.shared.outgoing.lock();
        outgoing.end();
        std::mem::take(&mut outgoing.asked)
    }

    /// Writes what was passed on.
    fn write(&mut self) {
        self.shared.outgoing.lock().move_into(&mut self.bytes);
        self.shared.room.notify_all();
        if self.error.is_none() {
            let result = self.sink.write_all(&self.bytes).and_then(|()| self.sink.flush());
            self.error = result.err();
        }
        self.bytes.clear();
    }

    fn result(&self) -> io::Result<()> {
        match &self.error {
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod models {
    use std::collections::VecDeque;
    use std::panic::Location;

    use super::super::ThreadLog;
    use super::super::buffer::WORDS;
    use super::*;
    use crate::event::{Attempt, Event, LockId, Mode, Op, ThreadId};
    use crate::primitive::Mutex;
    use crate::primitive::model::{check, check_within, spawn};
    use crate::trace::TraceReader;

    const LOCK: LockId = LockId(0);
    const ACQUIRED: Op = Op::Acquired { lock: LOCK, mode: Mode::Exclusive, attempt: Attempt::Blocking };
    const RELEASED: Op = Op::Released { lock: LOCK, mode: Mode::Exclusive };

    /// A writer without its thread, so that a model says when it looks, and the file that it writes.
    fn writer() -> (Writer<Vec<u8>>, Arc<Shared>) {
        let shared = Arc::new(Shared::new());
        (Writer::new(Vec::new(), shared.clone()).expect("memory can be written"), shared)
    }

    /// What the file says so far, and whether it says that it is whole.
    fn read(writer: &Writer<Vec<u8>>) -> (Vec<Event>, bool) {
        let mut reader = TraceReader::open(&writer.sink[..]).expect("the header is there");
        let events = reader.read_to_end().expect("what is there is not damaged");
        (events, reader.truncated().is_none())
    }

    /// A thread logs more than a buffer holds while the writer looks: the file has each event once, in order.
    #[test]
    fn no_event_is_lost_or_told_twice() {
        check("no event is lost or told twice", || {
            let (mut writer, shared) = writer();
            let mut log = ThreadLog::new(Arc::clone(&shared), ThreadId(0));
            let here = Location::caller();
            let count = WORDS as u32 + 2;
            let thread = spawn(move || {
                for lock in (0..count).map(LockId) {
                    log.make_room().push(Op::Released { lock, mode: Mode::Exclusive }, here);
                }
            });
            writer.look();
            writer.write();
            let (seen, _) = read(&writer);
            thread.join().unwrap();
            writer.look();
            writer.end();
            writer.write();
            let (events, whole) = read(&writer);
            assert!(whole);
            assert_eq!(events[..seen.len()], seen);
            let ops = (0..count).map(|lock| Op::Released { lock: LockId(lock), mode: Mode::Exclusive });
            assert_eq!(events.iter().map(|event| event.op).collect::<Vec<_>>(), ops.collect::<Vec<_>>());
        });
    }

    /// A thread changes its last word while the writer looks: the file has what there was at some moment, and in the end all of
    /// it, once.
    #[test]
    fn a_word_that_is_changed_is_told_once() {
        check_within(3, "a word that is changed is told once", || {
            let (mut writer, shared) = writer();
            let mut log = ThreadLog::new(Arc::clone(&shared), ThreadId(0));
            let here = Location::caller();
            log.make_room().push(RELEASED, here);
            let held = log.origin().held(here).expect("it is near");
            let thread = spawn(move || {
                log.push_held(log.ready().expect("there is room"), held.of(LOCK));
                log.end_hold(log.last().hold(LOCK).expect("nothing was between"));
            });
            let told = [RELEASED, ACQUIRED, RELEASED];
            let ops = |writer: &Writer<Vec<u8>>| {
                let (events, whole) = read(writer);
                (events.iter().map(|event| event.op).collect::<Vec<_>>(), whole)
            };
            writer.look();
            writer.write();
            let (seen, _) = ops(&writer);
            assert_eq!(seen, told[..seen.len()]);
            thread.join().unwrap();
            writer.look();
            writer.end();
            writer.write();
            assert_eq!(ops(&writer), (told.to_vec(), true));
        });
    }

    /// Two threads hand a lock on and the process is killed after the writer has looked: what is in the file alternates.
    #[test]
    fn a_cut_file_keeps_the_order() {
        check_within(3, "a cut file keeps the order", || {
            let (mut writer, shared) = writer();
            let last = Arc::new(Mutex::new(VecDeque::new()));
            let threads = [0, 1].map(|id| {
                let last = Arc::clone(&last);
                let mut log = ThreadLog::new(Arc::clone(&shared), ThreadId(id));
                let here = Location::caller();
                spawn(move || {
                    let mut last = last.lock();
                    let mut room = log.make_room();
                    if let Some(stand) = last.pop_front() {
                        room.after(stand);
                    }
                    room.push(ACQUIRED, here);
                    last.push_back(log.make_room().push(RELEASED, here));
                    drop(last);
                })
            });
            writer.look();
            writer.write();
            let (seen, _) = read(&writer);
            let legal = [ACQUIRED, RELEASED, ACQUIRED, RELEASED];
            assert_eq!(seen.iter().map(|event| event.op).collect::<Vec<_>>(), legal[..seen.len()]);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            writer.look();
            writer.end();
            writer.write();
            let (events, whole) = read(&writer);
            assert!(whole);
            assert_eq!(events.iter().map(|event| event.op).collect::<Vec<_>>(), legal);
            assert_ne!(events[0].owner, events[2].owner);
        });
    }
}
