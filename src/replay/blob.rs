//! Bytes of a body or a header, as a recording has them: text where they are text, else base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The key that says that what follows is no text.
const BASE64: &str = "base64";

/// Bytes: in a recording `"text"`, or `{"base64": "…"}` if they are not UTF-8.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Blob(pub Bytes);

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may be a secret.
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => {
                let mut map = to.serialize_map(Some(1))?;
                map.serialize_entry(BASE64, &STANDARD.encode(&self.0))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or {\"base64\": \"…\"}")
            }

            fn visit_str<E>(self, text: &str) -> Result<Blob, E> {
                Ok(text.as_bytes().into())
            }

            fn visit_string<E>(self, text: String) -> Result<Blob, E> {
                Ok(Blob(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Blob, A::Error> {
                let Some((key, text)) = map.next_entry::<String, String>()? else {
                    return Err(A::Error::missing_field(BASE64));
                };
                if key != BASE64 {
                    return Err(A::Error::unknown_field(&key, &[BASE64]));
                }
                if let Some(other) = map.next_key::<String>()? {
                    return Err(A::Error::unknown_field(&other, &[BASE64]));
                }
                let bytes = STANDARD.decode(text).map_err(A::Error::custom)?;
                Ok(Blob(bytes.into()))
            }
        }

        from.deserialize_any(Text)
    }
}
