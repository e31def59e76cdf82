//! The cheap first look: one pass over the bytes for words that a credential may stand beside.
//!
//! A file without any of them costs nothing more.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scan) enum Mark {
    /// A word that names secrets.
    Noun,
    /// The `://` of a URL.
    Url,
    /// The beginning of a PEM block.
    Pem,
    /// The beginning of a token that tells its kind.
    Prefix,
    /// What encrypted key files have.
    Keystore,
    /// What Terraform's state has.
    State,
    /// An HTTP header or an option that carries credentials.
    Header,
    /// An option that carries literals into a cluster.
    Literal,
    /// A merge conflict's line.
    Conflict,
}

const MARKS: &[(Mark, &[&str])] = &[
    (
        Mark::Noun,
        &[
            "passw",
            "passphrase",
            "userpass",
            "pwd",
            "secret",
            "token",
            "apikey",
            "api_key",
            "api-key",
            "api key",
            "privatekey",
            "private_key",
            "private-key",
            "private key",
            "privkey",
            "priv_key",
            "accesskey",
            "access_key",
            "access-key",
            "signingkey",
            "signing_key",
            "signing-key",
            "socketkey",
            "socket_key",
            "socket-key",
            "auth",
            "credential",
            "mnemonic",
            "seed",
            "keystore",
            "accountkey",
            "account_key",
            "client-key-data",
            "data key",
            "datakey",
            "data_key",
            "encryptionkey",
            "encryption_key",
            "encryption-key",
            "masterkey",
            "master_key",
            "master-key",
            "keyshare",
            "key_share",
            "dsn",
            "vrf",
            "webhook",
            "requirepass",
            "client_key",
            "license_key",
            "session_key",
            "hmac_key",
            "service_key",
            "servicekey",
            "routing_key",
            "integration_key",
            "cookie_key",
        ],
    ),
    (Mark::Url, &["://"]),
    (Mark::Pem, &["-----begin "]),
    (
        Mark::Prefix,
        &[
            "age-secret-key-",
            "akia",
            "asia",
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "xoxb-",
            "xoxp-",
            "xoxa-",
            "xoxr-",
            "xoxs-",
            "xapp-",
            "hooks.slack.com/",
            "glsa_",
            "hvs.",
            "hvb.",
            "eyj",
            "sk_live_",
            "rk_live_",
            "sg.",
            "npm_",
            "pypi-ageichlwas5vcmc",
            "dop_v1_",
            "shpat_",
            "hf_",
            "sk-",
            "aiza",
            "discord.com/api/webhooks/",
            "discordapp.com/api/webhooks/",
            "cg-",
            "lin_api_",
            "pul-",
            "dckr_pat_",
            "tskey-",
            "sntrys_",
            "nrak-",
            "glc_",
            "atatt3",
            "ops_",
            "dapi",
            "squ_",
            "sqp_",
            "xprv",
            "ya29.",
            "gocspx-",
            "r8_",
            "nvapi-",
            "pscale_tkn_",
            "pscale_pw_",
            "duffel_live_",
            "figd_",
            "whsec_",
            "sbp_",
            "rubygems_",
            "atlasv1.",
            "tfp_",
            "doo_v1_",
            ":aa",
            "ls0tls1crudjti",
        ],
    ),
    (Mark::Keystore, &["kdfparams", "ciphertext"]),
    (Mark::State, &["terraform_version", "sensitive_attributes"]),
    (
        Mark::Header,
        &[
            "bearer ", "basic ", "curl ", "\"auth\"", "auth:", "machine ",
        ],
    ),
    (Mark::Literal, &["--from-literal", "--set"]),
    (Mark::Conflict, &["<<<<<<< ", ">>>>>>> "]),
];

/// Every mark, in the order of the text.
pub(super) fn find(bytes: &[u8]) -> Vec<(Mark, usize)> {
    static AUTOMATON: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let automaton = AUTOMATON.get_or_init(|| {
        let words = MARKS.iter().flat_map(|(_, words)| words.iter());
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .ok()
    });
    let Some(automaton) = automaton else {
        return Vec::new();
    };
    let kinds: Vec<Mark> = MARKS
        .iter()
        .flat_map(|(mark, words)| std::iter::repeat_n(*mark, words.len()))
        .collect();
    automaton
        .find_iter(bytes)
        .filter_map(|found| {
            let kind = kinds.get(found.pattern().as_usize())?;
            Some((*kind, found.start()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case() {
        let found = find(b"x WALLET_PASSWORD=https://a\n-----BEGIN RSA");
        let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [Mark::Noun, Mark::Url, Mark::Pem]);
        assert!(find(b"nothing here").is_empty());
    }
}
