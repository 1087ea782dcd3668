//! Who calls, until when, and what travels with the call: [`Call`].

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::std_types::{ROption, RStr, Tuple2};

/// The circumstances of one call: the caller's identity, a request id, a deadline and a free map.
///
/// It goes with every call into a plugin and on to whatever that plugin calls. Cloning is one
/// atomic increment; [`Call::none`] allocates nothing. To change one, build another from it with
/// [`Call::edit`].
///
/// ```
/// use hotshoe_abi::Call;
/// use std::time::Duration;
///
/// let call = Call::builder()
///     .request_id("req-123")
///     .user("456", ["admin"])
///     .timeout(Duration::from_secs(1))
///     .set("tenant", "north")
///     .build();
/// assert_eq!(call.user_id(), Some("456"));
/// assert!(call.has_role("admin"));
/// assert_eq!(call.get("tenant"), Some("north"));
/// ```
#[repr(C)]
#[derive(StableAbi)]
pub struct Call {
    data: *const (),
    vtable: CallVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = CallVTableRef)))]
#[sabi(missing_field(option))]
struct CallVTable {
    clone: unsafe extern "C" fn(*const ()) -> *const (),
    text: unsafe extern "C" fn(RRef<'_, ()>, u32) -> ROption<RStr<'_>>,
    role: unsafe extern "C" fn(RRef<'_, ()>, usize) -> ROption<RStr<'_>>,
    entry: unsafe extern "C" fn(RRef<'_, ()>, usize) -> ROption<Tuple2<RStr<'_>, RStr<'_>>>,
    /// Nanoseconds left; `u64::MAX` without a deadline.
    remaining: unsafe extern "C" fn(RRef<'_, ()>) -> u64,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

mod text {
    pub const REQUEST_ID: u32 = 0;
    pub const USER_ID: u32 = 1;
}

#[derive(Clone, Default)]
struct Data {
    request_id: Option<String>,
    user_id: Option<String>,
    roles: Vec<String>,
    entries: Vec<(String, String)>,
    deadline: Option<Instant>,
}

// SAFETY: behind the pointer is an `Arc` of plain owned data, never changed once shared.
unsafe impl Send for Call {}
// SAFETY: as above.
unsafe impl Sync for Call {}

impl Call {
    /// A call by nobody in particular, without a deadline.
    pub const fn none() -> Self {
        Self { data: std::ptr::null(), vtable: NONE }
    }

    /// Starts an empty description.
    pub fn builder() -> CallBuilder {
        CallBuilder(Data::default())
    }

    /// Starts a description that has all of this one, to be changed.
    pub fn edit(&self) -> CallBuilder {
        if self.data.is_null() {
            return Self::builder();
        }
        CallBuilder(Data {
            request_id: self.request_id().map(Into::into),
            user_id: self.user_id().map(Into::into),
            roles: self.roles().map(Into::into).collect(),
            entries: self.entries().map(|(key, value)| (key.into(), value.into())).collect(),
            deadline: self.deadline(),
        })
    }

    /// The id that ties log lines of one request together.
    pub fn request_id(&self) -> Option<&str> {
        self.text(text::REQUEST_ID)
    }

    /// Who calls, if the application knows.
    pub fn user_id(&self) -> Option<&str> {
        self.text(text::USER_ID)
    }

    /// The roles of the caller.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        // SAFETY: the table belongs to the data, which lives as long as `self`.
        (0..)
            .map_while(|index| unsafe { (self.vtable.role())(self.object(), index) }.into_option())
            .map(|role| role.as_str())
    }

    /// Whether the caller has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().any(|has| has == role)
    }

    /// The free map, in the order of insertion.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        // SAFETY: the table belongs to the data, which lives as long as `self`.
        (0..)
            .map_while(|index| unsafe { (self.vtable.entry())(self.object(), index) }.into_option())
            .map(|Tuple2(key, value)| (key.as_str(), value.as_str()))
    }

    /// A value of the free map.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries().find(|(has, _)| *has == key).map(|(_, value)| value)
    }

    /// When the answer is no longer wanted.
    pub fn deadline(&self) -> Option<Instant> {
        self.remaining().and_then(|left| Instant::now().checked_add(left))
    }

    /// How long an answer is still wanted; zero when the deadline has passed, `None` without one.
    pub fn remaining(&self) -> Option<Duration> {
        // SAFETY: the table belongs to the data, which lives as long as `self`.
        match unsafe { (self.vtable.remaining())(self.object()) } {
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    fn object(&self) -> RRef<'_, ()> {
        // SAFETY: the data lives as long as `self`; a null pointer is never read (table `NONE`).
        unsafe {
            RRef::from_raw(if self.data.is_null() { std::ptr::from_ref(&()) } else { self.data })
        }
    }

    fn text(&self, field: u32) -> Option<&str> {
        // SAFETY: the table belongs to the data, which lives as long as `self`.
        unsafe { (self.vtable.text())(self.object(), field) }
            .into_option()
            .map(|text| text.as_str())
    }
}

impl Default for Call {
    fn default() -> Self {
        Self::none()
    }
}

impl Clone for Call {
    fn clone(&self) -> Self {
        // SAFETY: the table belongs to the data, which is alive.
        Self { data: unsafe { (self.vtable.clone())(self.data) }, vtable: self.vtable }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the data; this handle's share is given back once.
        unsafe { (self.vtable.drop())(self.data) }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("request_id", &self.request_id())
            .field("user_id", &self.user_id())
            .field("roles", &self.roles().collect::<Vec<_>>())
            .field("remaining", &self.remaining())
            .field("entries", &self.entries().collect::<Vec<_>>())
            .finish()
    }
}

/// Builds a [`Call`].
#[derive(Clone, Default)]
pub struct CallBuilder(Data);

impl CallBuilder {
    /// The id that ties log lines of one request together.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// Who calls, and in which roles.
    #[must_use]
    pub fn user<R: Into<String>>(
        mut self,
        id: impl Into<String>,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        self.0.user_id = Some(id.into());
        self.0.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// When the answer is no longer wanted.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.0.deadline = Some(deadline);
        self
    }

    /// How long, from now, an answer is wanted. An earlier deadline that is set already stays.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Some(deadline) = Instant::now().checked_add(timeout) {
            self.0.deadline = Some(self.0.deadline.map_or(deadline, |set| set.min(deadline)));
        }
        self
    }

