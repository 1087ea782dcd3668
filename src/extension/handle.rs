//! [`Handle`]: somebody's implementation of an extension point, checked.

use std::marker::PhantomData;

use hotshoe_abi::{ExtensionInfoRef, RawExtension};

use crate::contract::{Error, ErrorKind, Result};

/// An extension point: implemented for `dyn Trait` by
/// [`extension_point!`](crate::extension_point), not by hand.
///
/// # Safety
/// `Table` is `repr(C)`: an [`ExtensionTable`](hotshoe_abi::ExtensionTable), then one function a
/// method, in the order and with the signatures that `methods` lists.
pub unsafe trait ExtensionPoint: Send + Sync + 'static {
    /// The name by which it is found.
    const NAME: &'static str;
    /// Its version, semver.
    const VERSION: &'static str;
    /// The table of functions.
    #[doc(hidden)]
    type Table: 'static;
    /// The signature of each method.
    #[doc(hidden)]
    fn methods() -> Vec<String>;
}

/// Somebody's implementation of the extension point `X` (a `dyn Trait`): call the trait's methods
/// on it. Cloning shares it.
///
/// The provider's object lives as long as any handle; its code stays loaded for good.
pub struct Handle<X: ?Sized + ExtensionPoint> {
    raw: RawExtension,
    _point: PhantomData<fn() -> Box<X>>,
}

impl<X: ?Sized + ExtensionPoint> Handle<X> {
    /// Checks that `raw` is an implementation of `X` and wraps it.
    ///
    /// # Errors
    /// [`ErrorKind::Incompatible`], naming the first difference.
    pub(crate) fn new(raw: RawExtension) -> Result<Self> {
        check(X::NAME, X::VERSION, &X::methods(), raw.info())?;
        Ok(Self { raw, _point: PhantomData })
    }

    /// The provider's version of the extension point.
    pub fn version(&self) -> &'static str {
        self.raw.info().version().as_str()
    }

    /// Value and table, for the code that the macro writes.
    #[doc(hidden)]
    #[inline]
    pub fn parts(&self) -> (*const (), &X::Table) {
        // SAFETY: `new` compared the description in the table with that of `X`, method by method.
        (self.raw.data(), unsafe { &*self.raw.table().cast::<X::Table>() })
    }
}

impl<X: ?Sized + ExtensionPoint> Clone for Handle<X> {
    fn clone(&self) -> Self {
        Self { raw: self.raw.clone(), _point: PhantomData }
    }
}

impl<X: ?Sized + ExtensionPoint> std::fmt::Debug for Handle<X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({} {})", X::NAME, self.version())
    }
}

/// Whether `found` can be called as the extension point described: same name, every expected
/// method at its place with its signature. More methods after them are fine.
pub(crate) fn check(
    name: &str,
    version: &str,
    expected: &[String],
    found: ExtensionInfoRef,
) -> Result<()> {
    let refuse = |difference: String| {
        Error::new(
            ErrorKind::Incompatible,
            format!("the service is not a `{name}` as this side knows it: {difference}"),
        )
        .with_help(format!(
            "build both sides against the same declaration of `{name}` (this side has version \
             {version}, the provider {}); a later minor version may only append methods",
            found.version(),
        ))
    };
    if found.name().as_str() != name {
        return Err(refuse(format!("its name is `{}`", found.name())));
    }
    let methods = (found.methods())();
    for (at, expected) in expected.iter().enumerate() {
        match methods.get(at) {
            Some(found) if found.as_str() == expected => {}
            Some(found) => {
                return Err(refuse(format!(
                    "method {} was expected to be `{expected}`, found `{found}`",
                    at + 1
                )));
            }
            None => {
                return Err(refuse(format!(
                    "method `{expected}` was expected, the provider ends after {} methods",
                    methods.len()
                )));
            }
        }
    }
    Ok(())
}
