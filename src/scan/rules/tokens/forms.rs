//! The forms of tokens: how one begins, of what characters it is, how long it is.

use std::ops::Range;

use super::super::super::text::{Text, chance, harmless};

/// Of which characters the rest of a token is.
#[derive(Clone, Copy)]
enum Of {
    Alnum,
    Upper32,
    Hex,
    Url,
    Base64,
    Base58,
    /// Parts with these separators, of `Url`.
    Slashed,
}

/// A form of tokens.
struct Form {
    start: &'static str,
    of: Of,
    /// Characters behind the beginning, at least and at most.
    length: (usize, usize),
    what: &'static str,
}

const fn form(start: &'static str, of: Of, least: usize, most: usize, what: &'static str) -> Form {
    Form {
        start,
        of,
        length: (least, most),
        what,
    }
}

const FORMS: &[Form] = &[
    form("ghp_", Of::Alnum, 36, 255, "a GitHub token"),
    form("gho_", Of::Alnum, 36, 255, "a GitHub token"),
    form("ghu_", Of::Alnum, 36, 255, "a GitHub token"),
    form("ghs_", Of::Alnum, 36, 255, "a GitHub token"),
    form("ghr_", Of::Alnum, 36, 255, "a GitHub token"),
    form("github_pat_", Of::Url, 40, 120, "a GitHub token"),
    form("glpat-", Of::Url, 20, 64, "a GitLab token"),
    form("xoxb-", Of::Url, 20, 120, "a Slack token"),
    form("xoxp-", Of::Url, 20, 120, "a Slack token"),
    form("xoxa-", Of::Url, 20, 120, "a Slack token"),
    form("xoxr-", Of::Url, 20, 120, "a Slack token"),
    form("xoxs-", Of::Url, 20, 120, "a Slack token"),
    form("xapp-", Of::Url, 20, 160, "a Slack token"),
    form(
        "hooks.slack.com/",
        Of::Slashed,
        40,
        120,
        "the URL of a Slack webhook",
    ),
    form(
        "discord.com/api/webhooks/",
        Of::Slashed,
        60,
        140,
        "the URL of a Discord webhook",
    ),
    form(
        "discordapp.com/api/webhooks/",
        Of::Slashed,
        60,
        140,
        "the URL of a Discord webhook",
    ),
    form("glsa_", Of::Url, 40, 64, "a Grafana token"),
    form("glc_", Of::Base64, 40, 400, "a Grafana Cloud token"),
    form("hvs.", Of::Url, 24, 200, "a Vault token"),
    form("hvb.", Of::Url, 24, 400, "a Vault token"),
    form("sk_live_", Of::Alnum, 24, 128, "a Stripe key"),
    form("rk_live_", Of::Alnum, 24, 128, "a Stripe key"),
    form("SG.", Of::Slashed, 60, 80, "a SendGrid key"),
    form("npm_", Of::Alnum, 36, 36, "an npm token"),
    form("pypi-AgEIcHlwaS5vcmc", Of::Url, 50, 400, "a PyPI token"),
    form("dop_v1_", Of::Hex, 64, 64, "a DigitalOcean token"),
    form("doo_v1_", Of::Hex, 64, 64, "a DigitalOcean token"),
    form("shpat_", Of::Hex, 32, 32, "a Shopify token"),
    form("hf_", Of::Alnum, 34, 40, "a Hugging Face token"),
    form("sk-ant-", Of::Url, 40, 140, "an Anthropic key"),
    form("sk-proj-", Of::Url, 40, 200, "an OpenAI key"),
    form("sk-", Of::Alnum, 40, 64, "an API key"),
    form("AIza", Of::Url, 35, 35, "a Google API key"),
    form("CG-", Of::Alnum, 24, 24, "a CoinGecko key"),
    form("lin_api_", Of::Alnum, 40, 48, "a Linear key"),
    form("pul-", Of::Hex, 40, 40, "a Pulumi token"),
    form("dckr_pat_", Of::Url, 24, 40, "a Docker Hub token"),
    form("tskey-", Of::Url, 24, 80, "a Tailscale key"),
    form("sntrys_", Of::Base64, 60, 300, "a Sentry token"),
    form("NRAK-", Of::Alnum, 27, 27, "a New Relic key"),
    form("ATATT3", Of::Url, 100, 260, "an Atlassian token"),
    form("dapi", Of::Hex, 32, 32, "a Databricks token"),
    form("squ_", Of::Hex, 40, 40, "a SonarQube token"),
    form("sqp_", Of::Hex, 40, 40, "a SonarQube token"),
    form(
        "xprv",
        Of::Base58,
        107,
        108,
        "the extended private key of a wallet",
    ),
    form("ya29.", Of::Url, 60, 400, "a Google access token"),
    form("GOCSPX-", Of::Url, 28, 28, "a Google client secret"),
    form("r8_", Of::Alnum, 37, 40, "a Replicate token"),
    form("nvapi-", Of::Url, 60, 70, "an NVIDIA key"),
    form("pscale_tkn_", Of::Url, 32, 64, "a PlanetScale token"),
    form("pscale_pw_", Of::Url, 32, 64, "a PlanetScale password"),
    form("figd_", Of::Url, 40, 60, "a Figma token"),
    form("sbp_", Of::Hex, 40, 40, "a Supabase token"),
    form("rubygems_", Of::Hex, 48, 48, "a RubyGems key"),
    form("whsec_", Of::Base64, 32, 64, "the secret of a webhook"),
    form("ops_", Of::Base64, 200, 2000, "a 1Password service account"),
];

