//! Fingerprints that stay the same when lines move.

use std::collections::BTreeSet;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::anchor::Anchors;
use super::origin::{Origin, place};
use super::source::Sources;
use crate::event::Site;
use crate::finding::Finding;

/// Gives the findings the fingerprints that are told and kept. Places are identified by the source around them: the file, the
/// functions, types and modules that they stand in, and the statement up to them, with a number where there are several
/// such in one function. What is added or moved elsewhere, another layout, and for a dependency another version or another
/// machine change nothing.
///
/// Sources are looked for below `root`, then where a test or program finds them. A place whose source is not to be had, or is
/// not what was compiled, is identified by its line and column.
///
/// The findings of an analysis, and those of [`check`](crate::check()) and [`findings_of`](crate::findings_of), have the
/// fingerprint of their lines and columns: what is told of them has this one. Cost: each source that is named is read
/// once, and each place takes a pass over its source.
pub fn identify(findings: &mut [Finding], root: Option<&Path>) {
    let mut files = BTreeSet::new();
    for finding in findings.iter() {
        let created = finding.objects.iter().filter_map(|object| object.created.as_ref());
        files
            .extend(finding.sites.iter().map(|operation| &operation.site).chain(created).map(|site| site.file.clone()));
    }
    let mut sources = Sources::below(root);
    let texts: FxHashMap<String, String> = files
        .into_iter()
        .filter_map(|file| {
            let text = sources.text(&file)?.to_owned();
            Some((file, text))
        })
        .collect();
    let mut anchors: FxHashMap<&str, Anchors<'_>> = FxHashMap::default();
    let mut known: FxHashMap<Site, String> = FxHashMap::default();
    let mut name = |site: &Site| {
        if let Some(name) = known.get(site) {
            return name.clone();
        }
        let text = texts.get_key_value(&site.file);
        let anchor = text.and_then(|(file, text)| {
            anchors.entry(file).or_insert_with(|| Anchors::of(text)).name(site.line, site.column)
        });
        let file = file(&site.file);
        let name = match anchor {
            Some(anchor) => format!("{file} {anchor}"),
            None => Site { file, ..*site }.to_string(),
        };
        known.insert(site.clone(), name.clone());
        name
    };
    findings.iter_mut().for_each(|finding| finding.identify(&mut name));
}

/// A file by what is the same on all machines, and in all versions of a dependency.
fn file(path: &str) -> String {
    let place = place(path);
    match place.origin {
        Origin::Dependency(package) => format!("{}:{}", package.name, place.inner),
        Origin::Workspace | Origin::Std => place.shown.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Kind, SiteReport, Tier};

    /// The fingerprint of a race between two lines.
    fn fingerprint(root: &Path, file: &str, lines: [u32; 2]) -> String {
        let operation = |line| SiteReport {
            role: String::new(),
            site: Site::new(file, line, 5),
            owner: String::new(),
            held: Vec::new(),
            event: None,
            stack: Vec::new(),
        };
        let sites = lines.map(operation).to_vec();
        let mut findings = [Finding::new(Kind::DataRace, Tier::Possible, String::new(), sites, vec![])];
        identify(&mut findings, Some(root));
        findings[0].fingerprint.0.clone()
    }

    const SOURCE: &str = "fn f() {\n    a.set(1);\n    a.set(2);\n}\n";

    #[test]
    fn lines_above_change_nothing_and_other_places_do() {
        let root = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(root.path().join("a.rs"), text).unwrap();
        write(SOURCE);
        let before = fingerprint(root.path(), "a.rs", [2, 3]);
        assert_eq!(before, fingerprint(root.path(), "a.rs", [3, 2]));
        assert_ne!(before, fingerprint(root.path(), "a.rs", [2, 2]));
        assert_ne!(before, fingerprint(root.path(), "b.rs", [2, 3]), "there is no such file");
        write(&format!("// one line\nfn g() {{ a.set(1) }}\n\n{SOURCE}"));
        assert_eq!(before, fingerprint(root.path(), "a.rs", [5, 6]));
        assert_ne!(before, fingerprint(root.path(), "a.rs", [2, 3]), "not what was compiled");
    }

    #[test]
    fn a_dependency_is_the_same_in_all_versions_and_places() {
        let root = tempfile::tempdir().unwrap();
        let path = |home: &str, version: &str| {
            let source = root.path().join(format!("{home}/registry/src/index-0123/pool-{version}/src"));
            std::fs::create_dir_all(&source).unwrap();
            std::fs::write(source.join("lib.rs"), SOURCE).unwrap();
            source.join("lib.rs").to_string_lossy().into_owned()
        };
        let of = |path: String| fingerprint(root.path(), &path, [2, 3]);
        assert_eq!(of(path("a", "1.0.0")), of(path("b", "1.2.0")));
    }
}
