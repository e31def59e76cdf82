//! Words of which placeholders are made, and whether a text is made of nothing else.

use std::sync::OnceLock;

/// In lower case. A value that consists of these, of short counts and of years says nothing.
const WORDS: &[&str] = &[
    "a",
    "abc",
    "abcd",
    "abcdef",
    "access",
    "account",
    "accounts",
    "actual",
    "add",
    "admin",
    "agent",
    "alice",
    "an",
    "and",
    "any",
    "api",
    "app",
    "at",
    "auth",
    "aws",
    "bad",
    "bar",
    "base",
    "baz",
    "bearer",
    "be",
    "blah",
    "bob",
    "bogus",
    "bot",
    "bucket",
    "by",
    "cache",
    "chain",
    "chainlink",
    "change",
    "changed",
    "changeit",
    "changeme",
    "changethis",
    "chosen",
    "ci",
    "client",
    "cluster",
    "code",
    "config",
    "container",
    "correct",
    "credential",
    "credentials",
    "custom",
    "data",
    "database",
    "db",
    "default",
    "defaults",
    "demo",
    "deploy",
    "dev",
    "develop",
    "developer",
    "development",
    "docker",
    "does",
    "dont",
    "dummy",
    "e2e",
    "edit",
    "email",
    "empty",
    "encrypted",
    "encryption",
    "enter",
    "env",
    "environment",
    "example",
    "expired",
    "external",
    "fake",
    "field",
    "file",
    "fill",
    "first",
    "fixme",
    "fixture",
    "foo",
    "foobar",
    "for",
    "from",
    "generate",
    "generated",
    "get",
    "github",
    "gitlab",
    "go",
    "goes",
    "good",
    "grafana",
    "guest",
    "has",
    "hello",
    "helm",
    "here",
    "hidden",
    "host",
    "hunter",
    "id",
    "if",
    "ignore",
    "ignored",
    "in",
    "input",
    "insecure",
    "insert",
    "integration",
    "internal",
    "invalid",
    "is",
    "it",
    "its",
    "jenkins",
    "key",
    "keys",
    "keystore",
    "kube",
    "kubernetes",
    "link",
    "literal",
    "live",
    "local",
    "localhost",
    "login",
    "long",
    "lorem",
    "ipsum",
    "main",
    "managed",
    "manager",
    "master",
    "me",
    "minimum",
    "mock",
    "more",
    "must",
    "my",
    "mysql",
    "mysecret",
    "n",
    "na",
    "name",
    "never",
    "new",
    "nil",
    "no",
    "node",
    "nodes",
    "none",
    "nope",
    "not",
    "nothing",
    "null",
    "of",
    "old",
    "on",
    "one",
    "only",
    "operator",
    "or",
    "oracle",
    "our",
    "pass",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "passw0rd",
    "p4ssw0rd",
    "p4ss",
    "pa55word",
    "p@ssw0rd",
    "p@ssword",
    "paste",
    "phrase",
    "pg",
    "pick",
    "ping",
    "placeholder",
    "please",
    "postgres",
    "postgresql",
    "private",
    "prod",
    "production",
    "prometheus",
    "provide",
    "provided",
    "public",
    "put",
    "pw",
    "pwd",
    "qa",
    "qwerty",
    "rabbitmq",
    "random",
    "read",
    "reader",
    "real",
    "redacted",
    "redis",
    "refresh",
    "remote",
    "removed",
    "replace",
    "replaced",
    "replaceme",
    "repo",
    "required",
    "reset",
    "role",
    "root",
    "rpc",
    "s",
    "same",
    "sample",
    "sandbox",
    "scan",
    "second",
    "secret",
    "secrets",
    "secure",
    "see",
    "server",
    "service",
    "session",
    "set",
    "shared",
    "should",
    "signing",
    "simple",
    "some",
    "something",
    "sql",
    "staging",
    "store",
    "string",
    "strong",
    "stub",
    "sue",
    "super",
    "supersecret",
    "system",
    "temp",
    "temporary",
    "test",
    "tester",
    "testing",
    "tests",
    "testuser",
    "text",
    "that",
    "the",
    "them",
    "this",
    "three",
    "tbd",
    "tmp",
    "to",
    "todo",
    "token",
    "tokens",
    "true",
    "two",
    "type",
    "typed",
    "unit",
    "unknown",
    "unset",
    "unused",
    "up",
    "update",
    "url",
    "use",
    "used",
    "user",
    "username",
    "users",
    "valid",
    "value",
    "values",
    "var",
    "variable",
    "vault",
    "very",
    "via",
    "vrf",
    "wallet",
    "want",
    "was",
    "web",
    "webhook",
    "weak",
    "welcome",
    "will",
    "with",
    "without",
    "word",
    "words",
    "world",
    "write",
    "wrong",
    "x",
    "xx",
    "xxx",
    "yes",
    "you",
    "your",
    "yours",
    "yyy",
    "zzz",
    "at",
    "least",
    "characters",
    "chars",
    "char",
    "sixteen",
    "eight",
    "length",
    "min",
    "max",
    "letmein",
    "iloveyou",
    "monkey",
    "dragon",
    "undefined",
    "false",
    "optional",
    "base64",
    "hex",
    "uuid",
    "jwt",
    "elided",
    "omitted",
    "masked",
    "sensitive",
    "known",
    "after",
    "apply",
    "computed",
    "redis",
    "mongo",
    "mongodb",
    "rabbit",
    "guest",
    "nomics",
    "tiingo",
    "cryptocompare",
    "coingecko",
    "coinmarketcap",
    "jpegd",
    "bea",
    "infura",
    "alchemy",
    "stored",
    "elsewhere",
    "managed",
    "outside",
    "hook",
    "slack",
];

