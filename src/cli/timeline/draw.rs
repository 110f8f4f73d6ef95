//! The lanes as a picture, for people.

use std::fmt::Write as _;

use super::Timeline;
use super::lanes::{End, Lane, Stall, State};
use super::record::{Event, What};
use crate::cli::output;
use crate::cli::quantity::{count, time};
use crate::report::{Paint, Style, Styles, escape, wrap};

/// Lanes that are drawn at most, and stalls that are told.
const LANES: usize = 40;
const STALLS: usize = 5;
/// A poll that takes less than this part of the whole is not told of by itself.
const SHORT: u64 = 100;
/// Columns of a name; what is longer goes on below.
const LABEL: usize = 24;
/// Columns of the picture where there is no screen.
const COLUMNS: usize = 80;

/// What stands for what.
struct Signs {
    poll: char,
    short_poll: char,
    queued: char,
    overdue: char,
    suspended: char,
}

impl Signs {
    const fn of(terminal: bool) -> Self {
        if terminal {
            Self { poll: '█', short_poll: '▄', queued: '░', overdue: '▒', suspended: '─' }
        } else {
            Self { poll: '#', short_poll: '+', queued: ':', overdue: '!', suspended: '-' }
        }
    }
}

/// Time as columns.
#[derive(Clone, Copy)]
struct Scale {
    end: u64,
    columns: usize,
}

impl Scale {
    /// The time that a column stands for.
    fn column(self, column: usize) -> (u64, u64) {
        let at = |column: usize| {
            let at = u128::from(self.end) * column as u128 / self.columns as u128;
            u64::try_from(at).unwrap_or(u64::MAX)
        };
        (at(column), at(column + 1).max(at(column) + 1))
    }
}

/// The whole text.
pub(super) fn text(timeline: &Timeline, style: Style, terminal: bool) -> String {
    let styles = Styles::new(style);
    let mut out = String::new();
    let _ = writeln!(out, "{}", styles.heading.on(headline(timeline)));
    if !timeline.tasks.is_empty() {
        picture(&mut out, timeline, styles, terminal);
        out.push_str(&output::table(HEADER, timeline.tasks.iter().map(row), terminal));
        let long = |stall: &&Stall| stall.poll_ns >= timeline.end_ns / SHORT;
        let long: Vec<&Stall> = timeline.stalls.iter().filter(long).take(STALLS).collect();
        for stall in &long {
            let _ = writeln!(out, "{}", told(timeline, stall));
        }
        let more = timeline.stalls.len() - long.len();
        if more > 0 {
            let what = if long.is_empty() { "" } else { "more " };
            let _ = writeln!(
                out,
                "{more} {what}short polls during which others could have gone on (--format json has them)"
            );
        }
    }
    if timeline.show_events {
        out.push('\n');
        for event in &timeline.events {
            let _ = writeln!(out, "{}", line(timeline, event));
        }
    }
    for finding in &timeline.findings {
        let message = escape(&finding.message);
        let _ = writeln!(out, "{} {}: {message}", styles.error.on("found:"), finding.kind);
    }
    if !timeline.findings.is_empty() {
        out.push_str("a report is made in the poll that it is about, which takes longer for that\n");
    }
    if !timeline.findings.is_empty() && crate::cli::scenarios::find(timeline.name).is_some() {
        let _ = writeln!(out, "gordian run {} has the report", timeline.name);
    }
    if let Some(trouble) = &timeline.trouble {
        let _ = writeln!(out, "{} {}", styles.error.on("note:"), escape(trouble));
    }
    out
}

/// `cpu-in-the-loop: 5 tasks on 1 thread, 46 polls in 231 ms`.
fn headline(timeline: &Timeline) -> String {
    let many = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        many => format!("{} {what}s", count(many as u64)),
    };
    let polls = timeline.tasks.iter().map(|lane| lane.polls).sum();
    let fixed = if timeline.fixed { " (fixed)" } else { "" };
    format!(
        "{}{fixed}: {} on {}, {} in {}",
        timeline.name,
        many(timeline.tasks.len(), "task"),
        many(timeline.threads.len(), "thread"),
        many(polls, "poll"),
        time(timeline.end_ns)
    )
}

