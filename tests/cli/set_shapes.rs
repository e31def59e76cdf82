//! `set` of every shape in every style: what stands there afterwards, to the byte, and that the
//! reference opens it.

use super::sealed;

/// The clear document, the path, the value, and the clear document afterwards.
const CASES: &[(&str, &str, &str, &str)] = &[
    // New keys: after the comments that belong to what stands above, before the others.
    (
        "a: x\n# - old\n\n# foot\n",
        "['k']",
        "1",
        "a: x\n# - old\nk: 1\n\n# foot\n",
    ),
    (
        "a:\n  b:\n    c: x\n    # deep\n  # mid\n\n# low\nz: 1\n",
        "['a']['b']['n']",
        "1",
        "a:\n  b:\n    c: x\n    # deep\n    \"n\": 1\n  # mid\n\n# low\nz: 1\n",
    ),
    (
        "a:\n  b:\n    c: x\n    # deep\n  # mid\n\n# low\nz: 1\n",
        "['a']['k']",
        "{\"l\": [[1, 2], {\"m\": null}]}",
        "a:\n  b:\n    c: x\n    # deep\n  # mid\n  k:\n    l:\n      - - 1\n        - 2\n      - m: null\n\n# low\nz: 1\n",
    ),
    // Where a tag, an explicit key without a value or a pair without braces stands.
    ("a: !!str x\nb: 1\n", "['a']", "5", "a: 5\nb: 1\n"),
    ("a: [!!str x, !l y]\n", "['a'][0]", "5", "a: [5, !l y]\n"),
    (
        "a: [? b : c, d]\n",
        "['a'][0]['k']",
        "1",
        "a: [{? b : c, k: 1}, \"d\"]\n",
    ),
    (
        "a:\n  ? b # note\n  :\n",
        "['a']['k']",
        "1",
        "a:\n  ? b # note\n  :\n  k: 1\n",
    ),
    // Items.
    (
        "a:\n- x # of x\n# of b\nb: 1\n",
        "['a'][9]",
        "\"z\"",
        "a:\n- x # of x\n- z\n# of b\nb: 1\n",
    ),
    (
        "a:\n    -   x\n    # of x\n\nb: 1\n",
        "['a'][1]",
        "{\"k\": \"v\", \"l\": 2}",
        "a:\n    -   x\n    # of x\n    - k: v\n      l: 2\n\nb: 1\n",
    ),
    (
        "a:\n- k: v\n  # c\n- w\n",
        "['a'][0]['l']",
        "[\"x\"]",
        "a:\n- k: v\n  # c\n  l:\n  - x\n- w\n",
    ),
    // Another shape in the same place; the comment behind it stays.
    (
        "a: x  # c\nb: 1\n",
        "['a']",
        "{\"k\": [\"v\"]}",
        "a:  # c\n    k:\n        - v\nb: 1\n",
    ),
    (
        "l:\n  - x # c\n  - w\n",
        "['l'][0]",
        "{\"k\": 1}",
        "l:\n  - # c\n    k: 1\n  - w\n",
    ),
    (
        "a:\n  # in\n  k: v\n# b\nb: 1\n",
        "['a']",
        "\"s\"",
        "a: s\n# b\nb: 1\n",
    ),
    (
        "a: # c\n  - v\nb: 1\n",
        "['a']",
        "\"two\\nlines\"",
        "a: |- # c\n  two\n  lines\nb: 1\n",
    ),
    (
        "a: |\n  x\n\n  y\n\nb: 1\n",
        "['a']",
        "[true]",
        "a:\n    - true\n\nb: 1\n",
    ),
    (
        "a: x\nb: 1\n",
        "['a']['k'][3]['l']",
        "1",
        "a:\n    k:\n        - l: 1\nb: 1\n",
    ),
    // The comment moves from the list to the map, and opens there.
    (
        "l:\n  - x\n  # foot\nb: 1\n",
        "['l']",
        "true",
        "l: true\n  # foot\nb: 1\n",
    ),
    // What is empty gets content.
    (
        "a: {}\nb: []\nc:\n",
        "['a']['k']",
        "\"v\"",
        "a:\n    k: v\nb: []\nc:\n",
    ),
    (
        "a: {}\nb: []\nc:\n",
        "['b'][0]",
        "\"v\"",
        "a: {}\nb:\n    - v\nc:\n",
    ),
    (
        "a: {}\nb: []\nc:\n",
        "['c']",
        "\"v\"",
        "a: {}\nb: []\nc: v\n",
    ),
    (
        "a: {}\nb: []\nc: # d\ne: ''\n",
        "['c']['k']",
        "1",
        "a: {}\nb: []\nc: # d\n    k: 1\ne: ''\n",
    ),
    // Flow.
    (
        "f: {a: 'x', b: [1]} # c\n",
        "['f']['k']",
        "\"v\"",
        "f: {a: 'x', b: [1], k: \"v\"} # c\n",
    ),
    (
        "f: {a: 'x'}\n",
        "['f']['a']",
        "{\"k\": [1, {}]}",
        "f: {a: {k: [1, {}]}}\n",
    ),
    (
        "f: {a: , b: 'x'}\n",
        "['f']['a']",
        "1",
        "f: {a: 1, b: 'x'}\n",
    ),
    (
        "f: ['x', ]\n",
        "['f'][1]",
        "\"y: z\"",
        "f: ['x', 'y: z', ]\n",
    ),
    (
        "f: {\n  a: 'x', # ca\n  b: 'y' # cb\n}\n",
        "['f']['k']",
        "\"z\"",
        "f: {\n  a: 'x', # ca\n  b: 'y', # cb\n  k: 'z'\n}\n",
    ),
    (
        "f: [\n  \"a\",\n  \"b\"]\n",
        "['f'][2]",
        "{}",
        "f: [\n  \"a\",\n  \"b\",\n  {}]\n",
    ),
    (
        "f: {\n  \"a\": \"x\",\n}\n",
        "['f']['k']",
        "true",
        "f: {\n  \"a\": \"x\",\n  \"k\": true,\n}\n",
    ),
    (
        "{\"f\": {\"a\": 1}}\n",
        "['k']",
        "{\"l\": \"v\"}",
        "{\"f\": {\"a\": 1}, \"k\": {\"l\": \"v\"}}\n",
    ),
    // Line ends, quotes, keys, several documents.
    (
        "a:\r\n   b: \"x\"\r\n",
        "['a']['k']",
        "{\"l\": \"v\"}",
        "a:\r\n   b: \"x\"\r\n   k:\r\n      l: \"v\"\r\n",
    ),
    (
        "a: 'x'\n",
        "['odd: key']['yes']",
        "\"v\"",
        "a: 'x'\n'odd: key':\n    \"yes\": 'v'\n",
    ),
    ("a: x\n---\nb: y\n", "['b']", "1", "a: x\nb: 1\n---\nb: y\n"),
    ("a: |+\n  x\n\n", "['k']", "1", "a: |+\n  x\n\nk: 1\n"),
];

