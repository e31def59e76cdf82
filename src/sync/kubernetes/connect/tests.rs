use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread();
    { runtime }.enable_all().build().unwrap().block_on(future)
}

/// Connects by the context `c` of these files.
fn connect(folder: &Path, files: &[&[u8]]) -> Result<Client, TargetError> {
    let mut list = Vec::new();
    for (at, bytes) in files.iter().enumerate() {
        let path = folder.join(format!("config-{at}"));
        crate::fs::replace(&path, bytes, crate::fs::Privacy::Private, None).unwrap();
        list.push(path.display().to_string());
    }
    let vars = [("KUBECONFIG".to_owned(), list.join(":"))];
    let settings = Settings::new(vars, folder.to_owned(), 1_700_000_000);
    let config = KubernetesConfig {
        context: "c".to_owned(),
        namespace: "default".to_owned(),
        ..KubernetesConfig::default()
    };
    block_on(Clusters::default().connect(&config, &settings))
}

fn headers(client: &Client) -> Result<Vec<(String, String)>, TargetError> {
    let mut headers = http::HeaderMap::new();
    block_on(client.connection.login.admit(&mut headers))?;
    let shown = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Ok(shown.collect())
}

fn whole(cluster: &str, user: &str) -> String {
    format!(
        "clusters: [{{name: k, cluster: {{{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n\
         contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n"
    )
}

#[test]
fn a_token_with_a_line_end_is_refused_and_a_file_of_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = "server: 'http://127.0.0.1:1'";
    for token in [r#""canary\n""#, r#""ca\r\nnary: x""#, r#""canary\0""#] {
        let text = whole(server, &format!("token: {token}"));
        let error = connect(folder.path(), &[text.as_bytes()]).unwrap_err();
        assert_eq!(error.fault, Fault::Configuration);
        assert!(!error.reason.contains("canary"), "{}", error.reason);
        assert!(
            error
                .reason
                .contains("the token of the user of the context c has")
        );
    }
    let token = folder.path().join("token");
    let authorization = |text: &str, user: &str| {
        crate::fs::replace(&token, text.as_bytes(), crate::fs::Privacy::Private, None).unwrap();
        let config = whole(server, user);
        headers(&connect(folder.path(), &[config.as_bytes()]).unwrap())
    };
    let bearer = |token: &str| {
        Ok(vec![(
            "authorization".to_owned(),
            format!("Bearer {token}"),
        )])
    };
    assert_eq!(authorization("t1\n", "tokenFile: token"), bearer("t1"));
    assert_eq!(
        authorization("  t1\r\n\n", "tokenFile: token"),
        bearer("t1")
    );
    // As in kubectl, the file outranks what stands beside it.
    assert_eq!(
        authorization("t1", "token: t2, tokenFile: token"),
        bearer("t1")
    );
    assert!(authorization("\n", "tokenFile: token").is_err());
    assert!(authorization("a\nb", "tokenFile: token").is_err());
}

#[test]
fn the_first_file_that_names_something_wins_and_paths_are_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = "contexts: [{name: c, context: {cluster: k, user: u}}]\nusers: null\n";
    let second = whole("server: 'http://127.0.0.1:2'", "username: n, password: p");
    let third = whole("server: 'http://127.0.0.1:3'", "token: t");
    let files = [first.as_bytes(), second.as_bytes(), third.as_bytes(), b""];
    let client = connect(folder.path(), &files).unwrap();
    assert_eq!(client.connection.server, "http://127.0.0.1:2/");
    let expected = ("authorization".to_owned(), "Basic bjpw".to_owned());
    assert_eq!(headers(&client), Ok(vec![expected]));

    let wide: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(third.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let client = connect(folder.path(), &[&wide]).unwrap();
    assert_eq!(client.connection.server, "http://127.0.0.1:3/");
}

#[test]
fn whoever_acts_for_others_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let user = "as: jane, as-uid: '7', as-groups: [a, b], as-user-extra: {'acme.com/x': [y]}";
    let text = whole("server: 'http://127.0.0.1:1/k8s/c'", user);
    let client = connect(folder.path(), &[text.as_bytes()]).unwrap();
    assert_eq!(client.connection.base, "http://127.0.0.1:1/k8s/c");
    let found = headers(&client).unwrap();
    let shown: Vec<String> = found
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    assert_eq!(
        shown,
        [
            "impersonate-user: jane",
            "impersonate-uid: 7",
            "impersonate-group: a",
            "impersonate-group: b",
            "impersonate-extra-acme.com%2fx: y"
        ]
    );
}

/// A small generator of numbers, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

