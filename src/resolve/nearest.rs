//! Which known id was probably meant.

/// Of `names`, the few that are closest to `wanted`, if any is close: an edit
/// distance of a third of its length at most, or one is a part of the other.
/// Sorted by distance, then by name.
pub(super) fn similar<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const MOST: usize = 3;
    let letters: Vec<char> = wanted.chars().collect();
    let allowed = (letters.len() / 3).clamp(1, 4);
    let mut row = Vec::new();
    let mut close: Vec<(usize, &str)> = names
        .filter(|name| *name != wanted)
        .filter_map(|name| {
            let contained = wanted.len().min(name.len()) >= 4
                && (name.contains(wanted) || wanted.contains(name));
            // Each character more costs one insertion, so most need no table.
            let distance = (name.chars().count().abs_diff(letters.len()) <= allowed)
                .then(|| distance(name, &letters, allowed, &mut row))
                .flatten();
            distance.or(contained.then_some(allowed + 1)).map(|distance| (distance, name))
        })
        .collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// The number of characters to insert, delete or replace, unless it is more than
/// `limit`. What both begin and end with costs nothing: names that are read in search of a similar one
/// often differ in a few characters only. Of the rest, two rows of the classic table, in `above`, abandoned
/// when a row exceeds the limit.
fn distance(left: &str, mut right: &[char], limit: usize, above: &mut Vec<usize>) -> Option<usize> {
    let mut left = left.chars();
    while let (Some(a), Some((b, rest))) = (left.clone().next(), right.split_first())
        && a == *b
    {
        left.next();
        right = rest;
    }
    while let (Some(a), Some((b, rest))) = (left.clone().next_back(), right.split_last())
        && a == *b
    {
        left.next_back();
        right = rest;
    }
    above.clear();
    above.extend(0..=right.len());
    for (row, a) in left.enumerate() {
        let mut diagonal = row;
        let mut before = row + 1;
        let mut least = before;
        let mut cells = above.iter_mut();
        if let Some(first) = cells.next() {
            *first = before;
        }
        for (b, cell) in right.iter().zip(cells) {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = *cell;
            before = replaced.min(before + 1).min(diagonal + 1);
            *cell = before;
            least = least.min(before);
        }
        if least > limit {
            return None;
        }
    }
    above.last().copied().filter(|&distance| distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::similar;

    fn distance(left: &str, right: &str, limit: usize) -> Option<usize> {
        let letters: Vec<char> = right.chars().collect();
        super::distance(left, &letters, limit, &mut vec![9; 9])
    }

    #[test]
    fn distance_counts_insertions_deletions_and_replacements() {
        assert_eq!(distance("kitten", "sitting", 3), Some(3));
        assert_eq!(distance("", "abc", 3), Some(3));
        assert_eq!(distance("same", "same", 0), Some(0));
        assert_eq!(distance("plugin-0012", "plugin-0102", 3), Some(2));
        assert_eq!(distance("aab", "ab", 3), Some(1));
        assert_eq!(distance("abab", "ab", 3), Some(2));
        assert_eq!(distance("größe", "grösse", 2), Some(2));
    }

    #[test]
    fn distance_gives_up_beyond_the_limit() {
        assert_eq!(distance("kitten", "sitting", 2), None);
        assert_eq!(distance("a", "abcdefghijk", 2), None);
    }

    #[test]
    fn similar_names_come_closest_first_and_exclude_the_name_itself() {
        let known = ["storage-sqlite", "storage", "audit", "storagr"];
        assert_eq!(similar("storage", known.into_iter()), ["storagr", "storage-sqlite"]);
        assert!(similar("metrics", known.into_iter()).is_empty());
    }
}
