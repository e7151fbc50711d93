//! The WeChat client against a WeChat that behaves like the original (the simulator), and against one that misbehaves
//! on the wire in ways no HTTP server would (a bare socket).

mod odd;
mod simulator;

use std::sync::Arc;
use std::time::Duration;

use jiazai_infra::cache::{Cache, CacheConfig};
use jiazai_infra::clock::Clock;
use jiazai_infra::vault::Secret;
use jiazai_infra::wechat::{MiniprogramState, SubscribeMessage, Wechat, WechatConfig};
use prometheus::Registry;

const APPID: &str = "wx0123456789abcdef";
const SECRET: &str = "the-app-secret-that-nobody-may-see";

fn cache(redis_url: Option<String>, prefix: &str) -> Arc<Cache> {
    let config = CacheConfig { redis_url, prefix: Some(prefix.to_owned()), key: [7; 32], patience: Duration::from_secs(30) };
    Arc::new(Cache::open(config, Clock::system()).expect("a usable address"))
}

fn client(base: &str, cache: Arc<Cache>) -> Wechat {
    client_measured(base, cache, &Registry::new())
}

fn client_measured(base: &str, cache: Arc<Cache>, metrics: &Registry) -> Wechat {
    let config = WechatConfig { appid: APPID.to_owned(), secret: Secret::new(SECRET), base: base.to_owned() };
    Wechat::new(config, cache, metrics).expect("a usable configuration")
}

fn message(openid: &str) -> SubscribeMessage {
    SubscribeMessage {
        openid: openid.to_owned(),
        template_id: "accepted".to_owned(),
        page: Some("pages/ticket?id=1".to_owned()),
        data: vec![("thing1".to_owned(), "水管漏水".to_owned())],
        miniprogram_state: MiniprogramState::Formal,
    }
}

/// Jobs run on any thread. The compiler checks this one; there is nothing to run.
#[allow(dead_code)]
fn every_operation_may_be_spawned(wechat: &'static Wechat, cache: &'static Cache, message: &'static SubscribeMessage) {
    fn spawnable(_: impl Future + Send + 'static) {}
    spawnable(wechat.code2session("code"));
    spawnable(wechat.phone_number("code", None));
    spawnable(wechat.send_subscribe(message));
    spawnable(cache.ping());
}
