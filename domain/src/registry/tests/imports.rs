//! Import and export of rows.

use proptest::prelude::*;

use super::*;
use crate::kernel::idcard::Sex;
use crate::registry::import::{
    Cells, Counts, Diff, Extras, Format, Header, Import, ImportDraft, Kind, Lives, PersonRow, RegistryRow, RowFault, State, message,
};

fn registry(columns: &[&str], fields: &[&str]) -> Result<RegistryRow, Vec<RowFault>> {
    let header = Header::read(Kind::Registry, columns, Extras::Keep)?;
    RegistryRow::parse(&header.cells(2, fields).map_err(|f| vec![f])?)
}

fn people(columns: &[&str], fields: &[&str]) -> Result<PersonRow, Vec<RowFault>> {
    let header = Header::read(Kind::People, columns, Extras::Keep)?;
    PersonRow::parse(&header.cells(2, fields).map_err(|f| vec![f])?, today())
}

const HOMES: [&str; 8] = ["estate", "grid", "building", "unit", "floor", "number", "area_m2", "occupancy"];
const PEOPLE: [&str; 12] =
    ["name", "id_type", "id_number", "sex", "born_on", "phone", "estate", "building", "unit", "number", "relation", "tags"];

fn a_home() -> RegistryRow {
    registry(&HOMES, &["田庵花苑", "第一网格", "12栋", "2单元", "3", "301", "89.5", "rented"]).expect("a row")
}

fn a_person() -> PersonRow {
    let fields = [
        "赵样一",
        "resident_id",
        "11010519491231002X",
        "female",
        "1949-12-31",
        "13812345678",
        "田庵花苑",
        "12栋",
        "2单元",
        "301",
        "owner",
        "老年人;退役军人",
    ];
    people(&PEOPLE, &fields).expect("a row")
}

fn codes(faults: &[RowFault]) -> Vec<(&str, &str)> {
    faults.iter().map(|f| (f.column.as_str(), f.code)).collect()
}

#[test]
fn columns_come_in_any_order_and_by_their_chinese_names() {
    let row =
        registry(&["房号", "\u{FEFF}小区", " 楼栋 ", "OCCUPANCY", "单元"], &["301", "田庵花苑", "12栋", "租房", "2单元"]).expect("a row");
    assert_eq!((row.key(), row.occupancy), (a_home().key(), Some(Occupancy::Rented)));
}

#[test]
fn a_header_is_told_everything_that_is_wrong_with_it() {
    let refused = Header::read(Kind::Registry, &["estate", "estate", "colour", ""], Extras::Refuse).expect_err("a bad header");
    assert_eq!(
        codes(&refused),
        [
            ("estate", "column_twice"),
            ("colour", "unknown_column"),
            ("", "blank"),
            ("building", "column_missing"),
            ("number", "column_missing")
        ]
    );
    assert!(refused.iter().all(|f| f.line == 1));
    assert!(Header::read(Kind::Registry, &["estate", "building", "number", "colour"], Extras::Keep).is_ok());
}

#[test]
fn unknown_columns_are_kept_where_that_is_allowed() {
    let row = registry(&["estate", "building", "number", "朝向"], &["田庵花苑", "1", "2", "南"]).expect("a row");
    assert_eq!(row.extras, [("朝向".to_owned(), "南".to_owned())]);
}

#[test]
fn what_cannot_be_kept_as_it_is_is_refused_by_its_column_and_not_cut() {
    let cell = |value: &str| registry(&["estate", "building", "number", "备注"], &["田庵花苑", "1", "2", value]);
    let refused = |value: &str| {
        let faults = cell(value).expect_err("not to be kept");
        faults.first().map(|fault| (fault.column.clone(), fault.code))
    };
    assert_eq!(refused(&"长".repeat(501)), Some(("备注".to_owned(), "too_long")));
    assert_eq!(refused("a\u{0}b"), Some(("备注".to_owned(), "control_character")));
    assert_eq!(cell("一行\r\n二行").expect("several lines").extras[0].1, "一行\n二行");
    assert_eq!(cell(&"长".repeat(500)).expect("as long as may be").extras[0].1.chars().count(), 500);
    let header = Header::read(Kind::Registry, &["estate", "building", "number", "备\u{0}注"], Extras::Keep).expect_err("a bad name");
    assert_eq!(codes(&header), [("备\u{FFFD}注", "control_character")], "nor is it repeated as it is");
}

