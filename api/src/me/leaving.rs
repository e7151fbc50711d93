//! Leaving: what an erasure takes out of an account, and what it leaves.

use jiazai_domain::actor::Actor;
use jiazai_infra::db::Tx;
use jiazai_infra::{identity as store, notices, uploads};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{Call, Outcome};
use crate::error::ApiError;
use crate::op;
use crate::reply::Reply;
use crate::route::{Access, Api};

pub fn routes(api: &mut Api) {
    api.add(op!(delete_me, Access::Residents));
}

/// What has been erased, and what the law or others' rights make us keep.
#[derive(Debug, Serialize, ToSchema)]
pub struct Erasure {
    pub erased: Vec<&'static str>,
    pub kept: Vec<Kept>,
}

/// Something that is kept after an erasure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Kept {
    pub what: &'static str,
    pub why: &'static str,
}

/// Erase my account
///
/// Everything that says who I am is erased at once; what others need (tickets, without my name) is kept and named in the
/// answer. The same WeChat user may come back as somebody new.
#[utoipa::path(delete, path = "/me", tag = "identity", operation_id = "delete_me", responses((status = 200, body = Erasure)))]
async fn delete_me(call: Call) -> Outcome {
    let id = call.actor()?.id;
    let app = call.app.clone();
    let response = call
        .write(move |tx, cx| {
            erase(tx, &cx.app, cx.actor()?)?;
            let english = cx.language == crate::error::Language::English;
            let say = |zh, en| if english { en } else { zh };
            Reply::ok(&Erasure {
                erased: vec![
                    say("昵称", "nickname"),
                    say("微信标识", "WeChat identity"),
                    say("手机号码", "phone number"),
                    say("消息订阅授权", "message consents"),
                    say("登录会话", "sessions"),
                    say("尚未使用的上传文件", "uploads that belong to nothing"),
                    say("住户认证、代办授权和变更申请的内容", "home bindings, delegations and what you proposed"),
                ],
                kept: vec![
                    Kept {
                        what: say("社区的人口与房屋登记", "what the community's registry says of who lives where"),
                        why: say("登记不因注销账号而改变，更正请联系社区", "it does not depend on an account; the community corrects it"),
                    },
                    Kept {
                        what: say("您提交的报修工单（已去除身份信息）", "repair tickets that you reported, without your identity"),
                        why: say("维修责任与公共设施记录需要", "needed as a record of work and of public facilities"),
                    },
                    Kept {
                        what: say(
                            "志愿时长、积分账目和已开具的证书（已去除身份信息）",
                            "hours, points and issued certificates, without your identity",
                        ),
                        why: say("账目须平衡，证书须可查验", "books must balance and certificates stay verifiable"),
                    },
                    Kept {
                        what: say("您为孩子提交的入学登记及材料", "school applications that you handed in, with their papers"),
                        why: say(
                            "关系到孩子的学位；批次结束 180 天后清除材料和身份信息",
                            "a child's seat depends on them; papers and names are purged 180 days after the round",
                        ),
                    },
                ],
            })
        })
        .await?;
    app.cache.bump(id).await;
    Ok(response)
}

/// Takes everything out of an account that says who it was.
pub fn erase(tx: &mut Tx, app: &App, who: &Actor) -> Result<(), ApiError> {
    // Places that somebody else waits for are given up before.
    crate::volunteer::leave_all(tx, &app.vault, who)?;
    crate::registry::leave_all(tx, &app.vault, who)?;
    store::erase_resident(tx, &app.vault, who.id)?;
    store::end_sessions_of(tx, who.id, "erased")?;
    notices::forget_all_credits(tx, who.id)?;
    uploads::let_go(tx, who.id)?;
    Ok(())
}
