//! Finding the key in the body of an upload.

use bytes::Bytes;
use hotshoe_openpgp_keys::form_value;

/// Why there is no key in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoMaterial {
    /// Status 400: a form without `keytext`, or nothing at all.
    Missing,
    /// Status 415: a type of content that holds no keys.
    WrongType,
}

/// The key material in a body. Says `content_type` that it is a form, or nothing (and it looks like
/// one), it is the field `keytext`; otherwise it is the body. Clients such as `curl --data-binary`
/// say "form" for anything, so a body that is evidently a key is taken as one.
pub(crate) fn material(content_type: Option<&str>, body: Bytes) -> Result<Bytes, NoMaterial> {
    if body.is_empty() {
        return Err(NoMaterial::Missing);
    }
    let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => match form_value(&body, "keytext") {
            Some(text) if text.trim().is_empty() => Err(NoMaterial::Missing),
            Some(text) => Ok(text.into()),
            None if looks_like_a_key(&body) => Ok(body),
            None => Err(NoMaterial::Missing),
        },
        "" if body.starts_with(b"keytext=") => {
            form_value(&body, "keytext").map(Bytes::from).ok_or(NoMaterial::Missing)
        }
        "" | "application/pgp-keys" | "application/octet-stream" => Ok(body),
        kind if kind.starts_with("text/") => Ok(body),
        _ => Err(NoMaterial::WrongType),
    }
}

fn looks_like_a_key(body: &[u8]) -> bool {
    const ARMOR: &[u8] = b"-----BEGIN PGP ";
    body.first().is_some_and(|byte| byte & 0x80 != 0)
        || body.windows(ARMOR.len()).any(|window| window == ARMOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");

    fn found(content_type: Option<&str>, body: &'static str) -> Result<String, NoMaterial> {
        material(content_type, Bytes::from_static(body.as_bytes()))
            .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_form_holds_the_key_in_keytext() {
        let body = "options=nm&keytext=-----BEGIN%20PGP+PUBLIC%0A%2B";
        assert_eq!(found(FORM, body).unwrap(), "-----BEGIN PGP PUBLIC\n+");
        assert_eq!(found(None, "keytext=a%2Bb").unwrap(), "a+b");
    }

    #[test]
    fn a_key_may_be_the_body_also_where_the_client_calls_it_a_form() {
        let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nA+B=\n";
        for kind in [FORM, None, Some("application/pgp-keys"), Some("text/plain")] {
            assert_eq!(found(kind, key).unwrap(), key, "{kind:?}");
        }
        let binary = Bytes::from_static(&[0x99, 1, 2, 3]);
        assert_eq!(material(FORM, binary.clone()), Ok(binary));
    }

    #[test]
    fn nothing_to_store_is_told_from_a_wrong_type() {
        assert_eq!(found(FORM, ""), Err(NoMaterial::Missing));
        assert_eq!(found(FORM, "keytext=+"), Err(NoMaterial::Missing));
        assert_eq!(found(FORM, "key=abc"), Err(NoMaterial::Missing));
        assert_eq!(found(Some("image/png"), "abc"), Err(NoMaterial::WrongType));
        assert_eq!(
            found(Some("multipart/form-data; boundary=x"), "--x"),
            Err(NoMaterial::WrongType)
        );
    }
}
