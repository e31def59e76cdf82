//! Whether two YAML or JSON texts hold the same data and comments, judged by a reader that is not ours.

use std::process::{Command, Stdio};

use crate::support::{project, python};

/// For each pair: the same data in the same order with the same comments, whatever the layout.
pub(crate) fn hold_the_same(pairs: &[(&str, &str)]) -> Vec<bool> {
    let mut child = Command::new(python())
        .arg(project("tests/interop/same.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(child.stdin.take().unwrap(), pairs).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn two_texts_hold_the_same_only_with_the_same_data_and_comments() {
    let pairs = [
        ("a: 'x' # c\n", "# c\na: x\n"),
        ("a: x\n", "a: y\n"),
        ("a: 1\nb: 2\n", "b: 2\na: 1\n"),
        ("a: x # c\n", "a: x\n"),
        ("a: 1\n", "a: '1'\n"),
        ("{\n\t\"a\": 1, \"a\": 2.0\n}", "{\"a\":1,\"\\u0061\":2}"),
        ("{\"a\": 1, \"a\": 2}", "{\"a\": 2}"),
    ];
    let expected = [true, false, false, false, false, true, false];
    assert_eq!(hold_the_same(&pairs), expected);
}
