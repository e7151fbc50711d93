//! One request to somebody else's server, from inside our network: by TLS, to public addresses only, without redirects, within
//! bounds of time and size. `domain::webhook::target` decides what is public; this is where nothing gets past it.
//!
//! Names are resolved by [`Guard`] and the connection goes to what it lets through, so there is no moment between the check
//! and the connection in which a name could come to mean something else. Literal addresses do not pass a resolver; they are
//! judged with the URL, before each request anew.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::webhook::delivery::Answer;
use jiazai_domain::webhook::target::{self, Host, LONGEST_URL, Target};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Url};

const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(15);
/// What an endpoint says is not read; this much is taken in so that the connection can be used again.
const LARGEST_ANSWER: usize = 16 * 1024;
const DRAIN: Duration = Duration::from_millis(500);
/// How long a name may take to resolve when an endpoint is registered.
const LOOK_UP: Duration = Duration::from_secs(2);

type LookUp = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync>;

/// The way out.
pub struct Transport {
    client: Client,
    guard: Guard,
}

/// What came of a request.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub answer: Answer,
    pub retry_after: Option<Timestamp>,
    pub took_ms: i64,
}

/// Resolves names, and lets only those addresses through that may be connected to.
#[derive(Clone)]
struct Guard {
    allow_loopback: bool,
    look_up: LookUp,
}

/// A name that means an address of this machine or its network.
#[derive(Debug)]
struct NotPublic;

impl std::fmt::Display for NotPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name resolves to no public address")
    }
}

impl std::error::Error for NotPublic {}

impl Guard {
    fn may_connect(&self, address: IpAddr) -> bool {
        target::may_connect(address, self.allow_loopback)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        let found = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let public: Vec<SocketAddr> = found.await?.into_iter().filter(|at| guard.may_connect(at.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Reads and judges the URL of an endpoint.
///
/// # Errors
/// A word for the rule that it breaks.
pub fn judge_url(text: &str, allow_loopback: bool) -> Result<Url, &'static str> {
    if text.len() > LONGEST_URL {
        return Err("too_long");
    }
    // The parser drops line breaks and turns backslashes round, as browsers do; nobody means them in an address.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err("url_malformed");
    }
    let url = Url::parse(text).map_err(|_| "url_malformed")?;
    let name = url.host_str().ok_or("url_malformed")?;
    let host = match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => Host::Address(address),
        Err(_) => Host::Name(name),
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    let has_fragment = url.fragment().is_some();
    target::judge(&Target { scheme: url.scheme(), host, port: url.port(), has_user, has_fragment }, allow_loopback)?;
    Ok(url)
}

impl Transport {
    /// # Errors
    /// When the system's certificates cannot be used at all.
    pub fn new(allow_loopback: bool) -> Result<Self, reqwest::Error> {
        let look_up: LookUp = Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }));
        Self::with(Guard { allow_loopback, look_up })
    }

    fn with(guard: Guard) -> Result<Self, reqwest::Error> {
        let builder = || {
            Client::builder()
                .connect_timeout(CONNECT)
                .timeout(ATTEMPT)
                .pool_idle_timeout(Duration::from_secs(10))
                .pool_max_idle_per_host(4)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .https_only(!guard.allow_loopback)
                .user_agent(concat!("jiazai-webhooks/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(guard.clone())
        };
        let client = match builder().build() {
            Ok(client) => client,
            // A system without certificates can still run the demo, whose receivers speak plain HTTP.
            Err(_) if guard.allow_loopback => builder().tls_certs_only([]).build()?,
            Err(error) => return Err(error),
        };
        Ok(Self { client, guard })
    }

    pub fn allows_loopback(&self) -> bool {
        self.guard.allow_loopback
    }

    /// Whether the host of a URL that was judged resolves to an address that may not be connected to. A name that does not
    /// resolve at all may yet come to; each delivery asks again.
    pub async fn leads_inside(&self, url: &Url) -> bool {
        let Some(name) = url.host_str().filter(|_| url.domain().is_some()) else { return false };
        match tokio::time::timeout(LOOK_UP, (self.guard.look_up)(name.to_owned())).await {
            Ok(Ok(found)) => found.iter().any(|at| !self.guard.may_connect(at.ip())),
            _ => false,
        }
    }

    /// Posts JSON with these headers. Never an error: whatever happens is an answer or the word for why there is none.
    pub async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Vec<u8>, now: Timestamp) -> Sent {
        let started = Instant::now();
        let (answer, retry_after) = self.exchange(url, headers, body, now).await.unwrap_or_else(|word| (Answer::None(word), None));
        Sent { answer, retry_after, took_ms: started.elapsed().as_millis() as i64 }
    }

    async fn exchange(
        &self,
        url: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<(Answer, Option<Timestamp>), &'static str> {
        let url = judge_url(url, self.guard.allow_loopback)?;
        let mut request = self.client.post(url).header(CONTENT_TYPE, "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| pause(text, now));
        let answer = Answer::Status(response.status().as_u16());
        let drain = async {
            let mut taken = 0;
            while let Ok(Some(chunk)) = response.chunk().await {
                taken += chunk.len();
                if taken > LARGEST_ANSWER {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN, drain).await;
        Ok((answer, retry_after))
    }
}

/// Why there was no answer. The client's own text is dropped: it has the URL, and URLs have secrets in them.
fn reason(error: &reqwest::Error) -> &'static str {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<NotPublic>() {
            return "url_not_public";
        }
        cause = one.source();
    }
    match () {
        () if error.is_timeout() => "timeout",
        () if error.is_connect() => "no_connection",
        () => "connection_broke",
    }
}

