use super::*;

const A: &str = "age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4m";
const B: &str = "age1a34rrmmn78r8wqaa0tv5mgvdqw2948vmr0nk5u4t73nm5hu0h90supxcey";
const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/4f-1";

fn rules(text: &str) -> RulesFile {
    RulesFile::parse(Path::new("/repo/.sops.yaml"), text).unwrap()
}

fn names(rule: &Rule) -> Vec<&str> {
    rule.groups
        .iter()
        .flatten()
        .map(|recipient| {
            let fields = &recipient.fields;
            fields.text("recipient").or(fields.text("arn")).unwrap()
        })
        .collect()
}

fn only_rule(text: &str) -> Result<Rule, ConfigError> {
    rules(text)
        .rule_for(Path::new("/repo/a.yaml"))
        .map(Option::unwrap)
}

#[test]
fn the_first_rule_that_matches_wins_and_one_without_a_pattern_takes_the_rest() {
    let rules = rules(&format!(
        "creation_rules:\n\
         - path_regex: ^secrets/prod/.*\\.yaml$\n  age: {A}\n\
         - path_regex: \\.yaml$\n  age: {B}\n\
         - kms: {ARN}\n"
    ));
    let number = |path: &str| {
        let rule = rules.rule_for(Path::new(path)).unwrap().unwrap();
        rule.number
    };
    assert_eq!(number("/repo/secrets/prod/x.yaml"), 1);
    assert_eq!(number("/repo/./secrets/dev/../prod/x.yaml"), 1);
    assert_eq!(number("/repo/other/secrets/prod/x.yaml"), 2);
    assert_eq!(number("/elsewhere/secrets/prod/x.yaml"), 2);
    assert_eq!(number("/repo/x.json"), 3);
}

#[test]
fn a_file_without_a_matching_rule_has_none() {
    let rules = rules(&format!("creation_rules:\n- path_regex: ^b\n  age: {A}\n"));
    assert!(rules.rule_for(Path::new("/repo/a")).unwrap().is_none());
    assert!(rules.has_rules());
    let empty = RulesFile::parse(Path::new("/repo/.sops.yaml"), "# nothing\n").unwrap();
    assert!(!empty.has_rules());
    assert!(empty.rule_for(Path::new("/repo/a")).unwrap().is_none());
}

#[test]
fn recipients_may_be_a_text_with_commas_or_a_list() {
    let rule = only_rule(&format!("creation_rules: [{{ age: '{A},{B}' }}]")).unwrap();
    assert_eq!(names(&rule), [A, B]);
    let rule = only_rule(&format!("creation_rules: [{{ age: [{A}, {B}, {A}] }}]")).unwrap();
    assert_eq!(names(&rule), [A, B]);
    let folded = format!("creation_rules:\n- age: >-\n    {A},\n    {B}\n");
    assert_eq!(names(&only_rule(&folded).unwrap()), [A, B]);
}

#[test]
fn a_flat_kms_entry_takes_the_profile_of_the_rule() {
    let rule = only_rule(&format!(
        "creation_rules:\n- kms: {ARN}+arn:aws:iam::1:role/r\n  aws_profile: dev\n"
    ))
    .unwrap();
    let fields = &rule.groups[0][0].fields;
    assert_eq!(fields.text("aws_profile"), Some("dev"));
    assert_eq!(fields.text("role"), Some("arn:aws:iam::1:role/r"));
}

#[test]
fn one_key_group_with_what_it_merges_replaces_the_flat_fields() {
    let rule = only_rule(&format!(
        "creation_rules:\n- age: {B}\n  key_groups:\n  - merge:\n    - kms:\n      - arn: {ARN}\n        \
         role: arn:aws:iam::1:role/r\n        aws_profile: dev\n        context: {{ app: node }}\n    \
         age: [{A}]\n"
    ))
    .unwrap();
    assert_eq!(names(&rule), [ARN, A]);
    let fields = &rule.groups[0][0].fields;
    assert_eq!(fields.text("aws_profile"), Some("dev"));
    assert!(fields.get("context").is_some());
}

#[test]
fn several_key_groups_keep_their_order_and_what_they_merge_comes_first() {
    let rule = only_rule(&format!(
        "creation_rules:\n- age: {A}\n  shamir_threshold: 2\n  key_groups:\n  \
         - age: ['{A},{B}', {A}]\n    merge:\n    - kms: [{{ arn: {ARN} }}]\n      \
         merge: [{{ age: [{B}] }}, null]\n  \
         - age: [{A}]\n  - null\n  - {{}}\n"
    ))
    .unwrap();
    let groups: Vec<usize> = rule.groups.iter().map(Vec::len).collect();
    assert_eq!(groups, [3, 1, 0]);
    assert_eq!(names(&rule), [B, ARN, A, A]);
    assert_eq!(rule.shamir_threshold, 2);
}

