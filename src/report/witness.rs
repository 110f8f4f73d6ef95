//! A reordering as columns, one for each owner.

use std::fmt::Write as _;

use super::escape;
use super::source::Sources;
use super::style::Styles;
use crate::finding::{Move, Tier};

/// Moves that are shown; those before are in the JSON report.
const SHOWN: usize = 24;
/// With more owners than this a column for the owner's name says who moves.
const COLUMNS: usize = 4;
/// Widest column; what is longer goes on below.
const WIDTH: usize = 30;

/// The last moves, each in the column of its owner, with place and source line; not those by which threads come to be.
/// What is only possible it leads up to: how the owners go on from there is not proved.
pub(super) fn tell(out: &mut String, tier: Tier, moves: &[Move], sources: &mut Sources, styles: &Styles) {
    let does = if tier == Tier::Possible { "leads up to it" } else { "does it" };
    let _ = writeln!(out, "{} a correct reordering of this run {does}:", styles.label.on("witness"));
    let moves: Vec<&Move> = moves.iter().filter(|step| step.next || !is_start(&step.action)).collect();
    let shown = &moves[moves.len().saturating_sub(SHOWN)..];
    let mut owners: Vec<&str> = Vec::new();
    for &step in shown {
        if !owners.contains(&step.owner.as_str()) {
            owners.push(&step.owner);
        }
    }
    let columns = if owners.len() <= COLUMNS { owners.clone() } else { vec!["", ""] };
    let cells: Vec<(usize, String)> = shown.iter().map(|step| cell(step, &owners)).collect();
    let width = |column: usize| {
        let widest = cells.iter().filter(|(at, _)| *at == column).map(|(_, text)| text.chars().count()).max();
        widest.unwrap_or(0).max(columns[column].chars().count()).min(WIDTH)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    if owners.len() <= COLUMNS {
        let heads: Vec<Vec<String>> =
            columns.iter().zip(&widths).map(|(owner, &width)| wrap(&escape(owner), width)).collect();
        for line in 0..heads.iter().map(Vec::len).max().unwrap_or(0) {
            let head =
                heads.iter().zip(&widths).map(|(head, &width)| fit(head.get(line).map_or("", |head| head), width));
            let _ = writeln!(out, "       {}", styles.label.on(head.collect::<Vec<_>>().join("  ").trim_end()));
        }
    }
    if shown.len() < moves.len() {
        let _ = writeln!(out, "    … {} moves before these; the JSON report has them all", moves.len() - shown.len());
    }
    for ((number, step), (column, text)) in (moves.len() - shown.len() + 1..).zip(shown).zip(&cells) {
        let lines = wrap(text, widths[*column]);
        let row = |line: usize, elsewhere: &str| {
            let row = (0..columns.len()).map(|at| match (at == *column, owners.len() <= COLUMNS) {
                (true, _) => fit(&lines[line], widths[at]),
                (false, true) => fit(elsewhere, widths[at]),
                (false, false) => String::new(),
            });
            row.filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join("  ")
        };
        let number = if step.next { "next".to_owned() } else { format!("{number}.") };
        let _ = writeln!(out, "  {number:>4} {}  {}", row(0, "·"), styles.faint.on(place(step, sources)));
        for line in 1..lines.len() {
            let _ = writeln!(out, "       {}", row(line, "").trim_end());
        }
    }
}

/// Does a thread begin here, or another by it?
fn is_start(action: &str) -> bool {
    action == "begins" || action.starts_with("starts ")
}

/// The column of a move and what stands there.
fn cell(step: &Move, owners: &[&str]) -> (usize, String) {
    let through = if step.through { "… " } else { "" };
    let action = escape(&step.action);
    let column = owners.iter().position(|owner| *owner == step.owner).unwrap_or(0);
    match owners.len() <= COLUMNS {
        true => (column, format!("{through}{action}")),
        false => (0, format!("{}: {through}{action}", escape(&step.owner))),
    }
}

/// Where the move is, and the source line if it can be read.
fn place(step: &Move, sources: &mut Sources) -> String {
    let place = escape(&step.site.to_string()).into_owned();
    let line = (step.site.line as usize).checked_sub(1);
    let source = line.and_then(|line| sources.text(&step.site.file)?.lines().nth(line));
    match source {
        Some(source) => format!("{place}  {}", escape(source.trim())),
        None if step.site.line == 0 => format!("event {} at {place}", step.event),
        None => place,
    }
}

/// The text in exactly so many columns, if it is not longer.
fn fit(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// The text in lines of at most `width` characters, of which there is at least one. A line ends at a space if it has one.
/// Nothing is left out: two texts that differ look different.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split_inclusive(' ') {
        let shown = word.trim_end().chars().count();
        if shown > room && room < width && shown <= width {
            lines.push(String::new());
            room = width;
        }
        for c in word.chars() {
            if room == 0 {
                // A space at the end of a line is as good as its end.
                if c == ' ' {
                    continue;
                }
                lines.push(String::new());
                room = width;
            }
            lines.last_mut().expect("there is one").push(c);
            room -= 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Site;
    use crate::report::Style;

    fn told(owners: &[&str]) -> String {
        let step = |(event, owner): (u64, &&str)| Move {
            owner: (*owner).to_owned(),
            action: format!("writes `v{event}`"),
            site: Site::unknown(),
            event,
            through: event == 1,
            next: event as usize >= owners.len() - 1,
        };
        let moves: Vec<Move> = (1..).zip(owners).map(step).collect();
        let mut out = String::new();
        tell(&mut out, Tier::Predicted, &moves, &mut Sources::default(), &Styles::new(Style::Plain));
        out
    }

    #[test]
    fn each_owner_has_a_column() {
        let text = told(&["T1", "T2", "T1", "T2"]);
        let expected = "\
witness a correct reordering of this run does it:
       T1             T2
    1. … writes `v1`  ·            event 1 at ?
    2. ·              writes `v2`  event 2 at ?
  next writes `v3`    ·            event 3 at ?
  next ·              writes `v4`  event 4 at ?
";
        assert_eq!(text, expected);
    }

    #[test]
    fn long_names_go_on_below() {
        let named = |event: u64, owner: &str, name: &str| Move {
            owner: owner.to_owned(),
            action: format!("takes `{name}` for reading"),
            site: Site::unknown(),
            event,
            through: false,
            next: false,
        };
        let long = "the_pool_of_connections_to_the_first";
        let moves = [named(1, "T1", &format!("{long}_a")), named(2, "a thread whose name is long as well", "b")];
        let mut out = String::new();
        tell(&mut out, Tier::Predicted, &moves, &mut Sources::default(), &Styles::new(Style::Plain));
        let expected = "\
witness a correct reordering of this run does it:
       T1                              a thread whose name is long as
                                       well
    1. takes `the_pool_of_connections  ·                               event 1 at ?
       _to_the_first_a` for reading
    2. ·                               takes `b` for reading           event 2 at ?
";
        assert_eq!(out, expected);
    }

    #[test]
    fn nothing_is_left_out_of_what_is_wrapped() {
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(wrap("abcdefghijk l", 5), ["abcde", "fghij", "k l"]);
        assert_eq!(wrap("ab äöüßé x", 5), ["ab ", "äöüßé", "x"]);
        assert_eq!(wrap("ab", 0), ["a", "b"]);
    }

    #[test]
    fn many_owners_share_one() {
        let text = told(&["T1", "T2", "T3", "T4", "T5"]);
        assert!(text.contains("\n    2. T2: writes `v2`"), "{text}");
    }

    #[test]
    fn a_long_one_is_cut() {
        let text = told(&["T1"; 100]);
        assert!(text.contains("… 76 moves before these"), "{text}");
        assert!(!text.contains("`v76`") && text.contains("`v77`"), "{text}");
    }
}
