//! What a place in a source is called when lines move: the items around it, the statement up to it, and which of several
//! like it it is.
//!
//! Only tokens count: comments, line breaks and indentation do not, and of what stands in brackets before the place only
//! the brackets do. So neither what is added above nor another layout of the same code gives the place another name; a
//! change of the statement itself, or of a name around it, does.

use std::fmt::Write as _;

/// A file as tokens, with the items that they stand in.
pub(super) struct Anchors<'a> {
    tokens: Vec<Token<'a>>,
    /// The headers of items: `fn pay`, `impl Bank`.
    items: Vec<String>,
}

/// A word, a literal or a sign.
struct Token<'a> {
    text: &'a str,
    line: u32,
    /// In characters, 1-based, as the compiler counts.
    column: u32,
    /// How many of the items before it are around it, outermost first.
    within: Vec<u32>,
}

impl<'a> Anchors<'a> {
    /// Cost: linear in the text, times the depth of its items.
    pub(super) fn of(text: &'a str) -> Self {
        let mut anchors = Self { tokens: lex(text), items: Vec::new() };
        anchors.find_items();
        anchors
    }

    /// The name of the place; no other place of the file has it. `None` if nothing begins there: then the text is not what
    /// was compiled. A column of 0 means the last token of the line. Cost: linear in the file.
    pub(super) fn name(&self, line: u32, column: u32) -> Option<String> {
        let here = |token: &Token<'_>| token.line == line && (column == 0 || token.column == column);
        let at = self.tokens.iter().rposition(here)?;
        let path: Vec<&str> = self.path(at).collect();
        let words = self.statement(at);
        let same = |&other: &usize| {
            let token = &self.tokens[other];
            token.text == self.tokens[at].text
                && self.path(other).eq(path.iter().copied())
                && self.statement(other) == words
        };
        let earlier = (0..at).filter(same).count();
        let mut name = String::new();
        for item in path {
            let _ = write!(name, "{item} / ");
        }
        name.push_str(&words.join(" "));
        let _ = write!(name, " #{earlier}");
        Some(name)
    }

    fn path(&self, at: usize) -> impl Iterator<Item = &str> {
        self.tokens[at].within.iter().map(|&item| self.items[item as usize].as_str())
    }

    /// The tokens of the statement (or the field, or the arm) from its beginning up to this one, with what is in closed
    /// brackets left out.
    fn statement(&self, at: usize) -> Vec<&'a str> {
        let mut words = vec![self.tokens[at].text];
        let mut depth = 0_usize;
        for token in self.tokens[..at].iter().rev() {
            match token.text {
                ")" | "]" => {
                    if depth == 0 {
                        words.push(token.text);
                    }
                    depth += 1;
                }
                "}" if depth > 0 => depth += 1,
                "(" | "[" if depth == 1 => {
                    depth = 0;
                    words.push(token.text);
                }
                "(" | "[" | "{" if depth > 0 => depth -= 1,
                "{" | "}" | ";" | "," if depth == 0 => break,
                _ if depth == 0 => words.push(token.text),
                _ => {}
            }
        }
        words.reverse();
        words
    }

    /// Notes for each token which items are around it.
    fn find_items(&mut self) {
        let mut around: Vec<u32> = Vec::new();
        let mut open: Vec<bool> = Vec::new();
        let mut start = 0;
        for at in 0..self.tokens.len() {
            match self.tokens[at].text {
                "{" => {
                    let header = self.header(start, at);
                    open.push(header.is_some());
                    if let Some(header) = header {
                        around.push(self.items.len() as u32);
                        self.items.push(header);
                    }
                    start = at + 1;
                }
                "}" => {
                    if open.pop() == Some(true) {
                        around.pop();
                    }
                    start = at + 1;
                }
                ";" => start = at + 1,
                _ => {}
            }
            self.tokens[at].within.clone_from(&around);
        }
    }

    /// What the tokens before a brace say of the block, if it is that of an item.
    fn header(&self, start: usize, end: usize) -> Option<String> {
        let tokens = &self.tokens[start..end];
        let named = |keyword: &str| {
            let at = tokens.windows(2).position(|pair| pair[0].text == keyword && is_name(pair[1].text))?;
            Some(format!("{keyword} {}", tokens[at + 1].text))
        };
        named("fn").or_else(|| ["mod", "trait", "struct", "enum", "union"].iter().find_map(|word| named(word))).or_else(
            || {
                let first = tokens.iter().position(|token| ["impl", "macro_rules"].contains(&token.text))?;
                let words = tokens[first..].iter().map(|token| token.text).take_while(|&word| word != "where");
                Some(words.collect::<Vec<_>>().join(" "))
            },
        )
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Takes a Rust source apart. What is not Rust gives some tokens or others.
fn lex(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut line, mut column, mut rest) = (1, 1, text);
    while let Some(first) = rest.chars().next() {
        let length = token_length(rest, first);
        let token = &rest[..length];
        if !first.is_whitespace() && !token.starts_with("//") && !token.starts_with("/*") {
            tokens.push(Token { text: token, line, column, within: Vec::new() });
        }
        for c in token.chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        rest = &rest[length..];
    }
    tokens
}