/// `Retry-After`, in seconds or as a date.
fn pause(text: &str, now: Timestamp) -> Option<Timestamp> {
    match text.trim().parse::<u32>() {
        Ok(seconds) => Some(now.plus_seconds(i64::from(seconds))),
        Err(_) => DateTime::parse_from_rfc2822(text.trim()).ok().map(|at| Timestamp::from_millis(at.timestamp_millis())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn to(addresses: &'static [&'static str], asked: Arc<AtomicUsize>) -> LookUp {
        Arc::new(move |_| {
            let n = asked.fetch_add(1, Ordering::SeqCst).min(addresses.len() - 1);
            let at: SocketAddr = addresses[n].parse().expect("an address");
            Box::pin(async move { Ok(vec![at]) })
        })
    }

    #[test]
    fn an_address_in_any_disguise_is_the_address() {
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://0/",
            "https://0x7f.1/",
            "https://127.0.0.1./",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://①②⑦.⓪.⓪.①/",
            "https://%31%32%37.0.0.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fe80::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://metadata.google.internal/",
            "https://redis/",
        ] {
            assert_eq!(judge_url(url, false).err(), Some("url_not_public"), "{url}");
        }
        for (url, word) in [
            ("https://good.example.com@127.0.0.1/", "url_has_user"),
            ("https://127.0.0.1@hooks.example.com/", "url_has_user"),
            ("https://hooks.example.com#@127.0.0.1/", "url_has_fragment"),
            ("https://hooks.example.com\\@127.0.0.1/", "url_malformed"),
            ("https://hooks.example.com/\r\nX-Evil: 1", "url_malformed"),
            ("https://hooks.exam\tple.com/", "url_malformed"),
            (" https://hooks.example.com/", "url_malformed"),
            ("https://", "url_malformed"),
            ("https:///", "url_malformed"),
            ("hooks.example.com", "url_malformed"),
            ("//hooks.example.com", "url_malformed"),
            ("file:///etc/passwd", "url_malformed"),
            ("gopher://hooks.example.com/", "url_not_https"),
            ("http://hooks.example.com/", "url_not_https"),
            ("https://hooks.example.com:22/", "url_port"),
            ("https://hooks.example.com:99999/", "url_malformed"),
        ] {
            assert_eq!(judge_url(url, false).err(), Some(word), "{url}");
        }
        assert!(judge_url("https://hooks.example.com/jiazai?token=1", false).is_ok());
        assert_eq!(judge_url(&format!("https://hooks.example.com/{}", "x".repeat(LONGEST_URL)), false).err(), Some("too_long"));
    }

    #[tokio::test]
    async fn a_name_that_comes_to_mean_this_machine_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let asked = Arc::new(AtomicUsize::new(0));
        // What the registration sees is public; what the delivery sees is not.
        let look_up = to(&["93.184.216.34:0", "127.0.0.1:0"], asked.clone());
        let transport = Transport::with(Guard { allow_loopback: false, look_up }).expect("a client");
        let url = judge_url("https://rebind.example.com/", false).expect("a URL");
        assert!(!transport.leads_inside(&url).await);
        let sent = transport.post(url.as_str(), &[], vec![], NOW).await;
        assert_eq!(sent.answer, Answer::None("url_not_public"));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert!(transport.leads_inside(&url).await);
        drop(listener);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(async move {
            let mut heads = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                heads += 1;
                let mut buffer = [0; 4096];
                let _ = stream.read(&mut buffer).await;
                let answer = format!(
                    "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/inside\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                if heads > 1 {
                    break;
                }
            }
            heads
        });
        let transport = Transport::new(true).expect("a client");
        let sent = transport.post(&format!("http://127.0.0.1:{port}/"), &[("webhook-id", "evt_1".into())], b"{}".to_vec(), NOW).await;
        assert_eq!((sent.answer, sent.retry_after), (Answer::Status(302), Some(NOW.plus_seconds(7))));
        assert!(!server.is_finished(), "nobody asked a second time");
        server.abort();
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date() {
        assert_eq!(pause("120", NOW), Some(NOW.plus_seconds(120)));
        assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT", NOW), Timestamp::parse("1999-12-31T23:59:59Z"));
        for nonsense in ["", "-1", "soon", "99999999999999"] {
            assert_eq!(pause(nonsense, NOW), None, "{nonsense}");
        }
    }
}
