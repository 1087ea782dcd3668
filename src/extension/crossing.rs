//! Types that may be arguments or results of an extension point's methods.

use bytes::Bytes;
use hotshoe_abi::__stable::{ROption, RSlice, RStr, RString, RVec, StableAbi};
use hotshoe_abi::AbiBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::{Call, Error, ErrorKind, Result};

/// A type that crosses library boundaries, by way of a type with a stable layout.
///
/// Implemented for numbers, `bool`, `char`, `()`, `&str`, `String`, `&[u8]`, `Vec<u8>`,
/// [`Bytes`], `&Call`, `Option<T>`, `Vec<T>`, and for anything that serde can carry as [`Json`].
///
/// # Safety
/// Two libraries that were built apart compare nothing but signatures: whatever has the same
/// [`signature`](Self::signature) has the same [`Wire`](Self::Wire), in every version of both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not cross library boundaries",
    note = "numbers, bool, char, &str, String, &[u8], Vec<u8>, Bytes, &Call, Option and Vec of \
            them do; wrap any other type that serde can carry in `hotshoe::Json`"
)]
pub unsafe trait Crossing: Sized {
    /// What crosses.
    type Wire: StableAbi;

    /// The type in a signature, the same for all that share a wire type and a meaning.
    fn signature() -> String;

    /// To what crosses.
    fn into_wire(self) -> Self::Wire;

    /// From what crossed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if the other side sent what this type cannot be.
    fn from_wire(wire: Self::Wire) -> Result<Self>;
}

macro_rules! as_is {
    ($($type:ty),*) => {$(
        // SAFETY: the signature is the name of the type, which crosses as it is.
        unsafe impl Crossing for $type {
            type Wire = $type;

            fn signature() -> String {
                stringify!($type).to_owned()
            }

            #[inline]
            fn into_wire(self) -> Self {
                self
            }

            #[inline]
            fn from_wire(wire: Self) -> Result<Self> {
                Ok(wire)
            }
        }
    )*};
}

as_is!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64, bool, ());

macro_rules! converted {
    ($(<$($life:lifetime)?> $type:ty as $wire:ty = $name:literal: $to:expr, $from:expr;)*) => {$(
        // SAFETY: each name in the list below stands for one type.
        unsafe impl$(<$life>)? Crossing for $type {
            type Wire = $wire;

            fn signature() -> String {
                $name.to_owned()
            }

            #[inline]
            fn into_wire(self) -> $wire {
                let to: fn($type) -> $wire = $to;
                to(self)
            }

            #[inline]
            fn from_wire(wire: $wire) -> Result<Self> {
                let from: fn($wire) -> Result<$type> = $from;
                from(wire)
            }
        }
    )*};
}

converted! {
    <'a> &'a str as RStr<'a> = "&str": RStr::from_str, |wire| Ok(wire.as_str());
    <'a> &'a [u8] as RSlice<'a, u8> = "&[u8]": RSlice::from_slice, |wire| Ok(wire.as_slice());
    <'a> &'a Call as &'a Call = "&Call": |call| call, Ok;
    <> String as RString = "String": RString::from, |wire| Ok(wire.into_string());
    <> Bytes as AbiBytes = "Bytes": AbiBytes::from, |wire| Ok(wire.into());
    <> char as u32 = "char": u32::from, |wire| char::from_u32(wire).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("{wire:#x} is no character"))
    });
}

// SAFETY: `ROption` of what the signature of `T` stands for.
unsafe impl<T: Crossing> Crossing for Option<T> {
    type Wire = ROption<T::Wire>;

    fn signature() -> String {
        format!("Option<{}>", T::signature())
    }

    #[inline]
    fn into_wire(self) -> Self::Wire {
        self.map(T::into_wire).into()
    }

    #[inline]
    fn from_wire(wire: Self::Wire) -> Result<Self> {
        wire.into_option().map(T::from_wire).transpose()
    }
}

// SAFETY: `RVec` of what the signature of `T` stands for.
unsafe impl<T: Crossing> Crossing for Vec<T> {
    type Wire = RVec<T::Wire>;

    fn signature() -> String {
        format!("Vec<{}>", T::signature())
    }

    fn into_wire(self) -> Self::Wire {
        self.into_iter().map(T::into_wire).collect()
    }

    fn from_wire(wire: Self::Wire) -> Result<Self> {
        wire.into_iter().map(T::from_wire).collect()
    }
}

/// Carries any type that serde can carry, as JSON text.
///
/// Both sides read what they know: fields may be added to the type if the reader has defaults for
/// them, without a new version of the extension point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Json<T>(pub T);

// SAFETY: it crosses as `RString`, whatever `T` is.
unsafe impl<T: Serialize + DeserializeOwned> Crossing for Json<T> {
    type Wire = RString;

    fn signature() -> String {
        "Json".to_owned()
    }

    fn into_wire(self) -> RString {
        // A value that cannot be JSON (a map with keys that are no text) becomes text that no
        // reader accepts, so that the other side reports it.
        serde_json::to_string(&self.0).unwrap_or_else(|error| format!("not JSON: {error}")).into()
    }

    fn from_wire(wire: RString) -> Result<Self> {
        serde_json::from_str(&wire).map(Self).map_err(|error| {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a {} was expected as JSON, found something else",
                    std::any::type_name::<T>()
                ),
            )
            .with_help("both sides must use compatible versions of this type")
            .caused_by(&error)
        })
    }
}