/// The bytes of what `rest` begins with: a token, a comment or white space. Never 0.
fn token_length(rest: &str, first: char) -> usize {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if first.is_whitespace() {
        return rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
    }
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if first == '"' {
        return quoted(rest, 1, '"');
    }
    if first == '\'' {
        let mut after = rest[1..].chars();
        return match (after.next(), after.next()) {
            (Some('\\'), _) => quoted(rest, 1, '\''),
            (Some(c), Some('\'')) => 1 + c.len_utf8() + 1,
            // A lifetime.
            _ => 1 + rest[1..].find(|c: char| !is_word(c)).unwrap_or(rest.len() - 1),
        };
    }
    if !is_word(first) {
        return first.len_utf8();
    }
    let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let after = &rest[word..];
    match &rest[..word] {
        "r" | "br" | "cr" => {
            let hashes = after.len() - after.trim_start_matches('#').len();
            if after[hashes..].starts_with('"') {
                return until(&format!("\"{}", "#".repeat(hashes)), word + hashes + 1);
            }
            // A raw identifier, else the word alone.
            let name = after.strip_prefix('#').map_or(0, |name| name.find(|c: char| !is_word(c)).unwrap_or(name.len()));
            if name > 0 { word + 1 + name } else { word }
        }
        "b" | "c" if after.starts_with('"') => quoted(rest, word + 1, '"'),
        "b" if after.starts_with('\'') => quoted(rest, word + 1, '\''),
        _ => word,
    }
}

/// The end of a literal that is open at `from`.
fn quoted(rest: &str, from: usize, close: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest[from..].char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == close {
            return from + at + c.len_utf8();
        }
    }
    rest.len()
}

/// The end of a comment, with those inside it.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANK: &str = r##"//! A bank.
use std::sync::Mutex;

static ALL: Mutex<u32> = Mutex::new(0);

struct Bank { balance: Mutex<i64>, log: Mutex<Vec<String>> }

impl Bank {
    fn new(balance: i64) -> Self {
        Self { balance: Mutex::new(balance), log: Mutex::new(vec![]) }
    }

    fn pay(&self, amount: i64) {
        let mut balance = self.balance.lock().unwrap();
        *balance -= amount;
        self.log.lock().unwrap().push(format!("{amount} }} {{"));
        self.log.lock().unwrap().clear();
    }
}

mod tests {
    fn pay() {
        thread::spawn(move || { x; y }).join();
        self.log /* of " all */ .lock();
    }
}
"##;

    fn name(text: &str, line: u32, column: u32) -> String {
        Anchors::of(text).name(line, column).unwrap_or_else(|| panic!("{line}:{column}"))
    }

    #[test]
    fn a_place_is_named_by_its_items_and_its_statement() {
        assert_eq!(name(BANK, 4, 26), "static ALL : Mutex < u32 > = Mutex #0");
        assert_eq!(name(BANK, 10, 25), "impl Bank / fn new / balance : Mutex #0");
        assert_eq!(name(BANK, 10, 51), "impl Bank / fn new / log : Mutex #0");
        assert_eq!(name(BANK, 14, 40), "impl Bank / fn pay / let mut balance = self . balance . lock #0");
        assert_eq!(name(BANK, 16, 18), "impl Bank / fn pay / self . log . lock #0");
        assert_eq!(name(BANK, 17, 18), "impl Bank / fn pay / self . log . lock #1");
        assert_eq!(name(BANK, 23, 41), "mod tests / fn pay / thread :: spawn ( ) . join #0".replace("::", ": :"));
        assert_eq!(name(BANK, 24, 34), "mod tests / fn pay / self . log . lock #0");
        assert_eq!(name(BANK, 17, 0), "impl Bank / fn pay / self . log . lock ( ) . unwrap ( ) . clear ( ) ; #0");
    }

    #[test]
    fn lines_above_and_layout_do_not_matter() {
        let moved = BANK
            .replace("use std", "/* new { */\nfn other() { self.log.lock() }\nuse std")
            .replace("let mut balance = self.balance.lock()", "let c = '{';\n        let mut balance =\n            self\n                .balance // {\n                .lock()");
        let lines: Vec<&str> = moved.lines().collect();
        let line = lines.iter().position(|line| line.trim_start().starts_with(".lock()")).unwrap() as u32 + 1;
        assert_eq!(name(&moved, line, 18), name(BANK, 14, 40));
        assert_eq!(name(&moved, line + 2, 18), name(BANK, 16, 18));
    }

    #[test]
    fn what_is_not_there_has_no_name() {
        let anchors = Anchors::of(BANK);
        assert_eq!(anchors.name(14, 41), None, "in the middle of a word");
        assert_eq!(anchors.name(3, 0), None, "an empty line");
        assert_eq!(anchors.name(999, 1), None);
        assert_eq!(Anchors::of("}}} ' \" /*").name(9, 9), None);
    }

    #[test]
    fn no_two_places_have_one_name() {
        let anchors = Anchors::of(BANK);
        let names: std::collections::HashSet<_> =
            anchors.tokens.iter().map(|token| anchors.name(token.line, token.column).unwrap()).collect();
        assert_eq!(names.len(), anchors.tokens.len());
    }

    #[test]
    fn literals_are_one_token() {
        let words = |text| lex(text).iter().map(|token| token.text.to_owned()).collect::<Vec<_>>();
        assert_eq!(words(r##"r#"{"#"##), [r##"r#"{"#"##]);
        assert_eq!(words(r#"b"\"{" '{' '\'' 'a b'c'"#), [r#"b"\"{""#, "'{'", r"'\''", "'a", "b'c'"]);
        assert_eq!(words("r#fn a.b /* /* */ */ é"), ["r#fn", "a", ".", "b", "é"]);
    }
}
