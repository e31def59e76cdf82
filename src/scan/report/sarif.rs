//! The report as SARIF 2.1.0, which code hosts show beside the lines of a change.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::Report;

/// What may stand in the path of a URI as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'~');

/// One SARIF log with one run by these rules (id and summary). What could not be judged is a
/// notification of a failed run.
pub fn sarif(report: &Report, rules: impl Iterator<Item = (&'static str, &'static str)>) -> Value {
    let rules: Vec<Value> = rules
        .map(|(id, summary)| json!({ "id": id, "shortDescription": { "text": summary } }))
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|found| {
            json!({
                "ruleId": found.rule,
                "level": found.severity.name(),
                "message": { "text": format!("{}\nfix: {}", found.message, found.hint) },
                "locations": [location(&found.path, Some((found.line, found.column)))],
                "partialFingerprints": { "line/v1": found.line_mark },
            })
        })
        .collect();
    let notifications: Vec<Value> = report
        .unjudged
        .iter()
        .map(|one| {
            json!({
                "level": "error",
                "message": { "text": format!("could not be checked: {}", one.reason) },
                "locations": [location(&one.path, None)],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "clsecrets",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "results": results,
            "invocations": [{
                "executionSuccessful": report.unjudged.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
        }],
    })
}

fn location(path: &str, place: Option<(usize, usize)>) -> Value {
    let mut physical = json!({
        "artifactLocation": { "uri": utf8_percent_encode(path, PATH).to_string() },
    });
    if let (Some((line, column)), Some(physical)) = (place, physical.as_object_mut()) {
        physical.insert(
            "region".to_owned(),
            json!({ "startLine": line, "startColumn": column }),
        );
    }
    json!({ "physicalLocation": physical })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn every_result_names_a_rule_of_the_driver_and_a_place() {
        let log = sarif(&example(), [("H003", "s")].into_iter());
        let run = &log["runs"][0];
        let result = &run["results"][0];

        assert!(
            run["tool"]["driver"]["rules"]
                .as_array()
                .unwrap()
                .iter()
                .any(|rule| rule["id"] == result["ruleId"])
        );
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "a%20%1B%5B2J%0Ab.yaml");
        assert_eq!(physical["region"]["startLine"], 3);
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    }
}
