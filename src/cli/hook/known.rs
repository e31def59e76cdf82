//! The index of known values of a repository: under its Git directory, its key in the user's state
//! directory. `hook install` begins it, each command that opens or seals a file adds to it, and
//! `hook index` makes it whole.
//!
//! It is an aid: what goes wrong with it is told, and stops no other command.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use clsecrets::envelope::{OpenOptions, Opened, Sealed};
use clsecrets::format::Format;
use clsecrets::fs::{self, Privacy};
use clsecrets::metadata::Selector;
use clsecrets::scan::known::{IndexKey, Known};
use clsecrets::secret::DataKey;
use clsecrets::tree::{Step, Trail, walk};
use clsecrets::{Code, Error, Settings, format};
use zeroize::Zeroizing;

use super::super::git::{ask, ask_path};
use super::super::opening::Opener;
use super::super::{Context, Outcome};

/// Where the index is, from the directory that all work trees share.
const INDEX: &str = "clsecrets/known";
/// Where its key is, in the folder for local state.
const KEY: &str = "known.key";

/// The top of the repository that a directory is in.
pub(super) fn top(directory: &Path) -> Option<PathBuf> {
    directory
        .ancestors()
        .find(|above| above.join(".git").exists())
        .map(Path::to_path_buf)
}

/// The index and its key; nothing if no value is known yet.
pub(super) fn load(context: &Context) -> Result<Option<(Known, IndexKey)>, String> {
    let settings = &context.settings;
    let (Some(place), Some(key)) = (place(&settings.cwd), kept_key(settings)?) else {
        return Ok(None);
    };
    match fs::read(&place) {
        Ok(content) => Known::open(&content.bytes, &key)
            .map(|known| (!known.is_empty()).then_some((known, key)))
            .map_err(|error| error.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!(
            "the index of known values cannot be read: {}",
            fs::plain(&error)
        )),
    }
}

/// Opens every sealed file that is tracked, and makes the index anew.
pub(super) fn index(context: &Context) -> Outcome {
    let settings = &context.settings;
    let outside = || {
        Error::new(Code::Input, "this is no work tree of a git repository")
            .hint("run it where the sealed files are")
    };
    let top = top(&settings.cwd).ok_or_else(outside)?;
    let place = place(&settings.cwd).ok_or_else(outside)?;
    let key = match kept_key(settings) {
        Ok(Some(key)) => key,
        _ => new_key(settings)?,
    };
    let mut known = Known::default();
    let opener = Opener::new(settings, &context.ui, None)?;
    let (mut opened, mut closed) = (0, 0);
    for path in tracked(&top) {
        let Some(format) = path.to_str().and_then(format::by_extension) else {
            continue;
        };
        let Ok(content) = fs::read(&top.join(&path)) else {
            continue;
        };
        let is_sealed = memchr::memmem::find(&content.bytes, b"ENC[AES256_GCM,").is_some()
            && memchr::memmem::find(&content.bytes, b"sops").is_some();
        if !is_sealed {
            continue;
        }
        let name = path.display().to_string();
        match opener.open_text(&name, format, content.bytes, OpenOptions::default()) {
            Ok((one, _)) => {
                learn(&mut known, &key, &name, &one);
                opened += 1;
            }
            Err(error) => {
                context
                    .ui
                    .warn(&format!("{name} is left out: {}", error.message));
                closed += 1;
            }
        }
    }
    store(&place, &known, &key)?;
    context.ui.note(&format!(
        "{} values of {opened} sealed files are known on this machine{}",
        known.values(),
        if closed > 0 {
            format!("; {closed} files could not be opened")
        } else {
            String::new()
        }
    ));
    Ok(0)
}

/// Makes an empty index where there is none: from now on commands add to it what they open and seal.
pub(crate) fn begin(directory: &Path, settings: &Settings) -> Result<(), Error> {
    let Some(place) = place(directory) else {
        return Ok(());
    };
    if place.exists() || fs::state_folder(settings)?.is_none() {
        return Ok(());
    }
    let key = match kept_key(settings) {
        Ok(Some(key)) => key,
        Ok(None) => new_key(settings)?,
        Err(reason) => return Err(super::unusable("the key of the index", &reason)),
    };
    store(&place, &Known::default(), &key)
}

/// Learns the values of a file that was just sealed with a data key, if this repository has an index.
pub(crate) fn learn_sealed(
    context: &Context,
    path: &Path,
    format: &'static dyn Format,
    text: &[u8],
    data_key: &DataKey,
) {
    let place = path.parent().and_then(place);
    if !place.is_some_and(|place| place.exists()) {
        return;
    }
    let name = path.display().to_string();
    let opened = Sealed::parse(format, Zeroizing::new(text.to_vec()))
        .and_then(|sealed| sealed.open(data_key, OpenOptions::default()))
        .map_err(|error| error.about(&name, true).message);
    let learned = opened.and_then(|opened| refresh(&context.settings, path, &opened));
    if let Err(reason) = learned {
        context.ui.warn(&format!(
            "the index of known values was not refreshed: {reason}"
        ));
    }
}

