//! What `docs/` says, asked of the binary: the tables of `docs/format.md`, and the links.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::support::{RECIPIENT, Scene, project};

/// Rows of the table whose first heading is this; cells are code, with `\n` for a line end, or text.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(project(page)).unwrap();
    let mut lines = text.lines();
    let found = lines.any(|line| line.starts_with(&format!("| {heading} |")));
    assert!(found, "{page} has no table that begins with {heading}");
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let inner = row.trim_matches('|');
        inner.split('|').map(|cell| code(cell.trim())).collect()
    };
    rows.map(cells).collect()
}

fn code(cell: &str) -> String {
    match cell
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'))
    {
        Some(code) => code.replace("\\n", "\n"),
        None => cell.to_owned(),
    }
}

#[test]
fn what_comes_back_otherwise_is_what_the_page_says() {
    let scene = Scene::with_age();
    let rows = table("docs/format.md", "sealed");
    assert!(rows.len() > 8, "{rows:?}");
    for row in rows {
        scene.write("a.yaml", format!("{}\n", row[0]));
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
            .succeeds();
        let opened = scene.run("decrypt a.yaml").succeeds();
        opened.stdout(format!("{}\n", row[1]));
    }
}

#[test]
fn what_is_refused_is_what_the_page_says() {
    let scene = Scene::with_age();
    let rows = table("docs/format.md", "refused");
    assert!(rows.len() > 5, "{rows:?}");
    for row in rows {
        scene.write("a.yaml", format!("{}\n", row[0]));
        let run = scene.run(&format!("encrypt --age {RECIPIENT} a.yaml"));
        assert_ne!(run.status, 0, "{run}");
        run.stdout("").stderr_has(&row[1]);
    }
}

#[test]
fn ordinary_documents_come_back_byte_for_byte() {
    let scene = Scene::with_age();
    for text in [
        "# head\n\na:   b # behind\n\nc:\n- 'it''s'\n- \"x\\ny\"\n- yes\n- 1:30\n\n# foot\n",
        "a: |\n  one\n\n  two\nb: |-\n    three\n",
        "---\na: b\n---\nc: d\n...\n",
        "\u{feff}a: b\r\nc: [1, \"2\"]\r\n",
        "a: &anchor b\nempty:\nnothing: ~\nno: []\n",
    ] {
        scene.write("a.yaml", text);
        scene
            .run(&format!("encrypt -i --age {RECIPIENT} a.yaml"))
            .succeeds();
        scene.run("decrypt a.yaml").succeeds().stdout(text);
    }
}

#[test]
fn links_lead_to_files_that_are_there() {
    let link = Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").unwrap();
    let mut pages = vec![
        project("README.md"),
        project("SECURITY.md"),
        project("CHANGELOG.md"),
        project("secrets/README.md"),
    ];
    for entry in fs::read_dir(project("docs")).unwrap() {
        pages.push(entry.unwrap().path());
    }
    let mut count = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if !target.starts_with("https://") {
                let path = page.parent().unwrap_or(Path::new("/")).join(target);
                assert!(path.exists(), "{}: {target}", page.display());
                count += 1;
            }
        }
    }
    assert!(count > 5);
}
