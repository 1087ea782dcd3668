//! The probe's service.

use std::sync::Arc;

use bytes::Bytes;
use hotshoe::{Buffer, Call, Contributions, Deferred, Error, ErrorKind, Json, Result};
use probe_api::{Probe as Service, Shape, other};

use crate::notes::{Notes, once_pending};
use crate::{Fault, Probe};

pub(crate) fn contribute(probe: &Arc<Probe>, to: &mut Contributions<'_>) {
    let own = Own(probe.notes.clone());
    match probe.config.fault {
        Some(Fault::NoService) => {}
        Some(Fault::OtherVersion) => to.service::<dyn other::Future, _>(own),
        _ => to.service::<dyn Service, _>(own),
    }
    if probe.fault(Fault::UnpromisedService) {
        to.service::<dyn other::Unheard, _>(Own(probe.notes.clone()));
    }
}

struct Own(Notes);

impl Service for Own {
    fn who(&self) -> Result<String> {
        Ok(self.0.instance().to_owned())
    }

    fn nothing(&self) -> Result<()> {
        Ok(())
    }

    fn unsigned(&self, a: u8, b: u16, c: u32, d: u64, e: usize) -> Result<u64> {
        Ok(u64::from(a) + u64::from(b) + u64::from(c) + d + e as u64)
    }

    fn signed(&self, a: i8, b: i16, c: i32, d: i64, e: isize) -> Result<i64> {
        Ok(i64::from(a) + i64::from(b) + i64::from(c) + d + e as i64)
    }

    fn floats(&self, a: f32, b: f64) -> Result<f64> {
        Ok(f64::from(a) + b)
    }

    fn not(&self, flag: bool) -> Result<bool> {
        Ok(!flag)
    }

    fn next_letter(&self, letter: char) -> Result<char> {
        char::from_u32(u32::from(letter) + 1)
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "there is none after it"))
    }

    fn joined(&self, lent: &str, owned: String) -> Result<String> {
        Ok(format!("{lent}{owned}"))
    }

    fn reversed(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(bytes.iter().rev().copied().collect())
    }

    fn same(&self, bytes: Bytes) -> Result<Bytes> {
        Ok(bytes)
    }

    fn perhaps(&self, number: Option<u32>, suffix: Option<&str>) -> Result<Option<String>> {
        Ok(number.map(|number| format!("{number}{}", suffix.unwrap_or_default())))
    }

    fn lengths(&self, words: Vec<String>) -> Result<Vec<Option<u64>>> {
        let length = |word: String| (!word.is_empty()).then_some(word.len() as u64);
        Ok(words.into_iter().map(length).collect())
    }

    fn mirrored(&self, Json(mut shape): Json<Shape>) -> Result<Json<Shape>> {
        for corner in &mut shape.corners {
            corner.0 = -corner.0;
        }
        Ok(Json(shape))
    }

    fn caller(&self, call: &Call) -> Result<String> {
        let roles: Vec<&str> = call.roles().collect();
        Ok(format!("{} as {}", call.user_id().unwrap_or("nobody"), roles.join("+")))
    }

    fn fail(&self) -> Result<()> {
        let cause = std::io::Error::other("the cause below");
        Err(Error::new(ErrorKind::Conflict, "expected peace, found none")
            .with_help("make peace")
            .with_plugin("somebody")
            .with_phase("run")
            .with_path("/some/file")
            .caused_by(&cause))
    }

    fn panic(&self, text: Option<String>) -> Result<u64> {
        match text {
            Some(text) => panic!("{text}"),
            None => std::panic::panic_any(42_u32),
        }
    }

    fn later(&self, number: u64) -> Deferred<u64> {
        Deferred::new(async move {
            once_pending().await;
            Ok(number * 2)
        })
    }

    fn panic_later(&self) -> Deferred<()> {
        Deferred::new(async {
            once_pending().await;
            panic!("a deferred answer was told to panic")
        })
    }

    fn never(&self) -> Deferred<()> {
        let notes = self.0.clone();
        Deferred::new(async move { notes.never("never").await })
    }

    fn panic_before(&self) -> Deferred<u64> {
        panic!("a method was told to panic before there was a future")
    }

    fn told(
        &self,
        call: &Call,
        lent: &str,
        bytes: &[u8],
        words: Vec<&str>,
        perhaps: Option<&str>,
        Json(shape): Json<Shape>,
    ) -> Deferred<String> {
        self.0.add("told");
        let all = format!("{:?}", (call.user_id(), lent, bytes, words, perhaps, shape.corners));
        Deferred::new(async move { Ok(all) })
    }

    fn same_buffer(&self, buffer: Buffer) -> Result<Buffer> {
        Ok(buffer)
    }

    fn backwards(&self, mut numbers: Vec<u64>) -> Result<Vec<u64>> {
        numbers.reverse();
        Ok(numbers)
    }
}

impl other::Future for Own {
    fn who(&self) -> Result<String> {
        Ok(self.0.instance().to_owned())
    }
}

impl other::Unheard for Own {
    fn nothing(&self) -> Result<()> {
        Ok(())
    }
}
