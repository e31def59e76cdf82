use super::*;

struct World {
    root: tempfile::TempDir,
}

impl World {
    fn new(files: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let world = Self { root };
        for file in files {
            let path = world.path(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::File::create_new(path).unwrap();
        }
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn settings(&self, cwd: &str, vars: &[(&str, &str)]) -> Settings {
        let vars = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::new(vars, self.path(cwd), 0)
    }

    fn find(&self, file: &str, cwd: &str, scope: Scope) -> Found {
        let file = self.path(file);
        find_rules(Some(&file), None, scope, &self.settings(cwd, &[]))
    }

    fn environments(&self) -> Environments {
        let text =
            "version: 1\nenvironments:\n  prod:\n    profile: trackit\n    sealed: s/prod/a.yaml\n";
        Environments::parse(&self.path("repo/clsecrets.yaml"), text).unwrap()
    }
}

#[test]
fn rules_above_the_file_come_before_those_above_the_working_directory() {
    let world = World::new(&["a/.sops.yaml", "a/b/c/x.yaml", "d/.sops.yaml", "e/x.yaml"]);
    let both = Scope::FileThenWorkingDirectory;
    let found = world.find("a/b/c/x.yaml", "d", both);
    assert_eq!(
        found.rules,
        Some((world.path("a/.sops.yaml"), Origin::AboveFile))
    );
    let found = world.find("e/x.yaml", "d", both);
    assert_eq!(
        found.rules,
        Some((world.path("d/.sops.yaml"), Origin::AboveWorkingDirectory))
    );
}

#[test]
fn as_the_reference_only_the_working_directory_counts_and_the_difference_is_named() {
    let world = World::new(&["a/.sops.yaml", "d/.sops.yaml"]);
    let found = world.find("a/x.yaml", "d", Scope::WorkingDirectory);
    assert_eq!(
        found.rules,
        Some((world.path("d/.sops.yaml"), Origin::AboveWorkingDirectory))
    );
    assert!(found.notices[0].contains("a/.sops.yaml"));
    let same = world.find("d/x.yaml", "d", Scope::WorkingDirectory);
    assert!(same.notices.is_empty());
}

#[test]
fn a_misnamed_file_is_a_notice() {
    let world = World::new(&["a/.sops.yml", "a/x.yaml"]);
    let found = world.find("a/x.yaml", "a", Scope::WorkingDirectory);
    assert_eq!(found.rules, None);
    assert!(found.notices[0].contains(".sops.yml is ignored"));
}

#[test]
fn a_given_file_wins_and_the_option_wins_over_the_variable() {
    let world = World::new(&["a/.sops.yaml"]);
    let settings = world.settings("a", &[("SOPS_CONFIG", "../other.yaml")]);
    let find = |given: Option<&Path>| {
        find_rules(None, given, Scope::WorkingDirectory, &settings)
            .rules
            .unwrap()
    };
    assert_eq!(find(None), (world.path("other.yaml"), Origin::Given));
    let third = Path::new("third.yaml");
    assert_eq!(find(Some(third)).0, world.path("a/third.yaml"));
}

#[test]
fn for_a_file_of_an_environment_only_the_rules_beside_clsecrets_yaml_count() {
    let world = World::new(&["repo/.sops.yaml", "repo/s/prod/a.yaml", ".sops.yaml"]);
    let all = world.environments();
    let file = world.path("repo/s/prod/a.yaml");
    let settings = world.settings("repo", &[]);
    let counts = rules_of_environment(&all, &file, None, &settings).unwrap();
    assert_eq!(counts, Some(world.path("repo/.sops.yaml")));
}

#[test]
fn a_nearer_file_of_rules_is_refused_for_an_environment() {
    let world = World::new(&["repo/.sops.yaml", "repo/s/prod/.sops.yaml"]);
    let all = world.environments();
    let file = world.path("repo/s/prod/a.yaml");
    let settings = world.settings("repo", &[]);
    let error = rules_of_environment(&all, &file, None, &settings).unwrap_err();
    assert!(matches!(error, ConfigError::OtherRules { .. }), "{error}");
}

#[test]
fn a_given_file_of_rules_is_refused_for_an_environment() {
    let world = World::new(&["repo/.sops.yaml", "mine.yaml"]);
    let all = world.environments();
    let file = world.path("repo/s/prod/a.yaml");
    let settings = world.settings("repo", &[("SOPS_CONFIG", "../mine.yaml")]);
    assert!(rules_of_environment(&all, &file, None, &settings).is_err());
    let beside = world.path("repo/.sops.yaml");
    assert!(rules_of_environment(&all, &file, Some(&beside), &settings).is_ok());
}

#[test]
fn without_rules_beside_it_an_environment_has_none_even_when_rules_lie_above() {
    let world = World::new(&[".sops.yaml", "repo/clsecrets.yaml"]);
    let all = world.environments();
    let file = world.path("repo/s/prod/a.yaml");
    let settings = world.settings("repo", &[]);
    let counts = rules_of_environment(&all, &file, None, &settings).unwrap();
    assert_eq!(counts, None);
    let found = find_environments(&world.path("repo/s/prod")).unwrap();
    assert_eq!(found, world.path("repo/clsecrets.yaml"));
    assert!(find_environments(&world.path("other")).is_err());
}
