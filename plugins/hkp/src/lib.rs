//! `hkp` speaks HKP, the protocol of OpenPGP keyservers (draft-ietf-openpgp-hkp), over the service
//! `keydb`: what `gpg --send-keys`, `--recv-keys`, `--search-keys` and `--refresh-keys` use.
//!
//! # Routes
//!
//! | route | |
//! | --- | --- |
//! | `GET /pks/lookup?op=get&search=…` | the keys, armored (`application/pgp-keys`) |
//! | `GET /pks/lookup?op=index&search=…` | what was found; with `options=mr` for programs (`text/plain`), else a page. `vindex` is the same |
//! | `GET /pks/lookup?op=stats` | figures; with `options=mr` as JSON |
//! | `POST /pks/add` | stores keys: a form with the field `keytext`, or the key itself as the body |
//! | `GET /` | a page with a search and an upload form |
//!
//! `HEAD` and `OPTIONS` are answered where `GET` is. `exact=on` keeps only keys with a user id that
//! is the search term as a whole; `fingerprint=on` changes nothing, as fingerprints are always shown.
//!
//! # Status codes
//!
//! | status | when |
//! | --- | --- |
//! | 200 | done; for `POST /pks/add` if at least one key is stored (or was already), with JSON that names each |
//! | 400 | a parameter is missing, or the search term cannot be used |
//! | 404 | no key was found |
//! | 413 | the upload is too large, or more keys match than are shown at once |
//! | 415 | the upload is of a type that holds no keys |
//! | 422 | the upload holds no acceptable public key |
//! | 501 | an operation that this server does not have |
//! | 503 | the database cannot be used at the moment |
//!
//! # Configuration
//!
//! | setting | default | |
//! | --- | --- | --- |
//! | `max_body_bytes` | `16777216` | the largest body of an upload; a form is up to three times as large as the key in it |
//! | `cors_origin` | `"*"` | the value of `access-control-allow-origin`; empty for none |
//! | `landing_page` | `true` | whether `GET /` is served |
//! | `title` | `"OpenPGP keyserver"` | the title of that page |
//!
//! # Permissions
//!
//! None: the service `keydb` is a requirement.

mod add;
mod answer;
mod config;
mod lookup;
mod page;
mod query;
mod request;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use hotshoe::{Context, Contributions, Handle, Plugin, Request, Result, handler_fn};
use keyserver_api::KeyDb;

use add::Add;
use answer::Answers;
pub use config::Config;
use lookup::Lookup;

/// The plugin.
pub struct Hkp {
    answers: Answers,
    add: Add<Handle<dyn KeyDb>>,
    lookup: Lookup<Handle<dyn KeyDb>>,
    page: Option<String>,
}

impl Plugin for Hkp {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        config.check()?;
        let keys = context.service::<dyn KeyDb>()?;
        Ok(Self {
            add: Add::new(keys.clone(), config.max_body_bytes),
            lookup: Lookup::new(keys),
            page: config.landing_page.then(|| page::landing_page(&config.title)),
            answers: Answers::new(config.cors_origin),
        })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let hkp = self.clone();
        let lookup = handler_fn(move |request: Request| {
            let hkp = hkp.clone();
            async move { Ok(hkp.answers.finish(&request, hkp.lookup.answer(&request).await?)) }
        });
        let lookup = Arc::new(lookup);
        to.handler("GET", "/pks/lookup", lookup.clone());
        to.handler("HEAD", "/pks/lookup", lookup);

        let hkp = self.clone();
        let add = handler_fn(move |mut request: Request| {
            let hkp = hkp.clone();
            async move {
                let response = hkp.add.answer(&mut request).await?;
                Ok(hkp.answers.finish(&request, response))
            }
        });
        to.handler("POST", "/pks/add", add);

        for (path, allowed) in
            [("/pks/lookup", "GET, HEAD, OPTIONS"), ("/pks/add", "POST, OPTIONS")]
        {
            let hkp = self.clone();
            let options = handler_fn(move |_: Request| {
                let response = hkp.answers.options(allowed);
                async move { Ok(response) }
            });
            to.handler("OPTIONS", path, options);
        }

        if self.page.is_some() {
            let hkp = self.clone();
            let page = Arc::new(handler_fn(move |request: Request| {
                let page = answer::html(200, hkp.page.clone().unwrap_or_default());
                let response = hkp.answers.finish(&request, page);
                async move { Ok(response) }
            }));
            to.handler("GET", "/", page.clone());
            to.handler("HEAD", "/", page);
        }
    }
}

hotshoe::export_plugin! {
    Hkp,
    name = "HKP",
    category = "protocol",
    tags = ["openpgp", "keyserver", "http"],
    requires = [service "keydb" = "^1"],
    endpoints = [
        GET "/pks/lookup", HEAD "/pks/lookup", OPTIONS "/pks/lookup",
        POST "/pks/add", OPTIONS "/pks/add",
        GET "/", HEAD "/",
    ],
    state = "none",
}
