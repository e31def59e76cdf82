use clap::CommandFactory;

use super::*;
use crate::cli::Cli;

fn form(line: &str) -> String {
    match words(line) {
        Ok(words) => {
            let args = words.args.iter().skip(1);
            let args: Vec<_> = args.map(|arg| arg.to_string_lossy()).collect();
            args.join(" ")
        }
        Err(error) => format!("{}: {}", error.code.status(), error.message),
    }
}

fn words(line: &str) -> Result<Words, Error> {
    let args = line.split(' ').map(OsString::from).collect();
    Words::of(args, &Cli::command())
}

#[test]
fn options_before_the_file_make_the_old_form() {
    for (line, expected) in [
        ("x -d a.yaml", "decrypt --first-document a.yaml"),
        (
            "x -d a.yaml --output-type json",
            "decrypt --first-document a.yaml --output-type json",
        ),
        (
            "x --input-type yaml -e -i a.yaml",
            "encrypt --expand-aliases --first-document --input-type yaml -i a.yaml",
        ),
        (
            "x -r -i --rm-age=age1x a.yaml",
            "rotate -i --rm-age=age1x a.yaml",
        ),
        ("x -s a.yaml", "edit -s a.yaml"),
        ("x --set [\"a\"]", "100: no file given"),
        ("x encrypt a.yaml", "encrypt a.yaml"),
        ("x sync -d", "sync -d"),
        ("x --help", "--help"),
        ("x bogus", "bogus"),
    ] {
        assert_eq!(form(line), expected, "{line}");
    }
}

#[test]
fn as_sops_a_file_alone_is_edited_and_options_are_those_of_go() {
    for (line, expected) in [
        ("/bin/sops a.yaml", "edit -- a.yaml"),
        ("x sops a.yaml", "edit -- a.yaml"),
        (
            "sops -d=true --output=b a.yaml",
            "decrypt --output=b --first-document -- a.yaml",
        ),
        ("sops -decrypt a.yaml", "decrypt --first-document -- a.yaml"),
        (
            "sops -e -i=false a.yaml",
            "encrypt --expand-aliases --first-document -- a.yaml",
        ),
        (
            "sops --config c encrypt a.yaml --age R -i",
            "encrypt --config=c --age=R --in-place --expand-aliases --first-document -- a.yaml",
        ),
        ("sops decrypt", "decrypt --first-document -- -"),
        ("sops set a.yaml [\"a\"] -5", "set -- a.yaml [\"a\"] -5"),
        (
            "sops groups delete -f a.yaml -i 1",
            "groups delete --file=a.yaml --in-place -- 1",
        ),
        (
            "sops set --value-file a.yaml [\"a\"] v",
            "set --value-file=v -- a.yaml [\"a\"]",
        ),
        (
            "sops set a.yaml",
            "100: set takes a file, a path and a value",
        ),
        (
            "sops exec-env a.yaml",
            "1: exec-env takes a file and one command, in quotes",
        ),
        ("sops", "100: no file given"),
        ("sops -d", "100: no file given"),
        (
            "sops -e --gcp-kms x a.yaml",
            "1: recipients of kind gcp_kms are not supported yet",
        ),
        (
            "sops encrypt a.yaml --azure-kv x",
            "1: recipients of kind azure_kv are not supported yet",
        ),
        (
            "sops -d --gcp-kms x a.yaml",
            "decrypt --first-document -- a.yaml",
        ),
        ("sops -bogus a.yaml", "1: there is no option --bogus"),
        ("sops publish a.yaml", "publish"),
        ("sops status --format json", "status --format json"),
    ] {
        assert_eq!(form(line), expected, "{line}");
    }
    let asked = words("sops --version --disable-version-check").unwrap();
    assert!(asked.asks_version);
}

#[test]
fn what_is_not_heeded_is_told_without_its_text() {
    let told = words("sops -d a.yaml --output-type json secret").unwrap();
    let ["decrypt", "--first-document", "--", "a.yaml"] = told
        .args
        .iter()
        .skip(1)
        .map(|arg| arg.to_str().unwrap())
        .collect::<Vec<_>>()[..]
    else {
        panic!("{:?}", told.args);
    };
    assert_eq!(told.warnings.len(), 1);
    assert!(
        told.warnings[0].ends_with("not heeded: --output-type … …"),
        "{:?}",
        told.warnings
    );
}

#[test]
fn the_old_way_to_set_is_parted_where_the_value_begins() {
    for name in ["sops", "clsecrets"] {
        let line = [name, "--set", "[\"a\"][\"b\"] {\"c\": [1] }", "a.yaml"];
        let words = Words::of(line.map(OsString::from).to_vec(), &Cli::command()).unwrap();
        let args: Vec<_> = words.args.iter().skip(1).collect();
        assert_eq!(
            args,
            ["set", "--", "a.yaml", "[\"a\"][\"b\"]", "{\"c\": [1] }"]
        );
    }
}
