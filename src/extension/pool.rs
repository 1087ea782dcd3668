//! [`Pool`]: several implementations of an extension point, and each call goes to one of them.

use std::cell::Cell;
use std::sync::Arc;

use hotshoe_abi::plain::Line;
use hotshoe_abi::{AbiPort, ExtensionInfoRef, switch};

use super::handle::{Method, Via};
use super::{Answer, ExtensionPoint, Handle};
use crate::contract::{Error, ErrorKind, Result};

/// One of so many calls asks those first whose circuit breaker is open: it has to be tried when its time
/// is over, and only a call can do that.
const ASKS: u64 = 64;

/// Several implementations of the extension point `X` (a `dyn Trait`): each call of the trait's
/// methods goes to one of them, by chance. Those that are not active, or whose circuit breaker is open,
/// are passed over; those that are not well are called only if no other is there.
///
/// Who refuses a call before it has begun is not the last that is asked. A call that has begun is made
/// nowhere else, however it ends.
///
/// From [`PluginHost::pool`](crate::PluginHost), for the instances of a pool, or from handles:
///
/// ```
/// # use hotshoe::{Context, Pool, Result};
/// # hotshoe::extension_point! {
/// #     /// Adds.
/// #     pub trait Adder: "adder", "1.0.0" {
/// #         /// Adds.
/// #         fn add(&self, one: u64, other: u64) -> hotshoe::Result<u64>;
/// #     }
/// # }
/// # fn in_a_plugin(context: &Context) -> Result<u64> {
/// let adders: Pool<dyn Adder> = Pool::of(context.services()?)?;
/// adders.add(1, 2)
/// # }
/// ```
///
/// Those that join later are not called: ask again.
pub type Pool<X> = Handle<X, Spread>;

/// The ports of a [`Pool`].
#[doc(hidden)]
#[derive(Clone)]
pub struct Spread(Arc<[AbiPort]>);

impl<X: ?Sized + ExtensionPoint> Pool<X> {
    /// Of all that these handles lead to.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there are none.
    pub fn of(handles: impl IntoIterator<Item = Handle<X>>) -> Result<Self> {
        let ports: Arc<[AbiPort]> = handles.into_iter().map(Handle::into_port).collect();
        if ports.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("at least one `{}` was expected, there is none", X::NAME),
            )
            .with_help("see why its providers are not running"));
        }
        Ok(Self::checked(Spread(ports)))
    }
}

thread_local! {
    static CHANCE: Cell<u64> = const { Cell::new(0) };
}

/// Any number, another one for each call: Marsaglia, *Xorshift RNGs* (2003). In turn would not do: what
/// one request asks of several pools would hang together.
fn chance() -> u64 {
    CHANCE.with(|chance| {
        let mut number = match chance.get() {
            // Each thread begins elsewhere.
            0 => std::ptr::from_ref(chance).addr() as u64 | 1,
            number => number,
        };
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        chance.set(number);
        number
    })
}

/// What speaks against a call; 0 if nothing does.
fn against(port: &AbiPort) -> u8 {
    let switch = port.switch();
    match () {
        () if switch & switch::CLOSED != 0 => 3,
        () if switch & switch::BREAKER != 0 => BROKEN,
        () if switch & switch::UNWELL != 0 => 1,
        () => 0,
    }
}

/// [`against`] a call is only a circuit breaker.
const BROKEN: u8 = 2;

impl Spread {
    fn choose(&self) -> usize {
        let (count, chance) = (self.0.len(), chance());
        let first = ((u128::from(chance) * count as u128) >> 64) as usize;
        let asks = chance.is_multiple_of(ASKS);
        if !asks && against(&self.0[first]) == 0 {
            return first;
        }
        let rank = |at: &usize| match against(&self.0[*at]) {
            BROKEN if asks => 0,
            // Those that are well come after those that are asked, only this time.
            rank => rank + u8::from(asks),
        };
        (first..count).chain(0..first).min_by_key(rank).unwrap_or(first)
    }
}

impl Via for Spread {
    fn info(&self) -> ExtensionInfoRef {
        self.0[0].info()
    }

    #[inline]
    fn call<A: Answer>(&self, method: impl Method<A::Wire>) -> A {
        let chosen = self.choose();
        let begun = A::begin(&self.0[chosen]);
        match begun.or_else(|error| elsewhere::<A>(&self.0, chosen, error)) {
            Ok(begun) => A::to(begun, method),
            Err(error) => A::failed(error),
        }
    }
}

/// The first has refused: the others, the best first.
#[cold]
fn elsewhere<A: Answer>(ports: &[AbiPort], chosen: usize, error: Error) -> Result<A::Begun<'_>> {
    let mut left: Vec<usize> = (0..ports.len()).filter(|at| *at != chosen).collect();
    left.sort_by_cached_key(|at| against(&ports[*at]));
    let mut refusals = vec![error];
    for at in left {
        match A::begin(&ports[at]) {
            Ok(begun) => return Ok(begun),
            Err(error) => refusals.push(error),
        }
    }
    let name = ports[chosen].info().name();
    Err(all_refused(&format!("the service `{name}`"), refusals))
}

/// So many are named when all refuse.
const NAMED: usize = 8;

/// Each of several instances has refused a call, each with its reason.
pub(crate) fn all_refused(of: &str, mut refusals: Vec<Error>) -> Error {
    refusals.sort_by(|one, other| one.plugin().cmp(&other.plugin()));
    let mut message = format!("no instance of {of} takes a call now");
    for error in refusals.iter().take(NAMED) {
        let instance = error.plugin().unwrap_or("one");
        message.push_str(&format!("\n  `{}`: {}", Line(instance), Line(error.message())));
    }
    if refusals.len() > NAMED {
        message.push_str(&format!("\n  and {} more", refusals.len() - NAMED));
    }
    // Those who are only busy are busy together.
    let busy = refusals.iter().all(|error| error.kind() == ErrorKind::ResourceLimit);
    let kind = if busy { ErrorKind::ResourceLimit } else { ErrorKind::Unavailable };
    Error::__laid_out(kind, message)
        .with_help("try again later; `PluginHost::explain` tells more of each instance")
}
