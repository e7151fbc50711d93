//! What is wrong with a row, in words that the person at the spreadsheet understands.

use crate::kernel::fault::Fault;

/// How many faults of one import are kept; a file of nothing but mistakes must not fill a disk. All are counted.
pub const MAX_ROW_FAULTS: usize = 10_000;

/// One wrong cell. The value itself is never in here: it may be somebody's number.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RowFault {
    /// As an editor counts: the header is line 1.
    pub line: u64,
    /// The column's name; empty for the row as a whole.
    pub column: String,
    pub code: &'static str,
    /// Chinese.
    pub message: &'static str,
}

impl RowFault {
    /// The column may be a name that somebody made up: what of it cannot be shown or stored is not repeated.
    pub fn new(line: u64, column: &str, code: &'static str) -> Self {
        let column = column.chars().take(40).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
        Self { line, column, code, message: message(code) }
    }

    /// The faults of a form as faults of a row: pointers are the names of columns.
    pub fn of(line: u64, faults: Vec<Fault>) -> Vec<Self> {
        faults.into_iter().map(|f| Self::new(line, f.pointer.strip_prefix('/').unwrap_or(&f.pointer), f.code)).collect()
    }
}

/// What a code means, in Chinese.
pub fn message(code: &str) -> &'static str {
    match code {
        "already_recorded" => "同样的登记已经存在，时间有重叠",
        "after_death" => "日期在去世日期之后",
        "area_format" => "面积应为平方米数，最多两位小数，如 89.53",
        "before_birth" => "日期早于出生日期",
        "blank" => "此项不能为空",
        "born_on_future" => "出生日期在今天之后",
        "born_on_mismatch" => "出生日期与证件号码不一致",
        "cell_type" => "单元格应为文字、数字或是否",
        "code_of_another" => "外部编码已属于另一条记录",
        "column_missing" => "缺少这一列",
        "column_twice" => "这一列出现了两次",
        "control_character" => "含有不可见字符",
        "contradicts_relation" => "与“关系”一列矛盾",
        "collides" => "与已有记录冲突，请核对证件号码和外部编码",
        "date_format" => "日期应写成 2026-11-21 的形式",
        "deceased" => "此人已登记去世",
        "document_format" => "证件号码与证件类型的格式不符",
        "duplicate_row" => "同一记录在文件中出现了两次",
        "encoding_invalid" => "文字编码有误，请另存为 UTF-8 或 GBK 编码",
        "external_code_format" => "外部编码只能由 1 至 64 位字母、数字和 -_.: 组成",
        "field_count" => "列数与表头不一致",
        "gave_up" => "多次尝试后仍无法完成，请检查文件后重新导入；已导入的行不会重复",
        "file_lost" => "文件已丢失，请重新上传",
        "future" => "日期在今天之后",
        "hukou_overlap" => "此人同一时间在另一处已登记户口",
        "id_birth_date" => "证件号码中的出生日期不存在",
        "id_birth_date_future" => "证件号码中的出生日期在今天之后",
        "id_checksum" => "证件号码校验位不正确，请核对每一位",
        "id_format" => "身份证号码应为 18 位",
        "id_old_number" => "15 位旧号码已停用，请填写 18 位号码",
        "interval_backwards" => "结束日期早于开始日期",
        "lease_without_tenancy" => "只有租客才能填写租约到期日",
        "not_a_residence" => "只有居住登记才能这样标记",
        "not_for_you" => "不在您负责的网格内",
        "number_format" => "应为整数",
        "out_of_range" => "数值超出允许范围",
        "person_elsewhere" => "此人不在您负责的网格内，请由社区管理员登记",
        "phone_format" => "手机号码应为 11 位",
        "row_format" => "这一行不是有效的 JSON 对象",
        "row_too_long" => "这一行太长",
        "sex_mismatch" => "性别与证件号码不一致",
        "share_format" => "产权份额应写成 1/2 或 50%",
        "share_not_owner" => "只有产权人才能填写份额",
        "share_out_of_range" => "产权份额应大于 0 且不超过 100%",
        "shares_exceed_whole" => "各产权人份额合计超过 100%",
        "sole_residence_overlap" => "此人同一时间已登记另一处唯一住所",
        "stopped" => "导入中途停止，请重新导入",
        "tag_not_offered" => "标签已停用",
        "tag_not_for_you" => "您的角色不能查看此标签，因此不能导入",
        "too_many_rows" => "试运行或整体导入（atomic）最多 20000 行：请拆分文件，或改为逐行导入（dry_run 和 atomic 均为 false），可随时重复导入",
        "too_long" => "内容太长",
        "too_long_ago" => "日期过早",
        "unknown_column" => "不认识的列名",
        "unknown_home" => "登记中没有这一户，请先导入房屋",
        "unknown_tag" => "标签不在本社区的标签字典中",
        "unknown_word" => "不是可选的取值",
        _ => "此项内容有误",
    }
}
