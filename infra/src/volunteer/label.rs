//! What sign-ups are shown with: the activity's title, the post's name, the volunteer's.

use diesel::prelude::*;
use jiazai_domain::actor::PrincipalId;
use jiazai_domain::volunteer::{ShiftId, SignUp};

use crate::db::schema::{principals, volunteer_activities, volunteer_posts, volunteer_shifts};
use crate::db::{DbError, Tx, native, parsed};

/// Titles and names for some sign-ups, read at once for all of them.
#[derive(Debug, Default)]
pub struct Labels {
    titles: Vec<(ShiftId, String)>,
    posts: Vec<(ShiftId, i64, Option<String>)>,
    people: Vec<(PrincipalId, String)>,
}

impl Labels {
    pub fn title(&self, of: &SignUp) -> &str {
        self.titles.iter().find(|(shift, _)| *shift == of.facts().shift).map_or("", |(_, title)| title)
    }

    pub fn post(&self, of: &SignUp) -> Option<&str> {
        let f = of.facts();
        self.posts.iter().find(|(shift, number, _)| *shift == f.shift && *number == f.post).and_then(|(_, _, name)| name.as_deref())
    }

    pub fn person(&self, of: &SignUp) -> Option<&str> {
        self.people.iter().find(|(person, _)| *person == of.facts().resident).map(|(_, name)| name.as_str())
    }
}

pub fn labels(tx: &mut Tx, sign_ups: &[SignUp]) -> Result<Labels, DbError> {
    if sign_ups.is_empty() {
        return Ok(Labels::default());
    }
    let distinct = |of: fn(&SignUp) -> String| {
        let mut all: Vec<String> = sign_ups.iter().map(of).collect();
        all.sort();
        all.dedup();
        all
    };
    let shifts = distinct(|s| s.facts().shift.text());
    let titles: Vec<(String, String)> = native!(tx, |conn| {
        volunteer_shifts::table
            .inner_join(volunteer_activities::table.on(volunteer_activities::id.eq(volunteer_shifts::activity_id)))
            .filter(volunteer_shifts::id.eq_any(&shifts))
            .select((volunteer_shifts::id, volunteer_activities::title))
            .load(conn)
    })?;
    let posts: Vec<(String, i64, Option<String>)> = native!(tx, |conn| {
        volunteer_posts::table
            .filter(volunteer_posts::shift_id.eq_any(&shifts))
            .select((volunteer_posts::shift_id, volunteer_posts::number, volunteer_posts::name))
            .load(conn)
    })?;
    let people: Vec<(String, String)> = native!(tx, |conn| {
        principals::table
            .filter(principals::id.eq_any(distinct(|s| s.facts().resident.text())))
            .select((principals::id, principals::display_name))
            .load(conn)
    })?;
    Ok(Labels {
        titles: titles.into_iter().map(|(id, title)| Ok((parsed(&id)?, title))).collect::<Result<_, DbError>>()?,
        posts: posts.into_iter().map(|(id, number, name)| Ok((parsed(&id)?, number, name))).collect::<Result<_, DbError>>()?,
        people: people.into_iter().map(|(id, name)| Ok((parsed(&id)?, name))).collect::<Result<_, DbError>>()?,
    })
}
