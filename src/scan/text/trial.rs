//! Whether a text is there to try other code: the keys in it were made for that, and published with it.

use super::{Text, harmless};

/// Folders that hold nothing but tests, whatever is in them.
const FOLDERS: &[&str] = &[
    "tests",
    "testdata",
    "test_data",
    "test-data",
    "testing",
    "testkit",
    "fixtures",
    "spec",
    "benches",
];

/// Parts of names that say so of program text and of its data. `test` alone can be an environment,
/// whose settings are as secret as any.
const PARTS: &[&str] = &[
    "test", "tests", "testdata", "vectors", "spec", "mock", "mocks",
];

impl Text<'_> {
    /// Whether what stands at an offset is a part of tests.
    pub(in crate::scan) fn is_of_tests(&self, at: usize) -> bool {
        let (folder, _) = self.path().rsplit_once('/').unwrap_or_default();
        if folder.split('/').any(|part| FOLDERS.contains(&part)) {
            return true;
        }
        let lower = self.path().to_ascii_lowercase();
        let mut parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
        if !self.dialect().is_setting()
            && parts.any(|part| PARTS.contains(&part) || part.ends_with("testdata"))
        {
            return true;
        }
        // A module of tests is the last one of a file in Rust.
        lower.rsplit('.').next() == Some("rs")
            && harmless::contains(self.slice(0..at), b"#[cfg(test)]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_environments_that_are_called_test() {
        let is = |path: &str| Text::new(path, b"x").is_of_tests(0);
        for path in [
            "tests/a.yaml",
            "src/x509_test.cc",
            "suite/test-vectors-1.json",
            "url/urltestdata.json",
        ] {
            assert!(is(path), "{path}");
        }
        for path in [
            "envs/test/values.yaml",
            "values-test.yaml",
            "test.env",
            "src/contest.rs",
        ] {
            assert!(!is(path), "{path}");
        }
        let module = Text::new("src/a.rs", b"const A: u8;\n#[cfg(test)]\nmod tests {");
        assert!(!module.is_of_tests(5));
        assert!(module.is_of_tests(30));
    }
}
