//! One home, one address, however it is written.

use proptest::prelude::*;

use super::*;

/// Numbers of a flat, a building and a unit as people write them.
fn chinese(n: u32) -> String {
    let digits: Vec<char> = "〇一二三四五六七八九".chars().collect();
    match (n / 100, n / 10 % 10, n % 10) {
        (0, 0, d) => digits[d as usize].to_string(),
        (0, 1, 0) => "十".to_owned(),
        (0, 1, d) => format!("十{}", digits[d as usize]),
        (0, t, 0) => format!("{}十", digits[t as usize]),
        (0, t, d) => format!("{}十{}", digits[t as usize], digits[d as usize]),
        (h, t, d) => [h, t, d].iter().map(|d| digits[*d as usize]).collect(),
    }
}

fn wide(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c) } else { c }).collect()
}

fn number(n: u32, style: usize) -> String {
    match style {
        0 => n.to_string(),
        1 => chinese(n),
        2 => wide(&n.to_string()),
        3 => format!("0{n}"),
        _ => format!(" {n} "),
    }
}

proptest! {
    #[test]
    fn however_a_home_is_written_it_is_the_same_home(
        (b, u, floor, flat) in (1u32..99, 1u32..9, 1u32..9, 1u32..9),
        styles in [0usize..5, 0..5, 0..5],
        marks in (0usize..8, 0usize..4, 0usize..5),
    ) {
        let n = floor * 100 + flat;
        let building_mark = ["栋", "幢", "座", "号楼", "号栋", "#", "#楼", "号"][marks.0];
        let unit_mark = ["单元", "梯", "门", " 单元 "][marks.1];
        let flat_mark = ["室", "号", "", "户", "房"][marks.2];
        let (bt, ut, nt) = (number(b, styles[0]), number(u, styles[1]), number(n, styles[2]));
        let written = format!("田庵花苑{bt}{building_mark}{ut}{unit_mark}{nt}{flat_mark}");
        prop_assert_eq!(normalise_address(&written), format!("田庵花苑{b}栋{u}单元{n}"), "{}", written);
        let key = HomeKey::new(" 田庵花苑", &format!("第{bt}{building_mark}"), &format!("{ut}{unit_mark}"), &format!("{nt}{flat_mark}"));
        prop_assert_eq!(key.address(), normalise_address(&written));
        prop_assert_eq!(&key, &HomeKey::new("田庵花苑", &b.to_string(), &u.to_string(), &n.to_string()));
    }

    #[test]
    fn normalising_twice_changes_nothing(text in "[田三里0-9A-c十百〇一二零栋幢座号楼单元室户之#第门梯层路村 （）\\-－１]{0,14}|\\PC{0,16}") {
        let once = normalise_address(&text);
        prop_assert_eq!(normalise_address(&once), once.clone(), "{}", text);
        for key in [building_key, unit_key, number_key] {
            prop_assert_eq!(key(&key(&text)), key(&text), "{}", text);
        }
    }

    #[test]
    fn different_homes_stay_different(a in (1u32..30, 1u32..9, 101u32..999), b in (1u32..30, 1u32..9, 101u32..999)) {
        let write = |(b, u, n): (u32, u32, u32)| normalise_address(&format!("样例村{b}号楼{u}单元{n}室"));
        prop_assert_eq!(write(a) == write(b), a == b);
    }
}

#[test]
fn addresses_as_people_write_them() {
    let same: &[(&str, &[&str])] = &[
        (
            "田庵花苑12栋2单元301",
            &[
                "田庵花苑12栋2单元301室",
                "田庵花苑十二幢二单元三〇一",
                "田庵花苑　１２号楼　２单元　３０１室",
                "田庵花苑12#2单元301",
                "田庵花苑12#楼2门301号",
                "田庵花苑第12栋第2单元301户",
                "田庵花苑12-2-301",
                "田庵花苑12—2—301室",
                "田庵花苑，12栋，2单元，301",
                "田庵花苑12号2单元301",
                "田庵花苑12栋-2单元-301",
                "田庵花苑012栋02单元0301",
                "田庵花苑(12栋2单元)301",
            ],
        ),
        ("供电小区3栋301", &["供电小区3栋301", "供电小区三号楼301室", "供电小区3-301", "供电小区3幢301房"]),
        ("阳光里A栋1502", &["阳光里a座1502", "阳光里Ａ栋1502室", "阳光里A幢1502号"]),
        ("田庵花苑12栋301-1", &["田庵花苑12栋301之1", "田庵花苑12栋301-1", "田庵花苑十二栋三〇一之一", "田庵花苑12栋301室之1"]),
        ("建设3路8号", &["建设三路8号", "建设3路 ８号"]),
        ("三里屯5栋2单元601", &["三里屯5号楼2单元601", "三里屯五栋二单元六〇一室"]),
    ];
    for (form, written) in same {
        for text in *written {
            assert_eq!(normalise_address(text), *form, "{text}");
        }
    }
}

#[test]
fn what_is_no_numbering_is_left_alone() {
    assert_eq!(normalise_address("百合家园"), "百合家园");
    assert_ne!(normalise_address("中山路3号"), normalise_address("中山路3栋"));
    assert_ne!(number_key("301-1"), number_key("3011"));
    assert_eq!(unit_key(""), "");
    assert_eq!((building_key("十栋"), building_key("二十三号楼"), building_key("一百零二幢")), ("10".into(), "23".into(), "102".into()));
}
