//! The form of a token, `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, judged without a key.
//!
//! Stricter than `cipher::Token`, which reads all that the reference reads: here lengths and base64
//! must be right, because what goes into a commit should be what a tool has written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How every token begins.
pub(in crate::scan) const PREFIX: &[u8] = b"ENC[AES256_GCM,";

const TYPES: &[&[u8]] = &[
    b"str", b"int", b"float", b"bool", b"bytes", b"time", b"comment",
];

/// Why a text is no token; `None` if it is one.
pub(in crate::scan) fn fault(text: &[u8]) -> Option<&'static str> {
    parse(text).err()
}

/// Whether somebody meant it to be a token, or wants it to pass for one.
pub(in crate::scan) fn was_meant(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"ENC[")
        || text.windows(PREFIX.len()).any(|window| window == PREFIX)
}

/// Whether it says that it holds a comment.
pub(in crate::scan) fn is_comment(text: &[u8]) -> bool {
    fault(text).is_none() && text.trim_ascii_end().ends_with(b",type:comment]")
}

fn parse(text: &[u8]) -> Result<(), &'static str> {
    // A token in a literal block ends with the block's line end.
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let fields = text
        .strip_prefix(PREFIX)
        .ok_or("it does not begin as a token does")?
        .strip_suffix(b"]")
        .ok_or("it does not end with a bracket")?;
    let mut fields = fields.split(|byte| *byte == b',');
    let mut field = |name: &[u8]| fields.next().and_then(|field| field.strip_prefix(name));
    let data = field(b"data:").ok_or("its data is missing")?;
    let nonce = field(b"iv:").ok_or("its iv is missing")?;
    let tag = field(b"tag:").ok_or("its tag is missing")?;
    let kind = field(b"type:").ok_or("its type is missing")?;
    if fields.next().is_some() {
        return Err("something follows its type");
    }
    if decode(data).ok_or("its data is no base64")? == 0 {
        return Err("its data is empty");
    }
    if !matches!(decode(nonce).ok_or("its iv is no base64")?, 12 | 16 | 32) {
        return Err("its iv has a wrong length");
    }
    if decode(tag).ok_or("its tag is no base64")? != 16 {
        return Err("its tag has a wrong length");
    }
    if !TYPES.contains(&kind) {
        return Err("its type is unknown");
    }
    Ok(())
}

/// The number of bytes of a canonical base64 text.
fn decode(text: &[u8]) -> Option<usize> {
    STANDARD.decode(text).ok().map(|bytes| bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "ENC[AES256_GCM,data:oiS/qyc=,iv:ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=,tag:s9jMet4pi3DzIEWdLNqE0A==,type:str]";

    #[test]
    fn a_token_is_one() {
        assert_eq!(fault(TOKEN.as_bytes()), None);
        assert_eq!(fault(format!("{TOKEN}\n").as_bytes()), None);
        let short = "ENC[AES256_GCM,data:L2e6d6o=,iv:AAECAwQFBgcICQoL,tag:whI7t6H2vseG5XTm0oYsFA==,type:comment]";
        assert_eq!(fault(short.as_bytes()), None);
    }

    #[test]
    fn what_only_looks_like_a_token_is_none() {
        for (from, to) in [
            ("AES256_GCM", "AES128_GCM"),
            ("oiS/qyc=", ""),
            ("oiS/qyc=", "oiS/qyc"),
            ("oiS/qyc=", "oiS/qyd="),
            ("oiS/qyc=", "oi S/qyc="),
            ("ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=", "ZGVm"),
            ("ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=", ""),
            ("s9jMet4pi3DzIEWdLNqE0A==", "s9jM"),
            ("type:str", "type:string"),
            ("type:str", "type:str,x:y"),
            (",type:str", ""),
            ("str]", "str] hunter2"),
            ("str]", "str"),
            ("str]", "str]\n\n"),
            ("ENC[", " ENC["),
        ] {
            let text = TOKEN.replacen(from, to, 1);
            assert!(fault(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn an_attempt_is_told_from_a_value() {
        assert!(was_meant(b"ENC[TODO] later"));
        assert!(was_meant(format!("x {TOKEN}").as_bytes()));
        assert!(!was_meant(b"hunter2"));
    }
}
