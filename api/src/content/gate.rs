//! What stands between writing and being read: the platform is asked before the transaction, the domain decides from its opinion,
//! and what is held is written down with the thing itself.

use jiazai_domain::actor::{CommunityId, PrincipalId};
use jiazai_domain::content::{About, Check, Part, Verdict};
use jiazai_domain::kernel::file::FileId;
use jiazai_infra::content as store;
use jiazai_infra::db::{DbError, Tx};
use jiazai_infra::identity;
use jiazai_infra::wechat::Scene;

use crate::call::{Begun, Call, Cx, Outcome};
use crate::error::ApiError;
use crate::reply::Reply;

/// What is checked here.
#[derive(Debug, Clone, Default)]
pub struct ContentChecks {
    pub texts: bool,
    /// Where the platform finds us, to fetch pictures; none: pictures are not checked.
    pub pictures_at: Option<String>,
}

/// What the platform says of words that the caller is about to let others read. Staff and programs answer for theirs; nothing
/// written needs no opinion.
pub async fn judge(call: &Call, scene: Scene, words: &str) -> Result<Verdict, ApiError> {
    let who = call.actor()?;
    if !call.app.content.texts || who.resident().is_err() || words.trim().is_empty() {
        return Ok(Verdict::Pass);
    }
    let (id, vault) = (who.id, call.app.vault.clone());
    let openid = call.app.db.read_brief(move |tx| identity::openid_of(tx, &vault, id)).await?;
    let Some(openid) = openid else { return Ok(Verdict::of(None)) };
    let opinion = call.app.wechat.check_text(openid.expose(), scene, words).await;
    if let Err(trouble) = &opinion {
        tracing::warn!(%trouble, "no opinion about words; they are held");
    }
    Ok(Verdict::of(opinion.ok()))
}

/// [`Call::write`] for words that others will read: `f` is given the verdict about them.
pub async fn write_checked(
    call: Call,
    scene: Scene,
    words: &str,
    mut f: impl FnMut(&mut Tx, &Cx, Verdict) -> Result<Reply, ApiError> + Send + 'static,
) -> Outcome {
    if !call.app.content.texts || call.actor()?.resident().is_err() {
        return call.write(move |tx, cx| f(tx, cx, Verdict::Pass)).await;
    }
    // A repeat is answered from what is stored: the platform is not asked twice about one report.
    let (keyed, _flight) = match call.begin(call.raw_body()).await? {
        Begun::Replay(response) => return Ok(response),
        Begun::Go(keyed, flight) => (keyed, flight),
    };
    let verdict = judge(&call, scene, words).await?;
    call.write_keyed(keyed, move |tx, cx| f(tx, cx, verdict)).await
}

/// Writes down that something is held, if it is.
pub fn hold(tx: &mut Tx, about: About, verdict: Verdict) -> Result<(), DbError> {
    let (id, now) = (tx.new_id(), tx.now());
    if let Some(changed) = Check::hold(id, about, verdict, now) {
        store::save(tx, changed)?;
    }
    Ok(())
}

/// Keeps pictures back until the platform has looked at them.
pub fn watch(tx: &mut Tx, cx: &Cx, community: CommunityId, subject: &str, author: PrincipalId, files: &[FileId]) -> Result<(), ApiError> {
    if cx.app.content.pictures_at.is_none() || cx.actor()?.resident().is_err() {
        return Ok(());
    }
    for file in files {
        let about = About { community, subject: subject.to_owned(), part: Part::Photo, item: Some(file.text()), author };
        let (id, now) = (tx.new_id(), tx.now());
        store::save(tx, Check::wait(id, about, now))?;
    }
    Ok(())
}
