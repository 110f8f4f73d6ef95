//! Where code comes from, told by its path: the workspace, a dependency, or the standard library.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::finding::Finding;

/// Where the code of a site comes from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// The user's own code, and whatever does not show that it is something else: vendored sources, traces.
    Workspace,
    /// A package that cargo downloaded.
    Dependency(Package),
    /// The standard library.
    Std,
}

/// A package of a registry or of a git repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Package {
    /// Its name; of a git checkout, the repository's.
    pub name: String,
    /// Its version; of a git checkout, the short commit.
    pub version: String,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A path taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// Whose code it is.
    pub origin: Origin,
    /// The path as reports show it: `tokio-1.48.0/src/lib.rs`, `library/std/src/thread.rs`, else as it was.
    pub shown: Cow<'a, str>,
    /// The path inside its package, for a dependency; else as shown.
    pub inner: &'a str,
}

/// Takes a path apart: `…/registry/src/<index>/<name>-<version>/…` and `…/git/checkouts/<name>-<hash>/<commit>/…` are
/// dependencies, `/rustc/<hash>/library/…` and `…/rustlib/src/rust/library/…` the standard library.
#[must_use]
pub fn place(path: &str) -> Place<'_> {
    registry(path).or_else(|| checkout(path)).or_else(|| std(path)).unwrap_or(Place {
        origin: Origin::Workspace,
        shown: Cow::Borrowed(path),
        inner: path,
    })
}

fn registry(path: &str) -> Option<Place<'_>> {
    let (_, inside) = path.split_once("/registry/src/")?;
    let (_index, shown) = inside.split_once('/')?;
    let (package, inner) = shown.split_once('/')?;
    let (name, version) = name_and_version(package)?;
    let package = Package { name: name.to_owned(), version: version.to_owned() };
    Some(Place { origin: Origin::Dependency(package), shown: Cow::Borrowed(shown), inner })
}

fn checkout(path: &str) -> Option<Place<'_>> {
    let (_, inside) = path.split_once("/git/checkouts/")?;
    let (repository, inside) = inside.split_once('/')?;
    let (commit, inner) = inside.split_once('/')?;
    let (name, _hash) = repository.rsplit_once('-')?;
    let package = Package { name: name.to_owned(), version: commit.to_owned() };
    Some(Place { origin: Origin::Dependency(package), shown: Cow::Owned(format!("{name}-{commit}/{inner}")), inner })
}

fn std(path: &str) -> Option<Place<'_>> {
    let shown = match path.strip_prefix("/rustc/") {
        Some(inside) => inside.split_once('/')?.1,
        None => path.split_once("/rustlib/src/rust/")?.1,
    };
    shown.starts_with("library/").then_some(Place { origin: Origin::Std, shown: Cow::Borrowed(shown), inner: shown })
}

/// `foo-bar-1.2.3-beta.4`: the name ends where a version begins.
fn name_and_version(package: &str) -> Option<(&str, &str)> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = |rest: &str| {
        let mut parts = rest.splitn(3, '.');
        parts.by_ref().take(2).filter(|part| is_number(part)).count() == 2
            && parts.next().is_some_and(|patch| patch.starts_with(|c: char| c.is_ascii_digit()))
    };
    let dashes = package.match_indices('-').map(|(dash, _)| (&package[..dash], &package[dash + 1..]));
    dashes.into_iter().find(|(name, rest)| !name.is_empty() && is_version(rest))
}

/// The paths of a finding that say whose it is: of its operations, and of where the locks held there were taken.
pub fn paths(finding: &Finding) -> impl Iterator<Item = &str> {
    finding.sites.iter().flat_map(|operation| {
        let held = operation.held.iter().map(|held| held.at.file.as_str());
        std::iter::once(operation.site.file.as_str()).chain(held)
    })
}

/// Whose finding it is: the workspace's as soon as one of its [`paths`] is, else the first dependency's, else the
/// standard library's.
#[must_use]
pub fn origin(finding: &Finding) -> Origin {
    let mut first = None;
    for path in paths(finding) {
        match place(path).origin {
            Origin::Workspace => return Origin::Workspace,
            Origin::Std => {
                first.get_or_insert(Origin::Std);
            }
            dependency @ Origin::Dependency(_) => {
                if !matches!(first, Some(Origin::Dependency(_))) {
                    first = Some(dependency);
                }
            }
        }
    }
    first.unwrap_or(Origin::Workspace)
}

