//! What is behind a request or a response: parts of any type, and which type that is.

use std::any::TypeId;

use crate::guard::contain;

/// What is known of a box, whatever is in it.
#[repr(C)]
struct Head {
    type_id: TypeId,
    drop: unsafe fn(*mut ()),
}

/// Parts in a box of this library.
#[repr(C)]
pub(crate) struct Typed<P> {
    head: Head,
    pub(crate) parts: P,
}

impl<P: 'static> Typed<P> {
    pub(crate) fn into_raw(parts: P) -> *mut () {
        let head = Head { type_id: TypeId::of::<P>(), drop: drop_boxed::<P> };
        Box::into_raw(Box::new(Self { head, parts })).cast()
    }

    /// The parts, if this library made the box from exactly this type: then it is gone. `drop` is the function
    /// that drops it.
    ///
    /// # Safety
    /// The data is what `drop` is for, and nobody touches it again if the parts come out.
    pub(crate) unsafe fn from_raw(data: *mut (), drop: unsafe extern "C" fn(*mut ())) -> Option<P> {
        // The address of a generic function tells no types apart: two that do the same may be one
        // after optimisation, and one may be there twice. So all boxes of this library share one
        // function, and the type is in the box.
        if !std::ptr::fn_addr_eq(drop, drop_typed as unsafe extern "C" fn(_)) {
            return None;
        }
        // SAFETY: it was made by `into_raw` of this library, so its data begins so.
        if unsafe { (*data.cast::<Head>()).type_id } != TypeId::of::<P>() {
            return None;
        }
        // SAFETY: the data is the box that `into_raw` made of this type; by contract it is moved out once.
        Some(unsafe { Box::from_raw(data.cast::<Self>()) }.parts)
    }
}

/// # Safety
/// `object` is the box that `Typed::<P>::into_raw` made; called once.
unsafe fn drop_boxed<P>(object: *mut ()) {
    // SAFETY: by contract.
    drop(unsafe { Box::from_raw(object.cast::<Typed<P>>()) });
}

/// The `drop` of every box of this library, and of no other's.
pub(crate) unsafe extern "C" fn drop_typed(object: *mut ()) {
    // SAFETY: in the tables with this function the data was made by `Typed::into_raw` of this library.
    let drop = unsafe { (*object.cast::<Head>()).drop };
    // SAFETY: it belongs to the box; a handle drops its data once.
    contain(|| unsafe { drop(object) });
}