#[test]
fn without_a_threshold_all_groups_are_needed() {
    let rules = rules(&format!(
        "creation_rules:\n- key_groups:\n  - age: [{A}]\n  - age: [{B}]\n"
    ));
    let rule = rules.rule_for(Path::new("/repo/a")).unwrap().unwrap();
    let groups = rule.seal_for(&rules).unwrap();
    assert!(groups.are_shared());
    assert_eq!(groups.threshold(), 2);
}

#[test]
fn the_flat_fields_count_where_there_are_no_groups() {
    for groups in ["[]", "null", "[null]"] {
        let text = format!("creation_rules:\n- age: {B}\n  key_groups: {groups}\n");
        assert_eq!(names(&only_rule(&text).unwrap()), [B], "{groups}");
    }
    for groups in ["[{}]", "[{age: []}]"] {
        let text = format!("creation_rules:\n- age: {B}\n  key_groups: {groups}\n");
        assert_eq!(names(&only_rule(&text).unwrap()), [""; 0], "{groups}");
    }
}

#[test]
fn a_group_is_a_map_of_lists_and_a_threshold_a_number() {
    for text in [
        format!("- key_groups:\n  - age: {A}\n"),
        format!("- key_groups:\n  - kms: {ARN}\n"),
        format!("- shamir_threshold: two\n  age: {A}\n"),
    ] {
        let text = format!("creation_rules:\n{text}");
        let parsed = RulesFile::parse(Path::new("/repo/.sops.yaml"), &text);
        let error = parsed.unwrap_err().to_string();
        assert!(error.starts_with("/repo/.sops.yaml:"), "{error}");
    }
}

#[test]
fn a_kind_that_only_one_group_has_is_named_with_the_group() {
    let rules = rules(&format!(
        "creation_rules:\n- key_groups:\n  - age: [{A}]\n  - hc_vault: ['https://v/v1/t/keys/k']\n    \
         gcp_kms: [{{ resource_id: x }}]\n"
    ));
    let rule = rules.rule_for(Path::new("/repo/a")).unwrap().unwrap();
    let error = rule.seal_for(&rules).unwrap_err().to_string();
    assert!(
        error.ends_with("of kind gcp_kms (key group 2), hc_vault (key group 2)"),
        "{error}"
    );
}

#[test]
fn a_kind_that_this_build_does_not_have_is_refused_when_sealing() {
    let rules = rules(&format!(
        "creation_rules:\n- age: {A}\n  hckms: [ABCD]\n  gcp_kms: projects/x\n"
    ));
    let rule = rules.rule_for(Path::new("/repo/a")).unwrap().unwrap();
    let error = rule.seal_for(&rules).unwrap_err().to_string();
    assert!(error.contains("gcp_kms, hckms"), "{error}");
}

#[test]
fn two_selections_in_a_rule_are_refused_and_an_empty_one_does_not_count() {
    let text = |more: &str| format!("creation_rules:\n- age: {A}\n  encrypted_regex: ^a$\n{more}");
    let rule = only_rule(&text(
        "  encrypted_suffix: ''\n  mac_only_encrypted: true\n",
    ))
    .unwrap();
    let selection = rule.selection.unwrap();
    assert_eq!(
        (selection.kind.field(), selection.value.as_str()),
        ("encrypted_regex", "^a$")
    );
    assert!(rule.mac_only_encrypted);
    let error = only_rule(&text("  unencrypted_suffix: _x\n")).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("exclude one another"), "{error}");
}

#[test]
fn a_pattern_that_does_not_compile_is_an_error_of_its_rule_only() {
    let rules = rules(&format!(
        "creation_rules:\n- path_regex: ^a\n  age: {A}\n- path_regex: (\n  age: {A}\n"
    ));
    assert!(rules.rule_for(Path::new("/repo/a")).unwrap().is_some());
    let error = rules
        .rule_for(Path::new("/repo/b"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/repo/.sops.yaml: rule 2: the pattern '('"),
        "{error}"
    );
    let text = format!("creation_rules: [{{ age: {A}, encrypted_regex: '(' }}]");
    assert!(only_rule(&text).is_err());
}

#[test]
fn a_mistyped_recipient_is_an_error_with_its_rule() {
    let error = only_rule("creation_rules:\n- age: age1qqqq\n").unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("/repo/.sops.yaml: rule 1: age1qqqq"),
        "{error}"
    );
}

#[test]
fn unknown_fields_mean_nothing_and_broken_yaml_names_its_line() {
    let rules = rules("stores: { yaml: { indent: 2 } }\nfuture: { x: 1 }\n");
    assert_eq!(rules.yaml_indent(), Some(2));
    let broken = RulesFile::parse(Path::new("/repo/.sops.yaml"), "creation_rules:\n- a: [\n");
    let error = broken.unwrap_err().to_string();
    assert!(error.starts_with("/repo/.sops.yaml:"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}
