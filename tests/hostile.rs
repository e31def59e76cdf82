//! Texts that were cut, damaged, nested without end or made large: an error or the right data, in
//! bounded time and memory.

use std::fmt::Write as _;

use clsecrets::envelope::EnvelopeError;
use clsecrets::format::{self, Fault, Format, binary::Binary, json::Json, yaml::Yaml};
use clsecrets::metadata::Rule;
use zeroize::Zeroizing;

use crate::properties::{open_as, seal_as};
use crate::support::{RECIPIENT, Scene, python};

const YAML: &str = "# head\na: 'x' # behind\nl:\n    - 1\n    # in the list\n    - {b: 2.5}\nm: |\n    \
                    lines\n    of text\n";
const JSON: &str = "{\"a\": \"x\", \"l\": [1, {\"b\": 2.5}], \"m\": \"lines\\nof text\"}";

fn texts() -> [(&'static dyn Format, &'static str); 3] {
    [(&Yaml, YAML), (&Json, JSON), (&Binary, "any\0bytes")]
}

#[test]
fn a_sealed_text_that_is_cut_anywhere_gives_an_error_or_the_whole() {
    for (format, clear) in texts() {
        let sealed = seal_as(format, clear.as_bytes(), Rule::default()).unwrap();
        for length in 0..sealed.len() {
            if let Ok(opened) = open_as(format, &sealed[..length]) {
                let opened = String::from_utf8(opened).unwrap();
                assert_eq!(opened.trim_end(), clear.trim_end(), "{length}");
            }
        }
    }
}