/// The text with the paths of dependencies and the standard library in it shortened, as [`Place::shown`].
#[must_use]
pub fn shorten(text: &str) -> Cow<'_, str> {
    if !["/registry/src/", "/git/checkouts/", "/rustc/", "/rustlib/src/rust/"].iter().any(|mark| text.contains(mark)) {
        return Cow::Borrowed(text);
    }
    let ends_path = |c: char| c.is_whitespace() || matches!(c, '`' | '"' | '\'' | '(' | ')');
    let words = text.split_inclusive(ends_path).map(|word| {
        let path = word.trim_end_matches(ends_path);
        let shown = place(path).shown;
        format!("{shown}{}", &word[path.len()..])
    });
    Cow::Owned(words.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Site;
    use crate::finding::{Kind, SiteReport, Tier};

    const TOKIO: &str = "/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.48.0/src/sync/mutex.rs";
    const STD: &str = "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/thread/mod.rs";

    fn dependency(name: &str, version: &str) -> Origin {
        Origin::Dependency(Package { name: name.to_owned(), version: version.to_owned() })
    }

    #[test]
    fn a_path_tells_whose_code_it_is() {
        let tokio = place(TOKIO);
        assert_eq!(tokio.origin, dependency("tokio", "1.48.0"));
        assert_eq!((&*tokio.shown, tokio.inner), ("tokio-1.48.0/src/sync/mutex.rs", "src/sync/mutex.rs"));
        let git = place("/home/u/.cargo/git/checkouts/tokio-7a1b2c3d4e5f6071/0a1b2c3/tokio/src/lib.rs");
        assert_eq!(git.origin, dependency("tokio", "0a1b2c3"));
        assert_eq!((&*git.shown, git.inner), ("tokio-0a1b2c3/tokio/src/lib.rs", "tokio/src/lib.rs"));
        let std = place(STD);
        assert_eq!((std.origin, &*std.shown), (Origin::Std, "library/std/src/thread/mod.rs"));
        let local = place("/home/u/.rustup/toolchains/t/lib/rustlib/src/rust/library/core/src/ops/function.rs");
        assert_eq!((local.origin, &*local.shown), (Origin::Std, "library/core/src/ops/function.rs"));
        for own in
            ["src/main.rs", "/home/u/bank/src/main.rs", "vendor/tokio/src/lib.rs", "?", "17", "registry/src/a.rs"]
        {
            assert_eq!((place(own).origin, &*place(own).shown), (Origin::Workspace, own));
        }
    }

    #[test]
    fn a_version_ends_a_name() {
        assert_eq!(name_and_version("smallvec-2.0.0-beta.4"), Some(("smallvec", "2.0.0-beta.4")));
        assert_eq!(name_and_version("toml-1.1.2+spec-1.1.0"), Some(("toml", "1.1.2+spec-1.1.0")));
        assert_eq!(name_and_version("x-2-y-3-0.1.0"), Some(("x-2-y-3", "0.1.0")));
        assert_eq!(name_and_version("tokio"), None);
    }

    #[test]
    fn one_site_in_the_workspace_makes_it_the_users() {
        let finding = |files: &[&str]| {
            let operation = |file: &&str| SiteReport {
                role: String::new(),
                site: Site::new(file, 1, 1),
                owner: String::new(),
                held: Vec::new(),
                event: None,
                stack: Vec::new(),
            };
            let sites = files.iter().map(operation).collect();
            Finding::new(Kind::DataRace, Tier::Possible, String::new(), sites, vec![])
        };
        assert_eq!(origin(&finding(&[TOKIO, "src/main.rs"])), Origin::Workspace);
        assert_eq!(origin(&finding(&[STD, TOKIO])), dependency("tokio", "1.48.0"));
        assert_eq!(origin(&finding(&[STD])), Origin::Std);
        assert_eq!(origin(&finding(&[])), Origin::Workspace);
    }

    #[test]
    fn paths_in_a_text_are_shortened() {
        let text = format!("`mutex made at {TOKIO}:9:1` and f at {STD}:1, src/a.rs:2");
        let short =
            "`mutex made at tokio-1.48.0/src/sync/mutex.rs:9:1` and f at library/std/src/thread/mod.rs:1, src/a.rs:2";
        assert_eq!(shorten(&text), short);
        assert!(matches!(shorten("src/a.rs"), Cow::Borrowed(_)));
    }
}
