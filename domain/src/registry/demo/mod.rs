//! Demo data 演示数据: communities of real sizes, full of people who do not exist.
//!
//! The same seed and day give the same rows on every machine. Numbers pass their check, but stand under a region that no
//! administrative division has (99), telephones under a prefix that no network gives to people (140), and every name holds
//! a character that says so (样、例、拟、试、仿). Rows have the shape of an import, so demo data come in by the
//! same door as real ones.

mod random;

use random::Random;

use super::document::{Document, DocumentType};
use super::fact::{FactKind, Share};
use super::import::{Lives, PersonRow, RegistryRow};
use super::person::Particulars;
use super::presets::{FIVE, Preset, SIX, TWENTY_SEVEN};
use super::{Area, Occupancy};
use crate::kernel::idcard::Sex;
use crate::kernel::time::Date;

crate::words! {
    /// Which community the data are like.
    Like {
        /// 供电
        Gongdian = "gongdian",
        /// 明珠
        Mingzhu = "mingzhu",
        /// 市南
        Shinan = "shinan",
        /// 凤湖
        Fenghu = "fenghu",
    }
}

/// How many there are of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub estates: usize,
    pub grids: usize,
    pub buildings: usize,
    /// Units, which are entrances, of all buildings together.
    pub units: usize,
    pub homes: usize,
    pub people: usize,
}