/// Public examples of the standards, and the identity of age's own test kit.
const PUBLIC: &[&[u8]] = &[
    b"AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0",
    b"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    b"xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCzC2U",
    b"xprv9s21ZrQH143K25QhxbucbDDuQ4naNntJRi4KUfWT7xo4EKsHt2QJDu7KXp1A3u7Bi1j8ph3EGsZ9Xvz9dGuVrtHHs7pXeTzjuxBrCmmhgC6",
];

/// What stands there: its place, its kind, and whether that is sure.
pub(super) fn at(text: &Text<'_>, at: usize) -> Option<(Range<usize>, &'static str, bool)> {
    let before = at
        .checked_sub(1)
        .and_then(|before| text.slice(before..at).first().copied());
    let rest = text.slice(at..at + 2200);
    let begins_word =
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-');
    if rest.starts_with(b":AA") {
        return telegram(text, at).map(|span| (span, "the token of a Telegram bot", true));
    }
    if rest.len() >= 14
        && rest
            .get(..14)
            .is_some_and(|start| start == b"LS0tLS1CRUdJTi")
    {
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
            .count();
        // `PRIVATE KEY` at each of its alignments.
        let is_private = [&b"UFJJVkFURSBLRV"[..], b"BSSVZBVEUgS0VZ", b"QUklWQVRFIEtFW"]
            .iter()
            .any(|part| harmless::contains(rest.get(..length).unwrap_or_default(), part));
        return (is_private && length > 120).then_some((
            at..at + length,
            "a private key in base64",
            true,
        ));
    }
    if !begins_word {
        return None;
    }
    if rest.starts_with(b"AGE-SECRET-KEY-1") {
        let length = 16 + run(rest.get(16..)?, Of::Upper32);
        let key = rest.get(..length)?;
        // One that was mistyped or cut by a character says as much.
        let is_one = length == 74 && bech32(key)
            || (70..=78).contains(&length) && chance::looks_random(key.get(16..)?, 40);
        return (is_one && !PUBLIC.contains(&key)).then_some((
            at..at + length,
            "an age identity",
            true,
        ));
    }
    if rest.starts_with(b"AKIA") || rest.starts_with(b"ASIA") {
        return aws(text, at);
    }
    if rest.starts_with(b"eyJ") {
        let span = jwt(text, at)?;
        return Some((span, "a JSON web token", true));
    }
    let form = FORMS
        .iter()
        .find(|form| rest.starts_with(form.start.as_bytes()))?;
    let length = run(rest.get(form.start.len()..)?, form.of);
    let body = rest.get(form.start.len()..form.start.len() + length)?;
    let whole = rest.get(..form.start.len() + length)?;
    let is_long_enough = (form.length.0..=form.length.1).contains(&length);
    let has = |kind: fn(&u8) -> bool| body.iter().any(kind);
    // One of thirty random tokens of 20 characters has no digit.
    let is_mixed =
        has(u8::is_ascii_digit) || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_stand_in = harmless::is_harmless(body, true) || PUBLIC.contains(&whole);
    let pieces = body.split(|byte| b"/-._".contains(byte)).any(|piece| {
        chance::looks_random(piece, 12) || piece.len() >= 16 && chance::looks_chosen(piece)
    });
    (is_long_enough
        && is_mixed
        && !is_stand_in
        && chance::distinct(body) >= 8
        && (pieces || chance::looks_random(body, 16)))
    .then_some((at..at + whole.len(), form.what, true))
}

