//! Somebody who signs plugins.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use minisign::KeyPair;

pub struct Signer(KeyPair);

impl Signer {
    pub fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().expect("a key pair"))
    }

    /// The public key, as the configuration wants it.
    pub fn public(&self) -> String {
        self.0.pk.to_base64()
    }

    /// The public key, as minisign writes it.
    pub fn public_file(&self) -> String {
        self.0.pk.to_box().expect("a public key").to_string()
    }

    /// Signs a file; where its signature is.
    pub fn sign(&self, library: &Path) -> PathBuf {
        let bytes = std::fs::read(library).expect("the library is there");
        let signature = minisign::sign(
            Some(&self.0.pk),
            &self.0.sk,
            Cursor::new(bytes),
            Some("timestamp:1700000000 file:a plugin"),
            Some("signature of a test"),
        );
        let path = signature_of(library);
        std::fs::write(&path, signature.expect("a signature").into_string())
            .expect("it is written");
        path
    }

    /// `[plugins.security]` that requires a signature of this key.
    pub fn required(&self) -> String {
        self.policy("require")
    }

    pub fn policy(&self, signatures: &str) -> String {
        format!(
            "[plugins.security]\nsignatures = \"{signatures}\"\n\
             [plugins.security.keys.tests]\npublic_key = \"{}\"\n",
            self.public()
        )
    }
}

/// Where the signature of a library is looked for.
pub fn signature_of(library: &Path) -> PathBuf {
    let mut name = library.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}
