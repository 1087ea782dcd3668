//! Toy roots that differ in one thing each, and what is said of it.
#![allow(dead_code, reason = "their layouts matter, not their values")]

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RStr, RString, RVec};
use insta::assert_snapshot;

use super::{compare, refusal};

/// No message to a person is longer than fifteen lines; the file is one of them.
const LINES: usize = 14;

/// A module with a root that leads to a table, a struct and an enum; one of these may be given.
macro_rules! toy {
    ($name:ident) => {
        toy!($name table {
            open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
            list: extern "C" fn(u64) -> RVec<Entry>,
            kind: extern "C" fn(Kind),
            #[sabi(last_prefix_field)]
            close: extern "C" fn(),
        });
    };
    ($name:ident table { $($table:tt)* }) => {
        toy!(@ $name { $($table)* } { name: RString, size: u64, next: ROption<RString> } {
            File, Folder
        });
    };
    ($name:ident entry { $($entry:tt)* }) => {
        toy!(@ $name {
            open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
            list: extern "C" fn(u64) -> RVec<Entry>,
            kind: extern "C" fn(Kind),
            #[sabi(last_prefix_field)]
            close: extern "C" fn(),
        } { $($entry)* } { File, Folder });
    };
    ($name:ident kind { $($kind:tt)* }) => {
        toy!(@ $name {
            open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
            list: extern "C" fn(u64) -> RVec<Entry>,
            kind: extern "C" fn(Kind),
            #[sabi(last_prefix_field)]
            close: extern "C" fn(),
        } { name: RString, size: u64, next: ROption<RString> } { $($kind)* });
    };
    (@ $name:ident { $($table:tt)* } { $($entry:tt)* } { $($kind:tt)* }) => {
        pub mod $name {
            use super::*;

            #[repr(C)]
            #[derive(StableAbi)]
            #[sabi(kind(Prefix(prefix_ref = TableRef)))]
            #[sabi(missing_field(option))]
            pub struct Table { $($table)* }

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Entry { $($entry)* }

            #[repr(u8)]
            #[derive(StableAbi)]
            pub enum Kind { $($kind)* }

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Root { table: TableRef }
        }
    };
}

/// What a host of the first layouts says of a plugin of the second.
fn told<Ours: StableAbi, Theirs: StableAbi>() -> String {
    let Err(differences) = compare(Ours::LAYOUT, Theirs::LAYOUT) else { return "agreed".into() };
    let error = refusal(&differences, "0.1.9");
    assert!(format!("{error:#}").lines().count() <= LINES, "{error:#}");
    assert_eq!(error.message().lines().count(), 1, "{error}");
    error.causes().skip(1).collect::<Vec<_>>().join("\n")
}

toy!(base);

