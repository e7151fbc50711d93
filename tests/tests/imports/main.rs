//! Imports and exports: spreadsheets as people really send them, and what must not happen whatever they send.

mod ends;
mod exports;
mod rows;

use jiazai_tests::{Client, Registry, Value, id_number, json};

const COLUMNS: &str = "name,id_type,id_number,sex,born_on,phone,estate,building,unit,number,relation,tags";

/// A row of people of home 101 in building 1.
fn row(name: &str, number: &str, relation: &str) -> String {
    format!("{name},,{number},,,,样例一村,1栋,1,101,{relation},\n")
}

fn people(rows: &[String]) -> Vec<u8> {
    format!("{COLUMNS}\n{}", rows.concat()).into_bytes()
}

const PEOPLE: &[(&str, &str)] = &[("kind", "people")];
const HOMES: &[(&str, &str)] = &[("kind", "registry")];

/// The errors of an import as (line, column, code).
fn errors(registry: &Registry, import: &Value) -> Vec<(u64, String, String)> {
    let csv = registry.errors(import);
    assert!(csv.starts_with("line,column,code,message\r\n"), "{csv}");
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(!cells[3].is_ascii(), "the message is Chinese: {line}");
        (cells[0].parse().expect("a line"), cells[1].to_owned(), cells[2].to_owned())
    };
    csv.lines().skip(1).map(line).collect()
}

fn counts(import: &Value) -> [i64; 5] {
    ["total", "created", "changed", "unchanged", "failed"]
        .map(|field| import[field].as_i64().unwrap_or_else(|| panic!("no {field} in {import}")))
}

fn seen(registry: &Registry) -> usize {
    registry.manager.get(&registry.at("people?limit=100")).expect(200)["items"].as_array().map_or(0, Vec::len)
}

/// A registry with a bit of everything, as files of homes and of people.
fn everything(rows: usize) -> (String, String) {
    let mut homes = "estate,grid,building,unit,floor,number,area_m2,occupancy,external_code\n".to_owned();
    let mut people = "name,id_type,id_number,sex,born_on,phone,estate,building,unit,number,relation,tags,external_code,since,lease_ends_on,share,lives_here,hukou_here\n".to_owned();
    for n in 0..rows {
        let (building, floor) = (n / 20 + 1, n % 20 / 2 + 1);
        let place = format!("样例一村,{building}栋,{}单元,{floor}0{}", n % 2 + 1, n % 2 + 1);
        let occupancy = ["", "vacant", "rented"][n % 3];
        homes.push_str(&format!(
            "样例一村,第{}网格,{building}栋,{}单元,{floor},{floor}0{},{}.5,{occupancy},H-{n}\n",
            building % 2 + 1,
            n % 2 + 1,
            n % 2 + 1,
            60 + n % 40
        ));
        let id = id_number("19700101", 500_001 + n * 2);
        let tail = match n % 4 {
            0 => format!("owner,老年人;退役军人,P-{n},2015-03-01,,1/2,yes,yes"),
            1 => format!("tenant,,P-{n},2025-01-01,2027-12-31,,yes,no"),
            2 => format!("family,,P-{n},2018-01-01,,,no,"),
            _ => format!("carer,,P-{n},2024-06-01,,,,"),
        };
        people.push_str(&format!("样例{n},,{id},,,1400000{n:04},{place},{tail}\n"));
    }
    (homes, people)
}

fn adopt(registry: &Registry) {
    registry.manager.post(&registry.at("tags/adopt"), json!({ "preset": "five" })).expect(200);
}