/// Learns the values of a file that was opened, if this repository has an index.
pub(crate) fn refresh(settings: &Settings, path: &Path, opened: &Opened) -> Result<(), String> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    let (Some(top), Some(place)) = (top(directory), place(directory)) else {
        return Ok(());
    };
    if !place.exists() {
        return Ok(());
    }
    let Some(key) = kept_key(settings)? else {
        return Ok(());
    };
    let content = fs::read(&place).map_err(|error| fs::plain(&error))?;
    let mut known = Known::open(&content.bytes, &key).map_err(|error| error.to_string())?;
    let name = path
        .strip_prefix(&top)
        .unwrap_or(path)
        .display()
        .to_string();
    let mac = opened.metadata().mac.clone().unwrap_or_default();
    if known.files().any(|(file, old)| file == name && old == mac) {
        return Ok(());
    }
    learn(&mut known, &key, &name, opened);
    store(&place, &known, &key).map_err(|error| error.message)
}

fn learn(known: &mut Known, key: &IndexKey, path: &str, opened: &Opened) {
    let metadata = opened.metadata();
    let mut selector = Selector::new(&metadata.rule);
    let mut trail = Trail::default();
    let mut values: Vec<(String, &[u8])> = Vec::new();
    let mut lists: Vec<bool> = Vec::new();
    let walked = walk::<Infallible>(opened.tree(), &mut |step| {
        let is_item = lists.last() == Some(&true);
        match step {
            Step::EnterMap | Step::EnterList => {
                if is_item {
                    trail.item();
                }
                lists.push(matches!(step, Step::EnterList));
                selector.enter();
                trail.enter();
            }
            Step::Leave => {
                lists.pop();
                selector.leave();
                trail.leave();
            }
            Step::Key(key) => {
                selector.key(key);
                trail.key(key);
            }
            Step::Comment(comment) => {
                selector.comment(comment.text.expose());
            }
            Step::Leaf(leaf) => {
                if is_item {
                    trail.item();
                }
                if let (true, Some(text)) = (selector.value(), leaf.value.as_str()) {
                    values.push((trail.path().to_string(), text.expose()));
                }
                selector.value_done();
            }
        }
        Ok(())
    });
    let Ok(()) = walked;
    let mac = metadata.mac.clone().unwrap_or_default();
    known.learn(key, path, &mac, values.into_iter());
}

fn store(place: &Path, known: &Known, key: &IndexKey) -> Result<(), Error> {
    let sealed = known
        .seal(key)
        .map_err(|error| super::unusable("the index of known values", &error.to_string()))?;
    if let Some(directory) = place.parent() {
        fs::create_private_dir(directory)?;
    }
    fs::replace(place, &sealed, Privacy::Private, None)
}

fn kept_key(settings: &Settings) -> Result<Option<IndexKey>, String> {
    let folder = fs::state_folder(settings).map_err(|error| error.message)?;
    let Some(path) = folder.map(|folder| folder.join(KEY)) else {
        return Ok(None);
    };
    match fs::read(&path) {
        Ok(content) => IndexKey::from_bytes(&content.bytes)
            .map(Some)
            .ok_or_else(|| format!("{} is no key of ours", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!(
            "{} cannot be read: {}",
            path.display(),
            fs::plain(&error)
        )),
    }
}

fn new_key(settings: &Settings) -> Result<IndexKey, Error> {
    let directory = fs::state_folder(settings)?.ok_or_else(|| {
        Error::new(Code::Failed, "there is no place for the key of the index")
            .hint("set HOME or XDG_STATE_HOME")
    })?;
    let path = directory.join(KEY);
    let key = IndexKey::generate()
        .map_err(|_| Error::new(Code::Failed, "the system gives no random bytes"))?;
    if let Some(directory) = path.parent() {
        fs::create_private_dir(directory)?;
    }
    fs::replace(&path, key.bytes(), Privacy::Private, None)?;
    Ok(key)
}

/// The index of the repository that a directory is in. Linked work trees have the one of their
/// repository; their `.git` is a file that leads there.
fn place(directory: &Path) -> Option<PathBuf> {
    let git = top(directory)?.join(".git");
    if git.is_dir() {
        return Some(git.join(INDEX));
    }
    let common = ask_path(directory, &["rev-parse", "--git-common-dir"]).ok()?;
    Some(directory.join(common).join(INDEX))
}

fn tracked(top: &Path) -> Vec<PathBuf> {
    let listed = ask(top, ["ls-files", "-z", "--full-name"]).unwrap_or_default();
    listed
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
        .collect()
}
