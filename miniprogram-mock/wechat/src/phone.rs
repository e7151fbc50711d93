//! `POST /wxa/business/getuserphonenumber`: a phone code for the number that the user agreed to give.

use serde_json::Value;

use crate::codes::{Codes, Exchange};
use crate::credential::Account;
use crate::gateway::{Call, Success};
use crate::random;
use crate::refusal::{INVALID_APPID, INVALID_CODE, INVALID_OPENID, Refusal};

/// A number as the user's account holds it.
#[derive(Clone)]
pub(crate) struct Number {
    pub(crate) openid: String,
    /// National digits.
    pub(crate) pure: String,
    /// A string on the platform of today, a JSON number in its older samples; the test chooses.
    pub(crate) country_code: Value,
}

pub(crate) struct Phone {
    codes: Codes<Number>,
}

impl Phone {
    pub(crate) fn new() -> Self {
        Self { codes: Codes::new() }
    }

    /// What the getPhoneNumber button would hand the front end: 64 hex digits.
    pub(crate) fn hand_out(&mut self, number: Number, foreign_appid: Option<String>, now_ms: i64) -> String {
        let code = random::hex::<64>();
        self.codes.hand_out(code.clone(), number, foreign_appid, now_ms);
        code
    }
}

pub(crate) fn getuserphonenumber(account: &Account, phone: &mut Phone, call: &Call<'_>) -> Result<Success, Refusal> {
    let body = call.json()?;
    let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
    // The optional openid only narrows: the code of one person sent with the openid of another stays unused. Which code
    // the original answers is not known.
    let belongs = |number: &Number| match body.get("openid") {
        Some(Value::String(openid)) if *openid == number.openid => Ok(()),
        Some(_) => Err(INVALID_OPENID),
        None => Ok(()),
    };
    let number = match phone.codes.exchange(code, call.now_ms, belongs)? {
        Exchange::Meaning(number) => number,
        // There is no 40163 on this API.
        Exchange::Used | Exchange::Unknown => return Err(INVALID_CODE.with_hint()),
        Exchange::Foreign => return Err(INVALID_APPID),
    };
    let country = number.country_code.as_str().map_or_else(|| number.country_code.to_string(), str::to_owned);
    let full = if country == "86" { number.pure.clone() } else { format!("{country}{}", number.pure) };
    let meaning = format!("{0} 把手机号给了开发者 · {0} gives the developer their phone number", number.openid);
    let answer = serde_json::json!({
        "errcode": 0,
        "errmsg": "ok",
        "phone_info": {
            "phoneNumber": full,
            "purePhoneNumber": number.pure,
            "countryCode": number.country_code,
            "watermark": {"timestamp": call.now_ms / 1000, "appid": account.appid},
        },
    });
    Ok(Success::ok(answer).meaning(meaning))
}
