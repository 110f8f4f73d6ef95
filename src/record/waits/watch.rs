//! The watcher: it looks again at knots of which no hook tells when they have become certain.

use std::time::Duration;

use super::{Judged, WAITS, findings, found_from_outside};
use crate::analysis::wait_for::SessionId;
use crate::record::sink::Reporting;
use crate::record::strangers::Own;
use crate::record::{outside, process};

/// How often a knot is looked at again while there are strangers who could end it.
const PERIOD: Duration = Duration::from_millis(50);

/// Sees to it that a knot is looked at again when the strangers have gone: no hook tells that.
pub(super) fn watch() {
    if process::get().is_none() || std::mem::replace(&mut WAITS.lock().watched, true) {
        return;
    }
    if Own::spawn("gordian-watch", keep_watch).is_err() {
        WAITS.lock().watched = false;
    }
}

/// Until something goes on, or it is certain that nothing does.
fn keep_watch() {
    let mut before = None;
    loop {
        std::thread::sleep(PERIOD);
        let session = SessionId::default();
        let mut waits = WAITS.lock();
        let changes = waits.graph.changes();
        let has_settled = before.replace(changes) == Some(changes);
        let judged = waits.standstill().map(|knot| match knot.rests_on_wakers() {
            false => waits.judge(knot, session),
            true if outside::could_act() => Judged::Certain(Vec::new()),
            true if has_settled => waits.judge_settled(knot, session),
            true => Judged::Unclear,
        });
        match judged {
            Some(Judged::Unclear) => {}
            Some(Judged::Certain(stuck)) => {
                waits.watched = false;
                let reporting = Reporting::new();
                drop(waits);
                return found_from_outside(findings(stuck, session), session, reporting);
            }
            None => {
                waits.watched = false;
                return;
            }
        }
    }
}
