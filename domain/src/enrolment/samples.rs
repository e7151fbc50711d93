//! Golden rule sets: how four kinds of district enrol, as data, for an administrator to begin with.
//!
//! They are shaped after what districts have published and are nobody's law: dates, shares and batches are to be changed to
//! what the district has announced this year. Each has a table of cases beside it that names the rule that decides.

/// A rule set to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub code: &'static str,
    /// What an administrator chooses by.
    pub name: &'static str,
    /// What is special about it.
    pub about: &'static str,
    /// The JSON of a [`RuleSet`](super::rules::RuleSet).
    pub rules: &'static str,
}

pub const SAMPLES: &[Sample] = &[
    Sample {
        code: "anxi",
        name: "安溪式：五批依次录取",
        about: "以截止日区分户口和房产取得的先后，房产份额须过半；同批先比房产登记日期，再比落户日期，最后摇号；未录取者统筹。",
        rules: include_str!("golden/anxi.json"),
    },
    Sample {
        code: "fuzhou",
        name: "福州式：四类学生",
        about: "依次为片内生（房户一致）、政策照顾、本地生、随迁子女；同批学位不足时摇号。",
        rules: include_str!("golden/fuzhou.json"),
    },
    Sample {
        code: "yongan",
        name: "永安式：房户一致优先，其余统筹",
        about: "房户一致且学位未被使用者优先，其次长幼随学；只有房产、只有户口和随迁子女依次统筹，先比房产登记日期，再摇号。",
        rules: include_str!("golden/yongan.json"),
    },
    Sample {
        code: "points",
        name: "积分入学",
        about: "按社会保险、居住、志愿服务、学历和住房计分，积分达线者先录，同分比居住证签发日期，再摇号；不设学位锁定。",
        rules: include_str!("golden/points.json"),
    },
];
