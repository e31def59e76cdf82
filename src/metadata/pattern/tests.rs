//! Compares with Go itself; `fixtures/patterns/table.go` makes the table.

use serde::Deserialize;

use super::{Pattern, PatternError};

#[derive(Deserialize)]
struct Table {
    inputs: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    pattern: String,
    valid: bool,
    #[serde(default)]
    verdicts: String,
}

/// What Go takes and we refuse on purpose: rare names of Unicode classes, and surrogates.
const REFUSED: &[&str] = &["\\p{greek}", "\\p{Letter}", "\\p{ASCII}"];

#[test]
fn every_pattern_means_what_it_means_to_the_reference() {
    let table: Table =
        serde_json::from_str(include_str!("../../../fixtures/patterns/table.json")).unwrap();
    assert!(table.rows.len() >= 120);
    let mut differences = Vec::new();
    for row in &table.rows {
        let pattern = match (Pattern::new(&row.pattern), row.valid) {
            (Err(_), false) => continue,
            (Err(_), true) if REFUSED.contains(&row.pattern.as_str()) => continue,
            (Err(error), true) => {
                differences.push(format!("{error}, but Go takes it"));
                continue;
            }
            (Ok(_), false) => {
                differences.push(format!("{:?} is taken, but Go refuses it", row.pattern));
                continue;
            }
            (Ok(pattern), true) => pattern,
        };
        assert_eq!(row.verdicts.len(), table.inputs.len());
        for (input, verdict) in table.inputs.iter().zip(row.verdicts.chars()) {
            if pattern.is_match(input) != (verdict == '1') {
                differences.push(format!("{:?} on {input:?}: Go says {verdict}", row.pattern));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_fault_names_the_pattern_and_the_position() {
    let error = Pattern::new("ab(c").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the pattern 'ab(c' is invalid: a group is not closed (at character 4)"
    );
    let error = Pattern::new("\\p{Klingon}").unwrap_err();
    assert!(matches!(error, PatternError::Unsupported { .. }), "{error}");
}

#[test]
fn deep_nesting_and_huge_repetitions_are_refused_without_harm() {
    let deep = "(".repeat(100_000) + &")".repeat(100_000);
    assert!(Pattern::new(&deep).is_err());
    assert!(
        Pattern::new("(\\pL{100}\\pL{100}\\pL{100}){10}(\\pL{1000}){1}(\\pL{1000}){1}").is_err()
    );
}

#[test]
fn a_surrogate_is_refused() {
    assert!(Pattern::new("\\x{D800}").is_err());
    assert!(Pattern::new("[\\x{D7FF}-\\x{E000}]").is_ok());
}
