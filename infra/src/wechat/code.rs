//! Mini-program codes 小程序码: a picture that opens a page when it is scanned.

use serde_json::json;

use super::transport::Drawn;
use super::{CODE, Trouble, Wechat};

impl Wechat {
    /// The picture for a page and a scene, as PNG or JPEG. A scene has at most 32 characters: one of our ids fits. The page need not
    /// have been released yet.
    ///
    /// # Errors
    /// The platform is away or refuses; a refusal comes at the same status as a picture.
    pub async fn mini_code(&self, page: &str, scene: &str) -> Result<Vec<u8>, Trouble> {
        let body = json!({ "scene": scene, "page": page, "check_path": false, "env_version": "release", "width": 430 });
        match self.draw_with_token(CODE, "wxa/getwxacodeunlimit", &body).await.map_err(|lost| lost.trouble)? {
            Drawn::Picture(bytes) => Ok(bytes),
            Drawn::Said(answer) => Err(Trouble { api: CODE, errcode: answer.number(), reason: "refused" }),
        }
    }
}
