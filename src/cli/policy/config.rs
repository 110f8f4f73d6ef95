//! `gordian.toml`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::super::args::TierName;
use super::super::error::{InputError, Position};
use super::suppress::{Pattern, Suppression};
use crate::OnDeadlock;
use crate::event::Site;
use crate::finding::Kind;

/// The name of the file that is looked for.
const NAME: &str = "gordian.toml";

/// What the configuration says; what it leaves out is the command line's, or the default.
#[derive(Default, Debug)]
pub(in crate::cli) struct Config {
    pub(in crate::cli) suppressions: Vec<Suppression>,
    pub(in crate::cli) deny: Option<TierName>,
    pub(in crate::cli) deps: Option<bool>,
    /// Crates to compile without watching them.
    pub(in crate::cli) leave_out: Vec<String>,
    pub(in crate::cli) on_deadlock: Option<OnDeadlock>,
    /// The baseline file, from the configuration's directory.
    pub(in crate::cli) baseline: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<Spanned<Entry>>,
    deny: Option<TierName>,
    deps: Option<bool>,
    #[serde(default)]
    leave_out: Vec<String>,
    on_deadlock: Option<WhenStuck>,
    baseline: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    kind: Spanned<String>,
    site: Spanned<String>,
    reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WhenStuck {
    Abort,
    Panic,
    Continue,
}

impl From<WhenStuck> for OnDeadlock {
    fn from(what: WhenStuck) -> Self {
        match what {
            WhenStuck::Abort => Self::Abort,
            WhenStuck::Panic => Self::Panic,
            WhenStuck::Continue => Self::Continue,
        }
    }
}

const FORM: &str = "a suppression is\n  [[suppress]]\n  name = \"…\"            # if you like\n  kind = \"data-race\"    \
    # a kind, or \"*\"\n  site = \"src/legacy/**\" # the path of any of its places, or crate:path\n  reason = \"…\"";

impl Config {
    /// Finds `gordian.toml` in `start` or the nearest directory above.
    pub(in crate::cli) fn find(start: &Path) -> Option<PathBuf> {
        start.ancestors().map(|directory| directory.join(NAME)).find(|path| path.is_file())
    }

    /// Reads a file; `root` is what the paths of a report are relative to.
    pub(in crate::cli) fn read(path: &Path, root: &Path) -> Result<Self, InputError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| InputError {
            input: name.clone(),
            position: None,
            reason: format!("the configuration cannot be read: {error}"),
            help: Some("name a file that exists with --config, or leave it away".to_owned()),
        })?;
        let mut config = Self::parse(&name, &text)?;
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let from_root = absolute.strip_prefix(root).unwrap_or(&absolute).to_string_lossy();
        for suppression in &mut config.suppressions {
            suppression.at = Site::new(&from_root, suppression.at.line, 0);
        }
        config.baseline = config.baseline.map(|file| path.parent().unwrap_or(Path::new("")).join(file));
        Ok(config)
    }

    /// The configuration in a text; `name` is what errors and places call it.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, InputError> {
        let refuse = |span: Option<Range<usize>>, reason: String, help: Option<String>| InputError {
            input: name.to_owned(),
            position: span.map(|span| position(text, span.start)),
            reason,
            help,
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let help = error.message().contains("missing field").then(|| FORM.to_owned());
            refuse(error.span(), error.message().trim().replace('\n', ", "), help)
        })?;
        let mut suppressions = Vec::new();
        for entry in file.suppress {
            let (line, _) = line_and_column(text, entry.span().start);
            let at = Site::new(name, u32::try_from(line).unwrap_or(u32::MAX), 0);
            let Entry { name, kind, site, reason } = entry.into_inner();
            if reason.get_ref().trim().is_empty() {
                let why = "a suppression needs a reason that says why the finding is no bug here".to_owned();
                return Err(refuse(Some(reason.span()), why, Some(FORM.to_owned())));
            }
            let kind = match kind.get_ref().as_str() {
                "*" => None,
                text => Some(
                    text.parse::<Kind>()
                        .map_err(|error| refuse(Some(kind.span()), error.to_string(), Some(similar_kind(text))))?,
                ),
            };
            let pattern = Pattern::new(site.get_ref()).map_err(|error| {
                let help = "`*` matches within a directory, `**` across them, `crate:src/**` in a dependency";
                refuse(Some(site.span()), format!("`{}` is no glob: {error}", site.get_ref()), Some(help.to_owned()))
            })?;
            suppressions.push(Suppression { name, kind, site: pattern, reason: reason.into_inner(), at });
        }
        Ok(Self {
            suppressions,
            deny: file.deny,
            deps: file.deps,
            leave_out: file.leave_out,
            on_deadlock: file.on_deadlock.map(OnDeadlock::from),
            baseline: file.baseline,
        })
    }
}

