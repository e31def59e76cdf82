//! Every report is one of the published schema, and has no field that the schema does not name.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Scene, project, python};

/// Fails unless a report is valid. Consumers must let new fields pass; the tests do not.
pub(super) fn is_valid(scene: &Scene, report: &Value) {
    let text = fs::read_to_string(project("docs/sync.schema.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    for one in schema["$defs"].as_object_mut().unwrap().values_mut() {
        if one["properties"].is_object() {
            one["additionalProperties"] = json!(false);
        }
    }
    let program = "import json, sys, jsonschema; \
                   schema, report = json.load(sys.stdin); \
                   jsonschema.Draft202012Validator.check_schema(schema); \
                   jsonschema.validate(report, schema)";
    scene
        .other(python(), ["-c", program])
        .stdin(json!([schema, report]).to_string())
        .run()
        .succeeds();
}
