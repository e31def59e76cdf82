//! Whole outputs, compared with small files in `tests/transcripts/`.
//!
//! `CLSECRETS_BLESS=1 cargo test` writes the files anew; the change is then read in review.

use std::fs;

use super::{Run, Scene, project};

impl Run {
    /// Command, status and both outputs are those of `tests/transcripts/NAME.txt`; the scene's own
    /// directory stands there as `SCENE`.
    #[track_caller]
    pub(crate) fn matches(self, scene: &Scene, name: &str) -> Self {
        let path = project("tests/transcripts").join(format!("{name}.txt"));
        let root = scene.root().display().to_string();
        let seen = self.to_string().replace(&root, "SCENE");
        if std::env::var_os("CLSECRETS_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &seen).unwrap();
        }
        let expected = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; seen:\n{seen}", path.display()));
        assert_eq!(seen, expected, "differs from {}", path.display());
        self
    }
}