/// What may have been meant, or where the list is.
fn similar_kind(text: &str) -> String {
    let score = |kind: &Kind| strsim::jaro_winkler(kind.name(), text);
    let best = Kind::ALL.iter().max_by(|a, b| score(a).total_cmp(&score(b))).filter(|kind| score(kind) > 0.7);
    let list = "`gordian explain` lists the kinds, \"*\" is any of them";
    best.map_or_else(|| list.to_owned(), |kind| format!("did you mean `{kind}`? {list}"))
}

fn position(text: &str, offset: usize) -> Position {
    let (line, column) = line_and_column(text, offset);
    Position::LineColumn(line, column)
}

/// Both 1-based, the column in characters.
fn line_and_column(text: &str, offset: usize) -> (u64, u64) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line as u64, column as u64)
}

#[cfg(test)]
mod tests {
    use super::super::super::error::Error;
    use super::*;

    fn refusal(text: &str) -> String {
        Error::from(Config::parse("gordian.toml", text).unwrap_err()).to_string()
    }

    #[test]
    fn everything_is_read() {
        let text = "deny = 'predicted'\ndeps = true\nleave-out = ['ring']\non-deadlock = 'abort'\nbaseline = 'known.txt'\n\
            [[suppress]]\nname = 'old bank'\nkind = 'data-race'\nsite = 'src/**'\nreason = 'r'\n\
            [[suppress]]\nkind = '*'\nsite = 'tokio:src/**'\nreason = 'r'\n";
        let config = Config::parse("gordian.toml", text).unwrap();
        assert_eq!((config.deny, config.deps), (Some(TierName::Predicted), Some(true)));
        assert_eq!((config.leave_out, config.on_deadlock), (vec!["ring".to_owned()], Some(OnDeadlock::Abort)));
        assert_eq!(config.baseline, Some(PathBuf::from("known.txt")));
        let labels: Vec<String> = config.suppressions.iter().map(Suppression::label).collect();
        assert_eq!(labels, ["old bank", "* at tokio:src/**"]);
        assert_eq!(config.suppressions.iter().map(|one| one.at.line).collect::<Vec<_>>(), [6, 11]);
        assert!(Config::parse("gordian.toml", "").unwrap().suppressions.is_empty());
    }

    #[test]
    fn an_error_names_its_place_and_what_is_allowed() {
        let told = |text: &str, place: &str, words: &[&str]| {
            let refusal = refusal(text);
            assert!(refusal.starts_with(&format!("error: gordian.toml:{place}: ")), "{refusal}");
            for word in words {
                assert!(refusal.contains(word), "{word}: {refusal}");
            }
        };
        told("deny = 'all'", "1:8", &["all", "possible", "predicted", "observed"]);
        told("\ndenny = 'observed'", "2:1", &["unknown field `denny`", "`deny`", "`leave-out`", "`suppress`"]);
        told("deps = 'yes'", "1:8", &["boolean"]);
        told("deny = ", "1:8", &[]);
        told("[[suppress]]\nkind = '*'\nsite = 'a'", "1:1", &["missing field `reason`", "[[suppress]]"]);
        told("[[suppress]]\nkind = '*'\nsite = 'a'\nreason = ' '", "4:10", &["reason"]);
        let race = "[[suppress]]\nkind = 'data-rice'\nsite = 'a'\nreason = 'r'";
        told(race, "2:8", &["data-rice", "did you mean `data-race`?", "gordian explain"]);
        told("[[suppress]]\nkind = '*'\nsite = 'a['\nreason = 'r'", "3:8", &["no glob"]);
        told("[[suppress]]\nkind = '*'\nsites = 'a'\nreason = 'r'", "3:1", &["unknown field `sites`", "`site`"]);
    }
}
