//! How often somebody may ask, and who that is.

use jiazai_tests::{Client, Options, Server, json};

#[test]
fn request_limits_are_announced_and_then_enforced() {
    // As configured by default, which must be too little for a thousand log-in attempts by one caller in a row.
    let server = Server::start(Options::default().limited());
    let ask = || server.anon().post("/auth/wechat/login", json!({ "code": "no-such-code" })).send();
    let first = ask();
    assert!(
        first.must("ratelimit-policy").contains("q=") && first.must("ratelimit").contains("r="),
        "{:?} {:?}",
        first.header("ratelimit-policy"),
        first.header("ratelimit")
    );
    let refused = (0..1000).map(|_| ask()).find(|reply| reply.status == 429).expect("a limit");
    assert_eq!(refused.json["code"], "rate_limited");
    let wait: u64 = refused.must("retry-after").parse().expect("seconds");
    assert!((1..=3600).contains(&wait), "{wait}");
    // The health of the server is nobody's quota.
    server.anon().plain("GET", "/livez").send().expect(200);
}

/// Asks to log in with what is no password, which costs nothing and is counted, as somebody whom a proxy has announced like this; with
/// the tries that are left, and whether this was one too many.
fn knock(server: &Server, forwarded: &str) -> (u64, bool) {
    let reply = server.anon().post("/auth/staff/login", json!({})).header("X-Forwarded-For", forwarded).send();
    let left = reply.must("ratelimit").split(';').find_map(|part| part.strip_prefix("r=")?.parse().ok());
    (left.unwrap_or_else(|| panic!("no r in {}", reply.describe())), reply.status == 429)
}

/// Whether somebody who calls himself by ever new addresses is one and the same to us.
fn is_one(server: &Server, forwarded: impl Fn(usize) -> String) -> bool {
    (0..200).any(|n| knock(server, &forwarded(n)).1)
}

#[test]
fn an_address_that_a_stranger_claims_to_speak_for_counts_for_nothing() {
    let server = Server::start(Options::default().limited());
    assert!(is_one(&server, |n| format!("203.0.113.{n}")));
    // Nor is a proxy trusted because another one is.
    let server = Server::start(Options::default().limited().env("JIAZAI_TRUSTED_PROXIES", "192.0.2.1"));
    assert!(is_one(&server, |n| format!("203.0.113.{n}")));
}

#[test]
fn behind_a_trusted_proxy_everybody_has_a_quota_of_their_own() {
    let server = Server::start(Options::default().limited().env("JIAZAI_TRUSTED_PROXIES", "127.0.0.1, 192.0.2.1"));
    assert!(is_one(&server, |_| "203.0.113.7".to_owned()));
    assert!(knock(&server, "203.0.113.8").0 > 50);
    // What somebody says of himself stands before what the proxy says of him, and a proxy behind the proxy is none of the people.
    assert!(is_one(&server, |n| format!("198.51.100.{n}, 203.0.113.9, 192.0.2.1")));
    assert!(knock(&server, "198.51.100.1").0 > 50);
    assert!(knock(&server, "203.0.113.9").0 < 30, "it was he");
    // Of an IPv6 address the half that a household chooses freely does not make another household.
    assert!(is_one(&server, |n| format!("2001:db8::{n:x}")));
    assert!(knock(&server, "2001:db8:0:1::1").0 > 50);
    // Some proxies write the port as well.
    assert!(is_one(&server, |n| format!("198.51.100.{n}, 203.0.113.10:{}", 4000 + n)));
    assert!(is_one(&server, |n| format!("198.51.100.{n}, [2001:db8:1::1]:{}", 4000 + n)));
    // Nobody named, or nobody who can be read: the proxy itself, whatever stands before.
    assert!(is_one(&server, |n| format!("198.51.100.{n}, unknown")));
}
