//! One request, one answer, within bounds: 3 s, 64 KiB, no redirect, no proxy.

use std::time::{Duration, Instant};

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

use super::answer::Answer;
use super::{Lost, Trouble, WechatConfigError};
use crate::vault::Secret;

const CONNECT: Duration = Duration::from_millis(1500);
const ATTEMPT: Duration = Duration::from_secs(3);
const LARGEST_ANSWER: usize = 64 * 1024;
/// A mini-program code has about a hundred.
const LARGEST_PICTURE: usize = 2 * 1024 * 1024;

/// What comes where a picture was asked for.
pub(super) enum Drawn {
    Picture(Vec<u8>),
    Said(Answer),
}

impl Drawn {
    /// A refusal has the status and now and then the label of a picture, so only the bytes tell.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        let is_picture = bytes.starts_with(b"\x89PNG\r\n") || bytes.starts_with(b"\xff\xd8\xff");
        if is_picture { Some(Self::Picture(bytes)) } else { Answer::parse(&bytes).map(Self::Said) }
    }
}

/// The instant by which an operation ends, whatever happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

pub(super) struct Transport {
    client: Client,
    base: Url,
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl Transport {
    pub(super) fn new(base: &str, metrics: &Registry) -> Result<Self, WechatConfigError> {
        let mut base = Url::parse(base).map_err(|_| WechatConfigError::Base)?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() || base.fragment().is_some() {
            return Err(WechatConfigError::Base);
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ATTEMPT)
            // Below what servers usually allow: a request on a connection that is just being closed would be lost.
            .pool_idle_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy();
        if base.scheme() == "http" {
            // The simulator needs no certificates, and a system without any must still run the demo.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|_| WechatConfigError::Tls)?;
        let (requests, seconds) = meters(metrics).map_err(|_| WechatConfigError::Metrics)?;
        Ok(Self { client, base, requests, seconds })
    }

    pub(super) async fn get(&self, api: &'static str, path: &str, query: &[(&str, &str)], deadline: Deadline) -> Result<Answer, Lost> {
        let request = self.client.get(self.url(path)).query(query);
        self.ask(api, request, deadline, LARGEST_ANSWER, |bytes| Answer::parse(&bytes), |answer| answer.errcode == 0).await
    }

    /// Posts JSON of known length: WeChat answers a chunked body with an empty 412. `serde_json` writes UTF-8 unescaped,
    /// as WeChat wants it.
    pub(super) async fn post(
        &self,
        api: &'static str,
        path: &str,
        token: Option<&Secret>,
        body: &Value,
        deadline: Deadline,
    ) -> Result<Answer, Lost> {
        let request = self.posting(path, token, body);
        self.ask(api, request, deadline, LARGEST_ANSWER, |bytes| Answer::parse(&bytes), |answer| answer.errcode == 0).await
    }

    /// The same where a picture is to come.
    pub(super) async fn draw(
        &self,
        api: &'static str,
        path: &str,
        token: &Secret,
        body: &Value,
        deadline: Deadline,
    ) -> Result<Drawn, Lost> {
        let request = self.posting(path, Some(token), body);
        self.ask(api, request, deadline, LARGEST_PICTURE, Drawn::read, |drawn| matches!(drawn, Drawn::Picture(_))).await
    }

    fn posting(&self, path: &str, token: Option<&Secret>, body: &Value) -> RequestBuilder {
        let request = self.client.post(self.url(path)).header(CONTENT_TYPE, "application/json").body(body.to_string());
        match token {
            Some(token) => request.query(&[("access_token", token.expose())]),
            None => request,
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        url
    }

    /// One attempt: at most `most` bytes, read by `read`; `done` says for the metrics whether what was asked was done.
    async fn ask<T>(
        &self,
        api: &'static str,
        request: RequestBuilder,
        deadline: Deadline,
        most: usize,
        read: fn(Vec<u8>) -> Option<T>,
        done: fn(&T) -> bool,
    ) -> Result<T, Lost> {
        let time = ATTEMPT.min(deadline.left());
        let started = Instant::now();
        let result = if time.is_zero() { Err(("no time left", false)) } else { exchange(request.timeout(time), most).await };
        let result = result.and_then(|bytes| read(bytes).ok_or(("an answer that cannot be read", true)));
        self.seconds.with_label_values(&[api]).observe(started.elapsed().as_secs_f64());
        let outcome = match &result {
            Ok(answer) if done(answer) => "ok",
            Ok(_) => "refused",
            Err(_) => "unavailable",
        };
        self.requests.with_label_values(&[api, outcome]).inc();
        result.map_err(|(reason, maybe_done)| {
            tracing::warn!(api, reason, "WeChat did not answer");
            Lost { trouble: Trouble { api, errcode: None, reason }, maybe_done }
        })
    }
}

fn meters(metrics: &Registry) -> prometheus::Result<(IntCounterVec, HistogramVec)> {
    let requests = IntCounterVec::new(Opts::new("jiazai_upstream_requests_total", "Requests to other services"), &["api", "outcome"])?;
    let buckets = vec![0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 7.0];
    let seconds = HistogramOpts::new("jiazai_upstream_request_seconds", "Time to the answers of other services").buckets(buckets);
    let seconds = HistogramVec::new(seconds, &["api"])?;
    metrics.register(Box::new(requests.clone()))?;
    metrics.register(Box::new(seconds.clone()))?;
    Ok((requests, seconds))
}

/// The reason and whether the request may have been carried out. The client's own error is dropped here, on purpose: its
/// text has the URL, and with it the secret.
async fn exchange(request: RequestBuilder, most: usize) -> Result<Vec<u8>, (&'static str, bool)> {
    let mut response = request.send().await.map_err(|error| match () {
        () if error.is_connect() => ("no connection", false),
        () if error.is_builder() => ("the request could not be built", false),
        () if error.is_timeout() => ("no answer in time", true),
        () => ("the connection broke", true),
    })?;
    let status = response.status();
    if !status.is_success() {
        // 412 is WeChat's answer to a body without length; the others come from what stands before its servers.
        let reason = if status.is_redirection() { "a redirect" } else { "an HTTP error" };
        return Err((reason, !status.is_client_error()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| ("the answer broke off", true))? {
        if bytes.len() + chunk.len() > most {
            return Err(("an answer that is too large", true));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
