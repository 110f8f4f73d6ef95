//! What must hold of the trace reader on any bytes. Shared by the fuzz target and the test that replays its corpus.

use gordian::event::{Event, Names};
use gordian::trace::{Policy, StdWriter, Tables, TraceReader, TraceWriter};

/// Events that are kept for the round trip: a packed block may say much in few bytes.
const KEPT: usize = 1 << 17;

/// Reads the bytes to the end or to the error. What reads completely is written and must read the same.
///
/// # Panics
/// If it does not.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(mut reader) = TraceReader::open(bytes) else { return };
    let Some(events) = read(&mut reader) else { return };
    if reader.truncated().is_some() {
        return;
    }
    let mut binary = TraceWriter::new(Vec::new()).expect("writing to memory succeeds");
    binary.write(&events, reader.names()).expect("writing to memory succeeds");
    let binary = binary.finish(reader.names()).expect("writing to memory succeeds");
    same(&events, reader.names(), &binary);
    if !reader.is_binary() {
        let mut text = Vec::new();
        let mut writer = StdWriter::new(&mut text, Policy::Refuse);
        writer.write(&events, reader.names()).expect("what was STD text is STD text");
        writer.finish().expect("writing to memory succeeds");
        let mut again = TraceReader::open(&text[..]).expect("text has no header");
        assert_eq!(again.read_to_end().expect("what was well formed still is"), events);
    }
}

/// All events, unless there are too many or an error comes; ordinals must be gapless.
fn read(reader: &mut TraceReader<&[u8]>) -> Option<Vec<Event>> {
    let (mut all, mut batch, mut ordinal) = (Vec::new(), Vec::new(), 1);
    loop {
        match reader.next_batch(&mut batch) {
            Ok(Some(first)) => {
                assert!(!batch.is_empty());
                assert_eq!(first, ordinal);
                ordinal += batch.len() as u64;
            }
            Ok(None) => return (ordinal as usize <= KEPT).then_some(all),
            Err(_) => {
                assert!(matches!(reader.next_batch(&mut batch), Ok(None)), "after an error there is nothing");
                return None;
            }
        }
        if ordinal as usize <= KEPT {
            all.append(&mut batch);
        }
    }
}

fn same(events: &[Event], names: &Tables, bytes: &[u8]) {
    let mut reader = TraceReader::open(bytes).expect("what was written opens");
    assert_eq!(reader.read_to_end().expect("what was written reads"), events);
    assert_eq!(reader.truncated(), None);
    for event in events {
        assert_eq!(reader.names().site(event.site), names.site(event.site));
        assert_eq!(reader.names().thread_name(event.owner.thread), names.thread_name(event.owner.thread));
    }
}
