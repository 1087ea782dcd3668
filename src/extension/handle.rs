//! [`Handle`]: somebody's implementation of an extension point, checked.

use std::marker::PhantomData;

#[cfg(feature = "host")]
use hotshoe_abi::outcome;
use hotshoe_abi::{AbiPort, ExtensionInfoRef, RawExtension};

use super::Answer;

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
/// on it. Cloning shares it. One that leads to several instances is a [`Pool`](super::Pool).
///
/// A call is refused ([`ErrorKind::Unavailable`]) while the provider does not serve, and leads to its
/// successor after a restart, unless that one's methods differ. Code stays loaded for good.
pub struct Handle<X: ?Sized + ExtensionPoint, V: Via = AbiPort> {
    via: V,
    _point: PhantomData<fn() -> Box<X>>,
}

/// Where the calls of a handle go.
#[doc(hidden)]
pub trait Via: Clone + Send + Sync + 'static {
    /// What all that it leads to can be called as.
    fn info(&self) -> ExtensionInfoRef;

    /// One call.
    fn call<A: Answer>(&self, method: impl Method<A::Wire>) -> A;
}

/// A method with its arguments, to be called once.
#[doc(hidden)]
pub trait Method<W> {
    /// Calls it.
    fn now(self, object: &RawExtension) -> W;

    /// For a call that has to wait for its turn, which may outlast what the arguments borrow.
    fn later(self) -> Later<W>;
}

/// A method with copies of its arguments.
#[doc(hidden)]
pub type Later<W> = Box<dyn FnOnce(&RawExtension) -> W + Send>;

impl Via for AbiPort {
    fn info(&self) -> ExtensionInfoRef {
        Self::info(self)
    }

    #[inline]
    fn call<A: Answer>(&self, method: impl Method<A::Wire>) -> A {
        match A::begin(self) {
            Ok(begun) => A::to(begun, method),
            Err(error) => A::failed(error),
        }
    }
}

/// What the macro makes of a method of `X`.
struct OfTable<X: ?Sized, T, N, K> {
    arguments: T,
    now: N,
    keep: K,
    _point: PhantomData<fn(&X)>,
}

impl<X, W, T, N, K, L> Method<W> for OfTable<X, T, N, K>
where
    X: ?Sized + ExtensionPoint,
    N: FnOnce(*const (), &X::Table, T) -> W,
    K: FnOnce(T) -> L,
    L: FnOnce(*const (), &X::Table) -> W + Send + 'static,
{
    #[inline]
    fn now(self, object: &RawExtension) -> W {
        (self.now)(object.data(), table::<X>(object), self.arguments)
    }

    fn later(self) -> Later<W> {
        let call = (self.keep)(self.arguments);
        Box::new(move |object| call(object.data(), table::<X>(object)))
    }
}

#[inline]
fn table<X: ?Sized + ExtensionPoint>(object: &RawExtension) -> &X::Table {
    // SAFETY: only what a handle calls gets here, and `Handle::new` compared the description of what
    // each port leads to with that of `X`, method by method.
    unsafe { &*object.table().cast::<X::Table>() }
}

impl<X: ?Sized + ExtensionPoint> Handle<X> {
    /// Checks that `port` leads to an implementation of `X` and wraps it.
    ///
    /// # Errors
    /// [`ErrorKind::Incompatible`], naming the first difference.
    pub(crate) fn new(port: AbiPort) -> Result<Self> {
        check(X::NAME, X::VERSION, &X::methods(), port.info())?;
        Ok(Self::checked(port))
    }

    /// The implementation that serves now, without anybody who supervises its calls.
    ///
    /// # Errors
    /// Whatever is in the way of a call: the provider does not serve, its limits refuse.
    #[cfg(feature = "host")]
    pub fn direct(&self) -> Result<super::Direct<X>> {
        let object = self.via.call(RawExtension::clone, |_| outcome::DONE)?;
        Ok(Handle::checked(object))
    }

    pub(super) fn into_port(self) -> AbiPort {
        self.via
    }
}

impl<X: ?Sized + ExtensionPoint, V: Via> Handle<X, V> {
    /// Of what leads only to what was compared with `X`.
    pub(super) fn checked(via: V) -> Self {
        Self { via, _point: PhantomData }
    }

    /// The provider's version of the extension point.
    pub fn version(&self) -> &'static str {
        self.via.info().version().as_str()
    }

    /// One call, for the code that the macro writes: what calls the method with these arguments, and what
    /// keeps copies of them for that.
    #[doc(hidden)]
    #[inline]
    pub fn call<A: Answer, T, L>(
        &self,
        arguments: T,
        now: impl FnOnce(*const (), &X::Table, T) -> A::Wire,
        keep: impl FnOnce(T) -> L,
    ) -> A
    where
        L: FnOnce(*const (), &X::Table) -> A::Wire + Send + 'static,
    {
        self.via.call(OfTable::<X, _, _, _> { arguments, now, keep, _point: PhantomData })
    }
}

impl<X: ?Sized + ExtensionPoint, V: Via> Clone for Handle<X, V> {
    fn clone(&self) -> Self {
        Self::checked(self.via.clone())
    }
}

impl<X: ?Sized + ExtensionPoint, V: Via> std::fmt::Debug for Handle<X, V> {
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
