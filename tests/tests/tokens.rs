//! Access tokens that somebody has tampered with. None of them is anybody.
//!
//! The server runs with a key that the test knows, so that the corpus also holds tokens which are rightly signed but
//! say something wrong.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiazai_tests::{Client, Options, Server, Value, json, raw};
use sha2::Sha256;

const KEY: [u8; 32] = [0x5a; 32];

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn sign(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(mac.finalize().into_bytes()))
}

struct Genuine {
    server: Server,
    token: String,
    header: Value,
    claims: Value,
}

fn genuine() -> Genuine {
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let server = Server::start(Options::default().env("JIAZAI_JWT_KEY", &key));
    let session = server.staff("admin").log_in();
    let token = session["access_token"].as_str().unwrap().to_owned();
    let part = |n: usize| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()).unwrap();
    let (header, claims) = (part(0), part(1));
    Genuine { server, token, header, claims }
}

impl Genuine {
    /// The genuine claims with one changed, rightly signed.
    fn claiming(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[name] = value;
        sign(&self.header.to_string(), &claims.to_string())
    }

    /// The genuine header with one field changed, rightly signed.
    fn headed(&self, name: &str, value: Value) -> String {
        let mut header = self.header.clone();
        header[name] = value;
        sign(&header.to_string(), &self.claims.to_string())
    }

    fn without(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        sign(&self.header.to_string(), &claims.to_string())
    }

    #[track_caller]
    fn is_nobody(&self, what: &str, token: &str) {
        if !token.is_ascii() {
            // No decent client sends this, so it goes out by hand.
            let request = format!("GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
            let reply = raw(&self.server, request.as_bytes());
            return assert_eq!(reply.status, 401, "{what} was accepted: {}", reply.describe());
        }
        let caller = self.server.bearer(format!("Bearer {token}"));
        let call = caller.get("/me");
        // A header of 64 kB may already be refused as a header, before there is anybody who minds manners.
        let large = token.len() > 60_000;
        let reply = if large { call.transmit() } else { call.send() };
        let too_large = large && matches!(reply.status, 400 | 431);
        assert!(reply.status == 401 || too_large, "{what} was accepted: {}", reply.describe());
    }
}

#[test]
fn only_a_token_that_we_signed_and_that_says_the_right_things_is_somebody() {
    let it = genuine();
    // If this fails, the corpus below would prove nothing: it shows that the test signs as the server does.
    let resigned = sign(&it.header.to_string(), &it.claims.to_string());
    assert_eq!(
        it.server.bearer(format!("Bearer {resigned}")).get("/me").send().status,
        200,
        "a token signed by the test is taken as genuine"
    );
    let (head, rest) = it.token.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();

    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": none, "typ": it.header["typ"] }).to_string();
        it.is_nobody("alg none, no signature", &format!("{}.{body}.", encode(&header)));
        it.is_nobody("alg none, kept signature", &format!("{}.{body}.{signature}", encode(&header)));
        it.is_nobody("alg none, rightly signed", &sign(&header, &it.claims.to_string()));
    }
    it.is_nobody("empty signature", &format!("{head}.{body}."));
    it.is_nobody("no signature", &format!("{head}.{body}"));
    it.is_nobody("four parts", &format!("{}.{signature}", it.token));
    it.is_nobody("kept signature on changed claims", &{
        let mut claims = it.claims.clone();
        claims["sub"] = json!("usr_01h455vb4pex5vsknk084sn02q");
        format!("{head}.{}.{signature}", encode(claims.to_string()))
    });
    for alg in ["HS384", "HS512", "RS256", "ES256", "EdDSA", "PS256"] {
        it.is_nobody(alg, &it.headed("alg", json!(alg)));
    }

    let now = it.claims["iat"].as_i64().expect("iat");
    for exp in
        [json!("tomorrow"), json!("99999999999"), json!(-1), json!(0), json!(null), json!(true), json!([now + 600]), json!(now - 3600)]
    {
        it.is_nobody(&format!("exp {exp}"), &it.claiming("exp", exp));
    }
    let absurd = it.claims.to_string().replacen(&format!("\"exp\":{}", it.claims["exp"]), "\"exp\":1e308", 1);
    it.is_nobody("exp 1e308", &sign(&it.header.to_string(), &absurd));
    it.is_nobody("nbf in the future", &it.claiming("nbf", json!(now + 3600)));
    for claim in ["iss", "aud"] {
        it.is_nobody(claim, &it.claiming(claim, json!("somebody else")));
    }
    for claim in ["exp", "iss", "aud", "sub"] {
        it.is_nobody(&format!("without {claim}"), &it.without(claim));
    }
    for sub in [json!("x"), json!(""), json!(7), json!("usr_01h455vb4pex5vsknk084sn02q"), json!("tkt_01h455vb4pex5vsknk084sn02q")] {
        it.is_nobody("another sub", &it.claiming("sub", sub));
    }
    it.is_nobody("another kind of token", &it.headed("typ", json!("refresh+jwt")));

    let crit = {
        let mut h = it.header.clone();
        h["crit"] = json!(["exp"]);
        h
    };
    it.is_nobody("an unknown crit", &sign(&crit.to_string(), &it.claims.to_string()));
    it.is_nobody("spare bits in the last base64 character", &{
        let last = it.token.chars().next_back().unwrap();
        let table = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = table.find(last).unwrap();
        format!("{}{}", &it.token[..it.token.len() - 1], &table[at ^ 1..=at ^ 1])
    });
    it.is_nobody("padding", &format!("{}=", it.token));
    it.is_nobody("a token of 9 kB", &it.headed("x", json!("x".repeat(9_000))));
    it.is_nobody("a kid of 64 kB", &it.headed("kid", json!("x".repeat(65_536))));
    it.is_nobody("not base64", "ä.ö.ü");
    it.is_nobody("dots", "..");
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let it = genuine();
    let forged = |header: Value| {
        let signed = format!("{}.{}", encode(header.to_string()), encode(it.claims.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(b"attacker").unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", encode(mac.finalize().into_bytes()))
    };
    let (alg, typ) = (&it.header["alg"], &it.header["typ"]);
    for (what, extra) in [
        ("jwk", json!({ "kty": "oct", "k": encode("attacker") })),
        ("jku", json!("http://127.0.0.1:9/keys")),
        ("x5u", json!("http://127.0.0.1:9/keys")),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!("x' UNION SELECT 'attacker")),
    ] {
        let mut header = json!({ "alg": alg, "typ": typ });
        header[what] = extra;
        it.is_nobody(what, &forged(header));
    }
}

#[test]
fn a_refresh_token_is_no_access_token_and_the_reverse() {
    let it = genuine();
    let session = it.server.resident().log_in();
    it.is_nobody("a refresh token", session["refresh_token"].as_str().unwrap());
    let reply = it.server.anon().post("/auth/refresh", json!({ "refresh_token": session["access_token"] })).send();
    assert!(matches!(reply.status, 401 | 422), "{}", reply.describe());
}
