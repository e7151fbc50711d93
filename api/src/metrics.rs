//! Prometheus metrics, by route pattern and never by path or person.

use std::time::Duration;

use actix_web::http::Method;
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::app::App;

pub struct Metrics {
    pub registry: Registry,
    requests: IntCounterVec,
    latency: HistogramVec,
    connections: IntGaugeVec,
    queued: IntGauge,
    redis_up: IntGauge,
    pub job_runs: IntCounterVec,
    pub job_items: IntCounterVec,
}

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let buckets = vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let metrics = Self {
            requests: counter("jiazai_http_requests_total", "Requests answered.", &["method", "path", "status"])?,
            latency: HistogramVec::new(
                HistogramOpts::new("jiazai_http_request_seconds", "Time from the head of a request to its answer.").buckets(buckets),
                &["method", "path"],
            )?,
            connections: IntGaugeVec::new(Opts::new("jiazai_db_connections", "Database connections."), &["state"])?,
            queued: IntGauge::new("jiazai_db_writes_queued", "Writes waiting for the SQLite writer.")?,
            redis_up: IntGauge::new("jiazai_cache_up", "Whether the shared cache answers (1 also when there is none).")?,
            job_runs: counter("jiazai_job_runs_total", "Runs of background jobs.", &["job", "outcome"])?,
            job_items: counter("jiazai_job_items_total", "Things that background jobs have dealt with.", &["job", "outcome"])?,
            registry,
        };
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.latency.clone()))?;
        metrics.registry.register(Box::new(metrics.connections.clone()))?;
        metrics.registry.register(Box::new(metrics.queued.clone()))?;
        metrics.registry.register(Box::new(metrics.redis_up.clone()))?;
        metrics.registry.register(Box::new(metrics.job_runs.clone()))?;
        metrics.registry.register(Box::new(metrics.job_items.clone()))?;
        Ok(metrics)
    }

    pub fn observe(&self, method: &Method, pattern: &str, status: u16, took: Duration) {
        // Methods are a closed set here, or somebody could fill the memory with invented ones.
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        let mut digits = [0u8; 3];
        self.requests.with_label_values(&[method, pattern, three_digits(status, &mut digits)]).inc();
        self.latency.with_label_values(&[method, pattern]).observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads.
    pub async fn render(&self, app: &App) -> Vec<u8> {
        let load = app.db.load();
        self.connections.with_label_values(&["idle"]).set(load.connections_idle as i64);
        self.connections.with_label_values(&["open"]).set(load.connections_open as i64);
        self.queued.set(load.writes_queued as i64);
        self.redis_up.set(i64::from(app.cache.ping().await.is_ok()));
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}

fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    *digits = [b'0' + (status / 100 % 10) as u8, b'0' + (status / 10 % 10) as u8, b'0' + (status % 10) as u8];
    std::str::from_utf8(digits).unwrap_or("000")
}