    /// Puts a value into the free map, replacing one of the same key. Structured values go in as
    /// JSON text.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        self.0.entries.retain(|(has, _)| *has != key);
        self.0.entries.push((key, value.into()));
        self
    }

    /// The finished description.
    pub fn build(self) -> Call {
        Call { data: Arc::into_raw(Arc::new(self.0)).cast(), vtable: SHARED }
    }
}

const SHARED: CallVTableRef = {
    const FIELDS: &WithMetadata<CallVTable> = &WithMetadata::new(CallVTable {
        clone,
        text: text_of,
        role,
        entry,
        remaining,
        drop: release,
    });
    CallVTableRef(FIELDS.static_as_prefix())
};

const NONE: CallVTableRef = {
    const FIELDS: &WithMetadata<CallVTable> = &WithMetadata::new(CallVTable {
        clone: none_clone,
        text: none_text,
        role: none_role,
        entry: none_entry,
        remaining: none_remaining,
        drop: none_drop,
    });
    CallVTableRef(FIELDS.static_as_prefix())
};

/// # Safety
/// The object is a `Data` of this library, lent by a live handle.
unsafe fn data<'a>(object: RRef<'a, ()>) -> &'a Data {
    // SAFETY: by contract.
    unsafe { object.transmute_into_ref() }
}

unsafe extern "C" fn clone(object: *const ()) -> *const () {
    // SAFETY: in this table the pointer came from `Arc::into_raw` of this library.
    unsafe { Arc::increment_strong_count(object.cast::<Data>()) };
    object
}

unsafe extern "C" fn release(object: *const ()) {
    // SAFETY: in this table the pointer came from `Arc::into_raw` of this library.
    drop(unsafe { Arc::from_raw(object.cast::<Data>()) });
}

unsafe extern "C" fn text_of(object: RRef<'_, ()>, field: u32) -> ROption<RStr<'_>> {
    // SAFETY: in this table the object is a `Data` of this library.
    let data = unsafe { data(object) };
    let text = match field {
        text::REQUEST_ID => data.request_id.as_deref(),
        text::USER_ID => data.user_id.as_deref(),
        _ => None,
    };
    text.map(RStr::from_str).into()
}

unsafe extern "C" fn role(object: RRef<'_, ()>, index: usize) -> ROption<RStr<'_>> {
    // SAFETY: as in `text_of`.
    unsafe { data(object) }.roles.get(index).map(|role| RStr::from_str(role)).into()
}

unsafe extern "C" fn entry(
    object: RRef<'_, ()>,
    index: usize,
) -> ROption<Tuple2<RStr<'_>, RStr<'_>>> {
    // SAFETY: as in `text_of`.
    let entry = unsafe { data(object) }.entries.get(index);
    entry.map(|(key, value)| Tuple2(RStr::from_str(key), RStr::from_str(value))).into()
}

unsafe extern "C" fn remaining(object: RRef<'_, ()>) -> u64 {
    // SAFETY: as in `text_of`.
    unsafe { data(object) }.deadline.map_or(u64::MAX, |deadline| {
        let left = deadline.saturating_duration_since(Instant::now()).as_nanos();
        u64::try_from(left).unwrap_or(u64::MAX - 1)
    })
}

unsafe extern "C" fn none_clone(object: *const ()) -> *const () {
    object
}

unsafe extern "C" fn none_text(_: RRef<'_, ()>, _: u32) -> ROption<RStr<'_>> {
    ROption::RNone
}

unsafe extern "C" fn none_role(_: RRef<'_, ()>, _: usize) -> ROption<RStr<'_>> {
    ROption::RNone
}

unsafe extern "C" fn none_entry(_: RRef<'_, ()>, _: usize) -> ROption<Tuple2<RStr<'_>, RStr<'_>>> {
    ROption::RNone
}

unsafe extern "C" fn none_remaining(_: RRef<'_, ()>) -> u64 {
    u64::MAX
}

unsafe extern "C" fn none_drop(_: *const ()) {}
