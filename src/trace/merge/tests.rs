use super::*;
use crate::event::{Attempt, LockId, Mode, Op, SiteId, ThreadId, VarId};
use crate::trace::chunk::{HELD, MADE, after_words, event_word, stamp_word, with_release};
use crate::trace::code::{FIRST_EVENT, OWNER, slot_word, split};

const IDS: u32 = 1000;

/// A read of variable `var`: what an event is does not matter here, only which one it is.
fn event(var: u32) -> u64 {
    event_word(split(Op::Read { var: VarId(var) }).code, 0, var)
}

/// As the first order of its thread.
fn after(thread: u32, position: u64) -> u64 {
    after_words(0, thread, position).1
}

/// They know the place 0.
fn tables() -> Tables {
    let mut tables = Tables::default();
    tables.add_place(0, SiteId::UNKNOWN);
    tables
}

fn run(merge: &mut Merge) -> Result<Vec<u32>, Damage> {
    let mut batch = Vec::new();
    merge.run(&mut batch, usize::MAX, &mut tables(), IDS)?;
    Ok(batch.iter().map(|event| if let Op::Read { var } = event.op { var.0 } else { u32::MAX }).collect())
}

#[test]
fn an_event_stands_after_what_it_waits_for() {
    let mut merge = Merge::default();
    merge.add(0, 16, &[after(1, 2), event(0), event(1)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![]));
    merge.add(1, 32, &[event(10)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![10]));
    assert_eq!(merge.left(), 2);
    merge.add(1, 48, &[event(11), event(12)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![11, 12, 0, 1]));
    assert_eq!((merge.left(), merge.pending), (0, 0));
}

#[test]
fn stamps_order_across_threads_even_if_the_event_comes_later() {
    let mut merge = Merge::default();
    // Relative to the thread's last stamp: 1, then 3.
    merge.add(0, 16, &[stamp_word(1), event(1), stamp_word(2), event(3)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![]));
    merge.add(1, 32, &[stamp_word(0)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![]), "the stamp is the next, and its event is not there yet");
    merge.add(1, 48, &[event(0), event(100), stamp_word(2), event(2)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![0, 100, 1, 2, 3]));
}

#[test]
fn a_batch_may_end_anywhere() {
    let mut merge = Merge::default();
    merge.add(0, 16, &[event(0), event(1), event(2)]).unwrap();
    merge.add(1, 32, &[after(0, 3), event(3)]).unwrap();
    let mut all = Vec::new();
    loop {
        let mut batch = Vec::new();
        merge.run(&mut batch, 1, &mut tables(), IDS).unwrap();
        if batch.is_empty() {
            break;
        }
        assert_eq!(batch.len(), 1);
        all.extend(batch);
    }
    assert_eq!(all.len(), 4);
    assert_eq!(all[3].owner.thread, ThreadId(1));
}

#[test]
fn nonsense_is_damage_and_a_circle_never_comes() {
    let damage = |words: &[u64]| {
        let mut merge = Merge::default();
        merge.add(0, 16, &[event(0)]).unwrap();
        merge.add(0, 99, words).unwrap();
        run(&mut merge).unwrap_err().0
    };
    assert_eq!(damage(&[0]), 99);
    assert_eq!(damage(&[u64::from(FIRST_EVENT) | 1 << 7]), 99, "a place that was not introduced");
    assert_eq!(damage(&[event(1000)]), 99);
    assert_eq!(damage(&[event_word(MADE, 0, 1000)]), 99);
    assert_eq!(damage(&[slot_word(OWNER, 0, 0)]), 99);
    assert_eq!(damage(&[stamp_word(0), event(0), stamp_word(0), event(0)]), 99);
    assert_eq!(damage(&[stamp_word(0), stamp_word(0)]), 99);
    let mut merge = Merge::default();
    merge.add(0, 16, &[after(1, 1), event(0)]).unwrap();
    merge.add(1, 32, &[after(0, 1), event(1)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![]));
    assert_eq!(merge.left(), 2);
}

fn finish(merge: &mut Merge) -> Result<Vec<Op>, Damage> {
    let mut batch = Vec::new();
    merge.finish(&mut batch, &mut tables(), IDS)?;
    Ok(batch.iter().map(|event| event.op).collect())
}

#[test]
fn an_open_word_counts_until_its_thread_says_more() {
    let (lock, mode, attempt) = (LockId(3), Mode::Exclusive, Attempt::Blocking);
    let (acquired, released) = (Op::Acquired { lock, mode, attempt }, Op::Released { lock, mode });
    let open = event_word(HELD, 0, 3);
    let told = event_word(split(released).code, 0, 3);

    // The file ends there: the lock is held. Whoever has it after that must wait.
    let mut merge = Merge::default();
    merge.add(0, 16, &[event(0)]).unwrap();
    merge.open(0, 32, open).unwrap();
    merge.add(1, 48, &[after(0, 2), event(1)]).unwrap();
    assert_eq!(run(&mut merge), Ok(vec![0]));
    assert_eq!(merge.left(), 2);
    assert_eq!(finish(&mut merge), Ok(vec![acquired]));
    assert_eq!((run(&mut merge), finish(&mut merge), merge.left()), (Ok(vec![]), Ok(vec![]), 1));

    // The thread has released it after all.
    let mut merge = Merge::default();
    merge.add(0, 16, &[told, event(0)]).unwrap();
    merge.open(0, 32, open).unwrap();
    merge.add(0, 48, &[with_release(open, 3).unwrap()]).unwrap();
    merge.add(1, 64, &[after(0, 3), event(1)]).unwrap();
    assert_eq!(run(&mut merge).map(|events| events.len()), Ok(5));
    assert_eq!((finish(&mut merge), merge.left()), (Ok(vec![]), 0));

    // It waits for what is not in the file, or its next event does: then it does not have the lock yet.
    for before in [after(1, 9), stamp_word(7), stamp_word(0)] {
        let mut merge = Merge::default();
        merge.add(0, 16, &[before]).unwrap();
        merge.open(0, 32, open).unwrap();
        assert_eq!((run(&mut merge), finish(&mut merge), merge.left()), (Ok(vec![]), Ok(vec![]), 1));
    }

    let mut merge = Merge::default();
    for nonsense in [0, event(0), told, with_release(open, 3).unwrap()] {
        assert_eq!(merge.open(0, 99, nonsense).unwrap_err().0, 99);
    }
    merge.open(0, 77, event_word(HELD, 5, 3)).unwrap();
    assert_eq!(finish(&mut merge).unwrap_err().0, 77, "a place that was not introduced");
}

#[test]
fn what_waits_is_bounded() {
    let mut merge = Merge { pending: MAX_PENDING, ..Merge::default() };
    assert_eq!(merge.add(0, 16, &[event(0)]).unwrap_err().0, 16);
}