/// Whether a text consists of such words, with counts and marks between them.
pub(super) fn says_nothing(text: &[u8]) -> bool {
    if text.len() > 120 {
        return false;
    }
    let text = text.to_ascii_lowercase();
    let mut has_word = false;
    for part in text.split(|byte| !byte.is_ascii_alphanumeric() && !b"@".contains(byte)) {
        if part.is_empty() {
            continue;
        }
        if !is_made_of_words(part) {
            return false;
        }
        has_word = true;
    }
    has_word
}

/// The words that begin with a letter or digit.
fn beginning_with(first: Option<&u8>) -> &'static [&'static str] {
    static BY_FIRST: OnceLock<Vec<Vec<&str>>> = OnceLock::new();
    let by_first = BY_FIRST.get_or_init(|| {
        let mut all = vec![Vec::new(); 256];
        for word in WORDS {
            if let Some(list) = word
                .bytes()
                .next()
                .and_then(|first| all.get_mut(usize::from(first)))
            {
                list.push(*word);
            }
        }
        all
    });
    first
        .and_then(|first| by_first.get(usize::from(*first)))
        .map_or(&[], Vec::as_slice)
}

/// Cuts a run of letters and digits into words, if it can be cut.
fn is_made_of_words(part: &[u8]) -> bool {
    // For each offset, whether it can be reached.
    let mut reached = vec![false; part.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for from in 0..part.len() {
        if reached.get(from) != Some(&true) {
            continue;
        }
        let rest = part.get(from..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut ends: Vec<usize> = beginning_with(rest.first())
            .iter()
            .filter(|word| rest.starts_with(word.as_bytes()))
            .map(|word| word.len())
            .collect();
        if digits > 0 && is_count(rest.get(..digits).unwrap_or_default()) {
            ends.push(digits);
        }
        for length in ends {
            if let Some(end) = reached.get_mut(from + length) {
                *end = true;
            }
        }
    }
    // One letter after another is no text of words.
    reached.last() == Some(&true)
}

/// `1`, `123`, `2024`, `000`: digits that somebody counts with.
fn is_count(digits: &[u8]) -> bool {
    digits.len() <= 2
        || digits.windows(2).all(|pair| matches!(pair, [a, b] if *b == a + 1 || a == b || *b + 1 == *a || (*a == b'9' && *b == b'0')))
        || (digits.len() == 4 && (digits.starts_with(b"19") || digits.starts_with(b"20")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_made_of_words_and_counts() {
        for text in [
            "my_user_password",
            "mysecretpassword",
            "changeme",
            "CHANGE-ME",
            "YOUR_API_KEY_HERE",
            "password123",
            "hunter2",
            "test-token-1",
            "supersecret",
            "admin2024",
            "postgres",
            "insert your key here",
            "P@ssw0rd",
            "not-a-real-secret",
        ] {
            assert!(says_nothing(text.as_bytes()), "{text}");
        }
        for text in [
            "Xk29vQpL",
            "correcthorsebattery-9",
            "9f8e7d6c5b4a",
            "tr0ub4dor&3",
            "",
            "zebra-orchid-71",
            "73914",
        ] {
            assert!(!says_nothing(text.as_bytes()), "{text}");
        }
    }
}
