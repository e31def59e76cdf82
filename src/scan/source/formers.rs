//! What a sealed file may follow besides what the commit before has in its place: what its path held
//! earlier, what disappeared where it came, and what an environment named in its place.
//!
//! A file that is deleted and made anew, moved away and back, or named by an environment in the place
//! of another one has no predecessor in the commit before, and is a successor all the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use zeroize::Zeroizing;

use super::super::git::{self, Entry, Kind, Object, past};
use super::{Commit, Index, Scope, SourceError};
use named::{Naming, Renamed, environments_of, is_environments, namings, renamed};

mod named;
pub(super) mod working;

/// A sealed file, and what it may follow.
#[derive(Debug)]
pub struct Heir<'a> {
    /// Its path from the top of the repository.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// The commit that brought it, where commits are looked at.
    pub commit: Option<&'a Commit>,
    /// What it may follow.
    pub formers: &'a [Former],
}

/// A file that another one may follow.
#[derive(Debug)]
pub struct Former {
    /// Its path from the top of the repository.
    pub path: String,
    /// Its content.
    pub bytes: Zeroizing<Vec<u8>>,
    /// How it comes before the other one.
    pub kin: Kin,
}

/// How a file comes before another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kin {
    /// It stood at the same path.
    Own,
    /// An environment of this name had it in the other one's place.
    Named(String),
    /// It disappeared where the other one came.
    Gone,
}

/// A file whose formers are still to be found.
#[derive(Debug)]
struct Wish {
    path: Vec<u8>,
    content: Content,
    commit: Option<String>,
    /// Contents of its own path, the newest first: one that is sealed is enough.
    own: Vec<String>,
    /// Commits in which its path is looked up, and in all that leads to them, where that is of use.
    bases: Vec<String>,
    /// What disappeared.
    gone: Vec<(Vec<u8>, String)>,
    /// Environments, and the path that each named in its place in one of these commits.
    named: Vec<(String, Vec<u8>, String)>,
}

/// Where the content of a file is.
#[derive(Debug, Clone)]
enum Content {
    /// In the repository, under this name.
    Object(String),
    /// In the working tree.
    Bytes(Zeroizing<Vec<u8>>),
}

/// Contents of paths in a commit and in all that lead to it.
type Pasts = HashMap<String, BTreeMap<Vec<u8>, Vec<String>>>;