#[test]
fn a_byte_that_is_put_anywhere_gives_an_error_or_the_whole() {
    for (format, clear) in texts() {
        let sealed = seal_as(format, clear.as_bytes(), Rule::default()).unwrap();
        let end = sealed
            .windows(4)
            .position(|bytes| bytes == b"sops")
            .unwrap();
        for byte in [0, 0xFF, b'\t', b'\r', b'"', b'{', b'&', b':'] {
            for at in 0..end {
                let mut damaged = sealed.clone();
                damaged[at] = byte;
                match open_as(format, &damaged) {
                    // Keys and layout are in clear, and not covered by the MAC.
                    Ok(opened) => assert!(opened.len() + 8 > clear.len(), "{byte} at {at}"),
                    Err(EnvelopeError::SelfCheck) => panic!("{byte} at {at}: not noticed before"),
                    Err(_) => {}
                }
            }
        }
    }
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    for (format, text, line) in [
        (&Yaml as &dyn Format, &b"a: x\nb: \xFF\n"[..], 2),
        (&Yaml, b"a: x\nb: \0\n", 2),
        (&Yaml, b"a: \xED\xA0\x80\n", 1),
        (&Json, b"{\n\"a\": \"\xC0\x80\"}", 2),
        (&Json, b"{\n\"a\": \"\0\"}", 2),
    ] {
        let error = format.parse(Zeroizing::new(text.to_vec())).unwrap_err();
        assert_eq!((error.fault, error.line), (Fault::Syntax, line), "{error}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    for text in [
        format!("a: {}", "[".repeat(1 << 20)),
        format!("a: {}", "{a: ".repeat(1 << 18)),
        format!("a:\n  {}", "- ".repeat(1 << 18)),
        format!("{}: b", "? ".repeat(1 << 16)),
        (0..2000).fold(String::new(), |mut text, level| {
            let _ = writeln!(text, "{}a:", " ".repeat(level));
            text
        }),
    ] {
        let start: String = text.chars().take(20).collect();
        let parsed = Yaml.parse(Zeroizing::new(text.into_bytes()));
        assert!(parsed.is_err(), "{start}");
    }
}

#[test]
fn a_value_of_ten_megabytes_is_sealed_and_opened() {
    let line = "0123456789 abcdefghij é\u{1F600}";
    let long = line.repeat(10 << 20 >> 5);
    let lines = format!("    {line}\n").repeat(10 << 20 >> 5);
    for text in [format!("a: \"{long}\"\n"), format!("a: |\n{lines}b: x\n")] {
        let sealed = seal_as(&Yaml, text.as_bytes(), Rule::default()).unwrap();
        assert!(open_as(&Yaml, &sealed).unwrap() == text.as_bytes());
    }
    let bytes: Vec<u8> = long.bytes().map(|byte| byte.wrapping_mul(167)).collect();
    let sealed = seal_as(&Binary, &bytes, Rule::default()).unwrap();
    assert!(open_as(&Binary, &sealed).unwrap() == bytes);
}

/// Makes a text of so many parts.
type Many = fn(usize) -> String;

fn parts(count: usize, one: fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

const SHAPES: [(&str, Many); 7] = [
    ("map.yaml", |n| parts(n, |at| format!("k{at}: v\n"))),
    ("list.yaml", |n| {
        format!("l:\n{}", parts(n, |_| "  - v\n".to_owned()))
    }),
    ("comments.yaml", |n| {
        format!("{}a: x\n", parts(n, |at| format!("# c{at}\n")))
    }),
    ("flow.yaml", |n| {
        format!("a: [{}1]\n", parts(n, |_| "{k: \"v\"}, ".to_owned()))
    }),
    ("documents.yaml", |n| "a: x\n---\n".repeat(n / 8) + "a: x\n"),
    ("map.json", |n| {
        format!("{{{}\"a\": 1}}", parts(n, |at| format!("\"k{at}\": 1,")))
    }),
    ("list.json", |n| {
        format!("{{\"l\": [{}1]}}", parts(n, |_| "\"v\",".to_owned()))
    }),
];

/// So many that a look at all the others for each would not end in time.
#[test]
fn many_of_the_same_are_sealed_and_opened() {
    for (name, many) in SHAPES {
        let format = format::of_name(name);
        let text = many(20_000);
        let sealed = seal_as(format, text.as_bytes(), Rule::default()).unwrap();
        let opened = open_as(format, &sealed).unwrap();
        assert!(opened == text.as_bytes(), "{name}");
    }
}

/// Peak memory in bytes of one run.
fn peak(scene: &Scene, args: &[&str]) -> usize {
    let script = "import resource, subprocess, sys\n\
                  subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, \
                  stderr=subprocess.DEVNULL)\n\
                  print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let line = [&["-c", script, "clsecrets"], args].concat();
    let run = scene.other(python(), line).run().succeeds();
    run.out().trim().parse::<usize>().unwrap() << 10
}

/// The bound of `docs/format.md`: how many times the sealed text is in memory at once.
const TIMES: usize = 12;

#[test]
fn memory_is_bounded_by_the_size_of_the_sealed_text() {
    let value = "0123456789abcdef".repeat(32);
    let pairs = |pair: &dyn Fn(usize) -> String| (0..5_000).map(pair).collect::<String>();
    let scene = Scene::with_age();
    scene.write("a.yaml", pairs(&|at| format!("key_{at}: \"{value}\"\n")));
    let json = pairs(&|at| format!("\"key_{at}\": \"{value}\",\n"));
    scene.write(
        "a.json",
        format!("{{\n{}\n}}\n", json.trim_end_matches(",\n")),
    );
    scene.write("a.bin", vec![0xA5; 3 << 20]);
    for name in ["a.yaml", "a.json", "a.bin"] {
        let sealed = format!("sealed-{name}");
        for args in [
            vec!["encrypt", "--output", &sealed, "--age", RECIPIENT, name],
            vec!["decrypt", &sealed],
        ] {
            let peak = peak(&scene, &args);
            let size = scene.bytes(&sealed).len();
            assert!(
                peak < (32 << 20) + TIMES * size,
                "{args:?}: {peak} for {size}"
            );
        }
    }
}
