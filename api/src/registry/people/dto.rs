//! What the registry speaks about people, their ties and their tags.

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiazai_domain::kernel::idcard;
use jiazai_domain::registry::sight::{self, Mask};
use jiazai_domain::registry::{self as domain, FactDraft, Share, Tag};
use jiazai_infra::events::Recorded;
use jiazai_infra::registry::people::Altered;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::dto::DocumentKind;
use crate::input::named::{
    AnyText500, CommunityRef, EventRef, FactRef, HomeRef, PersonRef, PersonTagRef, PrincipalRef, Text20, Text40, Text60, Text64, Text200,
    Text500,
};
use crate::input::{Day, Faults, Few, Instant, Ref};

crate::spoken! {
    /// Sex as the household register has it.
    SexWord = idcard::Sex { Male = "male", Female = "female" }
}

crate::spoken! {
    /// How a person is tied to a home: hukou 户口, residence 居住, owner 产权, tenant 租住, family 家庭成员, carer 照护人.
    FactWord = domain::FactKind {
        Hukou = "hukou", Residence = "residence", Ownership = "owner", Tenancy = "tenant", Family = "family", Carer = "carer",
    }
}

crate::spoken! {
    /// What can be revealed.
    RevealWord = sight::RevealField { Name = "name", IdNumber = "id_number", Phone = "phone", BornOn = "born_on" }
}

/// A field of a PUT: left out it stays, null takes the value away.
#[derive(Debug, Clone, Default)]
pub enum Change<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T: Deserr<Faults>> Deserr<Faults> for Change<T> {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        match value {
            Value::Null => Ok(Self::Clear),
            other => T::deserialize_from_value(other, at).map(Self::Set),
        }
    }
}

impl<T> Change<T> {
    /// None where it is to stay, `Some(None)` where it is to go.
    pub fn asked<'t, U: 't>(&'t self, of: impl FnOnce(&'t T) -> U) -> Option<Option<U>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(of(value))),
        }
    }
}

/// At most ten.
pub type NewFacts = Few<NewFact, 0, 10>;
/// One to four.
pub type RevealFields = Few<RevealWord, 1, 4>;

/// What ties a person to a home, from a day on.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewFact {
    #[schema(inline)]
    pub home_id: HomeRef,
    pub kind: FactWord,
    #[schema(inline)]
    pub from: Day,
    /// The first day on which it no longer holds: the day after a lease's last.
    #[schema(inline)]
    #[deserr(default)]
    pub until: Option<Day>,
    /// The owner's part, as `1/2` or `50%`; left out for joint ownership without parts.
    #[schema(inline)]
    #[deserr(default)]
    pub share: Option<Text20>,
    /// Residence: the person has no other home.
    #[deserr(default)]
    #[schema(required = false)]
    pub sole: bool,
    /// Residence: the hukou is known to be elsewhere.
    #[deserr(default)]
    #[schema(required = false)]
    pub separated: bool,
}

/// What a tie to a home says instead.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct CorrectFact {
    #[schema(inline)]
    pub from: Day,
    #[schema(inline)]
    #[deserr(default)]
    pub until: Option<Day>,
    #[schema(inline)]
    #[deserr(default)]
    pub share: Option<Text20>,
    #[deserr(default)]
    #[schema(required = false)]
    pub sole: bool,
    #[deserr(default)]
    #[schema(required = false)]
    pub separated: bool,
    #[schema(inline)]
    pub reason: Text500,
}

/// When a tie ends.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct EndFact {
    /// The first day on which it no longer holds.
    #[schema(inline)]
    pub until: Day,
}

/// A person, as somebody writes them down.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct NewPerson {
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(inline)]
    pub name: Text60,
    /// Of `id_number`; a resident identity card when left out.
    #[deserr(default)]
    pub id_type: Option<DocumentKind>,
    #[schema(inline)]
    #[deserr(default)]
    pub id_number: Option<Text40>,
    /// May be left out where the number tells it.
    #[deserr(default)]
    pub sex: Option<SexWord>,
    #[schema(inline)]
    #[deserr(default)]
    pub born_on: Option<Day>,
    #[schema(inline)]
    #[deserr(default)]
    pub phone: Option<Text20>,
    #[schema(inline)]
    #[deserr(default)]
    pub external_code: Option<Text64>,
    /// What ties them to homes. A grid worker ties a new person to a home of their grids at once.
    #[schema(inline, required = false)]
    #[deserr(default)]
    pub facts: NewFacts,
}