#[test]
fn what_nobody_understands_of_a_person_is_told_to_nobody_in_a_diff() {
    let mut noted = a_person();
    noted.extras = vec![("病史".to_owned(), "高血压".to_owned())];
    let Diff::Changed(fields) = noted.diff(Some(&a_person())) else { panic!("a change") };
    assert!(fields.len() == 1 && fields[0].column == "病史" && fields[0].sensitive);
}

#[test]
fn a_child_without_a_document_is_told_by_a_code() {
    let row = |number: &str, code: &str| {
        people(
            &["name", "id_number", "estate", "building", "number", "relation", "external_code"],
            &["样例童", number, "田庵花苑", "1", "2", "residence", code],
        )
    };
    assert_eq!(codes(&row("", "").expect_err("nobody can say who it is")), [("id_number", "blank")]);
    let child = row("", "P-1").expect("by the code");
    assert!(child.person.document.is_none() && child.key().is_none() && child.relation == FactKind::Residence);
}

#[test]
fn what_a_row_says_twice_must_agree() {
    let row = |relation: &str, lives: &str, hukou: &str| {
        people(
            &["name", "id_number", "estate", "building", "number", "relation", "lives_here", "hukou_here"],
            &["赵样一", "11010519491231002X", "a", "1", "1", relation, lives, hukou],
        )
    };
    assert_eq!(codes(&row("居住", "否", "").expect_err("lives here or not")), [("lives_here", "contradicts_relation")]);
    assert_eq!(codes(&row("户口", "", "no").expect_err("registered here or not")), [("hukou_here", "contradicts_relation")]);
    assert!(row("户口", "也住", "").is_ok_and(|row| row.lives_here == Some(Lives::Also)));
}

#[test]
fn a_row_is_told_all_its_faults_with_line_column_and_chinese() {
    let faults = registry(&HOMES, &["", "", "12栋", "", "三", "301", "89.531", "empty"]).expect_err("a bad row");
    assert_eq!(
        codes(&faults),
        [("estate", "blank"), ("floor", "number_format"), ("area_m2", "area_format"), ("occupancy", "unknown_word")]
    );
    assert!(faults.iter().all(|f| f.line == 2 && f.message == message(f.code) && !f.message.is_ascii()));
    let faults = people(&PEOPLE, &["", "id", "1", "x", "1949-02-30", "1", "", "", "", "", "neighbour", ""]).expect_err("a bad row");
    let expected = ["id_type", "sex", "born_on", "name", "phone", "estate", "building", "number", "relation"];
    assert_eq!(faults.iter().map(|f| f.column.as_str()).collect::<Vec<_>>(), expected);
}

#[test]
fn a_wrong_number_is_named_but_never_repeated() {
    let mut fields = ["赵样一", "", "110105194912310021", "", "", "", "田庵花苑", "12", "2", "301", "业主", ""];
    let faults = people(&PEOPLE, &fields).expect_err("a wrong number");
    assert_eq!(codes(&faults), [("id_number", "id_checksum")]);
    assert!(!format!("{faults:?}").contains("110105"));
    fields[2] = "11010519491231002x";
    fields[3] = "男";
    assert_eq!(codes(&people(&PEOPLE, &fields).expect_err("a woman's number")), [("sex", "sex_mismatch")]);
}

