//! Who a request comes from.

use std::net::{IpAddr, SocketAddr};

use hotshoe::Request;

/// The key of the call's free map under which applications put the peer's address.
const PEER: &str = "peer";

/// The longest name of a client that is told from others; whoever makes names bounds the memory.
const MAX_NAME: usize = 128;

/// The name of the client; `None` if nothing is known.
pub(crate) fn client_of(request: &Request, trust_forwarded_for: bool) -> Option<String> {
    let call = request.call();
    if let Some(user) = call.user_id() {
        return Some(format!("user:{}", beginning(user)));
    }
    if trust_forwarded_for && let Some(address) = forwarded(request) {
        return Some(network(address));
    }
    let peer = call.get(PEER)?;
    Some(match address(peer) {
        Some(address) => network(address),
        None => format!("peer:{}", beginning(peer)),
    })
}

/// The last address of `x-forwarded-for`: what the nearest proxy saw. Those before it were sent to
/// that proxy, by anybody.
fn forwarded(request: &Request) -> Option<IpAddr> {
    let (_, value) = request.headers().filter(|(name, _)| *name == "x-forwarded-for").last()?;
    address(std::str::from_utf8(value).ok()?.rsplit(',').next()?)
}

/// An address, perhaps in brackets, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// What one customer gets: an IPv4 address, or an IPv6 network of 2^64 addresses.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("ip:{address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("ip:{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn beginning(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use hotshoe::Call;

    use super::*;

    fn request(peer: Option<&str>, headers: &[&str]) -> Request {
        let call = Call::builder();
        let call = match peer {
            Some(peer) => call.set(PEER, peer),
            None => call,
        };
        headers
            .iter()
            .fold(Request::builder("GET", "/"), |request, value| {
                request.header("x-forwarded-for", value)
            })
            .call(call.build())
            .build()
    }

    fn of(peer: &str) -> String {
        client_of(&request(Some(peer), &[]), false).unwrap()
    }

    #[test]
    fn an_address_is_the_same_client_on_every_port() {
        assert_eq!(of("192.0.2.1"), "ip:192.0.2.1");
        assert_eq!(of("192.0.2.1:4711"), "ip:192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "ip:192.0.2.1");
        assert_eq!(of("unix:/run/x"), "peer:unix:/run/x");
    }

    #[test]
    fn an_ipv6_client_cannot_change_its_name_within_its_network() {
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "ip:2001:db8:1:2::/64");
        assert_eq!(of("[2001:db8:1:2::9]:443"), "ip:2001:db8:1:2::/64");
        assert_eq!(of("[2001:db8:1:2::9]"), "ip:2001:db8:1:2::/64");
    }

    #[test]
    fn forwarded_addresses_count_only_if_trusted_and_only_the_last() {
        let request = request(Some("10.0.0.1"), &["198.51.100.7", "1.1.1.1, 192.0.2.9"]);
        assert_eq!(client_of(&request, false).unwrap(), "ip:10.0.0.1");
        assert_eq!(client_of(&request, true).unwrap(), "ip:192.0.2.9");
    }

    #[test]
    fn a_forwarded_address_that_is_none_falls_back_to_the_peer() {
        let request = request(Some("10.0.0.1"), &["unknown"]);
        assert_eq!(client_of(&request, true).unwrap(), "ip:10.0.0.1");
    }

    #[test]
    fn a_user_is_known_by_name_and_names_are_bounded() {
        let user = |id: &str| {
            let call = Call::builder().user(id, [""; 0]).set(PEER, "10.0.0.1").build();
            client_of(&Request::builder("GET", "/").call(call).build(), false).unwrap()
        };
        assert_eq!(user("alice"), "user:alice");
        assert!(user(&"ü".repeat(1000)).len() <= MAX_NAME + "user:".len());
        assert_eq!(client_of(&request(None, &[]), true), None);
    }
}
