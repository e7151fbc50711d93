//! The envelope of message push 消息推送: signatures, and in secure mode the ciphertext around the message.
//!
//! The signature is SHA-1 over the sorted parts, joined. The ciphertext is AES-256-CBC with the key's own first 16 bytes as
//! vector, over `random (16) ‖ length (4, big endian) ‖ message ‖ appid`, padded to whole blocks of **32** bytes: whoever
//! unpads by AES's own 16 refuses good messages now and then.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use sha1::{Digest, Sha1};

/// The console gives 43 characters; the last of them has bits that mean nothing, and may be any.
const CONSOLE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const BLOCK: usize = 32;

/// Hex of SHA-1 over the sorted parts.
pub(crate) fn signature(parts: &[&str]) -> String {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    Sha1::digest(parts.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `EncodingAESKey`: 43 characters that stand for 32 bytes.
#[derive(Clone)]
pub(crate) struct AesKey([u8; 32]);

impl AesKey {
    /// `None` when the text is no such key.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        CONSOLE.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The base64 of a sealed message. `random` is 16 characters.
    pub(crate) fn seal(&self, random: &str, message: &str, appid: &str) -> String {
        let mut plain = random.as_bytes().to_vec();
        plain.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(message.as_bytes());
        plain.extend_from_slice(appid.as_bytes());
        let pad = BLOCK - plain.len() % BLOCK;
        plain.extend(std::iter::repeat_n(u8::try_from(pad).unwrap_or_default(), pad));
        let cipher = Aes256::new(&Array::from(self.0));
        let mut before = [0_u8; 16];
        before.copy_from_slice(&self.0[..16]);
        for block in plain.chunks_exact_mut(16) {
            let mut mixed = [0_u8; 16];
            mixed.iter_mut().zip(block.iter().zip(before)).for_each(|(out, (a, b))| *out = a ^ b);
            let mut mixed = Array::from(mixed);
            cipher.encrypt_block(&mut mixed);
            block.copy_from_slice(&mixed);
            before.copy_from_slice(&mixed);
        }
        STANDARD.encode(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors that WeChat publishes with its description of message push.
    #[test]
    fn the_published_signatures_come_out() {
        assert_eq!(signature(&["AAAAA", "1714036504", "1514711492"]), "f464b24fc39322e44b38aa78f5edd27bd1441696");
        assert_eq!(signature(&["AAAAA", "1714037059", "486452656"]), "899cf89e464efb63f54ddac96b0a0a235f53aa78");
    }

    #[test]
    fn the_published_message_comes_out_sealed_and_signed() {
        let key = AesKey::read(&"A".repeat(43)).expect("a key");
        let sealed = key.seal("707722b803182950", r#"{"demo_resp":"good luck"}"#, "wxba5fad812f8e6fb9");
        assert_eq!(sealed, "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==");
        let signed = signature(&["AAAAA", "1713424427", "415670741", &sealed]);
        assert_eq!(signed, "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1");
    }

    #[test]
    fn a_key_has_43_characters() {
        assert!(AesKey::read(&"x".repeat(43)).is_some());
        assert!(AesKey::read(&"A".repeat(42)).is_none() && AesKey::read(&"*".repeat(43)).is_none());
    }
}
