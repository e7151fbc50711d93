//! What the demo brings along: a community, its staff, a few homes and categories. Loaded on the first start only.

use chrono::Datelike;
use jiazai_domain::actor::{Actor, CommunityId, Grant, PrincipalId, PrincipalKind, Role};
use jiazai_domain::enrolment::round::{Action, Calendar, Parity, Round, RoundDraft, SeatsInput, Stage, Step, ZoneInput};
use jiazai_domain::enrolment::samples::SAMPLES;
use jiazai_domain::enrolment::school::{School, SchoolDraft};
use jiazai_domain::kernel::calendar::Calendars;
use jiazai_domain::kernel::time::Timestamp;
use jiazai_domain::registry::place::{Building, Estate, Grid, Home, HomeDraft, PlaceDraft};
use jiazai_domain::registry::{Area, Keeper, Occupancy};
use jiazai_domain::repair::{Category, CategoryDraft, Dispatch};
use jiazai_domain::volunteer::{Activity, ActivityDraft, Shift, ShiftDraft};
use jiazai_infra::db::{Db, DbError, Tx};
use jiazai_infra::registry::{homes, places as store};
use jiazai_infra::{community, enrolment, identity, password, repair, settings, volunteer};

/// Set in a database that holds demo accounts; production refuses to serve from it.
pub const MARK: &str = "demo";
pub const PASSWORD: &str = "jiazai-demo";

/// User name, what people read, role.
const STAFF: &[(&str, &str, Role)] = &[
    ("admin", "平台管理员", Role::PlatformAdmin),
    ("manager", "社区管理员 王主任", Role::CommunityAdmin),
    ("dispatcher", "派单员 小林", Role::Dispatcher),
    ("worker1", "维修师傅 老陈", Role::RepairWorker),
    ("worker2", "维修师傅 老黄", Role::RepairWorker),
    ("enroladmin", "入学管理员", Role::EnrolmentAdmin),
    ("reviewer1", "审核员 甲", Role::EnrolmentReviewer),
    ("reviewer2", "审核员 乙", Role::EnrolmentReviewer),
    ("leader", "志愿队长 阿珍", Role::VolunteerLeader),
    ("grid1", "网格员 小吴", Role::GridWorker),
    ("auditor", "审计员", Role::Auditor),
];

