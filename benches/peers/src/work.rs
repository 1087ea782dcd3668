//! The works, and their data: every peer gives one call, and all are looped over and checked alike.

use std::fmt::Debug;
use std::hint::black_box;

use anyhow::{Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

/// One call, to be repeated.
pub trait Work {
    /// Calls once or a few times and looks at the whole answer.
    fn check(&mut self) -> Result<()>;

    /// Calls so many times. The loop is compiled for the peer, so that only its call is measured.
    fn run(&mut self, times: u64);
}

/// Adds two numbers by the call.
pub fn add<'a, E: Debug>(
    call: impl FnMut(u64, u64) -> Result<u64, E> + 'a,
) -> Option<Box<dyn Work + 'a>> {
    Some(Box::new(Add(call)))
}

struct Add<F>(F);

impl<E: Debug, F: FnMut(u64, u64) -> Result<u64, E>> Work for Add<F> {
    fn check(&mut self) -> Result<()> {
        for (a, b) in [(0, 1), (20, 22), (1 << 40, 1 << 41), (u64::MAX - 1, 1)] {
            let sum = (self.0)(a, b).map_err(failed)?;
            ensure!(sum == a + b, "{a} and {b} are {sum}");
        }
        Ok(())
    }

    fn run(&mut self, times: u64) {
        // Neither numbers nor sums need a box of their own, which would cost as much as the call: who adds is
        // not known here.
        let mut sums = 0;
        for at in 0..times {
            sums ^= (self.0)(at, 1).expect("the sum");
        }
        black_box(sums);
    }
}

/// Has bytes sent back by the call. It gets the content, makes a fresh buffer of it in whatever type the
/// peer takes, hands that in, and returns the buffer that comes back.
pub fn echo<'a, B: AsRef<[u8]>, E: Debug>(
    bytes: usize,
    call: impl FnMut(&[u8]) -> Result<B, E> + 'a,
) -> Option<Box<dyn Work + 'a>> {
    Some(Box::new(Echo { content: content(bytes), call }))
}

struct Echo<F> {
    content: Vec<u8>,
    call: F,
}

impl<B: AsRef<[u8]>, E: Debug, F: FnMut(&[u8]) -> Result<B, E>> Work for Echo<F> {
    fn check(&mut self) -> Result<()> {
        for change in 0..3 {
            self.content[0] = change;
            let answer = (self.call)(&self.content).map_err(failed)?;
            ensure!(answer.as_ref() == self.content, "other bytes came back");
        }
        Ok(())
    }

    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let answer = (self.call)(black_box(&self.content)).expect("the bytes");
            black_box(answer.as_ref());
        }
    }
}

/// Bytes that are text, too: some peers have no other type that is as near to bytes.
fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at.wrapping_mul(31) >> 3) as u8 & 0x7f).collect()
}

/// Has a document counted up by the call: a typed value is serialised, the text is handed in, the text that
/// comes back is parsed.
pub fn json<'a, B: AsRef<[u8]>, E: Debug>(
    call: impl FnMut(Vec<u8>) -> Result<B, E> + 'a,
) -> Option<Box<dyn Work + 'a>> {
    Some(Box::new(Json { document: Document::new(), call }))
}

struct Json<F> {
    document: Document,
    call: F,
}

impl<F> Json<F> {
    fn once<B: AsRef<[u8]>, E: Debug>(&mut self) -> Result<Document>
    where
        F: FnMut(Vec<u8>) -> Result<B, E>,
    {
        let text = serde_json::to_vec(black_box(&self.document))?;
        let answer = (self.call)(text).map_err(failed)?;
        Ok(serde_json::from_slice(answer.as_ref())?)
    }
}

impl<B: AsRef<[u8]>, E: Debug, F: FnMut(Vec<u8>) -> Result<B, E>> Work for Json<F> {
    fn check(&mut self) -> Result<()> {
        let answer = self.once()?;
        let expected = Document { count: "0042".into(), ..Document::new() };
        ensure!(answer == expected, "expected {expected:?}, and {answer:?} came back");
        Ok(())
    }

    fn run(&mut self, times: u64) {
        for _ in 0..times {
            black_box(self.once().expect("the document"));
        }
    }
}

/// 300 bytes as JSON: an order, as a shop would hand it to a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Document {
    id: u64,
    customer: String,
    email: String,
    /// Plugins make it one more.
    count: String,
    lines: Vec<Line>,
    note: String,
    paid: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    article: String,
    pieces: u32,
    price: f64,
}

impl Document {
    fn new() -> Self {
        let line = |article: &str, pieces, price| Line { article: article.into(), pieces, price };
        Self {
            id: 4_201_337,
            customer: "Grace Hopper".into(),
            email: "grace@example.org".into(),
            count: "0041".into(),
            lines: vec![
                line("hot shoe adapter", 2, 12.5),
                line("sync cable", 1, 7.25),
                line("flash bracket", 4, 31.75),
            ],
            note: "leave it with the neighbours".into(),
            paid: true,
        }
    }
}

fn failed(error: impl Debug) -> anyhow::Error {
    anyhow!("the call failed: {error:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_300_bytes() {
        assert_eq!(serde_json::to_vec(&Document::new()).expect("JSON").len(), 300);
    }

    #[test]
    fn a_wrong_answer_is_noticed() {
        assert!(add(|a, _| Ok::<_, ()>(a)).is_some_and(|mut work| work.check().is_err()));
        let short = |bytes: &[u8]| Ok::<_, ()>(bytes[1..].to_vec());
        assert!(echo(64, short).is_some_and(|mut work| work.check().is_err()));
        assert!(json(Ok::<_, ()>).is_some_and(|mut work| work.check().is_err()));
    }
}
