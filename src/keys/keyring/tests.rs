use std::path::PathBuf;

use super::*;

fn settings(vars: &[(&str, &str)]) -> Settings {
    let vars = vars
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(vars, PathBuf::from("/"), 1_704_153_600)
}

#[test]
fn the_option_comes_before_the_variable_and_that_before_age_and_pgp() {
    let vars = settings(&[("SOPS_DECRYPTION_ORDER", "kms, age")]);
    let order = |given, vars: &Settings| decryption_order(given, vars).unwrap();
    assert_eq!(order(None, &settings(&[])), ["age", "pgp"]);
    assert_eq!(order(None, &vars), ["kms", "age"]);
    assert_eq!(order(Some("pgp"), &vars), ["pgp"]);
}

#[test]
fn a_kind_named_twice_in_the_order_is_refused() {
    let vars = settings(&[("SOPS_DECRYPTION_ORDER", "age, kms,age")]);
    let error = decryption_order(None, &vars).unwrap_err();
    assert_eq!(error.code.status(), 112);
}