const VALUES: &[&str] = &[
    "null",
    "''",
    "canary",
    "\"canary\\n\"",
    "\"ca\\0nary\"",
    "\"\\uD83D\\uDE00 canary\"",
    "[]",
    "{}",
    "[canary]",
    "{a: canary}",
    "7",
    "true",
    "1e999",
    "~",
    "!!binary aGk=",
    "Y2FuYXJ5",
    "'%ff%00'",
    "/nowhere/canary",
    "config-0",
    "http://[",
    "'https://u:canary@h:1'",
    "'https://127.0.0.1:1'",
    "'https://127.0.0.1:99999'",
    "'127.0.0.1:1'",
    "'unix:///x'",
    "'https://127.0.0.1:1/a?b=canary'",
    "'socks5://127.0.0.1:1'",
    "'http://u%0a:canary@127.0.0.1:1'",
    "'\u{7f}'",
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCmNhbmFyeQotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg==",
    "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCkFBQUEKLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo=",
];

const OF_CLUSTER: &[&str] = &[
    "server",
    "certificate-authority",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "proxy-url",
    "extensions",
    "disable-compression",
];

const OF_USER: &[&str] = &[
    "token",
    "tokenFile",
    "username",
    "password",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "as",
    "as-uid",
    "as-groups",
    "as-user-extra",
    "exec",
    "auth-provider",
    "extensions",
];

fn fields(numbers: &mut Numbers, names: &[&str], text: &mut String) {
    for _ in 0..numbers.below(5) {
        let (name, value) = (numbers.of(names), numbers.of(VALUES));
        let value = match (name, numbers.below(2)) {
            ("exec", 0) => format!(
                "{{apiVersion: client.authentication.k8s.io/v1, command: {value}, args: [{0}], \
                 env: [{{name: {1}, value: {value}}}], provideClusterInfo: true}}",
                numbers.of(VALUES),
                numbers.of(VALUES),
            ),
            ("auth-provider", 0) => format!("{{name: oidc, config: {{id-token: {value}}}}}"),
            ("as-user-extra", 0) => format!("{{\"a\\n/b\": [{value}]}}"),
            ("as-groups", 0) => format!("[{value}, {value}]"),
            ("extensions", 0) => {
                format!("[{{name: client.authentication.k8s.io/exec, extension: {value}}}]")
            }
            _ => value.to_owned(),
        };
        let _ = write!(text, "{name}: {value}, ");
    }
}

#[test]
fn no_kubeconfig_makes_it_panic_or_quotes_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(16);
    for case in 0..3000 {
        let mut files = Vec::new();
        for _ in 0..=numbers.below(2) {
            let mut cluster = "server: 'https://127.0.0.1:1', ".to_owned();
            let mut user = String::new();
            fields(&mut numbers, OF_CLUSTER, &mut cluster);
            fields(&mut numbers, OF_USER, &mut user);
            let mut bytes = whole(&cluster, &user).into_bytes();
            match numbers.below(12) {
                0 => bytes.truncate(numbers.below(bytes.len())),
                1 => {
                    let at = numbers.below(bytes.len());
                    bytes[at] = u8::try_from(numbers.below(256)).unwrap();
                }
                2 => bytes.splice(0..0, [0xFF, 0xFE]).for_each(drop),
                3 => bytes.extend_from_slice(b"---\n- canary\n"),
                _ => {}
            }
            files.push(bytes);
        }
        let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let client = connect(folder.path(), &files)?;
            headers(&client).map(drop)
        }));
        let text = || String::from_utf8_lossy(&files.join(&b"\n--- next\n"[..])).into_owned();
        let outcome = outcome.unwrap_or_else(|_| panic!("case {case} panics:\n{}", text()));
        if let Err(error) = outcome {
            // A path and the name of a program are no secrets.
            let said = error.to_string();
            let plain = [
                "/nowhere/canary",
                "plug-in canary",
                &format!("{}/canary", folder.path().display()),
            ];
            let said = plain
                .iter()
                .fold(said, |said, plain| said.replace(plain, ""));
            assert!(!said.contains("canary"), "case {case}: {said}\n{}", text());
        }
    }
    for bytes in [
        &b"\xFF\xFEa"[..],
        b"\xFE\xFF\xD8",
        b"\xEF\xBB\xBF",
        b"\0",
        b"\xFF",
    ] {
        let _ = connect(folder.path(), &[bytes]);
    }
    let deep = format!("a: {}", "[".repeat(20_000));
    assert!(connect(folder.path(), &[deep.as_bytes()]).is_err());
    let wide = "x: &a [y,y]\nz: [".to_owned() + &"*a,".repeat(50_000) + "]";
    let _ = connect(folder.path(), &[wide.as_bytes()]);
}
