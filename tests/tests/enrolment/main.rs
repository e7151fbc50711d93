//! School enrolment 入学登记: rounds and their rules, applications, review, seats and draws, and what is left of papers.

mod applications;
mod fairness;
mod families;
mod found;
mod published;
mod races;
mod refusals;
mod review;
mod rounds;
mod schools;
mod seats;
mod shown;

use std::process::Command;

use jiazai_tests::season::{Season, act, now};
use jiazai_tests::{Drafted, Family, Value, json, text};

fn path(application: &Value) -> String {
    format!("/enrolment-applications/{}", text(application, "id"))
}

const DAY: u64 = 86_400;

fn state(family: &Family, application: &Value) -> String {
    text(&now(&family.parent, application), "state").to_owned()
}

/// Found ineligible by the first reviewer.
fn rejected<'s>(season: &Season<'s>, hukou_on: &str) -> (Family<'s>, Value) {
    let family = season.family();
    let application = season.submit(&family, season.draft(&family, hukou_on));
    act(&season.reviewers[0], &application, "claim", json!({})).expect(200);
    act(&season.reviewers[0], &application, "reject", json!({ "reason": "户口簿看不清" })).expect(200);
    (family, application)
}

/// A migrant family, confirmed; for rules that ask nothing else of it.
fn migrant<'s>(season: &Season<'s>) -> (Family<'s>, Value) {
    let family = season.family();
    let application = season.submit(&family, season.bare_draft(&family));
    season.confirm(&application);
    (family, application)
}

fn season_put(season: &Drafted) -> Value {
    let mut body = Drafted::body(season.server, &season.community, &season.schools);
    body.as_object_mut().expect("an object").remove("community_id");
    body
}

fn sha256(text: &str) -> String {
    let out =
        Command::new("python3").args(["-c", "import hashlib,sys;print(hashlib.sha256(sys.argv[1].encode()).hexdigest())", text]).output();
    String::from_utf8(out.expect("python3 runs").stdout).expect("text").trim().to_owned()
}
