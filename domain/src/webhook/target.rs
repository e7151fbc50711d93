//! Where a delivery may go: to the open internet, by TLS, and nowhere else.
//!
//! A webhook makes this server send a request to an address of somebody else's choice, from inside the network it stands in
//! (server-side request forgery). So: `https` and a few ports; no user names, no literal addresses that are not public, no names
//! that mean this machine or its network; and of what a name resolves to only public addresses are ever connected to, each time
//! anew. The demo may be told to allow addresses of this machine, which is what tests and tutorials have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest URL that is kept.
pub const LONGEST_URL: usize = 2048;

/// The ports that a partner's web server listens on.
pub const PORTS: &[u16] = &[443, 8443];

/// A URL's host, as its parser has understood it: every disguise of an address has become the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

/// A URL, taken apart.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub scheme: &'a str,
    pub host: Host<'a>,
    /// None: the scheme's own.
    pub port: Option<u16>,
    /// Whether it names a user or a password.
    pub has_user: bool,
    pub has_fragment: bool,
}

/// Decides whether deliveries may go there.
///
/// # Errors
/// A word for the rule that it breaks.
pub fn judge(target: &Target<'_>, allow_loopback: bool) -> Result<(), &'static str> {
    if target.has_user {
        return Err("url_has_user");
    }
    if target.has_fragment {
        return Err("url_has_fragment");
    }
    let is_loopback = match target.host {
        Host::Address(address) => address.to_canonical().is_loopback(),
        Host::Name(name) => is_localhost(name),
    };
    if allow_loopback && is_loopback {
        return if matches!(target.scheme, "http" | "https") { Ok(()) } else { Err("url_not_https") };
    }
    if target.scheme != "https" {
        return Err("url_not_https");
    }
    match target.host {
        Host::Address(address) if !is_public(address) => return Err("url_not_public"),
        Host::Name(name) if !may_be_public(name) => return Err("url_not_public"),
        _ => {}
    }
    if target.port.is_some_and(|port| !PORTS.contains(&port)) {
        return Err("url_port");
    }
    Ok(())
}

/// Whether a connection to this address may be made for the sake of a delivery: asked of everything that a name resolves to.
pub fn may_connect(address: IpAddr, allow_loopback: bool) -> bool {
    is_public(address) || allow_loopback && address.to_canonical().is_loopback()
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a name could be one of the open internet. A single label is a name of the local network.
fn may_be_public(name: &str) -> bool {
    const LOCAL: &[&str] =
        &["localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "onion"];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    // A last label of digits is an address that somebody has misspelt.
    name.contains('.') && !LOCAL.contains(&last) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether an address belongs to the open internet (IANA's special-purpose registries). Forms of IPv6 that carry an IPv4 address
/// inside are refused as a whole: nobody's web server is reachable by them alone.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127, _, _)                // this network, private, loopback
            | (100, 64..=127, _)            // shared by carriers
            | (169, 254, _)                 // link-local: clouds keep their metadata there
            | (172, 16..=31, _)             // private
            | (192, 0, 0 | 2)               // protocol assignments, documentation
            | (192, 31, 196) | (192, 52, 193) | (192, 175, 48) // anycast of name servers
            | (192, 88, 99)                 // 6to4 relays
            | (192, 168, _)                 // private
            | (198, 18..=19, _)             // benchmarks
            | (198, 51, 100) | (203, 0, 113) // documentation
            | (224..=255, _, _) // multicast, reserved, broadcast
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is given out at all; loopback, mapped, unique local, link-local, NAT64 and multicast lie outside.
    (0x2000..=0x3fff).contains(&a)
        && !(a == 0x2001 && b < 0x0200)      // Teredo, benchmarks, ORCHID: protocol assignments
        && !(a == 0x2001 && b == 0x0db8)     // documentation
        && a != 0x2002                       // 6to4
        && !(a == 0x3fff && b < 0x1000) // documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn https(host: Host<'_>) -> Target<'_> {
        Target { scheme: "https", host, port: None, has_user: false, has_fragment: false }
    }

    #[test]
    fn only_the_open_internet_is_public() {
        for text in ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "2400:3200::1"] {
            assert!(is_public(address(text)), "{text}");
        }
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address(text)), "{text}");
            assert_eq!(judge(&https(Host::Address(address(text))), false), Err("url_not_public"), "{text}");
        }
    }

    #[test]
    fn names_of_this_machine_and_its_network_are_refused() {
        for name in [
            "localhost",
            "LOCALHOST",
            "a.localhost",
            "localhost.",
            "redis",
            "db.internal",
            "printer.local",
            "router.lan",
            "x.home.arpa",
            "1.2.3.4.5",
        ] {
            assert_eq!(judge(&https(Host::Name(name)), false), Err("url_not_public"), "{name}");
        }
        assert_eq!(judge(&https(Host::Name("hooks.example.com")), false), Ok(()));
    }

    #[test]
    fn plain_http_other_ports_users_and_fragments_are_refused() {
        let good = https(Host::Name("hooks.example.com"));
        assert_eq!(judge(&Target { scheme: "http", ..good }, false), Err("url_not_https"));
        assert_eq!(judge(&Target { scheme: "ftp", ..good }, true), Err("url_not_https"));
        assert_eq!(judge(&Target { port: Some(8443), ..good }, false), Ok(()));
        for port in [22, 25, 80, 5432, 6379] {
            assert_eq!(judge(&Target { port: Some(port), ..good }, false), Err("url_port"), "{port}");
        }
        assert_eq!(judge(&Target { has_user: true, ..good }, true), Err("url_has_user"));
        assert_eq!(judge(&Target { has_fragment: true, ..good }, true), Err("url_has_fragment"));
    }

    #[test]
    fn where_loopback_is_allowed_nothing_else_becomes_so() {
        let here = Target { scheme: "http", port: Some(4000), ..https(Host::Address(address("127.0.0.1"))) };
        assert_eq!(judge(&here, true), Ok(()));
        assert_eq!(judge(&here, false), Err("url_not_https"));
        for text in ["10.0.0.1", "169.254.169.254", "0.0.0.0", "fe80::1", "::"] {
            assert_eq!(judge(&https(Host::Address(address(text))), true), Err("url_not_public"), "{text}");
            assert!(!may_connect(address(text), true), "{text}");
        }
        assert!(may_connect(address("127.0.0.1"), true) && may_connect(address("::1"), true) && !may_connect(address("127.0.0.1"), false));
        let plain = Target { scheme: "http", ..https(Host::Name("hooks.example.com")) };
        assert_eq!(judge(&plain, true), Err("url_not_https"));
    }
}