impl Like {
    /// By word or by Chinese name.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|like| like.as_str() == text || like.chinese() == text)
    }

    pub const fn chinese(self) -> &'static str {
        match self {
            Self::Gongdian => "供电",
            Self::Mingzhu => "明珠",
            Self::Shinan => "市南",
            Self::Fenghu => "凤湖",
        }
    }

    /// Published figures where there are any; the rest is in keeping with them.
    pub const fn size(self) -> Size {
        match self {
            Self::Gongdian => Size { estates: 6, grids: 10, buildings: 86, units: 240, homes: 2911, people: 6812 },
            Self::Mingzhu => Size { estates: 7, grids: 12, buildings: 124, units: 330, homes: 4136, people: 9415 },
            Self::Shinan => Size { estates: 5, grids: 6, buildings: 88, units: 257, homes: 3100, people: 7052 },
            Self::Fenghu => Size { estates: 14, grids: 14, buildings: 180, units: 500, homes: 6348, people: 12_300 },
        }
    }

    /// The tags that its rows use.
    pub const fn preset(self) -> &'static Preset {
        match self {
            Self::Gongdian | Self::Shinan => &FIVE,
            Self::Mingzhu => &SIX,
            Self::Fenghu => &TWENTY_SEVEN,
        }
    }

    /// What a community of such data is called.
    pub fn community_name(self) -> String {
        format!("{}社区（演示）", self.chinese())
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// One home before it is written out.
#[derive(Debug, Clone, Copy)]
struct Plan {
    occupancy: Occupancy,
    people: u8,
    /// How many people live in all homes before this one.
    before: usize,
}

/// The data of one community, to be read row by row.
#[derive(Debug, Clone)]
pub struct Demo {
    like: Like,
    size: Size,
    seed: u64,
    today: Date,
    plans: Vec<Plan>,
}

/// The most people in one home.
const MOST: u8 = 6;

/// The day of demo data: whoever loads them in another year loads the same people.
pub fn day() -> Date {
    Date::from_ymd_opt(2026, 1, 1).unwrap_or_default()
}

/// Data like those of a community, for a seed and a day.
pub fn generate(like: Like, seed: u64, today: Date) -> Demo {
    Demo::new(like, like.size(), seed, today)
}

impl Demo {
    fn new(like: Like, size: Size, seed: u64, today: Date) -> Self {
        let mut random = Random::new(seed, like.index() as u64);
        let mut plans: Vec<Plan> = (0..size.homes).map(|_| plan(&mut random)).collect();
        // The sizes are drawn, their sum is given: take from or add to one home after another until it fits.
        let (mut sum, mut at) = (plans.iter().map(|p| usize::from(p.people)).sum::<usize>(), 0);
        while sum != size.people {
            let plan = &mut plans[at % size.homes];
            if sum > size.people && plan.people > 1 {
                plan.people -= 1;
                sum -= 1;
            } else if sum < size.people && plan.people > 0 && plan.people < MOST {
                plan.people += 1;
                sum += 1;
            }
            // A step that shares no factor with any size visits every home.
            at += 7919;
        }
        let mut before = 0;
        for plan in &mut plans {
            plan.before = before;
            before += usize::from(plan.people);
        }
        Self { like, size, seed, today, plans }
    }

    pub fn like(&self) -> Like {
        self.like
    }

    pub fn size(&self) -> Size {
        self.size
    }

    /// All homes, building after building.
    pub fn homes(&self) -> impl ExactSizeIterator<Item = RegistryRow> + '_ {
        (0..self.size.homes).map(|home| self.home(home))
    }

    /// All people, home after home.
    pub fn people(&self) -> impl Iterator<Item = PersonRow> + '_ {
        (0..self.size.homes).flat_map(|home| self.household(home))
    }

    fn home(&self, home: usize) -> RegistryRow {
        let s = &self.size;
        let building = home * s.buildings / s.homes;
        let within = home - (building * s.homes).div_ceil(s.buildings);
        let units = (building + 1) * s.units / s.buildings - building * s.units / s.buildings;
        let (unit, at) = (within % units + 1, within / units);
        let floor = at / 2 + 1;
        let estate = building * s.estates / s.buildings;
        let first = (estate * s.buildings).div_ceil(s.estates);
        let mut random = Random::new(self.seed, home as u64 ^ 0x486F_6D65);
        RegistryRow {
            estate: ESTATES[estate % ESTATES.len()].to_owned(),
            grid: Some(format!("第{:02}网格", building * s.grids / s.buildings + 1)),
            building: format!("{}栋", building - first + 1),
            unit: format!("{unit}单元"),
            floor: Some(floor as i64),
            number: format!("{floor}{:02}", at % 2 + 1),
            area: Area::from_hundredths(4500 + random.below(9500) as i64).ok(),
            occupancy: Some(self.plans[home].occupancy),
            external_code: Some(format!("DEMO-H{:06}", home + 1)),
            extras: vec![],
        }
    }

    fn household(&self, home: usize) -> Vec<PersonRow> {
        let (row, plan) = (self.home(home), self.plans[home]);
        let mut random = Random::new(self.seed, home as u64 ^ 0x5065_6F70_6C65);
        let people = usize::from(plan.people);
        let head = if random.chance(20) { 60 + random.below(33) } else { 26 + random.below(34) };
        let surname = SURNAMES[random.below(SURNAMES.len() as u64) as usize];
        // Nobody's lease ends within ten years: the data are loaded on any day after theirs.
        let lease = self.today + chrono::Days::new(3660 + random.below(700));
        let couple_owns = people > 1 && random.chance(40);
        let years = random.below(12);
        (0..people)
            .map(|k| {
                let age = match k {
                    0 => head,
                    1 if random.chance(85) => head.saturating_sub(random.below(6)).max(20),
                    2 if head < 50 && random.chance(70) => random.below(18),
                    2 => 18 + random.below(15),
                    3 if random.chance(50) => random.below(18),
                    _ => 55 + random.below(30),
                };
                // The couple is one of each; of the others it is chance.
                let male = if k < 2 { k == 0 } else { random.chance(50) };
                let index = plan.before + k;
                let born_on = self.today - chrono::Days::new(age * 365 + age / 4 + random.below(360));
                let owners = if couple_owns { 2 } else { 1 };
                let relation = match plan.occupancy {
                    Occupancy::Rented if k < 2 => FactKind::Tenancy,
                    Occupancy::Rented => FactKind::Family,
                    _ if k < owners => FactKind::Ownership,
                    _ => FactKind::Family,
                };
                let since = self.today - chrono::Days::new(years * 365 + random.below(300));
                let mut person = self.person(index, born_on, male, &mut random);
                // Children have the name of the house, and so do most who live alone in this list.
                let own = if k == 1 { SURNAMES[random.below(SURNAMES.len() as u64) as usize] } else { surname };
                person.name = name(own, &mut random);
                if age < 14 {
                    person.phone = None;
                }
                PersonRow {
                    person,
                    estate: row.estate.clone(),
                    building: row.building.clone(),
                    unit: row.unit.clone(),
                    number: row.number.clone(),
                    relation,
                    tags: tags(self.like.preset(), age, male, people, &mut random),
                    since: Some(since.max(born_on)),
                    lease_ends_on: Some(lease).filter(|_| relation == FactKind::Tenancy),
                    share: Share::basis_points(Share::WHOLE / owners as i64).ok().filter(|_| relation == FactKind::Ownership),
                    lives_here: Some(if plan.occupancy == Occupancy::HukouOnly { Lives::No } else { Lives::Only }),
                    hukou_here: Some(matches!(plan.occupancy, Occupancy::OwnerOccupied | Occupancy::HukouOnly)),
                    lives_since: None,
                    hukou_since: None,
                    tag_days: vec![],
                    extras: vec![],
                }
            })
            .collect()
    }

    fn person(&self, index: usize, born_on: Date, male: bool, random: &mut Random) -> Particulars {
        // Region and sequence together count the people, so that no two numbers are one, whatever the birthdays.
        let region = 990_000 + self.like.index() * 100 + index / 500;
        let sequence = index % 500 * 2 + usize::from(male);
        let digits = format!("{region}{}{sequence:03}", born_on.format("%Y%m%d"));
        let document =
            "0123456789X".chars().find_map(|check| Document::new(DocumentType::ResidentId, &format!("{digits}{check}"), self.today).ok());
        let phone = format!("1400{}{index:06}", self.like.index()).parse().ok().filter(|_| random.chance(88));
        Particulars {
            name: String::new(),
            document,
            sex: Some(if male { Sex::Male } else { Sex::Female }),
            born_on: Some(born_on),
            phone,
            external_code: Some(format!("DEMO-P{:06}", index + 1)),
        }
    }
}