/// What is to be corrected of a person. What is left out stays as it is, null takes a value away.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct PutPerson {
    #[schema(inline)]
    #[deserr(default)]
    pub name: Option<Text60>,
    #[deserr(default)]
    pub id_type: Option<DocumentKind>,
    #[schema(inline, value_type = Option<Text40>)]
    #[deserr(default)]
    pub id_number: Change<Text40>,
    #[schema(value_type = Option<SexWord>)]
    #[deserr(default)]
    pub sex: Change<SexWord>,
    #[schema(inline, value_type = Option<Day>)]
    #[deserr(default)]
    pub born_on: Change<Day>,
    #[schema(inline, value_type = Option<Text20>)]
    #[deserr(default)]
    pub phone: Change<Text20>,
    #[schema(inline, value_type = Option<Text64>)]
    #[deserr(default)]
    pub external_code: Change<Text64>,
    #[schema(inline)]
    #[deserr(default)]
    pub reason: Option<AnyText500>,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Died {
    #[schema(inline)]
    pub deceased_on: Day,
}

#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct MovedOut {
    /// The first day on which they no longer live here.
    #[schema(inline)]
    pub moved_out_on: Day,
}

/// Which fields, and why.
#[derive(Debug, Clone, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct Reveal {
    #[schema(inline)]
    pub fields: RevealFields,
    /// At least four characters; the person reads it.
    #[schema(inline)]
    pub reason: Text200,
}

/// What was asked for and is known.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Revealed {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub born_on: Option<String>,
}

/// Somebody looked at whole numbers of a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegistryView {
    #[schema(inline)]
    pub id: EventRef,
    #[schema(inline)]
    pub person_id: PersonRef,
    #[schema(inline)]
    pub occurred_at: Instant,
    /// Who looked, by the name that residents read.
    pub by: String,
    pub fields: Vec<String>,
    pub reason: String,
}

impl RegistryView {
    /// None for an event that is no reveal.
    pub fn of(event: Recorded, by: String) -> Option<Self> {
        let fields = event.data.get("fields").and_then(serde_json::Value::as_str).unwrap_or_default();
        Some(Self {
            id: Ref(event.id),
            person_id: Ref(event.subject.parse().ok()?),
            occurred_at: event.occurred_at.into(),
            by,
            fields: fields.split_whitespace().map(str::to_owned).collect(),
            reason: event.note.unwrap_or_default(),
        })
    }
}

/// What ties a person to a home.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonFact {
    #[schema(inline)]
    pub id: FactRef,
    #[schema(inline)]
    pub home_id: HomeRef,
    pub kind: FactWord,
    #[schema(inline)]
    pub from: Day,
    /// The first day on which it no longer holds.
    #[schema(inline)]
    pub until: Option<Day>,
    #[schema(example = "50%")]
    pub share: Option<String>,
    pub sole: bool,
    pub separated: bool,
    /// keeper, import or proposal.
    pub source: &'static str,
    #[schema(inline)]
    pub recorded_at: Instant,
    /// Who wrote it down.
    #[schema(inline)]
    pub recorded_by: PrincipalRef,
    /// The fact that this one took the place of.
    #[schema(inline)]
    pub corrects: Option<FactRef>,
    /// When it was taken back; null while it is what is known.
    #[schema(inline)]
    pub superseded_at: Option<Instant>,
    /// Who took it back.
    #[schema(inline)]
    pub superseded_by: Option<PrincipalRef>,
    pub version: i64,
}

impl From<&domain::Fact> for PersonFact {
    fn from(fact: &domain::Fact) -> Self {
        Self {
            id: Ref(fact.id),
            home_id: Ref(fact.home),
            kind: fact.kind.into(),
            from: Day(fact.interval.from()),
            until: fact.interval.until().map(Day),
            share: fact.share.map(|share: Share| share.to_string()),
            sole: fact.sole,
            separated: fact.separated,
            source: fact.source.as_str(),
            recorded_at: fact.recorded_at.into(),
            recorded_by: Ref(fact.recorded_by),
            corrects: fact.corrects.map(Ref),
            superseded_at: fact.superseded.map(|(_, at)| at.into()),
            superseded_by: fact.superseded.map(|(by, _)| Ref(by)),
            version: fact.version,
        }
    }
}