impl Index {
    /// Lends each sealed file that may follow another one.
    pub(super) fn lend_heirs(&mut self, each: &mut dyn FnMut(Heir<'_>)) -> Result<(), SourceError> {
        let wishes = match self.scope {
            Scope::Staged => self.staged_wishes()?,
            Scope::Range => self.wishes_of_commits()?,
            Scope::Tracked | Scope::History => return Ok(()),
        };
        self.fulfil(wishes, each)
    }

    /// Looks up what files may follow, and lends them with it.
    fn fulfil(
        &mut self,
        wishes: Vec<Wish>,
        each: &mut dyn FnMut(Heir<'_>),
    ) -> Result<(), SourceError> {
        let pasts = self.pasts(&wishes)?;
        for wish in wishes {
            let formers = self.formers(&wish, &pasts)?;
            if formers.is_empty() {
                continue;
            }
            let bytes = match &wish.content {
                Content::Bytes(bytes) => bytes.clone(),
                Content::Object(object) => match self.objects.read(object.as_bytes())? {
                    Object::Bytes(bytes) => bytes,
                    _ => continue,
                },
            };
            let commit = match &wish.commit {
                Some(commit) => Some(self.commit(commit)?),
                None => None,
            };
            each(Heir {
                path: &String::from_utf8_lossy(&wish.path),
                bytes: &bytes,
                commit: commit.as_ref(),
                formers: &formers,
            });
        }
        Ok(())
    }

    /// The index against HEAD.
    fn staged_wishes(&mut self) -> Result<Vec<Wish>, SourceError> {
        let entries = self.entries.clone();
        let is_named = entries.iter().any(|entry| is_environments(&entry.path));
        let is_heir = |entry: &Entry, index: &mut Self| -> Result<bool, SourceError> {
            Ok(index.is_sealed_file(entry) && !index.followed_one(entry)?)
        };
        let mut wishes = Vec::new();
        for entry in &entries {
            if is_heir(entry, self)? {
                wishes.push(Wish::of(entry));
            }
        }
        if (wishes.is_empty() && !is_named) || !git::exists(&self.directory, "HEAD") {
            return Ok(Vec::new());
        }
        let gone = git::deleted(&self.directory)?;
        let gone: Vec<_> = gone
            .into_iter()
            .map(|entry| (entry.path.as_bytes().to_vec(), entry.object))
            .collect();
        for wish in &mut wishes {
            wish.gone.clone_from(&gone);
            wish.bases = vec!["HEAD".to_owned()];
        }
        if is_named {
            let files = environments_of(&entries);
            let named = renamed(
                &self.namings(&files, b"HEAD:")?,
                &self.namings(&files, b":0:")?,
            );
            self.add_named(&mut wishes, named, "HEAD", b":0:", None)?;
        }
        Ok(wishes)
    }

    /// Commit by commit, and the end of what is looked at against its beginning.
    fn wishes_of_commits(&mut self) -> Result<Vec<Wish>, SourceError> {
        let stretches = self.stretches.clone();
        let mut bases: Vec<String> = stretches.iter().map(|(base, _)| base.clone()).collect();
        bases.sort_unstable();
        bases.dedup();
        let steps = std::mem::take(&mut self.steps);
        let mut wishes = self.wishes_of_steps(&steps, &bases)?;
        let mut brought: HashMap<(&OsStr, &str), &str> = HashMap::new();
        for step in &steps {
            if let Some(commit) = &step.commit {
                brought.insert((&step.path, &step.object), commit);
            }
        }
        for (base, tip) in &stretches {
            let changes = past::between(&self.directory, base, tip)?;
            let gone = deletions(changes.iter());
            for entry in changes.iter().filter(|entry| entry.kind == Kind::File) {
                if git::is_none(&entry.object) || !self.looks_sealed(&entry.object)? {
                    continue;
                }
                let commit = brought.get(&(entry.path.as_os_str(), entry.object.as_str()));
                let mut wish = Wish::of(entry);
                wish.commit = Some((*commit.unwrap_or(&tip.as_str())).to_owned());
                wish.own.extend(entry.before.clone());
                wish.bases = vec![base.clone()];
                wish.gone.clone_from(&gone);
                wishes.push(wish);
            }
            let files = environments_of(&changes);
            if !files.is_empty() {
                let before = format!("{base}:").into_bytes();
                let now = format!("{tip}:").into_bytes();
                let named = renamed(
                    &self.namings(&files, &before)?,
                    &self.namings(&files, &now)?,
                );
                self.add_named(&mut wishes, named, base, &now, Some(tip))?;
            }
        }
        self.steps = steps;
        Ok(wishes)
    }

    /// What commits bring where the commit before has nothing that is sealed.
    fn wishes_of_steps(
        &mut self,
        steps: &[Entry],
        bases: &[String],
    ) -> Result<Vec<Wish>, SourceError> {
        let mut held: HashMap<&OsStr, Vec<String>> = HashMap::new();
        let mut wishes = Vec::new();
        for step in steps {
            let held = held.entry(&step.path).or_default();
            if self.is_sealed_file(step) && !self.followed_one(step)? {
                let mut wish = Wish::of(step);
                wish.own.extend(held.iter().rev().cloned());
                wish.bases = bases.to_vec();
                let same = steps.iter().filter(|other| other.commit == step.commit);
                wish.gone = deletions(same);
                wishes.push(wish);
            }
            let now = (!git::is_none(&step.object)).then(|| step.object.clone());
            for object in [step.before.clone(), now].into_iter().flatten() {
                held.retain(|other| *other != object);
                held.push(object);
            }
        }
        Ok(wishes)
    }

    /// What environments of a version name.
    fn namings(&mut self, files: &[Vec<u8>], prefix: &[u8]) -> Result<Vec<Naming>, SourceError> {
        let mut found = Vec::new();
        for file in files {
            if let Object::Bytes(text) = self.version(prefix, file)? {
                found.extend(namings(file, &text));
            }
        }
        Ok(found)
    }

    fn add_named(
        &mut self,
        wishes: &mut Vec<Wish>,
        named: Vec<Renamed>,
        base: &str,
        now: &[u8],
        tip: Option<&str>,
    ) -> Result<(), SourceError> {
        for one in named {
            let formers = one.at(base);
            let path = one.path;
            let mut is_known = false;
            for wish in wishes
                .iter_mut()
                .filter(|wish| wish.path == path.as_bytes())
            {
                wish.named.extend(formers.iter().cloned());
                is_known = true;
            }
            let object = format!("{}{path}", String::from_utf8_lossy(now));
            if !is_known && !path.contains('\n') && self.looks_sealed(&object)? {
                wishes.push(Wish {
                    commit: tip.map(str::to_owned),
                    named: formers,
                    ..Wish::new(path.into_bytes(), Content::Object(object))
                });
            }
        }
        Ok(())
    }

    /// Looks up what was named and, where nothing nearer is known, paths in earlier commits.
    fn pasts(&mut self, wishes: &[Wish]) -> Result<Pasts, SourceError> {
        let mut asked: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
        for wish in wishes {
            let mut is_known = false;
            for object in &wish.own {
                is_known |= self.looks_sealed(object)?;
            }
            if !is_known {
                for base in &wish.bases {
                    asked.entry(base).or_default().insert(&wish.path);
                }
            }
            for (_, path, base) in &wish.named {
                asked.entry(base).or_default().insert(path);
            }
        }
        let mut pasts = Pasts::new();
        for (base, paths) in asked {
            let paths: Vec<&OsStr> = paths.into_iter().map(OsStr::from_bytes).collect();
            let found = past::contents(&self.directory, base, &paths)?;
            pasts.insert(base.to_owned(), found);
        }
        Ok(pasts)
    }

    fn formers(&mut self, wish: &Wish, pasts: &Pasts) -> Result<Vec<Former>, SourceError> {
        let mut found = Vec::new();
        let shown = String::from_utf8_lossy(&wish.path).into_owned();
        let past = |base: &str, path: &[u8]| {
            let of_base = pasts.get(base);
            of_base
                .and_then(|all| all.get(path))
                .cloned()
                .unwrap_or_default()
        };
        let mut own = self
            .first_sealed(&wish.own)?
            .into_iter()
            .collect::<Vec<_>>();
        if own.is_empty() {
            for base in &wish.bases {
                own.extend(self.first_sealed(&past(base, &wish.path))?);
            }
        }
        found.extend(own.into_iter().map(|bytes| Former {
            path: shown.clone(),
            bytes,
            kin: Kin::Own,
        }));
        for (environment, path, base) in &wish.named {
            let bytes = self.first_sealed(&past(base, path))?;
            found.extend(bytes.map(|bytes| Former {
                path: String::from_utf8_lossy(path).into_owned(),
                bytes,
                kin: Kin::Named(environment.clone()),
            }));
        }
        if found.is_empty() {
            for (path, object) in &wish.gone {
                let bytes = self.first_sealed(std::slice::from_ref(object))?;
                found.extend(bytes.map(|bytes| Former {
                    path: String::from_utf8_lossy(path).into_owned(),
                    bytes,
                    kin: Kin::Gone,
                }));
            }
        }
        Ok(found)
    }

    /// The first of some contents that looks sealed.
    fn first_sealed(
        &mut self,
        objects: &[String],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, SourceError> {
        for object in objects {
            if self.looks_sealed(object)?
                && let Object::Bytes(bytes) = self.objects.read(object.as_bytes())?
            {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Whether an entry is a file that was met and looks sealed.
    fn is_sealed_file(&self, entry: &Entry) -> bool {
        entry.kind == Kind::File && self.seen.get(&entry.object) == Some(&true)
    }

    /// Whether what it has replaced looks sealed, too.
    fn followed_one(&mut self, entry: &Entry) -> Result<bool, SourceError> {
        match &entry.before {
            Some(before) => self.looks_sealed(before),
            None => Ok(false),
        }
    }

    fn looks_sealed(&mut self, object: &str) -> Result<bool, SourceError> {
        if let Some(known) = self.seen.get(object) {
            return Ok(*known);
        }
        let is_one = match self.objects.read(object.as_bytes())? {
            Object::Bytes(bytes) => super::looks_sealed(&bytes),
            _ => false,
        };
        self.seen.insert(object.to_owned(), is_one);
        Ok(is_one)
    }
}

impl Wish {
    fn new(path: Vec<u8>, content: Content) -> Self {
        Self {
            path,
            content,
            commit: None,
            own: Vec::new(),
            bases: Vec::new(),
            gone: Vec::new(),
            named: Vec::new(),
        }
    }

    fn of(entry: &Entry) -> Self {
        let content = Content::Object(entry.object.clone());
        Self {
            commit: entry.commit.clone(),
            ..Self::new(entry.path.as_bytes().to_vec(), content)
        }
    }
}

/// Paths and contents of what was deleted.
fn deletions<'e>(entries: impl Iterator<Item = &'e Entry>) -> Vec<(Vec<u8>, String)> {
    entries
        .filter(|entry| git::is_none(&entry.object))
        .filter_map(|entry| Some((entry.path.as_bytes().to_vec(), entry.before.clone()?)))
        .collect()
}