fn run(rest: &[u8], of: Of) -> usize {
    let is_part = |byte: &u8| match of {
        Of::Alnum => byte.is_ascii_alphanumeric(),
        Of::Upper32 => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        Of::Hex => byte.is_ascii_hexdigit(),
        Of::Url => byte.is_ascii_alphanumeric() || b"-_".contains(byte),
        Of::Base64 => byte.is_ascii_alphanumeric() || b"-_+/=".contains(byte),
        Of::Base58 => byte.is_ascii_alphanumeric() && !b"0OIl".contains(byte),
        Of::Slashed => byte.is_ascii_alphanumeric() || b"-_/.".contains(byte),
    };
    rest.iter().take_while(|byte| is_part(byte)).count()
}

/// An access key's id says whose account it is; with its secret beside it, it opens it.
fn aws(text: &Text<'_>, at: usize) -> Option<(Range<usize>, &'static str, bool)> {
    let id = text.slice(at..at + 21);
    let is_id = id
        .get(..20)?
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && !id.get(20).is_some_and(u8::is_ascii_alphanumeric);
    if !is_id
        || harmless::contains(id, b"EXAMPLE")
        || harmless::is_monotonous(id.get(4..20)?)
        || chance::distinct(id.get(4..20)?) < 8
    {
        return None;
    }
    let number = text.line_at(at);
    for near in number.saturating_sub(3)..(number + 4).min(text.lines()) {
        let line = text.line(near);
        let from = if near == number { at + 20 } else { line.start };
        let content = text.slice(from..line.end.min(from + 2048));
        let mut offset = 0;
        for part in content.split(|byte| !byte.is_ascii_alphanumeric() && !b"+/".contains(byte)) {
            let is_secret = part.len() == 40
                && chance::looks_random(part, 40)
                && !part.iter().all(u8::is_ascii_hexdigit)
                && !harmless::is_harmless(part, true);
            if is_secret {
                return Some((
                    from + offset..from + offset + 40,
                    "the secret of an AWS access key",
                    true,
                ));
            }
            offset += part.len() + 1;
        }
    }
    Some((at..at + 20, "the id of an AWS access key", false))
}

/// Three parts, the first a JSON object; only beside a word that says what it is for.
fn jwt(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.slice(at..at + 4096);
    let length = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
        .count();
    let token = rest.get(..length)?;
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [head, body, signature] = parts.as_slice() else {
        return None;
    };
    let is_whole =
        head.len() >= 16 && body.len() >= 16 && body.starts_with(b"ey") && signature.len() >= 32;
    let line = text.line(text.line_at(at));
    let before = text
        .slice(line.start.max(at.saturating_sub(160))..at)
        .to_ascii_lowercase();
    let is_meant = [
        "token",
        "bearer",
        "authorization",
        "jwt",
        "key",
        "secret",
        "password",
    ]
    .iter()
    .any(|word| harmless::contains(&before, word.as_bytes()));
    (is_whole && is_meant && !is_public_jwt(token)).then_some(at..at + length)
}

