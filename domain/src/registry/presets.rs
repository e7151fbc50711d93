//! Tag schemes that communities start from. Data, not rules: an administrator takes one over and changes it at will.
//!
//! The five are those that a power-company housing area names on its coloured flats, the six a compact portrait of the
//! people who come first, the twenty-seven a full list of key population 重点人群. Names of laws are those in force in 2026.

use crate::actor::Role;

/// A ready-made tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresetTag {
    pub code: &'static str,
    pub name: &'static str,
    pub legal_basis: &'static str,
    pub valid_days: Option<i64>,
    pub visible_to: &'static [Role],
}

/// A ready-made scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    pub code: &'static str,
    pub name: &'static str,
    pub tags: &'static [PresetTag],
}

/// Those who come to the door may know.
const DOOR: &[Role] = &[Role::GridWorker];
/// Known to those who need it for service as well.
const SERVICE: &[Role] = &[Role::GridWorker, Role::PropertyManager, Role::Dispatcher];
/// Administrators only: the mere word could harm.
const CLOSED: &[Role] = &[];

const YEAR: Option<i64> = Some(365);

const fn tag(
    code: &'static str,
    name: &'static str,
    legal_basis: &'static str,
    valid_days: Option<i64>,
    visible_to: &'static [Role],
) -> PresetTag {
    PresetTag { code, name, legal_basis, valid_days, visible_to }
}

const VETERAN: PresetTag = tag("veteran", "退役军人", "《退役军人保障法》", None, DOOR);
const BEREAVED: PresetTag = tag("family_planning_special", "特扶家庭人员", "《人口与计划生育法》", None, CLOSED);
const ELDER: PresetTag = tag("elder", "老年人", "《老年人权益保障法》", None, SERVICE);
const CHILDBEARING: PresetTag = tag("childbearing_age", "育龄妇女", "《母婴保健法》", YEAR, DOOR);
const VACCINATED: PresetTag = tag("fully_vaccinated", "全程接种人员", "《疫苗管理法》", YEAR, DOOR);
const LIVING_ALONE: PresetTag = tag("elder_alone", "独居老人", "《老年人权益保障法》", YEAR, SERVICE);
const DISABLED: PresetTag = tag("disabled", "残疾人", "《残疾人保障法》", Some(5 * 365), SERVICE);
const LOW_INCOME: PresetTag = tag("low_income", "低保对象", "《社会救助暂行办法》", YEAR, DOOR);
const CHILD_IN_NEED: PresetTag = tag("child_in_need", "困境儿童", "《未成年人保护法》", YEAR, DOOR);
const FAVOURED: PresetTag = tag("favoured", "优抚对象", "《军人抚恤优待条例》", None, DOOR);

/// 供电: the five classes named on its colour-coded flats.
pub const FIVE: Preset = Preset { code: "five", name: "五类人群", tags: &[VETERAN, BEREAVED, ELDER, CHILDBEARING, VACCINATED] };

/// 明珠: six classes of people who come first.
pub const SIX: Preset =
    Preset { code: "six", name: "六类重点服务人群", tags: &[LIVING_ALONE, DISABLED, LOW_INCOME, CHILD_IN_NEED, VETERAN, FAVOURED] };

/// 贤溪: twenty-seven classes of key population.
pub const TWENTY_SEVEN: Preset = Preset {
    code: "twenty_seven",
    name: "二十七类重点人群",
    tags: &[
        ELDER,
        LIVING_ALONE,
        tag("elder_empty_nest", "空巢老人", "《老年人权益保障法》", YEAR, SERVICE),
        tag("elder_eighty", "高龄老人", "《老年人权益保障法》", None, SERVICE),
        tag("elder_disabled", "失能老人", "《老年人权益保障法》", YEAR, SERVICE),
        DISABLED,
        LOW_INCOME,
        tag("extreme_poverty", "特困供养人员", "《社会救助暂行办法》", YEAR, DOOR),
        tag("low_income_edge", "低保边缘家庭成员", "《社会救助暂行办法》", YEAR, DOOR),
        tag("sudden_hardship", "临时救助对象", "《社会救助暂行办法》", Some(180), DOOR),
        CHILD_IN_NEED,
        tag("left_behind_child", "留守儿童", "《未成年人保护法》", YEAR, DOOR),
        tag("orphan", "孤儿", "《未成年人保护法》", None, CLOSED),
        VETERAN,
        FAVOURED,
        tag("military_family", "现役军人家属", "《军人地位和权益保障法》", YEAR, DOOR),
        BEREAVED,
        CHILDBEARING,
        tag("pregnant", "孕产妇", "《母婴保健法》", YEAR, DOOR),
        VACCINATED,
        tag("chronic_illness", "慢性病患者", "《基本医疗卫生与健康促进法》", YEAR, CLOSED),
        tag("severe_mental_disorder", "严重精神障碍患者", "《精神卫生法》", YEAR, CLOSED),
        tag("community_correction", "社区矫正对象", "《社区矫正法》", YEAR, CLOSED),
        tag("released", "刑满释放人员", "《监狱法》", Some(5 * 365), CLOSED),
        tag("drug_rehabilitation", "社区戒毒康复人员", "《禁毒法》", Some(3 * 365), CLOSED),
        tag("unemployed", "登记失业人员", "《就业促进法》", Some(180), DOOR),
        tag("migrant", "流动人口", "《居住证暂行条例》", YEAR, DOOR),
    ],
};

/// Every scheme.
pub const PRESETS: &[Preset] = &[FIVE, SIX, TWENTY_SEVEN];
