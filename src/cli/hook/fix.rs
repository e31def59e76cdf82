//! `hook --fix`: seals what has to be sealed, and takes out of the index what must not be in it.
//!
//! It seals with `encrypt`, so by the creation rule and for nobody else. The surprise: a file whose
//! working copy differs from what is staged is left to its owner, since sealing the one would hide
//! the other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use clsecrets::config::{Environments, find_environments};
use clsecrets::scan::Report;
use clsecrets::{Code, Error};

use super::super::git::ask;
use super::super::{Context, encrypt};
use super::known::top;

/// The words of `encrypt`.
#[derive(Debug, Parser)]
struct Words {
    #[command(flatten)]
    encrypt: encrypt::Args,
}

/// Mends what a report says of paths: H001 and H002.
pub(super) fn fix(report: &Report, context: &Context) -> Result<(), Error> {
    let cwd = &context.settings.cwd;
    let top = top(cwd).unwrap_or_else(|| cwd.clone());
    for finding in &report.findings {
        match finding.rule {
            "H001" => unstage(&top, &finding.path, context)?,
            "H002" => seal(&top, &finding.path, context)?,
            _ => {}
        }
    }
    Ok(())
}

/// Takes a clear file out of the index; what an environment says of it is sealed.
fn unstage(top: &Path, path: &str, context: &Context) -> Result<(), Error> {
    let clear = top.join(path);
    if let Some((name, sealed)) = environment_of(&clear, context)? {
        encrypt(["--env".into(), name.into()], context)?;
        for file in sealed {
            git(top, &["add", "--force", "--"], &file)?;
        }
    }
    git(
        top,
        &["rm", "--cached", "--quiet", "--force", "--"],
        Path::new(path),
    )?;
    context.ui.note(&format!(
        "{path} is no longer staged; it stays in the working tree"
    ));
    Ok(())
}

/// Seals a file where it is, and stages it anew.
fn seal(top: &Path, path: &str, context: &Context) -> Result<(), Error> {
    if git(top, &["diff", "--quiet", "--"], Path::new(path)).is_err() {
        return Err(Error::new(
            Code::Input,
            format!("{path} is not sealed, and its working copy differs from what is staged"),
        )
        .hint(format!(
            "git add -- {}    # or git restore, then once more",
            clsecrets::error::quoted(path)
        )));
    }
    let file = top.join(path);
    encrypt(["--in-place".into(), file.into()], context)?;
    git(top, &["add", "--"], Path::new(path))
}

/// The environment whose clear file this is, and its sealed files.
fn environment_of(
    clear: &Path,
    context: &Context,
) -> Result<Option<(String, Vec<PathBuf>)>, Error> {
    let Ok(place) = find_environments(&context.settings.cwd) else {
        return Ok(None);
    };
    let environments = Environments::load(&place)?;
    let found = environments
        .all()
        .iter()
        .find(|environment| environment.clear.iter().any(|one| one.as_path() == clear));
    Ok(found.map(|environment| (environment.name.clone(), environment.sealed.clone())))
}

fn encrypt(words: [OsString; 2], context: &Context) -> Result<(), Error> {
    let name = OsString::from("encrypt");
    let words = Words::try_parse_from([name].into_iter().chain(words))
        .map_err(|_| Error::new(Code::Failed, "a file has a name that cannot be given"))?;
    encrypt::run(&words.encrypt, context).map(drop)
}

fn git(top: &Path, arguments: &[&str], path: &Path) -> Result<(), Error> {
    let words = ["--literal-pathspecs"].iter().chain(arguments);
    let words = words.map(OsString::from).chain([path.into()]);
    ask(top, words).map(drop).map_err(|_| {
        Error::new(
            Code::Failed,
            format!("git {} failed for {}", arguments.join(" "), path.display()),
        )
    })
}
