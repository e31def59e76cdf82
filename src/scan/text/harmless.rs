//! What stands where a secret could stand and is none: references, placeholders, ciphertext, public
//! things.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

use super::chance;
use super::vocabulary::says_nothing;

/// Beginnings of things that lead to a value and are not it.
const REFERENCES: &[&str] = &[
    "var.",
    "local.",
    "locals.",
    "data.",
    "module.",
    "each.",
    "ref+",
    "op://",
    "vault:",
    "awssm",
    "ssm:",
    "ssm://",
    "secretsmanager:",
    "arn:",
    "projects/",
    "gcp-",
    "gcpsm",
    "sm://",
    "file:",
    "file(",
    "env:",
    "env.",
    "env(",
    "os.",
    "process.",
    "secret:",
    "secret/",
    "doppler:",
    "bws:",
    "keychain:",
    "keyring:",
    "!vault",
    "!ref",
    "!sub",
    "!getatt",
    "fn::",
    "config.",
    "secrets.",
    "self.",
    "this.",
    "import.",
    "awskms:",
    "kms:",
    "azurekms:",
    "gcpkms:",
    "k8s:",
    "kv/",
    "<path:",
    "avp.",
    "path:",
    "getenv",
    "random_password.",
    "aws_secretsmanager",
    "kubernetes_secret.",
    "sops_file.",
    "@microsoft.keyvault",
    "s.",
    "cfg.",
    "(known after",
    "(sensitive",
    "sha256:",
    "sha1:",
    "sha512:",
    "sha256-",
    "sha384-",
    "sha512-",
    "sha1-",
    "md5:",
    "oid:",
    "urn:",
    "did:",
    "0x00000000",
    "resolve:",
    "base64(",
    "tls_private_key.",
    "terraform.",
    "google_secret",
    "http.",
    "req.",
    "args.",
];

/// Beginnings of what is sealed, and of what may be read by everybody.
const SEALED: &[&str] = &[
    "enc[",
    "aqica",
    "$ansible_vault",
    "-----begin age",
    "-----begin pgp message",
    "{cipher}",
    "enc(",
    "age1",
    "ssh-ed25519 ",
    "ssh-rsa ",
    "ecdsa-sha2",
    "-----begin public",
    "-----begin certificate",
    "-----begin rsa public",
    "agb",
    "aga",
    "agc",
    "agd",
    "age-encryption",
    "$2a$",
    "$2b$",
    "$2y$",
    "$argon2",
    "$scrypt$",
    "$pbkdf2",
    "scram-sha",
    "$6$",
    "$5$",
    "{ssha",
    "pbkdf2",
    "p2p_12d3koo",
    "12d3koo",
    "csa_",
    "ocr2",
    "ocr2on",
    "did:key",
];

/// Parts that make the whole a stand-in, whatever is around them.
const STAND_INS: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "your_",
    "your-",
    "yourkey",
    "yourtoken",
    "yourapi",
    "dummy",
    "xxxx",
    "insert",
    "replace",
    "not-a-",
    "not_a_",
    "notreal",
    "fake",
    "sample",
    "todo",
    "goes-here",
    "goes_here",
    "goeshere",
    "<",
    ">",
    "…",
    "•",
    "****",
    "0123456789",
    "123456789",
    "abcdefgh",
    "abcdef0123",
    "987654321",
    "deadbeef",
    "foobar",
    "lorem",
    "...",
    "-here",
    "_here",
    "do-not-use",
    "do_not_use",
    "donotuse",
    "invalid",
    "testonly",
    "test-only",
    "test_only",
    "loremipsum",
    "insecure",
    "notasecret",
    "not-secret",
];