fn picture(out: &mut String, timeline: &Timeline, styles: Styles, terminal: bool) {
    let signs = Signs::of(terminal);
    let drawn = drawn(&timeline.tasks);
    let labels = drawn.iter().map(|lane| lane.name.as_str()).chain(timeline.threads.values().map(String::as_str));
    let label = labels.map(|name| escape(name).chars().count()).max().unwrap_or(0).clamp(5, LABEL);
    let screen = terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
    let columns = screen.map_or(COLUMNS, |screen| screen.saturating_sub(label + 2).max(20));
    let scale = Scale { end: timeline.end_ns.max(1), columns };
    let mut draw = |name: &str, cells: &[(char, Paint)]| {
        let lines = wrap(&escape(name), label);
        let _ = writeln!(out, "{:>label$} {}", lines[0], painted(cells));
        for more in &lines[1..] {
            let _ = writeln!(out, "{more:>label$}");
        }
    };
    for (&thread, name) in &timeline.threads {
        draw(name, &thread_cells(&timeline.tasks, thread, scale, &signs, styles));
    }
    draw("ready", &ready_cells(&timeline.tasks, scale, styles));
    for lane in &drawn {
        draw(&lane.name, &lane_cells(lane, scale, &signs, styles));
    }
    let end = time(timeline.end_ns);
    let _ = writeln!(out, "{:label$} 0{end:>width$}", "", width = columns - 1);
    let Signs { poll, short_poll, queued, overdue, suspended } = signs;
    let _ = writeln!(
        out,
        "{:label$} {poll} polled  {short_poll} polled for a part of it  {queued} in the queue  {overdue} its time has \
         come  {suspended} suspended; ready: how many could go on",
        ""
    );
    let left = timeline.tasks.len() - drawn.len();
    if left > 0 {
        let _ = writeln!(out, "{:label$} {} tasks that did least are not drawn", "", count(left as u64));
    }
}

/// The lanes to draw, in their order: those that did most.
fn drawn(lanes: &[Lane]) -> Vec<&Lane> {
    let mut drawn: Vec<&Lane> = lanes.iter().collect();
    drawn.sort_by_key(|lane| std::cmp::Reverse(lane.polled_ns + lane.waited_ns));
    drawn.truncate(LANES);
    drawn.sort_by_key(|lane| lane.task);
    drawn
}

/// What a lane's spans take of each column, by state.
fn shares(lane: &Lane, scale: Scale) -> Vec<[u64; 4]> {
    let mut first = 0;
    (0..scale.columns)
        .map(|column| {
            let (from, to) = scale.column(column);
            while lane.spans.get(first).is_some_and(|span| span.to_ns <= from) {
                first += 1;
            }
            let mut share = [0; 4];
            for span in lane.spans[first..].iter().take_while(|span| span.from_ns < to) {
                share[span.state as usize] += span.within(from, to);
            }
            share
        })
        .collect()
}

/// The sign of a column: a poll is always seen, be it ever so short; else what took most of it.
fn lane_cells(lane: &Lane, scale: Scale, signs: &Signs, styles: Styles) -> Vec<(char, Paint)> {
    let sign = |(column, share): (usize, [u64; 4])| {
        let (from, to) = scale.column(column);
        let [suspended, overdue, queued, polled] = share;
        match polled {
            _ if share == [0; 4] => (' ', Paint::default()),
            1.. if polled * 2 >= to - from => (signs.poll, styles.label),
            1.. => (signs.short_poll, styles.label),
            0 if overdue >= queued && overdue >= suspended => (signs.overdue, styles.error),
            0 if queued >= suspended => (signs.queued, styles.error),
            0 => (signs.suspended, styles.faint),
        }
    };
    shares(lane, scale).into_iter().enumerate().map(sign).collect()
}

/// Where the thread polls.
fn thread_cells(lanes: &[Lane], thread: u32, scale: Scale, signs: &Signs, styles: Styles) -> Vec<(char, Paint)> {
    let mut busy = vec![0; scale.columns];
    for lane in lanes {
        let polls = lane.spans.iter().filter(|span| span.thread == Some(thread)).copied().collect();
        let own = Lane { spans: polls, ..lane.clone() };
        for (sum, share) in busy.iter_mut().zip(shares(&own, scale)) {
            *sum += share[State::Polled as usize];
        }
    }
    let sign = |(column, busy): (usize, u64)| {
        let (from, to) = scale.column(column);
        match busy {
            0 => (' ', Paint::default()),
            busy if busy * 2 >= to - from => (signs.poll, styles.heading),
            _ => (signs.short_poll, styles.heading),
        }
    };
    busy.into_iter().enumerate().map(sign).collect()
}

/// How many tasks could go on and are not polled, on average over each column.
fn ready_cells(lanes: &[Lane], scale: Scale, styles: Styles) -> Vec<(char, Paint)> {
    let mut waiting = vec![0; scale.columns];
    for lane in lanes {
        for (sum, share) in waiting.iter_mut().zip(shares(lane, scale)) {
            *sum += share[State::Queued as usize] + share[State::Overdue as usize];
        }
    }
    let sign = |(column, waiting): (usize, u64)| {
        let (from, to) = scale.column(column);
        let sign = match (waiting + (to - from) / 2) / (to - from) {
            0 => ' ',
            few @ 1..=9 => char::from_digit(u32::try_from(few).unwrap_or(9), 10).unwrap_or('9'),
            _ => '+',
        };
        (sign, styles.faint)
    };
    waiting.into_iter().enumerate().map(sign).collect()
}

