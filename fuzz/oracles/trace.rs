//! What must hold of the trace reader on any bytes. Shared by the fuzz target and the test that replays its corpus.

use gordian::event::{Event, Names};
use gordian::trace::{Policy, StdWriter, Tables, TraceError, TraceReader, TraceWriter};

/// Events that are kept for the round trip: a packed block may say much in few bytes.
const KEPT: usize = 1 << 17;

/// Reads the bytes to the end or to the error. What was read is written and must read the same.
///
/// # Panics
/// If it does not.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(mut reader) = TraceReader::open(bytes) else { return };
    let Some((events, complete)) = read(&mut reader) else { return };
    let mut binary = TraceWriter::new(Vec::new()).expect("writing to memory succeeds");
    binary.write(&events, reader.names()).expect("writing to memory succeeds");
    let binary = binary.finish(reader.names()).expect("writing to memory succeeds");
    same(&events, reader.names(), &binary, bytes.len());
    let mut text = Vec::new();
    let mut writer = StdWriter::new(&mut text, Policy::Omit);
    writer.write(&events, reader.names()).expect("writing to memory succeeds");
    let written = events.len() as u64 - writer.finish().expect("writing to memory succeeds").dropped;
    let mut again = TraceReader::open(&text[..]).expect("text has no header");
    assert_eq!(again.read_to_end().expect("what is written is well formed").len() as u64, written);
    if reader.is_binary() && complete {
        assert_eq!(framed(bytes), bytes, "the frame of a whole file is right");
    } else if complete {
        let mut text = Vec::new();
        let mut writer = StdWriter::new(&mut text, Policy::Refuse);
        writer.write(&events, reader.names()).expect("what was STD text is STD text");
        writer.finish().expect("writing to memory succeeds");
        let mut again = TraceReader::open(&text[..]).expect("text has no header");
        assert_eq!(again.read_to_end().expect("what was well formed still is"), events);
    }
}

/// All events before the end or the error, and whether there was none, unless there are too many; ordinals must be
/// gapless.
fn read(reader: &mut TraceReader<&[u8]>) -> Option<(Vec<Event>, bool)> {
    let (mut all, mut batch, mut ordinal) = (Vec::new(), Vec::new(), 1);
    let complete = loop {
        match reader.next_batch(&mut batch) {
            Ok(Some(first)) => {
                assert!(!batch.is_empty());
                assert_eq!(first, ordinal);
                ordinal += batch.len() as u64;
            }
            Ok(None) => break reader.truncated().is_none(),
            Err(_) => {
                assert!(matches!(reader.next_batch(&mut batch), Ok(None)), "after an error there is nothing");
                break false;
            }
        }
        if ordinal as usize <= KEPT {
            all.append(&mut batch);
        }
    };
    (ordinal as usize <= KEPT).then_some((all, complete))
}

/// The bytes, written for others of the given length, read as the events.
fn same(events: &[Event], names: &Tables, bytes: &[u8], original: usize) {
    let mut reader = TraceReader::open(bytes).expect("what was written opens");
    match reader.read_to_end() {
        Ok(again) => assert_eq!(again, events),
        // How large identifiers may be goes by the length of the file, and padding is not written again.
        Err(TraceError::Damaged { reason, .. }) if bytes.len() < original && reason.contains("far beyond") => return,
        Err(error) => panic!("what was written reads: {error:?}"),
    }
    assert_eq!(reader.truncated(), None);
    for event in events {
        assert_eq!(reader.names().site(event.site), names.site(event.site));
        assert_eq!(reader.names().thread_name(event.owner.thread), names.thread_name(event.owner.thread));
    }
}

/// The bytes behind a file header, or all of them, as blocks with right lengths and checksums: what a mutation of a
/// valid file would otherwise fail at first. A header stays as it is.
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    const HEADER: [u8; 16] = *b"\xffgordian\x02\0\x02\0\0\0\0\0";
    let (header, mut rest) = match bytes.split_at_checked(HEADER.len()) {
        Some((header, rest)) if header.starts_with(&HEADER[..8]) => (header, rest),
        _ => (&HEADER[..], bytes),
    };
    let mut file = header.to_vec();
    while let Some((head, behind)) = rest.split_at_checked(24) {
        let mut head: [u8; 16] = std::array::from_fn(|at| head[at]);
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (payload, behind) = behind.split_at(length.min(behind.len()));
        head[4..8].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        file.extend_from_slice(&head);
        file.extend_from_slice(&checksum(&head, payload).to_le_bytes());
        file.extend_from_slice(payload);
        rest = behind;
    }
    file.extend_from_slice(rest);
    file
}

/// The checksum of a block, word by word: whole groups of four words go to four lanes, what is left, and the head, to
/// the first.
fn checksum(head: &[u8; 16], payload: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |lane: u64, word: u64| (lane.rotate_left(5) ^ word).wrapping_mul(K);
    let words = |bytes: &[u8]| -> Vec<u64> {
        let word = |part: &[u8]| part.iter().rfold(0, |word, &byte| word << 8 | u64::from(byte));
        bytes.chunks(8).map(word).collect()
    };
    let mut lanes = [K, !K, K.rotate_left(17), K.rotate_left(41)];
    let whole = payload.len() / 32 * 4;
    let payload_words = words(payload);
    for (at, &word) in payload_words.iter().enumerate() {
        let lane = &mut lanes[if at < whole { at % 4 } else { 0 }];
        *lane = step(*lane, word);
    }
    for word in words(head) {
        lanes[0] = step(lanes[0], word);
    }
    lanes.into_iter().fold(payload.len() as u64, step)
}