/// A tag that a person has.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonTag {
    #[schema(inline)]
    pub id: PersonTagRef,
    pub code: String,
    pub name: String,
    #[schema(inline)]
    pub from: Day,
    /// The last day on which it holds.
    #[schema(inline)]
    pub until: Option<Day>,
    pub version: i64,
}

impl PersonTag {
    pub fn of(given: &domain::PersonTag, dictionary: &[Tag]) -> Self {
        let name = dictionary.iter().find(|tag| tag.code == given.code).map_or_else(String::new, |tag| tag.name.clone());
        Self {
            id: Ref(given.id),
            code: given.code.clone(),
            name,
            from: Day(given.interval.from()),
            until: given.interval.last_day().map(Day),
            version: given.version,
        }
    }
}

/// A person of the registry, masked as the caller's role demands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    #[schema(inline)]
    pub id: PersonRef,
    #[schema(inline)]
    pub community_id: CommunityRef,
    #[schema(example = "张*明")]
    pub name: String,
    pub id_type: Option<&'static str>,
    pub id_number_masked: Option<String>,
    pub phone_masked: Option<String>,
    pub sex: Option<&'static str>,
    /// The birth date, or its year for those who need no more.
    #[schema(example = "1949-12-31")]
    pub born: Option<String>,
    pub external_code: Option<String>,
    #[schema(inline)]
    pub deceased_on: Option<Day>,
    #[schema(inline)]
    pub moved_out_on: Option<Day>,
    /// Those that the caller may see.
    pub tags: Vec<PersonTag>,
    /// What ties them to homes that the caller sees, on the day; null in lists.
    pub facts: Option<Vec<PersonFact>>,
    /// The day that the answer is about.
    #[schema(inline)]
    pub as_of: Day,
    pub version: i64,
}

impl Person {
    pub fn of(
        person: &domain::Person,
        mask: Mask,
        tags: Vec<PersonTag>,
        facts: Option<Vec<PersonFact>>,
        day: jiazai_domain::kernel::time::Date,
    ) -> Self {
        let view = person.shown(mask);
        Self {
            id: Ref(person.id),
            community_id: Ref(person.community),
            name: view.name,
            id_type: view.id_type,
            id_number_masked: view.id_number_masked,
            phone_masked: view.phone_masked,
            sex: view.sex,
            born: view.born,
            external_code: person.external_code.clone().filter(|_| mask == Mask::Plain),
            deceased_on: person.deceased_on.map(Day),
            moved_out_on: person.moved_out_on.map(Day),
            tags,
            facts,
            as_of: Day(day),
            version: person.version,
        }
    }
}

/// One value that was changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonChange {
    /// Of the person, after the change.
    pub version: i64,
    #[schema(example = "phone")]
    pub field: String,
    /// Masked where it tells who somebody is.
    pub before: Option<String>,
    pub after: Option<String>,
    /// Who changed it.
    pub by: String,
    #[schema(inline)]
    pub at: Instant,
}

impl PersonChange {
    pub fn of(altered: Altered, mask: Mask, by: String) -> Self {
        use jiazai_domain::kernel::mask;
        let show = |value: Option<String>| {
            value.map(|text| match altered.field.as_str() {
                "id_number" => mask::resident_id(&text),
                "phone" => mask::phone(&text),
                "name" if mask < Mask::Plain => mask::name(&text),
                "born_on" if mask < Mask::Plain => text.chars().take(4).collect(),
                _ => text,
            })
        };
        let (before, after) = (show(altered.before.clone()), show(altered.after.clone()));
        Self { version: altered.version, field: altered.field, before, after, by, at: altered.at.into() }
    }
}

impl NewFact {
    pub fn draft(&self) -> Result<FactDraft, &'static str> {
        let share = self.share.as_ref().map(|text| Share::parse(&text.0)).transpose()?;
        let until = self.until.map(|day| day.0);
        Ok(FactDraft { kind: self.kind.into(), from: self.from.0, until, share, sole: self.sole, separated: self.separated })
    }
}

impl CorrectFact {
    pub fn draft(&self, kind: domain::FactKind) -> Result<FactDraft, &'static str> {
        let share = self.share.as_ref().map(|text| Share::parse(&text.0)).transpose()?;
        let until = self.until.map(|day| day.0);
        Ok(FactDraft { kind, from: self.from.0, until, share, sole: self.sole, separated: self.separated })
    }
}
