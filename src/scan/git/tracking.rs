//! What a remote has, as far as this clone knows.
//!
//! Its remote-tracking references say so, but only its own ones: what another remote has was
//! never seen by this one. Where it is not plain whose they are, none counts, and more is looked at.

use std::path::Path;

use super::super::source::SourceError;
use super::{is_name, run};

/// The objects that a remote has: those of its references, if it is read where it is written.
pub(in crate::scan) fn tracked_of(
    directory: &Path,
    remote: &str,
    url: Option<&str>,
) -> Result<Vec<String>, SourceError> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-/".contains(letter);
    let is_remote = !remote.is_empty() && !remote.starts_with('-') && remote.chars().all(is_plain);
    if !is_remote {
        return Ok(Vec::new());
    }
    // A remote without `fetch` has no references. A `.` in its name is one of the key, too.
    let Ok(output) = run(
        directory,
        &["config", "--null", "--get-regexp", r"^remote\..*\.fetch$"],
    ) else {
        return Ok(Vec::new());
    };
    let refspecs: Vec<(String, String)> = output
        .split(|byte| *byte == 0)
        .filter_map(refspec)
        .collect();
    let is_one = refspecs.iter().any(|(name, _)| name == remote);
    if !is_one || url.is_some_and(|url| !is_read_there(directory, remote, url)) {
        return Ok(Vec::new());
    }
    let is_of = |reference: &str, is_own: bool| {
        refspecs
            .iter()
            .any(|(name, prefix)| (name == remote) == is_own && reference.starts_with(prefix))
    };
    references(directory, &|reference| {
        is_of(reference, true) && !is_of(reference, false)
    })
}

/// The objects of all references of this repository but some.
pub(in crate::scan) fn all_but(
    directory: &Path,
    others: &[&str],
) -> Result<Vec<String>, SourceError> {
    references(directory, &|reference| !others.contains(&reference))
}

fn references(directory: &Path, counts: &dyn Fn(&str) -> bool) -> Result<Vec<String>, SourceError> {
    let format = "--format=%(objectname) %(refname)";
    let output = run(directory, &["for-each-ref", format])?;
    let mut names = Vec::new();
    for line in String::from_utf8_lossy(&output).lines() {
        let (object, reference) = line.split_once(' ').ok_or(SourceError::Answer)?;
        if is_name(object) && counts(reference) {
            names.push(object.to_owned());
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Remote, and how its references begin here: `remote.NAME.fetch` LF `+refs/heads/*:refs/remotes/NAME/*`.
fn refspec(entry: &[u8]) -> Option<(String, String)> {
    let entry = std::str::from_utf8(entry).ok()?;
    let (key, value) = entry.split_once('\n')?;
    let name = key.strip_prefix("remote.")?.strip_suffix(".fetch")?;
    let (_, here) = value.split_once(':')?;
    let prefix = here.split('*').next().unwrap_or(here);
    // Branches and tags of this clone are its own, whoever may write into them.
    let is_tracking = here.starts_with("refs/") && !prefix.starts_with("refs/heads/");
    let is_tracking = is_tracking && !prefix.starts_with("refs/tags/") && prefix.len() > 5;
    is_tracking.then(|| (name.to_owned(), prefix.to_owned()))
}

/// Whether what is fetched from a remote comes from where it is pushed to.
fn is_read_there(directory: &Path, remote: &str, url: &str) -> bool {
    let Ok(output) = run(directory, &["ls-remote", "--get-url", remote]) else {
        return false;
    };
    place(&String::from_utf8_lossy(&output)) == place(url)
}

/// Host and path of a URL: one repository is read by `https` and written by `ssh`.
fn place(url: &str) -> String {
    let url = url.trim();
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        // `host:path`, unless a `/` says that it is a path of this machine.
        None => match url.split_once(':') {
            Some((host, path)) if !host.contains('/') => (host, path),
            _ => ("", url),
        },
    };
    let host = host.rsplit('@').next().unwrap_or(host);
    let host = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let path = path.trim_end_matches('/');
    if host.is_empty() {
        return path.to_owned();
    }
    format!("{host}/{}", path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_has_several_urls_and_two_have_none_in_common() {
        for url in [
            "https://git.example.com/team/node.git",
            "https://me@git.example.com/team/node",
            "ssh://git@git.example.com:22/team/node.git/",
            "git@git.example.com:team/node.git",
        ] {
            assert_eq!(place(url), "git.example.com/team/node", "{url}");
        }
        assert_ne!(place("https://a.example/x"), place("https://b.example/x"));
        assert_ne!(place("/srv/a.git"), place("/srv/b.git"));
        assert_eq!(place("../a/.git"), place("../a"));
    }

    #[test]
    fn branches_of_this_clone_are_no_ones() {
        let of = |value: &str| refspec(format!("remote.o.x.fetch\n{value}").as_bytes());
        let (name, prefix) = of("+refs/heads/*:refs/remotes/o.x/*").unwrap();
        assert_eq!(
            (name.as_str(), prefix.as_str()),
            ("o.x", "refs/remotes/o.x/")
        );
        assert_eq!(of("+refs/*:refs/*"), None);
        assert_eq!(of("+refs/heads/*:refs/heads/*"), None);
        assert_eq!(of("refs/heads/main"), None);
    }
}
