//! Types that may be arguments or results of an extension point's methods.

use bytes::Bytes;
use hotshoe_abi::__stable::{ROption, RSlice, RStr, RString, RVec, StableAbi};
use hotshoe_abi::AbiBytes as Buffer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::contract::{Call, Error, ErrorKind, Result};

/// A type that crosses library boundaries, by way of a type with a stable layout.
///
/// Implemented for numbers, `bool`, `char`, `()`, `&str`, `String`, `&[u8]`, `Vec<u8>`,
/// [`Bytes`], [`Buffer`], `&Call`, `Option<T>`, `Vec<T>`, and for anything that serde can carry as [`Json`].
///
/// Memory is freed by the library that made it. So an owned `Vec` or `String` is copied once where it
/// arrives, and `Bytes` get a small box; a `Buffer` has neither, and is the same as `Bytes` to the other side.
///
/// # Safety
/// Two libraries that were built apart compare nothing but signatures: whatever has the same
/// [`signature`](Self::signature) has the same [`Wire`](Self::Wire), in every version of both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not cross library boundaries",
    note = "numbers, bool, char, &str, String, &[u8], Vec<u8>, Bytes, Buffer, &Call, Option and Vec of \
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

    /// Many at once, to what crosses. Without a copy where they cross as they are.
    #[doc(hidden)]
    fn all_into_wire(all: Vec<Self>) -> RVec<Self::Wire> {
        all.into_iter().map(Self::into_wire).collect()
    }

    /// Many at once, from what crossed. With one copy where they cross as they are: memory of another library is
    /// no `Vec` here.
    #[doc(hidden)]
    fn all_from_wire(all: RVec<Self::Wire>) -> Result<Vec<Self>> {
        all.into_iter().map(Self::from_wire).collect()
    }

    /// What is kept of an argument until a call that has to wait for its turn begins: a copy, if it is
    /// only lent.
    #[doc(hidden)]
    type Kept: Send + 'static;

    /// [`Wire`](Self::Wire), if `Self` were lent for so long.
    #[doc(hidden)]
    type Lent<'k>: 'k;

    /// Instead of [`into_wire`](Self::into_wire).
    #[doc(hidden)]
    fn keep(self) -> Self::Kept;

    /// To what crosses, once.
    #[doc(hidden)]
    fn lend(kept: &mut Self::Kept) -> Self::Lent<'_>;
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

            fn all_into_wire(all: Vec<Self>) -> RVec<Self> {
                all.into()
            }

            fn all_from_wire(all: RVec<Self>) -> Result<Vec<Self>> {
                Ok(all.into())
            }

            type Kept = Self;
            type Lent<'k> = Self;

            fn keep(self) -> Self {
                self
            }

            fn lend(kept: &mut Self) -> Self {
                *kept
            }
        }
    )*};
}

as_is!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64, bool, ());

macro_rules! converted {
    ($(
        <$($life:lifetime)?> $type:ty as $wire:ty = $name:literal: $to:expr, $from:expr;
        <$for:lifetime> $kept:ty as $lent:ty: $keep:expr, $lend:expr;
    )*) => {$(
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

            type Kept = $kept;
            type Lent<$for> = $lent;

            fn keep(self) -> $kept {
                let keep: fn($type) -> $kept = $keep;
                keep(self)
            }

            fn lend(kept: &mut $kept) -> Self::Lent<'_> {
                let lend: fn(&mut $kept) -> Self::Lent<'_> = $lend;
                lend(kept)
            }
        }
    )*};
}

