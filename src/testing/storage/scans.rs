//! Scans: in the order of bytes, every key once.

use super::check::{Check, NOBODY, Outcome, Store, ensure, equal, invalid};
use super::records::ODD_KEYS;
use crate::contract::Precondition::Any;
use crate::contract::{Page, Result, Scan, StorageBackend};
use crate::testing::block_on;

pub(super) fn checks<S: StorageBackend>() -> Vec<Check<S>> {
    vec![
        ("a scan returns keys in the order of their bytes", order),
        ("a prefix is taken literally", literal),
        ("a prefix ends where its last character does", boundaries),
        ("pages of any size return every key once", pages),
        ("`after` excludes its key and need not exist", after),
        ("a scan with limit 0 is refused", zero),
        ("a scan returns values and versions as `get` does", records),
        ("a key that stays is returned once while others come and go", while_changing),
    ]
}

fn page<S: StorageBackend>(store: &Store<S>, scan: Scan) -> Result<Page> {
    block_on(store.0.scan(NOBODY, scan))
}

/// All keys over all pages; refuses pages that are too long or do not get on.
fn all<S: StorageBackend>(
    store: &Store<S>,
    scan: Scan,
) -> Result<Vec<String>, super::check::Failure> {
    let mut keys: Vec<String> = vec![];
    let mut scan = scan;
    loop {
        let page = page(store, scan.clone())?;
        let (found, limit) = (page.entries.len(), scan.limit);
        ensure(found <= limit, || format!("expected at most {limit} entries, found {found}"))?;
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        let Some(next) = page.next else { return Ok(keys) };
        gets_on(&scan, &next)?;
        scan.after = Some(next);
    }
}

/// Without this, a backend that turns in circles would keep the suite busy for ever.
fn gets_on(scan: &Scan, next: &String) -> Outcome {
    ensure(scan.after.as_ref() < Some(next), || {
        format!("expected `next` after {:?}, found {next:?}", scan.after)
    })
}

fn filled<S: StorageBackend>(make: &dyn Fn() -> S, keys: &[&str]) -> Result<Store<S>> {
    let store = Store(make());
    // Backwards, so that the order of writing is not the order of keys.
    for key in keys.iter().rev() {
        store.set(key, "x")?;
    }
    Ok(store)
}

fn order<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = filled(make, &ODD_KEYS)?;
    let mut expected = ODD_KEYS.to_vec();
    expected.sort_unstable();
    equal("the keys", all(&store, Scan::prefix(""))?, owned(&expected))
}

fn literal<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let keys = [
        "a", "a%", "a%b", "a*", "a*b", "a.b", "a?", "a[b]", "a\\", "a\\%", "a_", "a_b", "ab",
        "abc", "a\0", "a\0b", "A%b", "'", "''",
    ];
    let store = filled(make, &keys)?;
    for prefix in ["a", "a%", "a_", "a*", "a?", "a[", "a.", "a\\", "a\\%", "a\0", "A", "'", "zz"] {
        let mut expected: Vec<&str> =
            keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
        expected.sort_unstable();
        let found = all(&store, Scan::prefix(prefix))?;
        equal(&format!("the keys that start with {prefix:?}"), found, owned(&expected))?;
    }
    Ok(())
}

fn boundaries<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let keys = [
        "\u{7f}",
        "\u{7f}a",
        "\u{80}",
        "\u{e9}",
        "\u{e9}a",
        "\u{ea}",
        "\u{d7ff}",
        "\u{d7ff}a",
        "\u{e000}",
        "\u{ffff}a",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
        "\u{10ffff}a",
        "a\u{10ffff}",
        "a\u{10ffff}a",
        "b",
    ];
    let store = filled(make, &keys)?;
    for prefix in ["\u{7f}", "\u{e9}", "\u{d7ff}", "\u{ffff}", "\u{10ffff}", "a\u{10ffff}", "a"] {
        let mut expected: Vec<&str> =
            keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
        expected.sort_unstable();
        for limit in [1, 100] {
            let found = all(&store, Scan::prefix(prefix).limit(limit))?;
            equal(&format!("the keys that start with {prefix:?}"), found, owned(&expected))?;
        }
    }
    Ok(())
}

fn pages<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = Store(make());
    let mut expected = vec![];
    for number in 0..25 {
        let key = format!("k/{number:02}");
        store.set(&key, "x")?;
        expected.push(key);
    }
    store.set("j", "x")?;
    store.set("k0", "x")?;
    for limit in [1, 2, 7, 24, 25, 26, 1000, usize::MAX] {
        let found = all(&store, Scan::prefix("k/").limit(limit))?;
        equal(&format!("the keys in pages of {limit}"), found, expected.clone())?;
    }
    Ok(())
}

fn after<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = filled(make, &["a", "b/1", "b/2", "b/3", "c"])?;
    let cases: [(&str, &str, &[&str]); 9] = [
        ("", "a", &["b/1", "b/2", "b/3", "c"]),
        ("", "b/15", &["b/2", "b/3", "c"]),
        ("", "", &["a", "b/1", "b/2", "b/3", "c"]),
        ("b/", "a", &["b/1", "b/2", "b/3"]),
        ("b/", "b/", &["b/1", "b/2", "b/3"]),
        ("b/", "b/2", &["b/3"]),
        ("b/", "b/3", &[]),
        ("b/", "c", &[]),
        ("", "c", &[]),
    ];
    for (prefix, after, expected) in cases {
        let found = all(&store, Scan::prefix(prefix).after(after))?;
        equal(&format!("prefix {prefix:?} after {after:?}"), found, owned(expected))?;
    }
    Ok(())
}

fn zero<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = filled(make, &["a"])?;
    invalid("a scan with limit 0", page(&store, Scan::prefix("").limit(0)))
}

fn records<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let store = filled(make, &["a", "b"])?;
    store.put("c", vec![0, 255, 0], Any)?;
    store.put("d", "", Any)?;
    for entry in page(&store, Scan::prefix(""))?.entries {
        equal(
            &format!("the record of {:?}", entry.key),
            Some(entry.record),
            store.get(&entry.key)?,
        )?;
    }
    Ok(())
}

fn while_changing<S: StorageBackend>(make: &dyn Fn() -> S) -> Outcome {
    let stay = ["a1", "a2", "a3", "a4", "a5", "a6"];
    let store = filled(make, &stay)?;
    for key in ["a10", "a20", "a30", "a40"] {
        store.set(key, "x")?;
    }
    let mut found = vec![];
    let mut scan = Scan::prefix("a").limit(2);
    for round in 0.. {
        let page = page(&store, scan.clone())?;
        found.extend(page.entries.into_iter().map(|entry| entry.key));
        let Some(next) = page.next else { break };
        gets_on(&scan, &next)?;
        // The key that the next page begins after goes, if it may; others come on both sides.
        if !stay.contains(&next.as_str()) {
            store.delete(&next, Any)?;
        }
        store.set("a0", "x")?;
        if round < 3 {
            store.set(&format!("{next}+"), "x")?;
        }
        store.set("a3", "changed")?;
        scan.after = Some(next);
    }
    ensure(found.is_sorted_by(|a, b| a < b), || {
        format!("expected keys in order, each once, found {found:?}")
    })?;
    found.retain(|key| stay.contains(&key.as_str()));
    equal("the keys that stayed", found, owned(&stay))
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}
