//! `POST /pks/add`.

use hotshoe::{Request, Response, Result, ResultExt};
use keyserver_api::KeyDb;

use crate::answer::{line, refusal};
use crate::request::{NoMaterial, material};

pub(crate) struct Add<D> {
    keys: D,
    max_body_bytes: usize,
}

impl<D: KeyDb> Add<D> {
    pub(crate) fn new(keys: D, max_body_bytes: usize) -> Self {
        Self { keys, max_body_bytes }
    }

    pub(crate) async fn answer(&self, request: &mut Request) -> Result<Response> {
        let body = match request.take_body().collect(self.max_body_bytes).await {
            Ok(body) => body,
            Err(error) if error.is_resource_limit() => {
                return refusal(error.with_help("send fewer keys at once"), 400);
            }
            Err(error) => return Err(error),
        };
        let material = match material(request.header("content-type"), body) {
            Ok(material) => material,
            Err(NoMaterial::Missing) => {
                let what = "expected a public key in the form field `keytext`, or as the body; \
                            found none";
                return Ok(line(400, what));
            }
            Err(NoMaterial::WrongType) => {
                let what = "expected content of the type application/x-www-form-urlencoded, \
                            application/pgp-keys or text/plain";
                return Ok(line(415, what));
            }
        };
        let submission = match self.keys.submit(request.call(), material).await {
            Ok(submission) => submission.0,
            Err(error) => return refusal(error, 422),
        };
        let status = if submission.is_refused() { 422 } else { 200 };
        let json = serde_json::to_string(&submission).describe("the answer is not JSON")?;
        Ok(Response::json(status, json))
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;
    use hotshoe::ErrorKind;
    use keyserver_api::Submission;

    use super::*;
    use crate::testing::{ALICE, Fake, body};

    fn post(keys: Fake, content: impl Into<hotshoe::Body>) -> Response {
        let mut request = Request::builder("POST", "/pks/add").body(content).build();
        block_on(Add::new(keys, 4096).answer(&mut request)).unwrap()
    }

    #[test]
    fn an_upload_is_answered_with_what_became_of_each_key() {
        let response = post(Fake::with([]), ALICE);
        assert_eq!(response.status(), 200);
        let submission: Submission = serde_json::from_str(&body(response)).unwrap();
        assert_eq!(submission.added, ["FAKE"]);
    }

    #[test]
    fn an_upload_that_is_refused_as_a_whole_is_422() {
        assert_eq!(post(Fake::refusing(), ALICE).status(), 422);
        assert_eq!(post(Fake::failing(ErrorKind::InvalidInput), ALICE).status(), 422);
    }

    #[test]
    fn too_much_is_413_and_nothing_400() {
        assert_eq!(post(Fake::with([]), vec![0x99; 5000]).status(), 413);
        assert_eq!(post(Fake::failing(ErrorKind::ResourceLimit), ALICE).status(), 413);
        assert_eq!(post(Fake::with([]), "").status(), 400);
    }
}
