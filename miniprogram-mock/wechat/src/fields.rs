//! The field types of subscription messages. A key such as `thing1` is a type and a number; each type has its rule.
//!
//! A character is a Unicode scalar value here; how the original counts emoji is not known. No type takes line breaks or
//! control characters.

use chrono::{NaiveDate, NaiveTime};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Thing,
    Number,
    Letter,
    Symbol,
    CharacterString,
    Time,
    Date,
    Amount,
    PhoneNumber,
    CarNumber,
    Name,
    Phrase,
    /// Only listed values on the platform; which ones is not part of a template here, so any short text passes.
    Enum,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Fault {
    Empty,
    Invalid,
}

impl Kind {
    /// `None` when the key is not a known type followed by a number.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let name = key.trim_end_matches(|c: char| c.is_ascii_digit());
        if name.len() == key.len() {
            return None;
        }
        Some(match name {
            "thing" => Self::Thing,
            "number" => Self::Number,
            "letter" => Self::Letter,
            "symbol" => Self::Symbol,
            "character_string" => Self::CharacterString,
            "time" => Self::Time,
            "date" => Self::Date,
            "amount" => Self::Amount,
            "phone_number" => Self::PhoneNumber,
            "car_number" => Self::CarNumber,
            "name" => Self::Name,
            "phrase" => Self::Phrase,
            "enum" | "const" => Self::Enum,
            _ => return None,
        })
    }

    pub(crate) fn check(self, value: &str) -> Result<(), Fault> {
        if value.trim().is_empty() {
            return Err(Fault::Empty);
        }
        let fits = !value.chars().any(char::is_control)
            && match self {
                Self::Thing | Self::Enum => at_most(20, value),
                Self::Number => decimal(value) && value.bytes().filter(u8::is_ascii_digit).count() <= 32,
                Self::Letter => at_most(32, value) && value.bytes().all(|byte| byte.is_ascii_alphabetic()),
                Self::Symbol => at_most(5, value) && !value.chars().any(|c| c.is_alphanumeric() || c.is_whitespace()),
                Self::CharacterString => at_most(32, value) && value.bytes().all(|byte| byte.is_ascii_graphic()),
                Self::Time => range(value, &|side| moment(side, clock_time)),
                Self::Date => range(value, &|side| calendar_date(side) || moment(side, |_| false)),
                Self::Amount => amount(value),
                Self::PhoneNumber => at_most(17, value) && value.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_punctuation()),
                Self::CarNumber => car_number(value),
                Self::Name => name(value),
                Self::Phrase => at_most(5, value) && value.chars().all(is_chinese),
            };
        if fits { Ok(()) } else { Err(Fault::Invalid) }
    }
}