fn plan(random: &mut Random) -> Plan {
    let (occupancy, people) = match random.below(100) {
        0..=8 => (Occupancy::Vacant, 0),
        9..=65 => (Occupancy::OwnerOccupied, 1 + random.below(4)),
        66..=77 => (Occupancy::OwnerAbsent, 1 + random.below(4)),
        78..=83 => (Occupancy::HukouOnly, 1 + random.below(2)),
        84..=97 => (Occupancy::Rented, 1 + random.below(3)),
        _ => (Occupancy::Unknown, 0),
    };
    Plan { occupancy, people: people as u8, before: 0 }
}

fn name(surname: &str, random: &mut Random) -> String {
    let mark = MARKS[random.below(MARKS.len() as u64) as usize];
    let second = SECONDS[random.below(SECONDS.len() as u64) as usize];
    format!("{surname}{mark}{second}")
}

fn tags(preset: &Preset, age: u64, male: bool, people: usize, random: &mut Random) -> Vec<String> {
    let fits = |code: &str, random: &mut Random| match code {
        "elder" => age >= 60,
        "elder_eighty" => age >= 80,
        "elder_alone" => age >= 65 && people == 1,
        "elder_empty_nest" => age >= 65 && people == 2,
        "elder_disabled" => age >= 70 && random.chance(5),
        "childbearing_age" => !male && (15..50).contains(&age),
        "pregnant" => !male && (20..45).contains(&age) && random.chance(2),
        "child_in_need" | "left_behind_child" | "orphan" => age < 16 && random.chance(3),
        "fully_vaccinated" => random.chance(70),
        "veteran" => age >= 22 && male && random.chance(4),
        _ => age >= 18 && random.chance(1),
    };
    preset.tags.iter().filter(|tag| fits(tag.code, random)).map(|tag| tag.name.to_owned()).collect()
}

const ESTATES: [&str; 14] = [
    "样例一村",
    "样例二村",
    "示范家园",
    "演示花苑",
    "虚拟新城",
    "假想雅居",
    "例园",
    "拟景苑",
    "试验里",
    "模型坊",
    "仿真公寓",
    "范本小筑",
    "设想湖畔",
    "练习名邸",
];
const SURNAMES: [&str; 20] =
    ["赵", "钱", "孙", "李", "周", "吴", "郑", "王", "冯", "陈", "褚", "卫", "蒋", "沈", "韩", "杨", "朱", "秦", "尤", "许"];
const MARKS: [&str; 5] = ["样", "例", "拟", "试", "仿"];
const SECONDS: [&str; 24] = [
    "一", "二", "三", "四", "五", "六", "春", "夏", "秋", "冬", "东", "南", "西", "北", "山", "川", "江", "河", "松", "竹", "梅", "兰",
    "明", "文",
];
