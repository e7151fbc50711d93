//! Activities, shifts and sign-ups as rows.

use diesel::prelude::*;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::volunteer::{
    Activity, ActivityFacts, Consent, EligibilityDraft, Occasion, Post, Shift, ShiftFacts, SignUp, SignUpFacts, Spot,
};
use serde::{Deserialize, Serialize};

use crate::db::schema::{volunteer_activities, volunteer_posts, volunteer_shifts, volunteer_sign_ups};
use crate::db::{DbError, parsed};

/// What is shown of an activity and not searched by. A field that is added later gets a default here.
#[derive(Serialize, Deserialize)]
struct Detail {
    description: String,
    place: Option<String>,
    /// Latitude, longitude, radius in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spot: Option<(f64, f64, i64)>,
    min_age: Option<i64>,
    max_age: Option<i64>,
    #[serde(default)]
    estates: Vec<String>,
    #[serde(default)]
    tags: Vec<String>,
    /// Activities from before there was a choice took everybody.
    #[serde(default = "yes")]
    without_household: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = volunteer_activities)]
pub(super) struct ActivityRow {
    pub(super) id: String,
    pub(super) community_id: String,
    pub(super) state: String,
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) points_per_hour: i64,
    pub(super) max_hours: i64,
    pub(super) flexible: bool,
    pub(super) per_household: Option<i64>,
    pub(super) hold_s: i64,
    pub(super) created_by: String,
    pub(super) version: i64,
    pub(super) created_at: i64,
    pub(super) ended_at: Option<i64>,
}

impl ActivityRow {
    pub(super) fn of(activity: &Activity) -> Result<Self, DbError> {
        let f = activity.facts();
        let detail = Detail {
            description: f.description.clone(),
            place: f.place.clone(),
            spot: f.spot.map(|spot| (spot.point.lat(), spot.point.lng(), spot.radius_m)),
            min_age: f.eligibility.min_age(),
            max_age: f.eligibility.max_age(),
            estates: f.eligibility.estates().iter().map(|estate| estate.text()).collect(),
            tags: f.eligibility.tags().to_vec(),
            without_household: f.without_household,
        };
        Ok(Self {
            id: f.id.text(),
            community_id: f.community.text(),
            state: f.state.as_str().to_owned(),
            title: f.title.clone(),
            detail: serde_json::to_string(&detail).map_err(|e| DbError::Corrupt(e.to_string()))?,
            points_per_hour: f.points_per_hour,
            max_hours: f.max_hours,
            flexible: f.flexible,
            per_household: f.per_household,
            hold_s: f.hold_s,
            created_by: f.created_by.text(),
            version: f.version,
            created_at: f.created_at.millis(),
            ended_at: f.ended_at.map(Timestamp::millis),
        })
    }

    pub(super) fn activity(self, last_ends_at: Option<i64>, now: Timestamp) -> Result<Activity, DbError> {
        let detail: Detail = serde_json::from_str(&self.detail).map_err(|e| DbError::Corrupt(e.to_string()))?;
        let eligibility = EligibilityDraft {
            min_age: detail.min_age,
            max_age: detail.max_age,
            estates: detail.estates.iter().map(|estate| parsed(estate)).collect::<Result<_, _>>()?,
            tags: detail.tags,
        };
        let spot = detail.spot.map(|(lat, lng, radius_m)| Spot::new(lat, lng, radius_m)).transpose();
        let facts = ActivityFacts {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            title: self.title,
            description: detail.description,
            place: detail.place,
            spot: spot.map_err(|_| DbError::Corrupt("a spot does not read back".to_owned()))?,
            points_per_hour: self.points_per_hour,
            max_hours: self.max_hours,
            eligibility: eligibility.check().map_err(|_| DbError::Corrupt("an eligibility does not read back".to_owned()))?,
            flexible: self.flexible,
            per_household: self.per_household,
            without_household: detail.without_household,
            hold_s: self.hold_s,
            state: parsed(&self.state)?,
            created_by: parsed(&self.created_by)?,
            created_at: Timestamp::from_millis(self.created_at),
            ended_at: self.ended_at.map(Timestamp::from_millis),
            last_ends_at: last_ends_at.map(Timestamp::from_millis),
        };
        Ok(Activity::restore(facts, now))
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = volunteer_shifts)]
pub(super) struct ShiftRow {
    pub(super) id: String,
    pub(super) community_id: String,
    pub(super) activity_id: String,
    pub(super) state: String,
    pub(super) starts_at: i64,
    pub(super) ends_at: i64,
    pub(super) sign_up_opens_at: Option<i64>,
    pub(super) cancel_before_s: i64,
    pub(super) version: i64,
    pub(super) created_at: i64,
}

impl ShiftRow {
    pub(super) fn of(shift: &Shift, now: Timestamp) -> Self {
        let f = shift.facts();
        Self {
            id: f.id.text(),
            community_id: f.community.text(),
            activity_id: f.activity.text(),
            state: f.state.as_str().to_owned(),
            starts_at: f.starts_at.millis(),
            ends_at: f.ends_at.millis(),
            sign_up_opens_at: f.sign_up_opens_at.map(Timestamp::millis),
            cancel_before_s: f.cancel_before_s,
            version: f.version,
            created_at: now.millis(),
        }
    }