/// The cells as text, each run of the same sign painted once.
fn painted(cells: &[(char, Paint)]) -> String {
    let mut out = String::new();
    for run in cells.chunk_by(|a, b| a.0 == b.0) {
        let text: String = run.iter().map(|(sign, _)| sign).collect();
        let _ = write!(out, "{}", if run[0].0 == ' ' { text } else { run[0].1.on(text) });
    }
    out.trim_end().to_owned()
}

const HEADER: [&str; 8] =
    ["task", "spawned at", "polls", "polled", "longest poll", "waited for the loop", "longest wait", "end"];

fn row(lane: &Lane) -> [String; 8] {
    let end = match lane.end {
        End::Ready => "ready",
        End::Cancelled => "cancelled",
        End::Alive => "still waits",
    };
    [
        lane.name.clone(),
        lane.site.as_ref().map_or_else(String::new, ToString::to_string),
        count(lane.polls as u64),
        time(lane.polled_ns),
        time(lane.longest_poll_ns),
        time(lane.waited_ns),
        time(lane.longest_wait_ns),
        end.to_owned(),
    ]
}

/// `at 32.1 ms task 5 was polled for 150 ms; meanwhile task 2 waited for 141 ms, …`.
fn told(timeline: &Timeline, stall: &Stall) -> String {
    /// Waiters that are named.
    const NAMED: usize = 3;
    let name = |task: u32| {
        let lane = timeline.tasks.iter().find(|lane| lane.task == task);
        lane.map_or_else(|| format!("task {task}"), |lane| escape(&lane.name).into_owned())
    };
    let waited = stall.waited.iter().take(NAMED);
    let mut waited: Vec<String> =
        waited.map(|waited| format!("{} waited for {}", name(waited.task), time(waited.for_ns))).collect();
    let more = stall.waited.len().saturating_sub(NAMED);
    if more > 0 {
        waited.push(format!("{more} more waited"));
    }
    let (from, poll) = (time(stall.from_ns), time(stall.poll_ns));
    format!("at {from} {} was polled for {poll}; meanwhile {}", name(stall.task), waited.join(", "))
}

/// One event in one line.
fn line(timeline: &Timeline, event: &Event) -> String {
    let name = timeline.tasks.iter().find(|lane| lane.task == event.task).map_or("", |lane| lane.name.as_str());
    let thread = timeline.threads.get(&event.thread).map_or("", String::as_str);
    let what = match &event.what {
        What::Spawned { site } => format!("spawned at {site}"),
        What::PollBegin => "poll begins".to_owned(),
        What::Sleeps { until_ns } => format!("waits until {}", time(*until_ns)),
        What::Suspended => "suspended".to_owned(),
        What::Ready => "poll ends".to_owned(),
        What::Woken => "woken".to_owned(),
        What::Ended => "ready".to_owned(),
        What::Cancelled => "cancelled".to_owned(),
    };
    escape(&format!("{:>9}  {thread}  {name}  {what}", time(event.at_ns))).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::timeline::lanes::Span;

    fn lane(spans: &[(u64, u64, State)]) -> Lane {
        let span = |&(from_ns, to_ns, state)| Span { from_ns, to_ns, state, thread: Some(1) };
        Lane {
            task: 1,
            name: String::new(),
            site: None,
            spans: spans.iter().map(span).collect(),
            end: End::Ready,
            polls: 0,
            polled_ns: 0,
            longest_poll_ns: 0,
            waited_ns: 0,
            longest_wait_ns: 0,
        }
    }

    #[test]
    fn a_column_shows_what_took_most_of_it_and_every_poll() {
        use State::{Overdue, Polled, Queued, Suspended};
        let lane = lane(&[(0, 10, Queued), (10, 11, Polled), (11, 30, Suspended), (30, 48, Overdue), (48, 60, Polled)]);
        let scale = Scale { end: 70, columns: 7 };
        let signs = Signs::of(false);
        let draw = |cells: Vec<(char, Paint)>| cells.into_iter().map(|(sign, _)| sign).collect::<String>();
        assert_eq!(draw(lane_cells(&lane, scale, &signs, Styles::default())), ":+-!+# ");
        let lanes = [lane.clone(), lane];
        assert_eq!(draw(thread_cells(&lanes, 1, scale, &signs, Styles::default())), " +  +# ");
        assert_eq!(draw(ready_cells(&lanes, scale, Styles::default())), "2  22  ");
    }

    #[test]
    fn more_columns_than_nanoseconds_are_no_trouble() {
        let scale = Scale { end: 1, columns: 20 };
        assert_eq!(shares(&lane(&[(0, 1, State::Polled)]), scale).len(), 20);
    }
}