#[test]
fn a_line_may_end_early_but_not_run_on() {
    let header = Header::read(Kind::Registry, &HOMES, Extras::Refuse).expect("a header");
    let cells = |fields: &[&'static str]| header.cells(7, fields).map(|c: Cells| c.line);
    assert_eq!(cells(&["a"; 3]), Ok(7));
    assert_eq!(cells(&["a", "a", "a", "a", "a", "a", "a", "a", "", " "]), Ok(7));
    assert_eq!(cells(&["a"; 9]).map_err(|f| (f.line, f.code)), Err((7, "field_count")));
}

#[test]
fn dates_are_read_as_spreadsheets_write_them() {
    for text in ["1949-12-31", "1949/12/31", "1949年12月31日", "19491231", "1949.12.31"] {
        let row = people(
            &["name", "id_number", "born_on", "estate", "building", "number", "relation"],
            &["赵样一", "11010519491231002X", text, "a", "1", "1", "owner"],
        );
        assert_eq!(row.map(|r| r.person.born_on), Ok(Some(day("1949-12-31"))), "{text}");
    }
    for text in ["31.12.1949", "49-12-31", "1949-13-01", "1949-2-30", "昨天", "1949-12-31-1", "--", "１９４９-１２-３１", "二〇二六年"]
    {
        let row = people(
            &["name", "id_number", "born_on", "estate", "building", "number", "relation"],
            &["赵样一", "11010519491231002X", text, "a", "1", "1", "owner"],
        );
        assert!(row.is_err(), "{text}");
    }
}

#[test]
fn a_home_only_written_differently_is_not_changed() {
    let other = registry(&HOMES, &["田庵花苑", "", "十二号楼", "二单元", "", "301室", "89.50", "租房"]).expect("a row");
    assert_eq!(other.diff(Some(&a_home())), Diff::Unchanged);
    assert_eq!(other.diff(None), Diff::Created);
    let rented_out = RegistryRow { occupancy: Some(Occupancy::Vacant), ..other };
    let Diff::Changed(fields) = rented_out.diff(Some(&a_home())) else { panic!("a change") };
    assert_eq!(
        fields.iter().map(|f| (f.column.as_str(), f.before.as_str(), f.after.as_str())).collect::<Vec<_>>(),
        [("occupancy", "rented", "vacant")]
    );
}

#[test]
fn an_empty_cell_takes_nothing_away() {
    let mut less = a_person();
    less.person.phone = None;
    less.tags = vec!["退役军人".to_owned()];
    assert_eq!(less.diff(Some(&a_person())), Diff::Unchanged);
    let mut more = a_person();
    more.person.phone = "13900000001".parse().ok();
    let Diff::Changed(fields) = more.diff(Some(&a_person())) else { panic!("a change") };
    assert!(fields.len() == 1 && fields[0].sensitive && !format!("{fields:?}").contains("139"));
}

#[test]
fn a_row_of_a_person_tells_these_facts() {
    let kinds = |relation: FactKind, lives: Option<Lives>, hukou: Option<bool>| {
        let row = PersonRow { relation, lives_here: lives, hukou_here: hukou, ..a_person() };
        row.facts(today()).iter().map(|f| f.kind.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(FactKind::Ownership, None, None), ["owner"]);
    assert_eq!(kinds(FactKind::Ownership, Some(Lives::Only), Some(true)), ["owner", "residence", "hukou"]);
    assert_eq!(kinds(FactKind::Family, None, None), ["family", "residence"]);
    assert_eq!(kinds(FactKind::Family, Some(Lives::No), None), ["family"]);
    assert_eq!(kinds(FactKind::Tenancy, None, None), ["tenant", "residence"]);
    assert_eq!(kinds(FactKind::Carer, None, None), ["carer"]);
    assert_eq!(kinds(FactKind::Residence, None, Some(true)), ["residence", "hukou"]);
    assert_eq!(kinds(FactKind::Hukou, None, None), ["hukou"]);
    let sole = |lives: Lives| PersonRow { lives_here: Some(lives), ..a_person() }.facts(today()).iter().any(|fact| fact.sole);
    assert!(sole(Lives::Only) && !sole(Lives::Also));
    let days = PersonRow { since: Some(day("2020-01-01")), lives_here: Some(Lives::Only), lives_since: Some(day("2021-01-01")), ..a_person() };
    let from = |kind: FactKind| days.facts(today()).iter().find(|fact| fact.kind == kind).map(|fact| fact.from);
    assert_eq!((from(FactKind::Ownership), from(FactKind::Residence)), (Some(day("2020-01-01")), Some(day("2021-01-01"))));
    let lease = PersonRow { relation: FactKind::Tenancy, lease_ends_on: Some(day("2026-12-31")), ..a_person() };
    assert!(lease.facts(today()).iter().all(|f| f.until == Some(day("2027-01-01"))));
}

#[test]
fn an_import_ends_by_what_became_of_its_rows() {
    assert_eq!(State::ended(3, 0, true), State::Succeeded);
    assert_eq!(State::ended(0, 0, false), State::Succeeded);
    assert_eq!(State::ended(3, 1, false), State::PartiallyFailed);
    assert_eq!(State::ended(3, 1, true), State::Failed);
    assert_eq!(State::ended(0, 1, false), State::Failed);
}

#[test]
fn an_unheard_of_code_has_a_message_too_but_those_of_rows_have_their_own() {
    let unknown = message("no such code");
    for code in [
        "blank",
        "id_checksum",
        "unknown_home",
        "shares_exceed_whole",
        "sole_residence_overlap",
        "encoding_invalid",
        "field_count",
        "duplicate_row",
    ] {
        assert_ne!(message(code), unknown, "{code}");
    }
}

/// Text as it may stand in a cell: trimmed, visible, not blank.
fn cell() -> impl Strategy<Value = String> {
    "['=+@-]{0,2}[\\p{Han}a-zA-Z0-9 ,\"=+@;.-]{0,8}[\\p{Han}a-z0-9]"
        .prop_filter("trimmed", |text| text.trim() == text && crate::kernel::text::line(text, 20).is_ok())
}

fn any_home() -> impl Strategy<Value = RegistryRow> {
    let area = prop::option::of((1i64..10_000_000).prop_map(|h| Area::from_hundredths(h).expect("in range")));
    let occupancy = prop::option::of(prop::sample::select(Occupancy::ALL.to_vec()));
    let number = cell().prop_filter("a number", |n| !number_key(n).is_empty());
    let code = prop::option::of("[A-Za-z0-9_.:-]{1,12}");
    let unit = prop_oneof![Just(String::new()), cell()];
    (
        (cell(), prop::option::of(cell()), cell(), unit),
        prop::option::of(-9i64..=200),
        number,
        area,
        occupancy,
        code,
        prop::option::of(cell()),
    )
        .prop_map(|((estate, grid, building, unit), floor, number, area, occupancy, external_code, extra)| RegistryRow {
            estate,
            grid,
            building,
            unit,
            floor,
            number,
            area,
            occupancy,
            external_code,
            extras: extra.map(|value| ("朝向".to_owned(), value)).into_iter().collect(),
        })
}

fn any_person() -> impl Strategy<Value = PersonRow> {
    let person = (cell(), prop::option::of("1[3-9][0-9]{9}"), prop::option::of("[A-Za-z0-9_.:-]{1,12}"), any::<bool>()).prop_map(
        |(name, phone, external_code, card)| {
            let (kind, number) =
                if card { (DocumentType::ResidentId, "11010519491231002X") } else { (DocumentType::Other, "=军官证 7") };
            let draft = PersonDraft {
                name: &name,
                document: Some((kind, number)),
                sex: Some(Sex::Female),
                born_on: Some(day("1949-12-31")),
                phone: phone.as_deref(),
                external_code: external_code.as_deref(),
            };
            draft.check(today()).expect("a person")
        },
    );
    let tag = "[\\p{Han}a-z0-9]{1,6}";
    let flag = prop::option::of(any::<bool>());
    let lives = prop::option::of(prop::sample::select(Lives::ALL.to_vec()));
    let relation = prop::sample::select(FactKind::ALL.to_vec());
    let days = (prop::option::of(0u64..9000), 0u64..9000, 1i64..=10_000, any::<bool>());
    let own_days = (prop::option::of(9001u64..9500), prop::option::of(9001u64..9500));
    (person, any_home(), relation, prop::collection::btree_set(tag, 0..4), days, lives, flag, own_days).prop_map(
        |(person, home, relation, tags, (since, lease, share, some), lives_here, hukou_here, own_days)| {
            let ago = |d: u64| today() - chrono::Days::new(d);
            let since = since.map(ago);
            let tag_days = tags.iter().map(|tag| (tag.clone(), ago(lease), some.then(today))).collect();
            let lives_here = lives_here.filter(|lives| relation != FactKind::Residence || *lives != Lives::No);
            let hukou_here = hukou_here.filter(|yes| relation != FactKind::Hukou || *yes);
            PersonRow {
                person,
                estate: home.estate,
                building: home.building,
                unit: home.unit,
                number: home.number,
                relation,
                tags: tags.into_iter().collect(),
                since,
                lease_ends_on: (some && relation == FactKind::Tenancy).then(|| today() + chrono::Days::new(lease)),
                share: if some && relation == FactKind::Ownership { Share::basis_points(share).ok() } else { None },
                lives_here,
                hukou_here,
                lives_since: own_days.0.map(ago),
                hukou_since: own_days.1.map(ago),
                tag_days,
                extras: home.extras,
            }
        },
    )
}

proptest! {
    #[test]
    fn exporting_a_home_and_importing_it_is_the_identity(row in any_home()) {
        let columns: Vec<&str> = Kind::Registry.columns().chain(["朝向"]).collect();
        let fields = row.fields(&["朝向"]);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let read = registry(&columns, &fields).map_err(|f| TestCaseError::fail(format!("{f:?}")))?;
        prop_assert_eq!(read.diff(Some(&row)), Diff::Unchanged);
        prop_assert_eq!(read, row);
    }

    #[test]
    fn exporting_a_person_and_importing_them_is_the_identity(row in any_person()) {
        let columns: Vec<&str> = Kind::People.columns().chain(["朝向"]).collect();
        let fields = row.fields(&["朝向"]);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let read = people(&columns, &fields).map_err(|f| TestCaseError::fail(format!("{f:?}")))?;
        prop_assert_eq!(read.diff(Some(&row)), Diff::Unchanged);
        prop_assert!(read == row);
        prop_assert!(read.key() == row.key() && read.key().is_some());
    }

    #[test]
    fn no_row_makes_the_reader_panic(fields in prop::collection::vec("\\PC{0,20}|[0-9年月日/.-]{0,12}", 0..14)) {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let _ = people(&PEOPLE, &fields);
        let _ = registry(&HOMES, &fields);
    }
}

fn queued(atomic: bool) -> Import {
    let asked = ImportDraft { kind: Kind::People, format: Format::Csv, dry_run: false, atomic };
    saved(Import::queue(id(1), asked, &admin_keeper(), now()))
}

fn seen(import: Import, counts: Counts, failed: i64, through: i64) -> Import {
    saved(import.advance(counts, failed, through).expect("it runs"))
}

#[test]
fn an_import_goes_from_queued_to_one_of_three_ends_and_each_step_is_a_version() {
    let taken = Counts { created: 2, changed: 1, unchanged: 3 };
    for (counts, failed, end) in [
        (taken, 0, State::Succeeded),
        (taken, 1, State::PartiallyFailed),
        (Counts::default(), 1, State::Failed),
        (Counts::default(), 0, State::Succeeded),
    ] {
        let running = saved(queued(false).start(7).expect("it was queued"));
        assert_eq!(running.clone().start(7).map(|c| c.value().state), Err(Refusal::WrongState { state: "running" }));
        let over = saved(seen(running, counts, failed, 8).finish(now()).expect("it runs"));
        assert_eq!((over.state, over.version, over.through, over.counts.ok()), (end, 4, 8, counts.ok()));
        assert!(over.is_over() && over.clone().finish(now()).is_err() && over.advance(counts, 0, 9).is_err());
    }
    assert!(queued(false).finish(now()).is_err(), "nobody has counted it yet");
}

#[test]
fn an_atomic_import_of_which_a_row_failed_has_taken_none() {
    let running = saved(queued(true).start(7).expect("it was queued"));
    let over = saved(seen(running, Counts { created: 6, ..Counts::default() }, 1, 8).finish(now()).expect("it runs"));
    assert_eq!((over.state, over.counts.ok(), over.failed), (State::Failed, 0, 1));
}

#[test]
fn going_on_behind_a_line_never_goes_back() {
    let running = saved(queued(false).start(7).expect("it was queued"));
    let on = seen(seen(running, Counts::default(), 1, 100), Counts::default(), 1, 50);
    assert_eq!((on.through, on.failed), (100, 2));
}