    pub(super) fn shift(self, posts: Vec<Post>) -> Result<Shift, DbError> {
        Ok(Shift::restore(ShiftFacts {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            activity: parsed(&self.activity_id)?,
            starts_at: Timestamp::from_millis(self.starts_at),
            ends_at: Timestamp::from_millis(self.ends_at),
            sign_up_opens_at: self.sign_up_opens_at.map(Timestamp::from_millis),
            cancel_before_s: self.cancel_before_s,
            state: parsed(&self.state)?,
            posts,
        }))
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = volunteer_posts)]
pub(super) struct PostRow {
    pub(super) shift_id: String,
    pub(super) number: i64,
    pub(super) name: Option<String>,
    pub(super) capacity: i64,
    pub(super) waitlist_capacity: i64,
    pub(super) taken: i64,
    pub(super) offered: i64,
    pub(super) waitlisted: i64,
    pub(super) last_number: i64,
    pub(super) due_at: Option<i64>,
    pub(super) moves: i64,
}

impl PostRow {
    pub(super) fn of(shift: &str, post: &Post) -> Self {
        let p = post.pool;
        Self {
            shift_id: shift.to_owned(),
            number: post.number,
            name: post.name.clone(),
            capacity: p.capacity,
            waitlist_capacity: p.waitlist_capacity,
            taken: p.taken,
            offered: p.offered,
            waitlisted: p.waitlisted,
            last_number: p.last_number,
            due_at: p.due_at.map(Timestamp::millis),
            moves: p.moves,
        }
    }

    pub(super) fn post(self) -> Post {
        let pool = crate::capacity::pool((
            self.capacity,
            self.waitlist_capacity,
            self.taken,
            self.offered,
            self.waitlisted,
            self.last_number,
            self.due_at,
            self.moves,
        ));
        Post { number: self.number, name: self.name, pool }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(table_name = volunteer_sign_ups)]
pub(super) struct SignUpRow {
    pub(super) id: String,
    pub(super) community_id: String,
    pub(super) shift_id: String,
    pub(super) post: i64,
    pub(super) resident_id: String,
    pub(super) household_id: Option<String>,
    pub(super) state: String,
    pub(super) number: Option<i64>,
    pub(super) offered_until: Option<i64>,
    pub(super) checked_in_at: Option<i64>,
    pub(super) checked_out_at: Option<i64>,
    pub(super) minutes: Option<i64>,
    pub(super) points: Option<i64>,
    pub(super) version: i64,
    pub(super) signed_up_at: i64,
    pub(super) ended_at: Option<i64>,
}

/// Of the shift: activity, start, end, latest time to cancel.
pub(super) type OfShift = (String, i64, i64, i64);
/// Of the activity: points an hour, most hours, flexible.
pub(super) type OfActivity = (i64, i64, bool);
pub(super) type OfConsent = Option<(String, String, i64)>;

impl SignUpRow {
    pub(super) fn of(sign_up: &SignUp) -> Self {
        let f = sign_up.facts();
        let ms = |at: Option<Timestamp>| at.map(Timestamp::millis);
        Self {
            id: f.id.text(),
            community_id: f.community.text(),
            shift_id: f.shift.text(),
            post: f.post,
            resident_id: f.resident.text(),
            household_id: f.household.map(|home| home.text()),
            state: f.state.as_str().to_owned(),
            number: f.number,
            offered_until: ms(f.offered_until),
            checked_in_at: ms(f.checked_in_at),
            checked_out_at: ms(f.checked_out_at),
            minutes: f.minutes,
            points: f.points,
            version: f.version,
            signed_up_at: f.signed_up_at.millis(),
            ended_at: ms(f.ended_at),
        }
    }

    /// As it is stored: what time has done to it since is not looked at.
    pub(super) fn facts(
        self,
        (activity, starts_at, ends_at, cancel_before_s): OfShift,
        (points_per_hour, max_hours, flexible): OfActivity,
        consent: OfConsent,
    ) -> Result<SignUpFacts, DbError> {
        let at = |ms: Option<i64>| ms.map(Timestamp::from_millis);
        let consent = consent.map(|(version, guardian, agreed_at)| {
            Ok::<_, DbError>(Consent { version, guardian: parsed(&guardian)?, at: Timestamp::from_millis(agreed_at) })
        });
        Ok(SignUpFacts {
            id: parsed(&self.id)?,
            version: self.version,
            community: parsed(&self.community_id)?,
            shift: parsed(&self.shift_id)?,
            post: self.post,
            occasion: Occasion {
                activity: parsed(&activity)?,
                starts_at: Timestamp::from_millis(starts_at),
                ends_at: Timestamp::from_millis(ends_at),
                cancel_before_s,
                points_per_hour,
                max_hours,
                flexible,
            },
            resident: parsed(&self.resident_id)?,
            household: self.household_id.as_deref().map(parsed).transpose()?,
            state: parsed(&self.state)?,
            number: self.number,
            offered_until: at(self.offered_until),
            checked_in_at: at(self.checked_in_at),
            checked_out_at: at(self.checked_out_at),
            minutes: self.minutes,
            points: self.points,
            consent: consent.transpose()?,
            signed_up_at: Timestamp::from_millis(self.signed_up_at),
            ended_at: at(self.ended_at),
        })
    }
}
