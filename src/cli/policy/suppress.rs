//! A suppression: a kind and places whose findings are silenced, with the reason.

use globset::{GlobBuilder, GlobMatcher};

use crate::event::Site;
use crate::finding::{Finding, Kind};
use crate::report::origin::{self, Origin};

/// A suppression of the configuration.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Suppression {
    /// What the user calls it.
    pub(super) name: Option<String>,
    /// `None`: all kinds.
    pub(super) kind: Option<Kind>,
    pub(super) site: Pattern,
    /// Why; never empty.
    pub(super) reason: String,
    /// Where it is written.
    pub(super) at: Site,
}

impl Suppression {
    /// Does it silence the finding: is the kind right, and does one of its [`origin::paths`] match?
    pub(super) fn matches(&self, finding: &Finding) -> bool {
        self.kind.is_none_or(|kind| kind == finding.kind) && origin::paths(finding).any(|path| self.site.matches(path))
    }

    /// Its name, else what it matches: `data-race at src/legacy/**`.
    pub(super) fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("{} at {}", self.kind.map_or("*", Kind::name), self.site.text))
    }
}

/// Places: a glob over the path as reports show it, or `crate:glob` over the paths inside a dependency of any version.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    package: Option<String>,
    glob: GlobMatcher,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with the glob.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let is_name =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        // `C:/…` is a drive, and no crate.
        let split = text.split_once(':').filter(|(name, glob)| is_name(name) && !glob.starts_with('/'));
        let (package, glob) = split.map_or((None, text), |(name, glob)| (Some(name.to_owned()), glob));
        // A `*` stays in its directory; `**` does not.
        let glob = GlobBuilder::new(glob).literal_separator(true).build().map_err(|error| error.kind().to_string())?;
        Ok(Self { text: text.to_owned(), package, glob: glob.compile_matcher() })
    }

    fn matches(&self, path: &str) -> bool {
        let place = origin::place(path);
        match (&self.package, &place.origin) {
            (None, _) => self.glob.is_match(&*place.shown),
            (Some(name), Origin::Dependency(package)) => package.name == *name && self.glob.is_match(place.inner),
            (Some(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_reports_show() {
        let tokio = "/home/u/.cargo/registry/src/index.crates.io-0/tokio-1.48.0/src/sync/mutex.rs";
        let matches = |pattern: &str, path: &str| Pattern::new(pattern).unwrap().matches(path);
        assert!(matches("src/bank.rs", "src/bank.rs"));
        assert!(matches("src/*.rs", "src/bank.rs"));
        assert!(!matches("src/*.rs", "src/old/bank.rs"), "`*` stays in its directory");
        assert!(matches("src/**", "src/old/bank.rs"));
        assert!(matches("**/old/*.rs", "crates/a/src/old/bank.rs"));
        assert!(matches("tokio-1.48.0/src/**", tokio));
        assert!(matches("tokio:src/**", tokio));
        assert!(!matches("toki:src/**", tokio));
        assert!(!matches("src/**", tokio), "a plain glob is over the whole shown path");
        assert!(!matches("tokio:src/**", "src/bank.rs"));
        assert!(matches("library/std/**", "/rustc/0123/library/std/src/thread/mod.rs"));
        assert!(matches("C:/bank/**", "C:/bank/src/a.rs"));
        assert!(Pattern::new("src/[a").unwrap_err().contains("unclosed"));
    }
}
