//! Services by name: who provides what, in which version.

use std::collections::{HashMap, HashSet};

use hotshoe_abi::{AbiPort, RawExtension, switch};
use parking_lot::RwLock;
use semver::{Version, VersionReq};

use crate::contract::{Error, ErrorKind, Result};
use crate::supervise::{Fitness, Standing, choose, next_turn};

/// One service as provided by one instance.
#[derive(Clone, Debug)]
struct Provided {
    /// The instance; empty for the application.
    instance: String,
    /// The pool that the instance is in.
    pool: Option<String>,
    version: Version,
    port: AbiPort,
}

impl Provided {
    /// How it stands among those of its pool.
    fn standing(&self) -> Standing {
        let is = |bits| self.port.switch() & bits != 0;
        let fitness = match () {
            () if is(switch::CLOSED | switch::BREAKER) => Fitness::Out,
            () if is(switch::UNWELL) => Fitness::Unwell,
            () => Fitness::Well,
        };
        Standing { fitness, load: 0 }
    }
}

/// What an instance offers.
pub(crate) struct Offer {
    pub(crate) name: String,
    /// The pool that the instance is in.
    pub(crate) pool: Option<String>,
    pub(crate) version: Version,
    pub(crate) port: AbiPort,
}

/// All services of a host, in the order in which their providers started.
#[derive(Debug, Default)]
pub(crate) struct ServiceRegistry {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    by_name: HashMap<String, Vec<Provided>>,
    /// Instances that are in there: the others need not be looked for among a thousand.
    offering: HashSet<String>,
}

impl Inner {
    fn of(&self, name: &str) -> &[Provided] {
        self.by_name.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

impl ServiceRegistry {
    /// From now on an instance offers these, in place of whatever it offered.
    pub(crate) fn replace(&self, instance: &str, offers: Vec<Offer>) {
        let mut inner = self.inner.write();
        let Inner { by_name, offering } = &mut *inner;
        let before = match offers.is_empty() {
            true => offering.remove(instance),
            false => !offering.insert(instance.to_owned()),
        };
        let offered = |list: &Vec<Provided>, offer: &Offer| {
            list.iter()
                .position(|other| other.instance == instance && other.port.is_same(&offer.port))
        };
        let kept = |name: &String, provided: &Provided| {
            let stays = |offer: &Offer| offer.name == *name && offer.port.is_same(&provided.port);
            provided.instance != instance || offers.iter().any(stays)
        };
        if before {
            by_name.retain(|name, list| {
                list.retain(|provided| kept(name, provided));
                !list.is_empty()
            });
        }
        for offer in offers {
            let list = by_name.entry(offer.name.clone()).or_default();
            let at = before.then(|| offered(list, &offer)).flatten();
            let Offer { pool, version, port, .. } = offer;
            let provided = Provided { instance: instance.to_owned(), pool, version, port };
            // Where it stood, since the first that fits is found.
            match at {
                Some(at) => list[at] = provided,
                None => list.push(provided),
            }
        }
    }

    /// Offers a service of the application.
    pub(crate) fn offer_own(&self, name: &str, version: Version, object: RawExtension) {
        let (instance, pool, port) = (String::new(), None, AbiPort::direct(object));
        let provided = Provided { instance, pool, version, port };
        self.inner.write().by_name.entry(name.to_owned()).or_default().push(provided);
    }

    /// Ends what an instance offers: nobody finds it any more. Who has found it holds its port.
    pub(crate) fn withdraw(&self, instance: &str) {
        let mut inner = self.inner.write();
        if inner.offering.remove(instance) {
            inner.by_name.retain(|_, list| {
                list.retain(|provided| provided.instance != instance);
                !list.is_empty()
            });
        }
    }

    /// The first service of this name in this range; of a pool, that of one of its instances that is
    /// well, another one each time.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], naming what is there.
    pub(crate) fn find(&self, name: &str, range: &VersionReq) -> Result<AbiPort> {
        let inner = self.inner.read();
        let list = inner.of(name);
        if let Some(provided) = list.iter().find(|provided| range.matches(&provided.version)) {
            let Some(pool) = &provided.pool else { return Ok(provided.port.clone()) };
            let members = |other: &&Provided| {
                other.pool.as_ref() == Some(pool) && range.matches(&other.version)
            };
            let members: Vec<&Provided> = list.iter().filter(members).collect();
            let chosen = choose(members.len(), next_turn(), |at| members[at].standing());
            return Ok(members[chosen].port.clone());
        }
        let there: Vec<String> = list
            .iter()
            .map(|provided| match provided.instance.as_str() {
                "" => format!("{} by the application", provided.version),
                instance => format!("{} by `{instance}`", provided.version),
            })
            .collect();
        let found = if there.is_empty() { "nobody provides it".into() } else { there.join(", ") };
        Err(Error::new(
            ErrorKind::NotFound,
            format!("the service `{name}` was expected in {range}; found: {found}"),
        )
        .with_help("see why its provider is not running; a plugin also requires it in its manifest, so that the \
             provider starts first"))
    }

    /// All services of this name in this range.
    pub(crate) fn find_all(&self, name: &str, range: &VersionReq) -> Vec<AbiPort> {
        let inner = self.inner.read();
        let list = inner.of(name);
        list.iter()
            .filter(|provided| range.matches(&provided.version))
            .map(|provided| provided.port.clone())
            .collect()
    }

    /// The services of this name in this range, of the instances of this pool.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub(crate) fn find_pool(
        &self,
        pool: &str,
        name: &str,
        range: &VersionReq,
    ) -> Result<Vec<AbiPort>> {
        let inner = self.inner.read();
        let list = inner.of(name);
        let of_pool = |other: &&Provided| other.pool.as_deref() == Some(pool);
        let in_range = |other: &&Provided| range.matches(&other.version);
        let ports: Vec<AbiPort> =
            list.iter().filter(of_pool).filter(in_range).map(|other| other.port.clone()).collect();
        if ports.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "no instance of the pool `{pool}` provides the service `{name}` in {range}"
                ),
            )
            .with_help(format!(
                "`PluginHost::explain(\"{pool}\")` tells which instances there are"
            )));
        }
        Ok(ports)
    }
}