fn at_most(limit: usize, value: &str) -> bool {
    value.chars().count() <= limit
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits with at most one point between them.
fn decimal(text: &str) -> bool {
    match text.split_once('.') {
        None => digits(text),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
    }
}

/// A currency sign, up to ten digits, perhaps decimals, perhaps 元 at the end. Callers leave the sign out all the time
/// and get away with it.
fn amount(value: &str) -> bool {
    let value = value.strip_prefix(['¥', '￥', '$', '€', '£', '₩', '₽', '฿']).unwrap_or(value);
    let value = value.strip_suffix('元').unwrap_or(value);
    decimal(value) && value.split('.').next().is_some_and(|whole| whole.len() <= 10)
}

/// Up to eight; Chinese only at the ends, as in 粤A8Z888挂.
fn car_number(value: &str) -> bool {
    let count = value.chars().count();
    let allowed = |(index, c): (usize, char)| c.is_ascii_alphanumeric() || (is_chinese(c) && (index == 0 || index + 1 == count));
    count <= 8 && value.chars().enumerate().all(allowed)
}

/// Ten with any Chinese in it, twenty without. Digits are no part of a name; marks are (王*四).
fn name(value: &str) -> bool {
    let limit = if value.chars().any(is_chinese) { 10 } else { 20 };
    at_most(limit, value) && !value.chars().any(|c| c.is_ascii_digit())
}

/// One side, or two with `~` between them.
fn range(value: &str, side: &dyn Fn(&str) -> bool) -> bool {
    match value.split_once('~') {
        None => side(value),
        Some((from, to)) => side(from) && side(to),
    }
}

/// A date and a time, or what `alone` allows.
fn moment(text: &str, alone: impl Fn(&str) -> bool) -> bool {
    match text.split_once(' ') {
        Some((date, time)) => calendar_date(date) && clock_time(time),
        None => alone(text),
    }
}

/// `15:01` or `15:01:30`.
fn clock_time(text: &str) -> bool {
    let parts: Option<Vec<u32>> = text.split(':').map(|part| numeral(part, 2)).collect();
    match parts.as_deref() {
        Some(&[hour, minute]) => NaiveTime::from_hms_opt(hour, minute, 0).is_some(),
        Some(&[hour, minute, second]) => NaiveTime::from_hms_opt(hour, minute, second).is_some(),
        _ => false,
    }
}

/// `2019年10月1日`, `2018-01-01`, `2018/01/01`, `2018.01.01`, or any of them without the year or without the day.
fn calendar_date(text: &str) -> bool {
    // In a leap year the 29th of February exists, as it must when no year is given.
    let exists = |year: Option<&str>, month: &str, day: Option<&str>| {
        let year = year.map_or(Some(2000), |year| numeral(year, 4).filter(|_| year.len() == 4));
        let day = day.map_or(Some(1), |day| numeral(day, 2));
        let parts = (year.and_then(|year| i32::try_from(year).ok()), numeral(month, 2), day);
        matches!(parts, (Some(year), Some(month), Some(day)) if NaiveDate::from_ymd_opt(year, month, day).is_some())
    };
    if let Some((head, day)) = text.split_once('月') {
        let (year, month) = head.split_once('年').map_or((None, head), |(year, month)| (Some(year), month));
        let Some(day) = day.strip_suffix('日') else { return day.is_empty() && year.is_some() && exists(year, month, None) };
        return exists(year, month, Some(day));
    }
    ['-', '/', '.'].iter().any(|separator| match *text.split(*separator).collect::<Vec<_>>() {
        [year, month, day] => exists(Some(year), month, Some(day)),
        [year, month] if year.len() == 4 => exists(Some(year), month, None),
        [month, day] => exists(None, month, Some(day)),
        _ => false,
    })
}

fn numeral(text: &str, longest: usize) -> Option<u32> {
    if digits(text) && text.len() <= longest { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, values that pass, values that do not.
    const RULES: &[(&str, &[&str], &[&str])] = &[
        (
            "thing1",
            &["二十个字二十个字二十个字二十个字二十个字", "三楼漏水 urgent!"],
            &["二十一个字二十个字二十个字二十个字二十个字。", "两\n行"],
        ),
        ("number2", &["0", "12.5", "12345678901234567890123456789012"], &["-1", "1.2.3", ".5", "一", "123456789012345678901234567890123"]),
        ("letter1", &["abcXYZ"], &["abc1", "字", "abcdefghijabcdefghijabcdefghijabc"]),
        ("symbol1", &["!?~", "，。"], &["!!!!!!", "a", "! !"]),
        ("character_string1", &["tkt_01h455vb-4/x"], &["编号1", "a b", "abcdefghijabcdefghijabcdefghijabc"]),
        (
            "time1",
            &["15:01", "9:05:30", "2019年10月1日 15:01", "15:01~16:02", "2019-10-01 15:01~2019-10-01 16:00"],
            &["25:01", "15:60", "2019年10月1日", "15:01~", "2019年2月30日 15:01", "15:01~16:00~17:00"],
        ),
        (
            "date1",
            &[
                "2019年10月1日",
                "2018-01-01",
                "2018/01/01",
                "2018.01.01",
                "2019年10月",
                "10月1日",
                "2018-01",
                "01-31",
                "2月29日",
                "2019年10月1日~2019年10月7日",
                "2019年10月1日 15:01",
            ],
            &["2019年", "2019年13月1日", "2019-02-29", "19-01-01", "15:01", "明天", "10月", "2018-01/01"],
        ),
        ("amount1", &["￥100.00", "¥12", "1234567890.5元", "3元"], &["￥￥1", "12345678901", "元", "1.", "$1人民币"]),
        ("phone_number1", &["+86-0766-66888866", "156******77"], &["电话", "+86-0766-668888660", "1 2"]),
        ("car_number1", &["粤A8Z888挂", "A1"], &["粤A粤8888", "粤A8Z88888", "粤 A8888"]),
        (
            "name1",
            &["张三", "王*四", "一二三四五六七八九十", "Abcdefghij Klmnopqrs"],
            &["一二三四五六七八九十一", "张三Abcdefghi", "Abcdefghij Klmnopqrstu", "张3"],
        ),
        ("phrase1", &["已派单", "待您确认中"], &["待您确认中了", "OK", "已派单!"]),
        ("enum1", &["已完成"], &["二十一个字二十个字二十个字二十个字二十个字。"]),
    ];

    #[test]
    fn each_field_type_takes_what_its_rule_says_and_nothing_else() {
        for (key, good, bad) in RULES {
            let kind = Kind::of(key).unwrap();
            for value in *good {
                assert_eq!(kind.check(value), Ok(()), "{key} should take {value}");
            }
            for value in *bad {
                assert_eq!(kind.check(value), Err(Fault::Invalid), "{key} should refuse {value}");
            }
            assert_eq!(kind.check(" "), Err(Fault::Empty), "{key} should call a blank empty");
        }
    }

    #[test]
    fn a_key_is_a_known_type_and_a_number() {
        for key in ["thing", "1", "things1", "thing_1", ""] {
            assert_eq!(Kind::of(key), None, "{key}");
        }
    }
}