#[test]
fn every_shape_goes_to_every_place_and_the_reference_opens_it() {
    for (before, path, value, after) in CASES {
        let scene = sealed(before);
        scene.cmd(["set", "a.yaml", path, value]).run().succeeds();
        scene.run("decrypt a.yaml").succeeds().stdout(*after);
        let theirs = scene.sops("decrypt a.yaml").succeeds();
        assert!(!theirs.err().contains("unencrypted comment"), "{after}");
        scene.write("after.yaml", after);
        super::seal(&scene, "after.yaml");
        let expected = scene.sops("decrypt after.yaml").succeeds();
        assert_eq!(theirs.out(), expected.out(), "{before} {path} {value}");
    }
}

#[test]
fn what_others_have_sealed_keeps_every_token() {
    let scene = sealed("a:\n  # one\n  k: v # two\n  l:\n    - x\n    - x\nb: \"y\"\n");
    let before = scene.read("a.yaml");
    scene
        .run("set a.yaml '[\"a\"][\"l\"][2]' '\"x\"'")
        .succeeds();
    let after = scene.read("a.yaml");
    let (old, new) = super::differing_lines(&before, &after);
    // The time may be the same second.
    let is_of = |line: &&str| line.contains("lastmodified:") || line.contains("mac:");
    assert!(old.iter().all(is_of), "{old:?}");
    let new: Vec<_> = new.iter().filter(|line| !is_of(line)).collect();
    assert_eq!(new.len(), 1, "{new:?}");
    assert!(new[0].starts_with("    - ENC["), "{new:?}");
}
