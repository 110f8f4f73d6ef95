//! Two texts side by side.

use unicode_width::UnicodeWidthChar as _;

/// Between the two.
const GAP: &str = " │ ";
const GAP_WIDTH: usize = 3;

/// The columns that each of two texts gets on a screen of `width` columns.
pub(super) const fn half(width: usize) -> usize {
    width.saturating_sub(GAP_WIDTH) / 2
}

/// The two texts next to each other, each in [`half`] of the columns; a longer line goes on below, at a space if it has one.
/// Escape sequences for colours take no column, and end with their line.
pub(super) fn side_by_side(left: &str, right: &str, width: usize) -> String {
    let half = half(width).max(1);
    let [left, right] = [left, right].map(|text| text.lines().flat_map(|line| wrap(line, half)).collect::<Vec<_>>());
    let nothing = Line::default();
    let mut out = String::new();
    for row in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(row).unwrap_or(&nothing), right.get(row).unwrap_or(&nothing));
        let pad = " ".repeat(half - left.width.min(half));
        out.push_str(format!("{}{pad}{GAP}{}", left.text, right.text).trim_end());
        out.push('\n');
    }
    out
}

/// A line that fits.
#[derive(Default)]
struct Line {
    text: String,
    /// Columns that it takes.
    width: usize,
}

/// What stands in a line: something visible of a width, or an escape sequence.
enum Piece<'a> {
    Visible(char, usize),
    Colour(&'a str),
}

/// The line in lines of at most `width` columns.
fn wrap(line: &str, width: usize) -> Vec<Line> {
    let pieces = pieces(line);
    let mut lines = Vec::new();
    // The colours in force: all since the last reset.
    let mut colours = String::new();
    let mut current = Line::default();
    let mut place = 0;
    while place < pieces.len() {
        // A word with the spaces after it stays together if a line can hold it.
        let end = word_end(&pieces, place);
        let columns: usize = pieces[place..end].iter().map(Piece::width).sum();
        let shown = columns - trailing_spaces(&pieces[place..end]);
        if current.width > 0 && current.width + shown > width && shown <= width {
            lines.push(close(&mut current, &colours));
        }
        for piece in &pieces[place..end] {
            match *piece {
                Piece::Colour(colour) => {
                    current.text.push_str(colour);
                    if colour == RESET { colours.clear() } else { colours.push_str(colour) }
                }
                // Spaces at the end of a line are as good as its end.
                Piece::Visible(' ', _) if current.width == width => {}
                Piece::Visible(c, columns) => {
                    if current.width + columns > width {
                        lines.push(close(&mut current, &colours));
                    }
                    current.text.push(c);
                    current.width += columns;
                }
            }
        }
        place = end;
    }
    lines.push(close(&mut current, &colours));
    lines
}

const RESET: &str = "\u{1b}[0m";

/// Ends the line; the next one goes on in its colours.
fn close(current: &mut Line, colours: &str) -> Line {
    let mut line = std::mem::take(current);
    if !colours.is_empty() {
        line.text.push_str(RESET);
        colours.clone_into(&mut current.text);
    }
    line
}

/// The pieces of a line; an escape sequence is `ESC [ … m`.
fn pieces(line: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let sequence = rest.strip_prefix("\u{1b}[").and_then(|after| after.find('m'));
        let length = match sequence {
            Some(end) => {
                pieces.push(Piece::Colour(&rest[..end + 3]));
                end + 3
            }
            None => {
                pieces.push(Piece::Visible(c, c.width().unwrap_or(0)));
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    pieces
}

impl Piece<'_> {
    const fn width(&self) -> usize {
        match self {
            Self::Visible(_, width) => *width,
            Self::Colour(_) => 0,
        }
    }

    const fn is_space(&self) -> bool {
        matches!(self, Self::Visible(' ', _))
    }
}

/// The place after the word that begins at `place`, and after the spaces that follow it.
fn word_end(pieces: &[Piece<'_>], place: usize) -> usize {
    let mut spaces = false;
    // Spaces at the beginning of a line indent the word.
    let first = pieces[place..].iter().position(|piece| !piece.is_space()).map_or(pieces.len(), |after| place + after);
    for (end, piece) in pieces.iter().enumerate().skip(first) {
        match piece {
            piece if piece.is_space() => spaces = true,
            Piece::Visible(..) if spaces => return end,
            _ => {}
        }
    }
    pieces.len()
}

fn trailing_spaces(word: &[Piece<'_>]) -> usize {
    word.iter().rev().take_while(|piece| piece.is_space() || piece.width() == 0).map(Piece::width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line: &str, width: usize) -> Vec<String> {
        wrap(line, width).into_iter().map(|line| line.text.trim_end().to_owned()).collect()
    }

    #[test]
    fn a_long_line_goes_on_below() {
        assert_eq!(lines("", 5), [""]);
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(lines("  indented words", 10), ["  indented", "words"]);
        assert_eq!(lines("unbreakable", 4), ["unbr", "eaka", "ble"]);
        assert_eq!(lines("日本語", 4), ["日本", "語"]);
    }

    #[test]
    fn colours_take_no_column_and_end_with_their_line() {
        let red = "\u{1b}[31m";
        assert_eq!(
            lines(&format!("{red}one two{RESET} x"), 3),
            [format!("{red}one{RESET}"), format!("{red}two{RESET}"), "x".to_owned()].map(|line| line.trim().to_owned())
        );
    }

    #[test]
    fn texts_stand_side_by_side() {
        assert_eq!(side_by_side("a\nb", "c\nd\ne", 13), "a     │ c\nb     │ d\n      │ e\n");
        assert_eq!(side_by_side("one two", "", 9), "one │\ntwo │\n");
    }
}