struct Sample {
    code: &'static str,
    name: &'static str,
    dispatch: Dispatch,
    within_s: (i64, i64, i64),
    calendar: &'static str,
    chargeable: bool,
    photos_required: bool,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

const CATEGORIES: &[Sample] = &[
    // Like the best of the field: somebody accepts within a minute and is there within ten.
    Sample {
        code: "express",
        name: "急修（一分钟接单）",
        dispatch: Dispatch::Grab,
        within_s: (MINUTE, 10 * MINUTE, 4 * HOUR),
        calendar: "always",
        chargeable: false,
        photos_required: false,
    },
    Sample {
        code: "plumbing",
        name: "水管漏水",
        dispatch: Dispatch::Assign,
        within_s: (30 * MINUTE, 2 * HOUR, 24 * HOUR),
        calendar: "always",
        chargeable: true,
        photos_required: false,
    },
    Sample {
        code: "electric",
        name: "电路故障",
        dispatch: Dispatch::Grab,
        within_s: (30 * MINUTE, 2 * HOUR, 24 * HOUR),
        calendar: "always",
        chargeable: true,
        photos_required: false,
    },
    Sample {
        code: "lift",
        name: "电梯",
        dispatch: Dispatch::Rotate,
        within_s: (5 * MINUTE, 30 * MINUTE, 8 * HOUR),
        calendar: "always",
        chargeable: false,
        photos_required: true,
    },
    Sample {
        code: "public",
        name: "公共设施",
        dispatch: Dispatch::Assign,
        within_s: (2 * HOUR, 8 * HOUR, 40 * HOUR),
        calendar: "workdays",
        chargeable: false,
        photos_required: true,
    },
];

/// Loads the demo data if this database has none. Blocks.
pub fn load(db: &Db, calendars: &Calendars) -> Result<(), DbError> {
    // One hash serves all: it takes tens of milliseconds, and the password is no secret.
    let hash = std::sync::OnceLock::new();
    let calendars = calendars.clone();
    db.write_blocking(move |tx| {
        if settings::get(tx, MARK)?.is_some() {
            return Ok(());
        }
        settings::insert(tx, MARK, "1")?;
        let hash = hash.get_or_init(|| password::hash(PASSWORD));
        let place: CommunityId = tx.new_id();
        community::insert(tx, place, "dongtu", "东涂社区", Some("城东街道"))?;
        let (mut manager, mut enrolment_admin) = (None, None);
        let mut grid_worker = None;
        for (username, name, role) in STAFF {
            let id = tx.new_id();
            identity::insert_principal(tx, id, PrincipalKind::Staff, name)?;
            identity::insert_staff(tx, id, username, hash)?;
            let community = (*role != Role::PlatformAdmin).then_some(place);
            let grants = [Grant { role: *role, community }];
            identity::replace_grants(tx, id, &grants)?;
            if *role == Role::GridWorker {
                grid_worker = Some(id);
            }
            let acting = || Actor { id, kind: PrincipalKind::Staff, session: None, grants: grants.to_vec(), scopes: vec![] };
            match role {
                Role::CommunityAdmin => manager = Some(acting()),
                Role::EnrolmentAdmin => enrolment_admin = Some(acting()),
                _ => {}
            }
        }
        let enrolment_admin = enrolment_admin.ok_or_else(|| DbError::Corrupt("the demo has no enrolment administrator".to_owned()))?;
        let manager = manager.ok_or_else(|| DbError::Corrupt("the demo has no community administrator".to_owned()))?;
        categories(tx, place, &calendars, &manager)?;
        places(tx, &manager, grid_worker.into_iter().collect())?;
        activity(tx, place, &manager)?;
        round(tx, place, &enrolment_admin)
    })
}

/// An estate, its buildings (name, units, floors), and whether they are in the grid that `grid1` looks after.
const ESTATES: &[(&str, &[(&str, i64, i64)], bool)] =
    &[("田庵花苑", &[("1号楼", 1, 6), ("2号楼", 2, 6)], true), ("东涂新村", &[("3号楼", 2, 4), ("5号楼", 1, 4)], false)];

/// How the homes of a floor were found to be lived in, in turn; none where nobody has looked yet.
const FOUND: &[Option<Occupancy>] = &[
    Some(Occupancy::OwnerOccupied),
    Some(Occupancy::OwnerOccupied),
    Some(Occupancy::Rented),
    Some(Occupancy::OwnerAbsent),
    None,
    Some(Occupancy::OwnerOccupied),
    Some(Occupancy::Vacant),
    Some(Occupancy::HukouOnly),
];

/// Two estates, two grids, and every home of four buildings.
fn places(tx: &mut Tx, manager: &Actor, grid_workers: Vec<PrincipalId>) -> Result<(), DbError> {
    fn broken(what: impl std::fmt::Debug) -> DbError {
        DbError::Corrupt(format!("the demo's places: {what:?}"))
    }
    let place = manager.grants.iter().find_map(|grant| grant.community).ok_or_else(|| broken("no community"))?;
    let by = manager.admin_of(place).map_err(broken)?;
    let keeper = Keeper::of(manager, place, vec![]).map_err(broken)?;
    let named = |name| PlaceDraft { name, external_code: None };
    let now = tx.now();
    let mut found = FOUND.iter().cycle();
    for (name, buildings, is_first) in ESTATES {
        let (grid, staff) = if *is_first { ("第一网格", grid_workers.clone()) } else { ("第二网格", vec![]) };
        let grid = store::save_grid(tx, Grid::create(tx.new_id(), named(grid), staff, &by, now).map_err(broken)?)?;
        let estate = store::save_estate(tx, Estate::create(tx.new_id(), named(name), &by, now).map_err(broken)?)?;
        for (name, units, floors) in *buildings {
            let building = Building::create(tx.new_id(), &estate, Some(&grid), named(name), &by, now).map_err(broken)?;
            let building = store::save_building(tx, building)?;
            for (unit, floor, side) in (1..=*units).flat_map(|u| (1..=*floors).flat_map(move |f| (1..=2).map(move |s| (u, f, s)))) {
                let unit = if *units > 1 { format!("{unit}单元") } else { String::new() };
                let number = format!("{floor}0{side}");
                let area = Area::from_hundredths(8_953 + 1_200 * (side - 1)).ok();
                let draft = HomeDraft { unit: &unit, floor: Some(floor), number: &number, area, external_code: None };
                let home = Home::create(tx.new_id(), &building, draft, &keeper, now).map_err(broken)?;
                let home = homes::insert(tx, home, &estate, &building)?;
                if let Some(Some(status)) = found.next() {
                    homes::save_occupancy(tx, home.set_occupancy(*status, &keeper, now).map_err(broken)?)?;
                }
            }
        }
    }
    Ok(())
}

fn categories(tx: &mut Tx, place: CommunityId, calendars: &Calendars, manager: &Actor) -> Result<(), DbError> {
    let by = manager.admin_of(place).map_err(|_| DbError::Corrupt("the demo's manager manages nothing".to_owned()))?;
    for sample in CATEGORIES {
        let (accept_within_s, arrive_within_s, resolve_within_s) = sample.within_s;
        let draft = CategoryDraft {
            name: sample.name,
            dispatch: sample.dispatch,
            accept_within_s,
            arrive_within_s,
            resolve_within_s,
            calendar: sample.calendar,
            chargeable: sample.chargeable,
            photos_required: sample.photos_required,
            active: true,
        };
        let category = Category::create(sample.code, draft, calendars, &by, tx.now());
        repair::save_category(tx, category.map_err(|faults| DbError::Corrupt(format!("demo category {}: {faults:?}", sample.code)))?)?;
    }
    Ok(())
}

/// A published activity with a shift on each day of the coming weekend.
fn activity(tx: &mut Tx, place: CommunityId, manager: &jiazai_domain::actor::Actor) -> Result<(), DbError> {
    let broken = |what: &str| DbError::Corrupt(format!("the demo's activity: {what}"));
    let by = manager.volunteer_leader_of(place).map_err(|_| broken("nobody leads"))?;
    let now = tx.now();
    let draft = ActivityDraft {
        title: "清洁河岸",
        description: "沿河捡拾垃圾，请自带水杯，穿防滑鞋。手套和夹子由社区提供。",
        place: Some("田庵花苑南门"),
        points_per_hour: 10,
        max_hours: 4,
        ..ActivityDraft::default()
    };
    let planned = Activity::create(tx.new_id(), draft.check().map_err(|_| broken("values"))?, &by, now);
    let activity = volunteer::save_activity(tx, planned)?;
    let published = activity.publish(manager, now).map_err(|_| broken("not published"))?;
    let activity = volunteer::save_activity(tx, published)?;
    let day = now.date();
    let to_saturday = 6 - i64::from(day.weekday().number_from_monday()) + if day.weekday().number_from_monday() >= 6 { 7 } else { 0 };
    let nine = Timestamp::start_of(day).plus_seconds(to_saturday * 24 * HOUR + 9 * HOUR);
    for (starts_at, places) in [(nine, 20), (nine.plus_seconds(24 * HOUR), 10)] {
        let draft = ShiftDraft {
            starts_at,
            ends_at: starts_at.plus_seconds(2 * HOUR),
            capacity: Some(places),
            waitlist_capacity: Some(places / 2),
            sign_up_opens_at: None,
            cancel_before_s: None,
            posts: vec![],
        };
        let plan = draft.check(now).map_err(|_| broken("times"))?;
        let shift = Shift::schedule(tx.new_id(), plan, &activity, &by, now).map_err(|_| broken("not scheduled"))?;
        volunteer::save_shift(tx, shift)?;
    }
    Ok(())
}

const DAY: i64 = 24 * HOUR;

/// Two schools and a round that is open: since yesterday, and for a month.
fn round(tx: &mut Tx, place: CommunityId, admin: &Actor) -> Result<(), DbError> {
    fn broken(what: impl std::fmt::Debug) -> DbError {
        DbError::Corrupt(format!("the demo's round: {what:?}"))
    }
    let now = tx.now();
    let mut schools = Vec::new();
    for name in ["东涂实验小学", "田庵小学"] {
        let draft = SchoolDraft { name, stage: Some(Stage::Primary), communities: vec![place] };
        let school = School::create(tx.new_id(), draft, admin, now).map_err(broken)?;
        schools.push(enrolment::save_school(tx, school)?.facts().id);
    }
    let buildings = store::buildings(tx, place, &store::BuildingFilter::default(), None, None)?;
    // The estate next to the second school belongs to both zones 多校划片.
    let zone = |school, building| ZoneInput {
        school,
        building: Some(building),
        street: None,
        door_from: None,
        door_to: None,
        parity: Parity::All,
        valid_from: None,
        valid_to: None,
    };
    let all = buildings.iter().map(|building| zone(schools[0], building.id));
    let both = buildings.iter().take(2).map(|building| zone(schools[1], building.id));
    let today = now.date();
    let year = if today.month() <= 8 { today.year() } else { today.year() + 1 };
    let day = |year: i32, month, day| chrono::NaiveDate::from_ymd_opt(year, month, day).ok_or_else(|| broken(year));
    let at = |days: i64| Timestamp::start_of(today).plus_seconds(days * DAY);
    let sample = SAMPLES.iter().find(|sample| sample.code == "anxi").ok_or_else(|| broken("no rules"))?;
    let title = format!("东涂社区 {year} 年秋季小学一年级招生");
    let draft = RoundDraft {
        title: &title,
        school_year: i64::from(year),
        stage: Stage::Primary,
        born_from: day(year - 7, 9, 1)?,
        born_to: day(year - 6, 8, 31)?,
        calendar: Calendar { register_from: at(-1), register_to: at(30), review_to: at(45), objection_to: at(52), confirm_to: at(66) },
        rules: enrolment::rule_set_input(sample.rules)?,
        seat_plans: schools.iter().zip([90, 45]).map(|(school, seats)| SeatsInput { school: *school, seats }).collect(),
        zones: all.chain(both).collect(),
        announcement: Some("凡年满六周岁的适龄儿童均可在线登记；登记前可先预检类别和所需材料。"),
        consent: None,
    };
    let made = Round::create(tx.new_id(), place, &draft, admin, now).map_err(broken)?;
    let round = enrolment::save_round(tx, made)?;
    let published = round.step(Action::Publish, Step::default(), admin, now).map_err(broken)?;
    let round = enrolment::save_round(tx, published)?;
    let opened = round.step(Action::Open, Step::default(), admin, now).map_err(broken)?;
    enrolment::save_round(tx, opened)?;
    Ok(())
}
