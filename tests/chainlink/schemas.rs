//! The JSON Schemas for editors: the one of clear files is made of the table that reads them; the one of
//! `clsecrets.yaml` has the words that the reader knows, no more and no fewer.

use serde_json::Value;

use super::{TWO_NODES, prod, rich, said};
use crate::support::{Scene, project, python};

const CLEAR_SCHEMA: &str = "docs/secrets.schema.json";
const SETTINGS_SCHEMA: &str = "docs/clsecrets.schema.json";

fn read(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(project(path)).unwrap()).unwrap()
}

#[test]
fn the_schema_of_clear_files_is_that_of_the_reader() {
    let made = format!("{:#}\n", clsecrets::chainlink::schema::clear_secrets());
    let path = project(CLEAR_SCHEMA);
    if std::env::var_os("CLSECRETS_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        made,
        "bless it with CLSECRETS_BLESS=1"
    );
}

/// What the reader says about a key that it does not know, below this text.
fn expected(text: &str) -> Vec<String> {
    let scene = Scene::with_age().file("clsecrets.yaml", text);
    let run = scene.run("render --env e").fails(1);
    let said = said(&run);
    let list = said
        .split("known: ")
        .nth(1)
        .unwrap_or_else(|| panic!("{said}"));
    let list = list.lines().next().unwrap();
    let mut names: Vec<String> = list
        .split(", ")
        .map(|name| name.trim_matches(['`', ' ']).to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_schema_of_settings_has_the_words_of_the_reader() {
    let schema = read(SETTINGS_SCHEMA);
    let words = |pointer: &str| {
        let found = schema
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{pointer}"));
        let mut names: Vec<String> = found["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(found["additionalProperties"], false, "{pointer}");
        names.sort();
        names
    };
    let environment = "version: 1\nenvironments:\n  e:\n    profile: custom\n    sealed: s\n";
    let object = format!("{environment}    objects:\n      - name: x\n");
    for (pointer, text) in [
        ("", "version: 1\nzzz: 1\n".to_owned()),
        ("/$defs/environment", format!("{environment}    zzz: 1\n")),
        (
            "/$defs/node",
            format!("{environment}    node: {{ zzz: 1 }}\n"),
        ),
        (
            "/$defs/database",
            format!("{environment}    database: {{ zzz: 1 }}\n"),
        ),
        (
            "/$defs/from",
            format!(
                "{environment}    database: {{ password_from: {{ secretsmanager: a, zzz: 1 }} }}\n"
            ),
        ),
        ("/$defs/object", format!("{object}        zzz: 1\n")),
        (
            "/$defs/made",
            format!("{object}        value: {{ zzz: 1 }}\n"),
        ),
        (
            "/$defs/dsn",
            format!("{object}        value: {{ dsn: {{ zzz: 1 }} }}\n"),
        ),
    ] {
        assert_eq!(words(pointer), expected(&text), "{pointer}");
    }
}

/// Whether Python's own reading of the schema takes a document; the few words that ours have.
const CHECK: &str = r"
import json, re, sys, yaml
schema, document = json.load(open(sys.argv[1])), yaml.safe_load(open(sys.argv[2]))
types = {'object': dict, 'array': list, 'string': str, 'integer': int, 'boolean': bool, 'null': type(None)}
def fits(value, s, at):
    if '$ref' in s:
        return fits(value, schema['$defs'][s['$ref'].split('/')[-1]], at)
    if 'anyOf' in s:
        return any(not list(errors(value, one, at)) for one in s['anyOf']) or at
    return True
def errors(value, s, at):
    if '$ref' in s or 'anyOf' in s:
        if '$ref' in s:
            yield from errors(value, schema['$defs'][s['$ref'].split('/')[-1]], at)
        elif all(list(errors(value, one, at)) for one in s['anyOf']):
            yield at + ': none fits'
        return
    kinds = s.get('type')
    if kinds:
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if not any(isinstance(value, types[k]) and not (k == 'integer' and isinstance(value, bool)) for k in kinds):
            yield at + ': wrong type'; return
    if 'const' in s and value != s['const']: yield at + ': not ' + str(s['const'])
    if 'enum' in s and value not in s['enum']: yield at + ': none of them'
    if isinstance(value, dict):
        for name in s.get('required', []):
            if name not in value: yield at + ': lacks ' + name
        for name, below in value.items():
            if name in s.get('properties', {}): yield from errors(below, s['properties'][name], at + '.' + name); continue
            hits = [p for p in s.get('patternProperties', {}) if re.search(p, str(name))]
            if hits: yield from errors(below, s['patternProperties'][hits[0]], at + '.' + name); continue
            more = s.get('additionalProperties', True)
            if more is False: yield at + ': unknown ' + str(name)
            elif isinstance(more, dict): yield from errors(below, more, at + '.' + str(name))
    if isinstance(value, list) and 'items' in s:
        for i, item in enumerate(value): yield from errors(item, s['items'], at + '[%d]' % i)
print('\n'.join(errors(document, schema, '')))
";

fn problems(scene: &Scene, schema: &str, document: &str) -> String {
    let schema = project(schema);
    let words = ["-c", CHECK, schema.to_str().unwrap(), document];
    scene
        .other(python(), words)
        .reveals()
        .run()
        .succeeds()
        .out()
        .trim()
        .to_owned()
}

#[test]
fn the_schemas_take_what_the_reader_takes_and_refuse_what_it_refuses() {
    let out = "{ kind: directory, path: out }";
    let scene = prod("node-v2", TWO_NODES, &[out], &rich());
    assert_eq!(problems(&scene, SETTINGS_SCHEMA, super::ENVIRONMENTS), "");
    assert_eq!(problems(&scene, CLEAR_SCHEMA, super::CLEAR), "");
    let example = std::fs::read_to_string(project("clsecrets.yaml")).unwrap();
    let scene = scene.file("example.yaml", example);
    assert_eq!(problems(&scene, SETTINGS_SCHEMA, "example.yaml"), "");
    for (clear, says) in [
        ("wallet_password: 3\n", ".wallet_password: wrong type"),
        ("walet_password: x\n", ": unknown walet_password"),
        (
            "nodes: { a: { database: { pw: x } } }\n",
            ".nodes.a.database: unknown pw",
        ),
        ("adapters: { a: { K: [] } }\n", ".adapters.a.K: wrong type"),
    ] {
        let scene = Scene::new().file("c.yaml", clear);
        assert_eq!(problems(&scene, CLEAR_SCHEMA, "c.yaml"), says);
    }
    let scene = Scene::new().file(
        "c.yaml",
        "version: 2\nenvironments: { e: { profile: x, sealed: s, zzz: 1 } }\n",
    );
    let found = problems(&scene, SETTINGS_SCHEMA, "c.yaml");
    assert!(
        found.contains(".version: not 1")
            && found.contains("unknown zzz")
            && found.contains("none of them"),
        "{found}"
    );
}

/// The rows of the table of rules, as the code has them.
fn rows() -> String {
    let rows = clsecrets::chainlink::rules::RULES.iter().map(|rule| {
        format!(
            "| {} | {} | {} |\n",
            rule.id,
            rule.severity.name(),
            rule.summary
        )
    });
    rows.collect()
}

#[test]
fn the_page_has_every_rule_as_the_code_has_it() {
    let path = project("docs/nodes.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let head = "| rule | | what is wrong |\n|---|---|---|\n";
    let (before, rest) = page.split_once(head).unwrap();
    let (table, after) = rest.split_once("\n\n").unwrap();
    if std::env::var_os("CLSECRETS_BLESS").is_some() {
        let rows = rows();
        std::fs::write(
            &path,
            format!("{before}{head}{}\n\n{after}", rows.trim_end()),
        )
        .unwrap();
        return;
    }
    assert_eq!(
        format!("{table}\n"),
        rows(),
        "bless it with CLSECRETS_BLESS=1"
    );
    assert!(page.contains(clsecrets::chainlink::catalogue::RELEASE));
}