#[test]
fn a_refusal_has_type_and_field_versions_both_types_and_what_to_do() {
    let differences = compare(base::Root::LAYOUT, retyped_field::Root::LAYOUT).unwrap_err();
    let error = format!("{:#}", refusal(&differences, "0.1.9"));
    let error = error.replace(hotshoe_abi::VERSION, "<ours>");
    assert_snapshot!(error, @"
    its types are not laid out as the host's, first in struct Entry, field `size`
      because: hotshoe-abi <ours> was expected, it was built with 0.1.9
      because: struct Entry, field `size`: another type
        expected: u64
        found: i64
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

/// As it happens to who changes hotshoe-abi.
#[test]
fn equal_versions_are_not_expected_and_found() {
    let differences = compare(base::Root::LAYOUT, retyped_field::Root::LAYOUT).unwrap_err();
    let error = refusal(&differences, hotshoe_abi::VERSION);
    let first = error.causes().next().unwrap().replace(hotshoe_abi::VERSION, "<ours>");
    assert_eq!(first, "both have hotshoe-abi <ours>, from different sources");
}

#[test]
fn equal_layouts_agree() {
    assert_eq!(told::<base::Root, base::Root>(), "agreed");
}

toy!(appended table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    list: extern "C" fn(u64) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
    flush: extern "C" fn(),
});

#[test]
fn more_functions_at_the_end_of_a_table_agree_on_either_side() {
    assert_eq!(told::<base::Root, appended::Root>(), "agreed");
    assert_eq!(told::<appended::Root, base::Root>(), "agreed");
}

toy!(added_function table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    peek: extern "C" fn(RStr<'_>, u32) -> bool,
    list: extern "C" fn(u64) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn a_function_in_the_middle_is_named_with_its_place() {
    assert_snapshot!(told::<base::Root, added_function::Root>(), @"
    table Table, function `peek` behind `open`: added
        expected: nothing there
        found: fn(RStr, u32) -> bool
    ");
}

#[test]
fn a_function_that_is_missing_is_named_with_its_place() {
    assert_snapshot!(told::<added_function::Root, base::Root>(), @"
    table Table, function `peek` behind `open`: missing
        expected: fn(RStr, u32) -> bool
        found: nothing there
    ");
}

toy!(retyped_function table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    list: extern "C" fn(u32) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn a_function_of_another_type_is_told_with_both_signatures() {
    assert_snapshot!(told::<base::Root, retyped_function::Root>(), @"
    table Table, function `list`: another type
        expected: fn(u64) -> RVec<Entry>
        found: fn(u32) -> RVec<Entry>
    ");
}

toy!(longer_function table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    list: extern "C" fn(u64, u64) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn a_function_that_takes_more_is_told_with_both_signatures() {
    assert_snapshot!(told::<base::Root, longer_function::Root>(), @"
    table Table, function `list`: another type
        expected: fn(u64) -> RVec<Entry>
        found: fn(u64, u64) -> RVec<Entry>
    ");
}

toy!(unsafe_function table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    list: unsafe extern "C" fn(u64) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn a_function_that_became_unsafe_is_told_with_both_signatures() {
    assert_snapshot!(told::<base::Root, unsafe_function::Root>(), @"
    table Table, function `list`: another type
        expected: fn(u64) -> RVec<Entry>
        found: unsafe fn(u64) -> RVec<Entry>
    ");
}

toy!(long_lived table {
    open: extern "C" fn(RStr<'static>) -> ROption<Entry>,
    list: extern "C" fn(u64) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn other_lifetimes_are_told() {
    assert_snapshot!(told::<base::Root, long_lived::Root>(), @"
    table Table, function `open`: other lifetimes
        expected: fn(RStr) -> ROption<Entry> with '_
        found: fn(RStr) -> ROption<Entry> with 'static
    ");
}

toy!(reordered_functions table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    kind: extern "C" fn(Kind),
    list: extern "C" fn(u64) -> RVec<Entry>,
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn functions_in_another_order_are_told_in_both_orders() {
    assert_snapshot!(told::<base::Root, reordered_functions::Root>(), @"
    table Table: another order
        expected: list, kind
        found: kind, list
    ");
}

toy!(renamed_function table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    enumerate: extern "C" fn(u64) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn a_function_of_another_name_is_told_with_both() {
    assert_snapshot!(told::<base::Root, renamed_function::Root>(), @"
    table Table, function `list`: another name
        expected: `list`
        found: `enumerate`
    ");
}

toy!(moved_boundary table {
    open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
    list: extern "C" fn(u64) -> RVec<Entry>,
    #[sabi(last_prefix_field)]
    kind: extern "C" fn(Kind),
    close: extern "C" fn(),
});

#[test]
fn another_number_of_mandatory_functions_is_told() {
    assert_snapshot!(told::<base::Root, moved_boundary::Root>(), @"
    table Table: another number of functions that are always there
        expected: 4 of 4
        found: 3 of 4
    ");
}

toy!(added_field entry { name: RString, age: u64, size: u64, next: ROption<RString> });

#[test]
fn a_field_that_was_added_or_is_missing_is_told_once_however_many_types_hold_it() {
    assert_snapshot!(told::<base::Root, added_field::Root>(), @"
    struct Entry, field `age` behind `name`: added
        expected: nothing there
        found: u64
    ");
    assert_snapshot!(told::<added_field::Root, base::Root>(), @"
    struct Entry, field `age` behind `name`: missing
        expected: u64
        found: nothing there
    ");
}

toy!(last_field entry { name: RString, size: u64, next: ROption<RString>, age: u64 });

#[test]
fn a_field_at_the_end_of_a_struct_is_no_append() {
    assert_snapshot!(told::<base::Root, last_field::Root>(), @"
    struct Entry, field `age` behind `next`: added
        expected: nothing there
        found: u64
    ");
}

toy!(retyped_field entry { name: RString, size: i64, next: ROption<RString> });

#[test]
fn a_field_of_another_type_is_told_with_both_types() {
    assert_snapshot!(told::<base::Root, retyped_field::Root>(), @"
    struct Entry, field `size`: another type
        expected: u64
        found: i64
    ");
}

toy!(retyped_deep entry { name: RString, size: u64, next: ROption<RVec<u8>> });

#[test]
fn a_type_inside_another_ones_arguments_is_told_at_the_field() {
    assert_snapshot!(told::<base::Root, retyped_deep::Root>(), @"
    struct Entry, field `next`: another type
        expected: ROption<RString>
        found: ROption<RVec<u8>>
    ");
}

toy!(reordered_fields entry { size: u64, name: RString, next: ROption<RString> });

#[test]
fn fields_in_another_order_are_told_in_both_orders() {
    assert_snapshot!(told::<base::Root, reordered_fields::Root>(), @"
    struct Entry: another order
        expected: name, size
        found: size, name
    ");
}

toy!(added_variant kind { File, Folder, Link });

#[test]
fn another_variant_of_an_enum_is_told() {
    assert_snapshot!(told::<base::Root, added_variant::Root>(), @"
    enum Kind, variant `Link` behind `Folder`: added
        expected: nothing there
        found: `Link`
    ");
}

toy!(renumbered kind { File = 1, Folder = 2 });

#[test]
fn other_numbers_of_an_enum_are_told() {
    assert_snapshot!(told::<base::Root, renumbered::Root>(), @"
    enum Kind: other numbers of its variants
        expected: Signed(0)
        found: Signed(1)
    enum Kind: other numbers of its variants
        expected: Signed(1)
        found: Signed(2)
    ");
}

mod older_and_broken {
    use super::*;

    toy!(host table {
        open: extern "C" fn(RStr<'_>) -> ROption<Entry>,
        #[sabi(last_prefix_field)]
        close: extern "C" fn(),
        flush: extern "C" fn(),
    });
    toy!(plugin table {
        open: extern "C" fn(RStr<'_>) -> ROption<u64>,
        #[sabi(last_prefix_field)]
        close: extern "C" fn(),
    });
}

/// The report of one direction also complains that `flush` is not there, which is no fault.
#[test]
fn what_was_appended_is_no_difference_whichever_side_is_older() {
    use older_and_broken::{host, plugin};
    let host_is_newer = told::<host::Root, plugin::Root>();
    let host_is_older = told::<plugin::Root, host::Root>();
    assert_snapshot!(host_is_newer, @"
    table Table, function `open`: another type
        expected: fn(RStr) -> ROption<Entry>
        found: fn(RStr) -> ROption<u64>
    ");
    assert_snapshot!(host_is_older, @"
    table Table, function `open`: another type
        expected: fn(RStr) -> ROption<u64>
        found: fn(RStr) -> ROption<Entry>
    ");
}

mod grown_apart {
    use super::*;

    toy!(host table {
        #[sabi(last_prefix_field)]
        close: extern "C" fn(),
    });
    toy!(one table {
        #[sabi(last_prefix_field)]
        close: extern "C" fn(),
        flush: extern "C" fn(u64),
    });
    toy!(other table {
        #[sabi(last_prefix_field)]
        close: extern "C" fn(),
        rotate: extern "C" fn(),
    });
}

/// Each agrees with the host; but an object of one may reach the other.
#[test]
fn of_two_plugins_that_appended_different_functions_only_one_is_taken() {
    use grown_apart::{host, one, other};
    assert_eq!(told::<host::Root, one::Root>(), "agreed");
    assert_snapshot!(told::<host::Root, other::Root>(), @"
    a table to which a plugin that is open already appended functions: other functions
        expected: the same ones
        found: `flush`: fn(u64) and `rotate`: fn()
    ");
}

macro_rules! wide {
    ($name:ident: $($field:ident)*) => {
        pub mod $name {
            use super::*;

            #[repr(C)]
            #[derive(StableAbi)]
            pub struct Root { $($field: u64,)* }
        }
    };
}

wide!(lower: a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd ee ff gg hh ii jj);
wide!(other: a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 k1 l1 m1 n1 o1 p1 q1 r1 s1 t1 u1 v1 w1 x1 y1 z1 aa1);

#[test]
fn many_differences_are_counted() {
    assert_snapshot!(told::<lower::Root, other::Root>(), @"
    struct Root, field `a`: another name
        expected: `a`
        found: `a1`
    struct Root, field `b`: another name
        expected: `b`
        found: `b1`
    struct Root, field `c`: another name
        expected: `c`
        found: `c1`
    there are 33 more differences
    ");
}

type Wordy = RVec<RVec<RVec<ROption<RVec<RVec<RString>>>>>>;

toy!(wordy table {
    open: extern "C" fn(Wordy, Wordy, Wordy, Wordy),
    list: extern "C" fn(u64) -> RVec<Entry>,
    kind: extern "C" fn(Kind),
    #[sabi(last_prefix_field)]
    close: extern "C" fn(),
});

#[test]
fn long_types_are_cut() {
    let told = told::<base::Root, wordy::Root>();
    let longest = told.lines().map(|line| line.chars().count()).max().unwrap();
    assert!((160..180).contains(&longest), "{told}");
}

#[test]
fn a_root_that_is_something_else_is_refused_with_words() {
    let told = told::<base::Root, u64>().replace(env!("CARGO_PKG_VERSION"), "<version>");
    assert_snapshot!(told, @"
    what the library's root leads to: another type
        expected: Root of hotshoe <version>, 8 bytes
        found: u64 of std 1.0.0, 8 bytes
    ");
}

mod lent {
    use super::*;

    macro_rules! names {
        ($name:ident $second:lifetime) => {
            pub mod $name {
                use super::*;

                #[repr(C)]
                #[derive(StableAbi)]
                pub struct Names<'a, 'b> {
                    first: &'b u8,
                    second: &$second u8,
                    third: &'a u8,
                }
            }
        };
    }

    names!(longer 'a);
    names!(shorter 'b);
}

#[test]
fn a_field_of_other_lifetimes_is_told() {
    use lent::{longer, shorter};
    let told = told::<longer::Names<'static, 'static>, shorter::Names<'static, 'static>>();
    assert_snapshot!(told, @"
    struct Names, field `second`: other lifetimes
        expected: &u8 with 'a
        found: &u8 with 'b
    ");
}