converted! {
    <'a> &'a str as RStr<'a> = "&str": RStr::from_str, |wire| Ok(wire.as_str());
        <'k> String as RStr<'k>: str::to_owned, |kept| RStr::from_str(kept);
    <'a> &'a [u8] as RSlice<'a, u8> = "&[u8]": RSlice::from_slice, |wire| Ok(wire.as_slice());
        <'k> Vec<u8> as RSlice<'k, u8>: <[u8]>::to_vec, |kept| RSlice::from_slice(kept);
    <'a> &'a Call as &'a Call = "&Call": |call| call, Ok;
        <'k> Call as &'k Call: Call::clone, |kept| kept;
    <> String as RString = "String": RString::from, |wire| Ok(wire.into_string());
        <'k> String as RString: |text| text, |kept| std::mem::take(kept).into();
    <> Bytes as Buffer = "Bytes": Buffer::from, |wire| Ok(wire.into());
        <'k> Bytes as Buffer: |bytes| bytes, |kept| std::mem::take(kept).into();
    <> Buffer as Buffer = "Bytes": |buffer| buffer, Ok;
        <'k> Buffer as Buffer: |buffer| buffer, std::mem::take;
    <> char as u32 = "char": u32::from, |wire| char::from_u32(wire).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("{wire:#x} is no character"))
    });
        <'k> char as u32: |letter| letter, |kept| u32::from(*kept);
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

    type Kept = Option<T::Kept>;
    type Lent<'k> = ROption<T::Lent<'k>>;

    fn keep(self) -> Self::Kept {
        self.map(T::keep)
    }

    fn lend(kept: &mut Self::Kept) -> Self::Lent<'_> {
        kept.as_mut().map(T::lend).into()
    }
}

// SAFETY: `RVec` of what the signature of `T` stands for.
unsafe impl<T: Crossing> Crossing for Vec<T> {
    type Wire = RVec<T::Wire>;

    fn signature() -> String {
        format!("Vec<{}>", T::signature())
    }

    fn into_wire(self) -> Self::Wire {
        T::all_into_wire(self)
    }

    fn from_wire(wire: Self::Wire) -> Result<Self> {
        T::all_from_wire(wire)
    }

    type Kept = Vec<T::Kept>;
    type Lent<'k> = RVec<T::Lent<'k>>;

    fn keep(self) -> Self::Kept {
        self.into_iter().map(T::keep).collect()
    }

    fn lend(kept: &mut Self::Kept) -> Self::Lent<'_> {
        kept.iter_mut().map(T::lend).collect()
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

    /// Its text, which may go where `T` must not.
    type Kept = RString;
    type Lent<'k> = RString;

    fn keep(self) -> RString {
        self.into_wire()
    }

    fn lend(kept: &mut RString) -> RString {
        std::mem::take(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of what is kept of a value, what the other side makes.
    macro_rules! comes_back {
        ($type:ty: $($value:expr),*) => {$({
            let mut kept = <$type as Crossing>::keep($value);
            let crossed = <$type as Crossing>::from_wire(<$type as Crossing>::lend(&mut kept));
            assert_eq!(crossed.expect("it is what it was"), $value);
        })*};
    }

    #[test]
    fn what_is_kept_of_an_argument_is_all_of_it() {
        comes_back!(u64: 7);
        comes_back!(f32: -0.5);
        comes_back!((): ());
        comes_back!(char: '\u{10ffff}');
        comes_back!(&str: "lent");
        comes_back!(&[u8]: b"lent".as_slice());
        comes_back!(String: "owned".to_owned());
        comes_back!(Bytes: Bytes::from_static(b"shared"));
        comes_back!(Buffer: Buffer::from(b"owned".to_vec()));
        comes_back!(Option<&str>: Some("lent"), None);
        comes_back!(Vec<Option<&[u8]>>: vec![Some(b"lent".as_slice()), None]);
        comes_back!(Vec<Vec<String>>: vec![vec!["one".to_owned()], Vec::new()]);
        comes_back!(Json<Vec<(u8, String)>>: Json(vec![(1, "one".to_owned())]));
    }

    #[test]
    fn what_is_a_buffer_to_one_side_may_be_bytes_to_the_other() {
        assert_eq!(Buffer::signature(), Bytes::signature());
    }

    #[test]
    fn a_call_that_is_kept_does_not_need_the_one_that_was_lent() {
        let mut kept = <&Call>::keep(&Call::builder().request_id("lent").build());
        assert_eq!(<&Call>::lend(&mut kept).request_id(), Some("lent"));
    }
}
