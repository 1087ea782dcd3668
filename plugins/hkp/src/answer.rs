//! Answers: their headers, and what errors become.

use hotshoe::{Error, ErrorKind, Request, Response, Result};

/// Adds to each answer what all of them have.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    cors_origin: String,
}

impl Answers {
    pub(crate) fn new(cors_origin: String) -> Self {
        Self { cors_origin }
    }

    /// The answer as it goes out.
    pub(crate) fn finish(&self, request: &Request, mut response: Response) -> Response {
        self.allow_origin(&mut response);
        response.set_header("x-content-type-options", "nosniff");
        if request.method() == "HEAD" {
            drop(response.take_body());
        }
        response
    }

    /// What may be sent to a path.
    pub(crate) fn options(&self, allowed: &str) -> Response {
        let mut response = Response::new(204).with_header("allow", allowed);
        self.allow_origin(&mut response);
        if !self.cors_origin.is_empty() {
            response.set_header("access-control-allow-methods", allowed);
            response.set_header("access-control-allow-headers", "content-type");
            response.set_header("access-control-max-age", "86400");
        }
        response
    }

    fn allow_origin(&self, response: &mut Response) {
        if !self.cors_origin.is_empty() {
            response.set_header("access-control-allow-origin", &self.cors_origin);
        }
    }
}

/// A page. It may neither run nor load anything, whatever gets into it.
pub(crate) fn html(status: u16, page: String) -> Response {
    Response::new(status)
        .with_header("content-type", "text/html; charset=utf-8")
        .with_header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        )
        .with_body(page)
}

/// One line for people.
pub(crate) fn line(status: u16, text: &str) -> Response {
    Response::text(status, format!("{text}\n"))
}

/// What an error of the database means to the client; `bad` is the status of input that is not
/// acceptable. What is nobody's doing but ours stays an error.
pub(crate) fn refusal(error: Error, bad: u16) -> Result<Response> {
    let status = match error.kind() {
        ErrorKind::InvalidInput => bad,
        ErrorKind::ResourceLimit => 413,
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Conflict => {
            // What the storage says is for operators.
            return Ok(line(503, "the key database cannot be used now; try again in a minute")
                .with_header("retry-after", "60"));
        }
        _ => return Err(error),
    };
    let text = match error.help() {
        Some(help) => format!("{}; {help}", error.message()),
        None => error.message().to_owned(),
    };
    Ok(line(status, &text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_may_be_read_by_any_page_unless_the_operator_says_otherwise() {
        let request = Request::builder("GET", "/").build();
        let finish = |origin: &str| Answers::new(origin.into()).finish(&request, line(200, "x"));
        assert_eq!(finish("*").header("access-control-allow-origin"), Some("*"));
        assert_eq!(finish("").header("access-control-allow-origin"), None);
    }

    #[test]
    fn an_answer_to_head_has_headers_and_no_body() {
        let request = Request::builder("HEAD", "/").build();
        let response = Answers::new("*".into()).finish(&request, line(200, "x"));
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(response.into_body().is_empty());
    }

    #[test]
    fn errors_that_the_client_cannot_help_stay_errors() {
        let error = |kind| Error::new(kind, "what").with_help("how");
        assert_eq!(refusal(error(ErrorKind::InvalidInput), 422).unwrap().status(), 422);
        assert_eq!(refusal(error(ErrorKind::ResourceLimit), 422).unwrap().status(), 413);
        let busy = refusal(error(ErrorKind::Conflict), 422).unwrap();
        assert_eq!((busy.status(), busy.header("retry-after")), (503, Some("60")));
        assert!(refusal(error(ErrorKind::Panic), 422).unwrap_err().is_panic());
        assert!(refusal(error(ErrorKind::Io), 422).is_err());
    }
}
