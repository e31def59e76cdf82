//! The JSON Schema of clear-secrets files, from the table that reads them.

use serde_json::{Map, Value, json};

use super::model::{self, Field, Kind, Shape};

/// The schema, for editors.
pub fn clear_secrets() -> Value {
    let mut properties = Map::new();
    for field in model::NODE.iter().chain(model::TOP) {
        properties.insert(field.name.to_owned(), described(field));
    }
    let (api_key, clear) = (model::API_KEY, model::CLEAR);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The credentials of an environment of Chainlink nodes, in clear",
        "description": "What clsecrets seals. Every value is a string; numbers have to be quoted.",
        "type": "object",
        "properties": properties,
        "patternProperties": {
            format!("^.+{api_key}$"): {
                "description": "The API key of an external adapter; '-' and '.' in its name are written '_'",
                "type": "string",
            },
            format!("{clear}$"): { "description": "Left in clear by its name" },
        },
        "additionalProperties": false,
    })
}

fn described(field: &Field) -> Value {
    let mut schema = shape(&field.shape);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), json!(field.about));
    }
    schema
}

fn shape(of: &Shape) -> Value {
    match of {
        Shape::Text(Kind::ChainId) => json!({"type": "string", "minLength": 1}),
        Shape::Text(_) => json!({"type": "string"}),
        Shape::Fields(fields) => {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|field| (field.name.to_owned(), described(field)))
                .collect();
            json!({
                "type": ["object", "null"],
                "properties": properties,
                "additionalProperties": false,
            })
        }
        Shape::Named(what, below) => json!({
            "type": ["object", "null"],
            "propertyNames": { "description": what, "minLength": 1 },
            "additionalProperties": shape(below),
        }),
        Shape::List(below) => json!({ "type": ["array", "null"], "items": shape(below) }),
    }
}
