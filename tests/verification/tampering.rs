//! A signed plugin of which one bit is changed is not loaded, wherever the bit is.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};

use super::signer::Signer;
use crate::support::rig::{Rig, get};

/// How many places beyond headers and manifest are tried.
const ELSEWHERE: usize = 4096;

/// How many work side by side.
const WORKERS: usize = 4;

/// A signed plugin in a directory of its own.
struct Target {
    rig: Rig,
    config: String,
    library: PathBuf,
    signature: PathBuf,
}

impl Target {
    fn new() -> Self {
        let (rig, signer) = (Rig::bare(), Signer::new());
        let library = rig.add("faulty");
        let signature = signer.sign(&library);
        let config = format!("[plugins.faulty]\nconfig.threshold = 1\n{}", signer.required());
        Self { rig, config, library, signature }
    }

    /// What answers after a start.
    fn start(&self) -> String {
        let (host, _) = self.rig.start(&self.config);
        let answer = get(&host, "faulty");
        host.stop().wait().expect("the host stops");
        answer
    }

    /// Flips bits of one byte, starts, flips them back.
    fn flip(&self, path: &Path, at: usize, bits: u8) {
        let file = File::options().read(true).write(true).open(path).expect("the file is there");
        let mut byte = [0];
        file.read_exact_at(&mut byte, at as u64).expect("the byte is there");
        file.write_all_at(&[byte[0] ^ bits], at as u64).expect("the byte is written");
        let answer = self.start();
        assert!(answer.starts_with("404"), "byte {at} ^ {bits:#x} of {}: {answer}", path.display());
        file.write_all_at(&byte, at as u64).expect("the byte is written");
    }

    /// Headers of the file, of its segments and of its sections; and the manifest.
    fn telling_bytes(&self) -> Vec<usize> {
        let bytes = std::fs::read(&self.library).expect("the library is there");
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]) as usize;
        let mut telling: Vec<usize> = (0..64).collect();
        telling.extend(number(32)..number(32) + short(54) * short(56));
        telling.extend(number(40)..number(40) + short(58) * short(60));
        let library = object::File::parse(&*bytes).expect("it is a library");
        let manifest = library.section_by_name(".hotshoe").expect("it has a manifest");
        let (start, length) = manifest.file_range().expect("it is in the file");
        telling.extend(start as usize..(start + length) as usize);
        telling
    }
}

/// Does `each` for all `work`, on several targets side by side.
fn side_by_side<T: Copy + Sync>(work: &[T], each: impl Fn(&Target, T) + Sync) {
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let each = &each;
            scope.spawn(move || {
                let target = Target::new();
                work.iter().skip(worker).step_by(WORKERS).for_each(|item| each(&target, *item));
                assert_eq!(target.start(), "200 faulty 1", "and unchanged it is loaded");
            });
        }
    });
}

#[test]
fn no_changed_byte_of_headers_and_manifest_passes() {
    let telling = Target::new().telling_bytes();
    assert!(telling.len() > 3000, "{}", telling.len());
    side_by_side(&telling, |target, at| target.flip(&target.library, at, 1 << (at % 8)));
}

#[test]
fn no_changed_bit_of_signature_and_trusted_comment_passes() {
    let signature = std::fs::read(Target::new().signature).unwrap();
    // The first line is a comment that nobody signed.
    let begin = signature.iter().position(|byte| *byte == b'\n').unwrap();
    let bits: Vec<(usize, u8)> =
        (begin..signature.len()).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))).collect();
    assert!(bits.len() > 8 * 200, "{}", bits.len());
    side_by_side(&bits, |target, (at, bit)| target.flip(&target.signature, at, bit));
}

#[test]
fn no_changed_byte_elsewhere_passes() {
    let length = std::fs::metadata(Target::new().library).unwrap().len() as usize;
    // A generator of numbers that are the same in each run (splitmix64).
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let places: Vec<(usize, u8)> =
        (0..ELSEWHERE).map(|_| (next() as usize % length, (next() % 255 + 1) as u8)).collect();
    side_by_side(&places, |target, (at, bits)| target.flip(&target.library, at, bits));
}
