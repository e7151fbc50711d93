//! The check of appid and secret that the log-in and both token APIs share.

use crate::refusal::{APPID_MISSING, INVALID_APPID, INVALID_SECRET, Refusal, SECRET_MISSING};

/// The mini-program this simulator knows.
pub(crate) struct Account {
    pub(crate) appid: String,
    pub(crate) secret: String,
}

/// What a caller claims to be. Empty values count as missing, as they do on the platform.
pub(crate) struct Claim<'a> {
    appid: &'a str,
    secret: &'a str,
}

impl<'a> Claim<'a> {
    /// # Errors
    /// 41002, 41004
    pub(crate) fn read(appid: Option<&'a str>, secret: Option<&'a str>) -> Result<Self, Refusal> {
        let appid = appid.filter(|text| !text.is_empty()).ok_or(APPID_MISSING)?;
        let secret = secret.filter(|text| !text.is_empty()).ok_or(SECRET_MISSING)?;
        Ok(Self { appid, secret })
    }

    /// Separate from reading, because WeChat complains about missing parameters before wrong ones.
    ///
    /// # Errors
    /// 40013, 40125
    pub(crate) fn verify(&self, account: &Account) -> Result<(), Refusal> {
        if self.appid != account.appid {
            return Err(INVALID_APPID);
        }
        if self.secret != account.secret {
            return Err(INVALID_SECRET);
        }
        Ok(())
    }
}