/// Whether a value is no secret, whatever its name.
pub(in crate::scan) fn is_harmless(value: &[u8], is_quoted: bool) -> bool {
    let value = value.trim_ascii();
    let value = unquoted(value);
    if value.len() < 4 || is_word_of_syntax(value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    if begins(&lower, SEALED) && (value.len() > 60 || !lower.starts_with(b"ag")) {
        return true;
    }
    is_reference(value, &lower, is_quoted)
        || has_stand_in(&lower)
        || is_monotonous(value)
        || is_address(value)
        || is_fingerprint(value)
        || is_email(value)
        || says_nothing(value)
}

/// Whether a value is empty, sealed, or leads elsewhere: what may stand in clear under any name.
pub(in crate::scan) fn is_reference_or_empty(value: &[u8]) -> bool {
    let value = unquoted(value.trim_ascii());
    let lower = value.to_ascii_lowercase();
    value.is_empty()
        || is_word_of_syntax(value)
        || begins(&lower, SEALED)
        || is_reference(value, &lower, true)
}

fn begins(lower: &[u8], list: &[&str]) -> bool {
    let first = lower.first();
    list.iter()
        .map(|start| start.as_bytes())
        .any(|start| start.first() == first && lower.starts_with(start))
}

/// Whether a part of it, in lower case, makes the whole a stand-in.
fn has_stand_in(lower: &[u8]) -> bool {
    static AUTOMATON: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let automaton = AUTOMATON.get_or_init(|| AhoCorasick::new(STAND_INS).ok());
    automaton
        .as_ref()
        .is_some_and(|automaton| automaton.is_match(lower))
}

/// Quotes within quotes, as templates and command lines have them.
fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [first, inner @ .., last] if first == last && b"\"'`".contains(first) => inner,
        _ => value,
    }
}

fn is_word_of_syntax(value: &[u8]) -> bool {
    let words: [&[u8]; 12] = [
        b"null",
        b"none",
        b"true",
        b"false",
        b"undefined",
        b"string",
        b"required",
        b"optional",
        b"empty",
        b"nullptr",
        b"never",
        b"[redacted]",
    ];
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
        || value.iter().all(|byte| !byte.is_ascii_alphanumeric())
}

fn is_reference(value: &[u8], lower: &[u8], is_quoted: bool) -> bool {
    let holds = |part: &[u8]| contains(value, part);
    if holds(b"${")
        || holds(b"{{")
        || holds(b"$(")
        || holds(b"<%")
        || holds(b"%{")
        || holds(b"$[")
        || holds(b"#{")
        || holds(b"@@")
        || holds(b"%s")
        || holds(b"%v")
        || holds(b"{}")
    {
        return true;
    }
    let is_name = |text: &[u8]| {
        !text.is_empty()
            && text
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    match value {
        [b'$', rest @ ..] if is_name(rest) && !chance::looks_random(rest, 12) => return true,
        [b'%', rest @ .., b'%'] if is_name(rest) => return true,
        [b'{', inner @ .., b'}'] if has_member(inner) => return false,
        [b'{', .., b'}'] | [b'[', .., b']'] | [b'(', .., b')'] | [b'_', b'_', .., b'_', b'_'] => {
            return true;
        }
        [b'&' | b'*', rest @ ..] if is_name(rest) && !is_quoted => return true,
        [b'@', rest @ ..] if is_path(rest) => return true,
        _ => {}
    }
    if begins(lower, REFERENCES) {
        return true;
    }
    // A call, a member, an index: an expression and no text.
    if !is_quoted && value.ends_with(b")") && holds(b"(") {
        return true;
    }
    // A name in capitals is the name of a variable.
    if value
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || *byte == b'_' || byte.is_ascii_digit())
        && holds(b"_")
        && !chance::looks_random(value, 16)
    {
        return true;
    }
    if holds(b"://") {
        // Credentials in URLs have rules of their own.
        return true;
    }
    is_path(value)
}

/// Whether an object in JSON, escaped or not, has a member that is a secret by its look.
fn has_member(object: &[u8]) -> bool {
    object
        .split(|byte| b"\"\\:,{} \n".contains(byte))
        .any(|part| {
            part.len() >= 8
                && (chance::looks_random(part, 10) || chance::looks_chosen(part))
                && !has_stand_in(&part.to_ascii_lowercase())
        })
}

