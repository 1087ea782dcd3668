//! Edited snapshots: which edits are appends, and what is said of the others.

use crate::compare::{Change, compare};
use crate::model::Snapshot;
use crate::{Verdict, verdict};

const BEFORE: &str = "\
line 0.1

table StoreVTable: align 8
    0 get: unsafe fn(RRef<()>, RStr) -> AbiFuture<Record> ['a 'a]
    8 put: unsafe fn(RRef<()>, Record) -> AbiFuture<u64> ['a 'a]
   16 drop: unsafe fn(*const ())

table LogVTable: align 8
    0 event: unsafe fn(RRef<()>, u64) ['_]
    8 drop: unsafe fn(*const ())
    -- appended, perhaps missing --
   16 flush: unsafe fn(RRef<()>) ['_]

struct Record: size 40, align 8
    0 value: AbiBytes
   32 version: u64

enum Poll: size 24, align 8, int(u8)
      Ready: 0 (u64)
      Pending: 1 ()

numbers storage/kind: u32
      PUT: 0
      DELETE: 1

foreign abi_stable RString: size 32, align 8
";

fn snapshot(text: &str) -> Snapshot {
    text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What an edit of the snapshot means: a line a change.
fn edited(edits: &[(&str, &str)]) -> String {
    let mut after = BEFORE.to_owned();
    for (old, new) in edits {
        assert_eq!(after.matches(old).count(), 1, "{old}");
        after = after.replace(old, new);
    }
    let changes = compare(&snapshot(BEFORE), &snapshot(&after));
    let told = changes.iter().map(|change| match change {
        Change::Append(text) => format!("append: {text}"),
        Change::Break(text) => format!("break: {text}"),
    });
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_written_is_read_again() {
    let current = crate::current();
    assert_eq!(snapshot(&current.to_string()), current);
    let before = snapshot(BEFORE);
    assert_eq!(snapshot(&before.to_string()), before);
    assert_eq!(before.types[1].mandatory, 2);
    assert_eq!(before.types[1].fields.len(), 3);
}

#[test]
fn nothing_changed_is_no_change() {
    assert_eq!(edited(&[]), "");
}

#[test]
fn a_function_after_the_last_one_is_an_append() {
    let told = edited(&[(
        "   16 drop: unsafe fn(*const ())\n",
        "   16 drop: unsafe fn(*const ())\n    -- appended, perhaps missing --\n   24 count: fn() -> u64\n",
    )]);
    assert_eq!(told, "append: table StoreVTable: `count` at the end: fn() -> u64");
}

#[test]
fn a_second_function_after_an_appended_one_is_an_append_too() {
    let told = edited(&[(
        "   16 flush: unsafe fn(RRef<()>) ['_]\n",
        "   16 flush: unsafe fn(RRef<()>) ['_]\n   24 rotate: fn()\n",
    )]);
    assert_eq!(told, "append: table LogVTable: `rotate` at the end: fn()");
}

#[test]
fn a_type_that_only_an_appended_function_uses_is_an_append() {
    let told = edited(&[(
        "   16 flush: unsafe fn(RRef<()>) ['_]\n",
        "   16 flush: unsafe fn(RRef<()>) ['_]\n   24 rotate: fn(Age)\n\nstruct Age: size 8, align 8\n    0 days: u64\n",
    )]);
    assert_eq!(
        told,
        "append: table LogVTable: `rotate` at the end: fn(Age)\nappend: struct Age is new"
    );
}

#[test]
fn a_new_type_in_an_old_function_is_a_break() {
    let told = edited(&[
        ("event: unsafe fn(RRef<()>, u64) ['_]\n", "event: unsafe fn(RRef<()>, Age) ['_]\n"),
        ("foreign abi", "struct Age: size 8, align 8\n    0 days: u64\n\nforeign abi"),
    ]);
    assert_eq!(
        told,
        "break: table LogVTable: `event` is unsafe fn(RRef<()>, Age) ['_]; it was unsafe \
         fn(RRef<()>, u64) ['_]\nappend: struct Age is new"
    );
}

#[test]
fn a_function_in_the_middle_of_a_table_is_a_break() {
    let told =
        edited(&[("    8 put:", "    8 peek: fn()\n   16 put:"), ("   16 drop", "   24 drop")]);
    assert!(told.contains("StoreVTable: `peek` was added before `put`; it is fn()"), "{told}");
    assert!(!told.contains("append:"), "{told}");
}

#[test]
fn a_function_that_is_gone_is_a_break() {
    let told =
        edited(&[("    8 put: unsafe fn(RRef<()>, Record) -> AbiFuture<u64> ['a 'a]\n", "")]);
    assert_eq!(
        told,
        "break: table StoreVTable: `put` was removed; it was unsafe fn(RRef<()>, Record) -> \
         AbiFuture<u64> ['a 'a]"
    );
}

#[test]
fn an_appended_function_that_is_gone_again_is_a_break() {
    let told = edited(&[("   16 flush: unsafe fn(RRef<()>) ['_]\n", "")]);
    assert_eq!(
        told,
        "break: table LogVTable: `flush` was removed; it was unsafe fn(RRef<()>) ['_]"
    );
}

#[test]
fn a_field_at_the_end_of_a_struct_is_a_break() {
    let told = edited(&[
        ("   32 version: u64\n", "   32 version: u64\n   40 age: u64\n"),
        ("struct Record: size 40", "struct Record: size 48"),
    ]);
    assert_eq!(
        told,
        "break: struct Record: size 48, align 8, was size 40, align 8\n\
         break: struct Record: `age` was added at the end; it is u64"
    );
}

#[test]
fn another_type_is_a_break() {
    let told = edited(&[("   32 version: u64", "   32 version: i64")]);
    assert_eq!(told, "break: struct Record: `version` is i64; it was u64");
}

#[test]
fn another_lifetime_is_a_break() {
    let told = edited(&[("-> AbiFuture<u64> ['a 'a]", "-> AbiFuture<u64> ['a 'static]")]);
    assert!(told.starts_with("break: table StoreVTable: `put` is "), "{told}");
}

#[test]
fn another_order_is_a_break() {
    let told = edited(&[(
        "    0 value: AbiBytes\n   32 version: u64\n",
        "    0 version: u64\n    8 value: AbiBytes\n",
    )]);
    assert_eq!(
        told,
        "break: struct Record: in another order: version, value; it was value, version"
    );
}

#[test]
fn another_name_is_a_break() {
    let told = edited(&[("   32 version: u64", "   32 revision: u64")]);
    assert_eq!(told, "break: struct Record: `version` was renamed to `revision`");
}

#[test]
fn a_type_of_another_name_is_a_break() {
    let told = edited(&[("struct Record: size", "struct Entry: size")]);
    assert_eq!(
        told,
        "break: struct Record does not cross any more: what was built before may still hand one \
         over\nappend: struct Entry is new"
    );
}

#[test]
fn another_size_of_a_foreign_type_is_a_break() {
    let told = edited(&[("RString: size 32", "RString: size 24")]);
    assert_eq!(told, "break: foreign abi_stable RString: size 24, align 8, was size 32, align 8");
}

#[test]
fn a_field_that_moved_is_a_break() {
    let told = edited(&[("   32 version: u64", "   40 version: u64")]);
    assert_eq!(
        told,
        "break: struct Record: `version` lies elsewhere, because of what is in front of it"
    );
}

#[test]
fn another_representation_is_a_break() {
    let told = edited(&[("align 8, int(u8)", "align 8, int(u16)")]);
    assert_eq!(told, "break: enum Poll: size 24, align 8, int(u16), was size 24, align 8, int(u8)");
}

#[test]
fn a_new_variant_is_a_break() {
    let told = edited(&[("      Pending: 1 ()\n", "      Pending: 1 ()\n      Never: 2 ()\n")]);
    assert_eq!(told, "break: enum Poll: `Never` was added at the end; it is 2 ()");
}

#[test]
fn another_number_is_an_append() {
    let told = edited(&[("      DELETE: 1\n", "      DELETE: 1\n      CHECK: 2\n")]);
    assert_eq!(told, "append: numbers storage/kind: `CHECK` is 2");
}

#[test]
fn a_number_that_means_something_else_is_a_break() {
    let told = edited(&[("      DELETE: 1\n", "      CHECK: 1\n      DELETE: 2\n")]);
    assert_eq!(
        told,
        "break: numbers storage/kind: `DELETE` is 2; it was 1\n\
         break: numbers storage/kind: `CHECK` is 1, as `DELETE` was"
    );
    let told = edited(&[("      PUT: 0\n", "")]);
    assert_eq!(told, "break: numbers storage/kind: `PUT` was removed; it was 0");
}

#[test]
fn another_kind_is_a_break() {
    let told = edited(&[("enum Poll: size 24", "struct Poll: size 24")]);
    assert_eq!(told, "break: struct Poll was of kind enum");
}

#[test]
fn a_boundary_that_moved_is_a_break() {
    let boundary = "    -- appended, perhaps missing --\n";
    let told = edited(&[(boundary, "")]);
    assert_eq!(
        told,
        "break: table LogVTable: 3 functions are mandatory, of which there were 2: \
         `last_prefix_field` stays where it is"
    );
}

#[test]
fn a_new_function_in_the_mandatory_part_is_a_break() {
    let told = edited(&[(
        "   16 drop: unsafe fn(*const ())\n",
        "   16 drop: unsafe fn(*const ())\n   24 count: fn() -> u64\n",
    )]);
    assert!(told.starts_with("break: table StoreVTable: 4 functions are mandatory"), "{told}");
}

fn told(written: &str, current: &str) -> (&'static str, String) {
    match verdict(written, &snapshot(current)) {
        Verdict::Same => ("same", String::new()),
        Verdict::Appended(text) => ("appended", text),
        Verdict::Broken(text) => ("broken", text),
    }
}

#[test]
fn an_append_says_how_to_accept_it() {
    let after = BEFORE.replace("   16 flush", "   16 flush: fn()\n   24 rotate");
    let (verdict, text) = told(&BEFORE.replace("unsafe fn(RRef<()>) ['_]", "fn()"), &after);
    assert_eq!(verdict, "appended");
    assert_eq!(
        text,
        "what crosses was APPENDED to: older and newer plugins and hosts go on working together.\n  \
         - table LogVTable: `rotate` at the end: unsafe fn(RRef<()>) ['_]\n\
         To accept: `HOTSHOE_LAYOUT=accept cargo test -p hotshoe-abi --test layout`"
    );
}

#[test]
fn a_break_is_accepted_only_with_another_line() {
    let after = BEFORE.replace("version: u64", "version: i64");
    let (verdict, text) = told(BEFORE, &after);
    assert_eq!(verdict, "broken");
    assert!(text.contains("BROKEN"), "{text}");
    assert!(text.contains("struct Record: `version` is i64; it was u64"), "{text}");
    assert!(text.contains("raise the line of hotshoe-abi, which is 0.1"), "{text}");
    let (verdict, text) = told(BEFORE, &after.replace("line 0.1", "line 0.2"));
    assert_eq!(verdict, "appended");
    assert!(text.starts_with("what crosses is of a new line"), "{text}");
}

#[test]
fn a_snapshot_that_cannot_be_read_is_written_anew() {
    assert_eq!(told("", BEFORE).0, "appended");
    assert_eq!(told(BEFORE, BEFORE).0, "same");
}
