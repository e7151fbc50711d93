//! A report that a program brings: read, checked, and taken as any other.

use jiazai_domain::actor::CommunityId;
use jiazai_domain::registry::HomeId;
use jiazai_domain::repair::TicketId;
use jiazai_infra::db::Tx;
use jiazai_infra::repair::{self as store, Contact, Origin};

use super::asked::{Given, unknown_service};
use super::jurisdiction;
use crate::audit;
use crate::call::Cx;
use crate::error::{ApiError, code};
use crate::input::{Few, Ref, Text};
use crate::repair::commands;
use crate::repair::dto::NewTicket;

/// Characters of a title.
const TITLE: usize = 60;
/// Characters of what is said about a person or a picture.
const SHORT: usize = 200;
const LONGEST_URL: usize = 500;

#[derive(Clone)]
pub struct Reported {
    place: CommunityId,
    service: String,
    home: Option<HomeId>,
    address: Option<String>,
    title: Option<String>,
    description: Option<String>,
    origin: Origin,
    contact: Contact,
}

pub(super) fn wrong(name: &str, zh: &str, en: &str) -> ApiError {
    ApiError::query(name, zh, en)
}

impl Reported {
    /// # Errors
    /// What the standard has 400 for: no service, no place, values that cannot be.
    pub fn read(given: &Given, place: CommunityId) -> Result<Self, ApiError> {
        let service = given.one("service_code")?.ok_or_else(|| wrong("service_code", "必填", "is required"))?;
        let (lat, long) = (degrees(given, "lat", 90.0)?, degrees(given, "long", 180.0)?);
        if lat.is_some() != long.is_some() {
            return Err(wrong("long", "lat 与 long 应同时给出", "and lat come together"));
        }
        let home = given.one("address_id")?.map(|text| text.parse().map_err(|_| wrong("address_id", "没有这个房屋", "is not a home's id")));
        let home = home.transpose()?;
        let address = short(given, "address_string")?;
        if home.is_none() && address.is_none() && lat.is_none() {
            return Err(wrong(
                "address_string",
                "lat 与 long、address_string、address_id 至少给出一种",
                "or lat and long or address_id is required",
            ));
        }
        // Who goes there wants words; a map's numbers are better than none.
        let address = address.or_else(|| lat.zip(long).filter(|_| home.is_none()).map(|(lat, long)| format!("{lat:.6}, {long:.6}")));
        let name: Vec<String> = [short(given, "last_name")?, short(given, "first_name")?].into_iter().flatten().collect();
        let spaced = name.iter().any(|part| part.is_ascii());
        let name =
            (!name.is_empty()).then(|| if spaced { name.iter().rev().cloned().collect::<Vec<_>>().join(" ") } else { name.concat() });
        Ok(Self {
            place,
            service: service.to_owned(),
            home,
            address,
            title: short(given, "attribute[title]")?,
            description: given.one("description")?.map(str::to_owned),
            origin: Origin { lat, long, media_url: media(given)? },
            contact: Contact {
                name,
                phone: short(given, "phone")?,
                email: short(given, "email")?,
                account: short(given, "account_id")?.or(short(given, "device_id")?),
            },
        })
    }

    /// Takes it: the key's account reports. Written down for auditors like whatever a program does.
    pub fn submit(&self, tx: &mut Tx, cx: &Cx) -> Result<TicketId, ApiError> {
        let who = cx.actor()?;
        let place = jurisdiction(tx, self.place)?;
        let category = store::category(tx, place, &self.service)?.filter(|category| category.active).ok_or_else(unknown_service)?;
        let description = self.description.clone().unwrap_or_else(|| category.name.clone());
        let first: String =
            self.title.as_deref().unwrap_or(&description).lines().next().unwrap_or_default().trim().chars().take(TITLE).collect();
        let body = NewTicket {
            community_id: Ref(place),
            home_id: self.home.map(Ref),
            place: self.address.clone().map(Text),
            category: Text(self.service.clone()),
            title: Text(if first.is_empty() { category.name.clone() } else { first }),
            description: Text(description),
            photos: Few(vec![]),
            appointment: None,
            affected_homes: Few(vec![]),
            delegation_id: None,
        };
        let reply = commands::submit(tx, cx, &body)?;
        let made = reply.headers.location.as_deref().and_then(|location| location.rsplit('/').next()?.parse().ok());
        let id: TicketId = made.ok_or_else(|| ApiError::new(code::INTERNAL))?;
        store::insert_origin(tx, &cx.app.vault, (id, place, who.id), &self.origin, &self.contact)?;
        audit::done(tx, cx.asked(), cx.identity(), &reply)?;
        Ok(id)
    }
}

pub(super) fn short(given: &Given, name: &'static str) -> Result<Option<String>, ApiError> {
    match given.one(name)? {
        Some(text) if text.chars().count() > SHORT || text.chars().any(char::is_control) => {
            Err(wrong(name, "应为至多 200 个字，不含控制字符", "must be at most 200 characters, none of them a control character"))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn degrees(given: &Given, name: &'static str, most: f64) -> Result<Option<f64>, ApiError> {
    match given.one(name)?.map(str::parse::<f64>) {
        None => Ok(None),
        Some(Ok(number)) if number.is_finite() && number.abs() <= most => Ok(Some(number)),
        Some(_) => Err(wrong(name, "不是有效的坐标（WGS 84）", "is not a coordinate (WGS 84)")),
    }
}

/// An address of a picture: handed on, never fetched, so nothing about where it leads is asked.
pub(super) fn media(given: &Given) -> Result<Option<String>, ApiError> {
    match given.one("media_url")? {
        None => Ok(None),
        Some(url)
            if url.len() <= LONGEST_URL
                && (url.starts_with("https://") || url.starts_with("http://"))
                && url.chars().all(|c| c.is_ascii_graphic()) =>
        {
            Ok(Some(url.to_owned()))
        }
        Some(_) => Err(wrong("media_url", "应为 http 或 https 网址", "must be an address of http or https")),
    }
}
