//! Many lists of numbers in one allocation.

use std::ops::Range;

/// A list for each of the numbers `0..count`. In one piece, since a hundred thousand small vectors
/// would cost an allocation each, and a miss of the cache wherever one is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    ranges: Vec<Range<usize>>,
    items: Vec<usize>,
}

impl Lists {
    /// From pairs of a list's number and an item, which is left out if it is the list's last
    /// already: a counting sort. Each list keeps the order of its items.
    pub fn new(count: usize, pairs: impl Iterator<Item = (usize, usize)> + Clone) -> Self {
        let mut ranges = vec![0..0; count];
        for (list, _) in pairs.clone() {
            ranges[list].end += 1;
        }
        let mut sum = 0;
        for range in &mut ranges {
            let start = sum;
            sum += range.end;
            *range = start..start;
        }
        let mut items = vec![0; sum];
        for (list, item) in pairs {
            let range = &mut ranges[list];
            if items[range.clone()].last() != Some(&item) {
                items[range.end] = item;
                range.end += 1;
            }
        }
        Self { ranges, items }
    }

    pub fn of(&self, list: usize) -> &[usize] {
        &self.items[self.ranges[list].clone()]
    }

    pub fn of_mut(&mut self, list: usize) -> &mut [usize] {
        &mut self.items[self.ranges[list].clone()]
    }

    /// All lists, in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &[usize]> {
        self.ranges.iter().map(|range| &self.items[range.clone()])
    }

    /// Takes an item out of a list; whether it was there. The others keep their order.
    pub fn remove(&mut self, list: usize, item: usize) -> bool {
        let items = self.of_mut(list);
        let Some(at) = items.iter().position(|&other| other == item) else {
            return false;
        };
        items[at..].rotate_left(1);
        self.ranges[list].end -= 1;
        true
    }
}