fn is_path(value: &[u8]) -> bool {
    let starts = [&b"/"[..], b"./", b"../", b"~/", b"C:\\"];
    let is_rooted = starts.iter().any(|start| value.starts_with(start));
    let endings: [&[u8]; 14] = [
        b".txt",
        b".pem",
        b".key",
        b".json",
        b".yaml",
        b".yml",
        b".toml",
        b".crt",
        b".env",
        b".password",
        b".api",
        b".pub",
        b".rs",
        b".go",
    ];
    let has_ending = endings.iter().any(|ending| value.ends_with(ending));
    let is_worded = value
        .split(|byte| *byte == b'/')
        .all(|part| !chance::looks_random(part, 12));
    (is_rooted || has_ending)
        && is_worded
        && !value.contains(&b' ')
        && value
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !b"+=!".contains(byte))
}

/// One character, a pattern that repeats, a count upward or downward.
pub(in crate::scan) fn is_monotonous(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"0x").unwrap_or(value);
    if chance::distinct(value) <= 3 && value.len() >= 4 {
        return true;
    }
    let repeats = (1..=value.len() / 3).any(|period| {
        period <= 16
            && value
                .iter()
                .zip(value.iter().skip(period))
                .all(|(a, b)| a == b)
    });
    if repeats {
        return true;
    }
    // Six times the same, as in 0x…000001.
    let mut run = 1;
    for pair in value.windows(2) {
        run = match pair {
            [a, b] if a == b => run + 1,
            _ => 1,
        };
        if run >= 6 {
            return true;
        }
    }
    let steps = value
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if b.wrapping_sub(*a) == 1 || a.wrapping_sub(*b) == 1 || a == b))
        .count();
    value.len() >= 6 && steps * 4 >= value.len() * 3
}

/// 20 bytes in hexadecimal digits: an account, which everybody may know.
fn is_address(value: &[u8]) -> bool {
    value.len() == 42 && value.starts_with(b"0x") && value.iter().skip(2).all(u8::is_ascii_hexdigit)
}

/// How PGP names keys.
fn is_fingerprint(value: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    value.len() == 40 && value.iter().all(is_digit)
}

fn is_email(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| *byte == b'@');
    let (Some(user), Some(host), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_name = |text: &[u8]| {
        !text.is_empty()
            && text
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(byte))
    };
    let top = host.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    is_name(user)
        && is_name(host)
        && host.contains(&b'.')
        && top.len() >= 2
        && top.iter().all(u8::is_ascii_alphabetic)
}

pub(in crate::scan) fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_placeholders_and_public_things_are_harmless() {
        for value in [
            "",
            "abc",
            "null",
            "${DB_PASSWORD}",
            "$DB_PASSWORD",
            "{{ .Values.password }}",
            "var.db_password",
            "op://vault/item/field",
            "<your key>",
            "changeme",
            "my_user_password",
            "xxxxxxxxxxxx",
            "0123456789abcdef0123456789abcdef",
            "AKIAIOSFODNN7EXAMPLE",
            "/run/secrets/password",
            "ENC[AES256_GCM,data:x]",
            "ops@example.com",
            "0x5FbDB2315678afecb367f032d93F642f64180aa3",
            "85D77543B3D624B63CEA9E6DBC17301B491B3F21",
            "deadbeefdeadbeef",
            "DATABASE_PASSWORD",
            "age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4m",
            "secrets/prod/db.password",
            "$2b$12$abcdefghijklmnopqrstuv",
            "__PASSWORD__",
            "%DB_PASSWORD%",
            "********",
        ] {
            assert!(is_harmless(value.as_bytes(), true), "{value}");
        }
        for value in [
            "Xk29vQpLm3ZtR7wB",
            "correct-zebra-battery-91",
            "9f8e7d6c5b4a3928",
            "Tr0ub4dor&3",
            "kF+/2nQ9xW==",
            "agile-otter-4471",
        ] {
            assert!(!is_harmless(value.as_bytes(), true), "{value}");
        }
    }
}
