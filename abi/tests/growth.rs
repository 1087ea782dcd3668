//! Tables grow at their end. Of a host and its plugins, each may be the older one.

#![allow(unsafe_code, reason = "what abi_stable's derive writes")]
#![allow(missing_docs, dead_code, reason = "tables for a test")]

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;

macro_rules! version {
    ($version:ident: $($appended:ident),*) => {
        mod $version {
            #[repr(C)]
            #[derive(abi_stable::StableAbi)]
            #[sabi(kind(Prefix(prefix_ref = TableRef)))]
            pub struct Table {
                call: extern "C" fn(),
                #[sabi(last_prefix_field)]
                free: extern "C" fn(),
                $($appended: extern "C" fn(),)*
            }
        }
    };
}

version!(v0:);
version!(v1: reload);
version!(v2: reload, explain);
version!(other: explain);

/// As `load` does it: abi_stable lets only the second one have more at the end of a table.
fn agree<Ours: StableAbi, Theirs: StableAbi>() -> bool {
    check_layout_compatibility(Ours::LAYOUT, Theirs::LAYOUT).is_ok()
        || check_layout_compatibility(Theirs::LAYOUT, Ours::LAYOUT).is_ok()
}

#[test]
fn a_host_takes_older_and_newer_plugins_in_any_order() {
    assert!(agree::<v1::TableRef, v0::TableRef>());
    assert!(agree::<v1::TableRef, v2::TableRef>());
    assert!(agree::<v1::TableRef, v1::TableRef>());
    assert!(agree::<v1::TableRef, v0::TableRef>());
}

#[test]
fn a_host_refuses_a_plugin_whose_tables_grew_otherwise() {
    assert!(!agree::<v1::TableRef, other::TableRef>());
}

/// Why it has to be asked twice; should this fail one day, once is enough.
#[test]
fn abi_stable_by_itself_refuses_a_plugin_that_is_older_than_the_host() {
    let checked = check_layout_compatibility(v2::TableRef::LAYOUT, v0::TableRef::LAYOUT);
    assert!(checked.is_err());
}

/// A struct behind each kind of pointer that crosses.
macro_rules! behind {
    ($name:ident: $($field:ident: $type:ty),*) => {
        mod $name {
            use std::ptr::NonNull;

            use abi_stable::StableAbi;
            use abi_stable::sabi_types::RRef;

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Cause { $($field: $type,)* }

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Lent<'a>(&'a Cause);

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Raw(*const Cause);

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Owned(NonNull<Cause>);

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Erased<'a>(RRef<'a, Cause>);
        }
    };
}

behind!(short: message: u64);
behind!(long: message: u64, next: u64);

/// So the snapshot has to have them, too: `Cause`, `ErrorObject`, `AbiMetadata`.
#[test]
fn what_is_behind_a_pointer_counts_whichever_pointer_it_is() {
    assert!(agree::<short::Erased, short::Erased>());
    assert!(!agree::<short::Lent, long::Lent>());
    assert!(!agree::<short::Raw, long::Raw>());
    assert!(!agree::<short::Owned, long::Owned>());
    assert!(!agree::<short::Erased, long::Erased>());
}
