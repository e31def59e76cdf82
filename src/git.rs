//! Starts `git` so that neither a configuration nor a variable changes what it says.
//!
//! What is asked is plumbing, whose output few settings reach. Those few, and those by which Git would
//! start other programs or look at other objects than the ones that a commit or a push holds, are
//! set here, for each call, over whatever the system, the user or the repository says. The variables
//! by which Git tells a hook where it is (`GIT_DIR`, `GIT_INDEX_FILE`, a quarantine's object
//! directory) stay.

use std::path::Path;
use std::process::Command;

use crate::settings::without_identities;

/// Settings that would start a program, hide a change or show it in another form.
const SETTINGS: &[&str] = &[
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.pager=cat",
    "core.untrackedCache=false",
    // Where a name is that of a branch and of a tag, Git says so.
    "core.warnAmbiguousRefs=true",
    "color.ui=false",
    "diff.ignoreSubmodules=none",
    "diff.noprefix=false",
    "diff.orderFile=/dev/null",
    "diff.relative=false",
    "diff.renames=false",
    "log.diffMerges=separate",
    "log.showRoot=true",
    "log.showSignature=false",
    "submodule.recurse=false",
];

/// Variables by which paths would be taken for other patterns, or another program would be run.
const UNSET: &[&str] = &[
    "GIT_CONFIG",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    // Commits would look as if nothing had led to them.
    "GIT_SHALLOW_FILE",
];

/// Variables that have a value here, whoever has given them another one.
const SET: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    // Nothing is fetched from a network, however little of the repository a clone has.
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    // No commit has other parents than it says. Where there is no such file Git is silent.
    ("GIT_GRAFT_FILE", "/dev/null/none"),
];

/// A `git` in a directory, with these words.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new("git");
    // An object that stands for another one would be looked at in its place, and is not pushed.
    command.args(["--no-pager", "--no-replace-objects"]);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    for name in UNSET {
        command.env_remove(name);
    }
    without_identities(&mut command);
    command.current_dir(directory).envs(SET.iter().copied());
    command
}