/// The token of a thousand tutorials: John Doe, 1234567890.
pub(super) fn is_public_jwt(token: &[u8]) -> bool {
    [
        &b"eyJzdWIiOiIxMjM0NTY3ODkwIi"[..],
        b"SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    ]
    .iter()
    .any(|part| harmless::contains(token, part))
}

fn telegram(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let before = text.slice(at.saturating_sub(11)..at);
    let digits = before
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let length = run(text.slice(at + 1..at + 60), Of::Url);
    let body = text.slice(at + 1..at + 1 + length);
    ((8..=10).contains(&digits) && length == 35 && chance::looks_random(body, 35))
        .then_some(at - digits..at + 1 + length)
}

/// Whether the checksum of a bech32 text is right.
fn bech32(text: &[u8]) -> bool {
    const DIGITS: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let text = text.to_ascii_lowercase();
    let Some(split) = text.iter().rposition(|byte| *byte == b'1') else {
        return false;
    };
    let (human, data) = text.split_at(split);
    let mut values: Vec<u32> = human.iter().map(|byte| u32::from(byte >> 5)).collect();
    values.push(0);
    values.extend(human.iter().map(|byte| u32::from(byte & 31)));
    for byte in data.iter().skip(1) {
        let Some(digit) = DIGITS.iter().position(|digit| digit == byte) else {
            return false;
        };
        values.push(u32::try_from(digit).unwrap_or(0));
    }
    let mut sum: u32 = 1;
    for value in values {
        let top = sum >> 25;
        sum = (sum & 0x1ff_ffff) << 5 ^ value;
        for (at, generator) in [
            0x3b6a_57b2,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ]
        .into_iter()
        .enumerate()
        {
            if top >> at & 1 == 1 {
                sum ^= generator;
            }
        }
    }
    sum == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::text::Mark;

    fn kinds(text: &str) -> Vec<&'static str> {
        let text = Text::new("a.yaml", text.as_bytes());
        text.marks(Mark::Prefix)
            .filter_map(|mark| at(&text, mark))
            .map(|(_, what, _)| what)
            .collect()
    }

    #[test]
    fn forms_are_known_and_stand_ins_are_not() {
        let head = "eyJhbGciOiJFUzI1NiIsImtpZCI6Ijk5In0";
        let body = "eyJpc3MiOiJodHRwczovL2lkLmNvcnAiLCJleHAiOjE3Njk5OTk5OTl9";
        let tail = "q7Gz2mWx9Lp4Rt8Vb1NcKd5sJh3fYt6uPo0iEw2aZx4c";
        assert_eq!(
            kinds(&format!("x ghp_{}", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6")),
            ["a GitHub token"]
        );
        assert_eq!(
            kinds(&format!("token: {head}.{body}.{tail}")),
            ["a JSON web token"]
        );
        assert_eq!(kinds(&format!("see {head}.{body}.{tail}")).len(), 0);
        assert_eq!(
            kinds("1234567890:AAHk9fLm2Qx7Rt4Wz8Nc3Vb6Yd1Gs5Jp0Ke").len(),
            1
        );
        assert_eq!(kinds("AWS: AKIAIOSFODNN7EXAMPLE").len(), 0);
        assert_eq!(
            kinds("AKIAQX4BRTZ6W3YLMNPD\nq7Gz2mWx9Lp4Rt8Vb1NcKd5sJh3fYt6uPo0iEw2a"),
            ["the secret of an AWS access key"]
        );
        assert_eq!(kinds("ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").len(), 0);
        assert_eq!(kinds("glpat-your-token-goes-here1").len(), 0);
    }

    #[test]
    fn an_age_identity_has_a_checksum() {
        let identity = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        assert_eq!(bech32(identity.as_bytes()), kinds(identity).len() == 1);
        assert!(bech32(
            b"age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4m"
        ));
        assert!(!bech32(
            b"age1gkrpmauxgpk88ynuexa4pgyrve93szkyxvpktsnx8phpcjn6sagssyzz4n"
        ));
    }
}
