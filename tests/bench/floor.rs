//! What sealing and opening cannot do without: AES-256-GCM, SHA-512 and base64 of 100,000 strings of
//! 64 characters, on one core, without a file around them. `make bench` prints it beside the tools.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clsecrets::cipher::{Cipher, Mac, NONCE_LEN, Nonces, SystemNonces};
use clsecrets::secret::DataKey;

const STRINGS: usize = 100_000;
const PLAIN: [u8; 64] = [b'x'; 64];
const BOUND: &[u8] = b"map_1234:key_5:";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = DataKey::generate()?;
    let cipher = Cipher::new(&key);
    let mut nonces = SystemNonces::default();

    let begin = Instant::now();
    let mut sealed = Vec::with_capacity(STRINGS);
    let mut mac = Mac::new(false);
    for _ in 0..STRINGS {
        mac.add(&PLAIN, true);
        let nonce = nonces.next()?;
        let bytes = cipher.seal(&PLAIN, BOUND, nonce)?;
        sealed.push((STANDARD.encode(bytes), STANDARD.encode(nonce)));
    }
    drop(mac.finish());
    let sealing = begin.elapsed();

    let begin = Instant::now();
    let mut mac = Mac::new(false);
    let mut nonce = Vec::with_capacity(NONCE_LEN);
    for (bytes, text) in &sealed {
        nonce.clear();
        STANDARD.decode_vec(text, &mut nonce)?;
        let plain = cipher.open(STANDARD.decode(bytes)?, BOUND, &nonce)?;
        mac.add(plain.expose(), true);
    }
    drop(mac.finish());
    let opening = begin.elapsed();

    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    write(&format!(
        "floor on one core: sealing {:.1} ms, opening {:.1} ms\n",
        milliseconds(sealing),
        milliseconds(opening)
    ))
}

fn write(text: &str) -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write as _;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
