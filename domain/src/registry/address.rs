//! Addresses 地址: the many ways to write one home, brought to one form.
//!
//! `田庵花苑１２号楼 二单元 301室`, `田庵花苑十二幢2单元三〇一` and `田庵花苑12-2-301` all become `田庵花苑12栋2单元301`. The form is for
//! comparing, never for showing: people go on reading what they wrote. Nothing is guessed that could make two homes
//! one: a street number (`中山路3号`) stays one, and letters are kept.

use std::iter::Peekable;
use std::str::Chars;

/// One piece of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Arabic digits without leading zeros.
    Number(String),
    /// Latin letters in upper case: `A座`, `B1`.
    Letters(String),
    Building,
    Unit,
    Floor,
    Room,
    /// 号: of a street, a building or a flat, as what stands around it says.
    No,
    Dash,
    Other(char),
}

/// The form of an address in which equal homes are equal texts. Normalising twice changes nothing.
pub fn normalise_address(text: &str) -> String {
    settled(text, |text| render(&parts(read(text))))
}

/// A building's name for comparing: `12号楼`, `十二栋`, `第12幢`, `12` are all `12`; `A座` is `A`.
pub fn building_key(text: &str) -> String {
    component(text, &[Piece::Building, Piece::No])
}

/// A unit's name for comparing: `2单元`, `二梯`, `2门` are `2`; a home without a unit has the empty key.
pub fn unit_key(text: &str) -> String {
    component(text, &[Piece::Unit, Piece::No])
}

/// A home's number for comparing: `301室`, `三〇一`, `0301` are `301`; `301之1` and `301-1` are `301-1`.
pub fn number_key(text: &str) -> String {
    component(text, &[Piece::Room, Piece::No])
}

fn component(text: &str, marks: &[Piece]) -> String {
    settled(text, |text| {
        let mut pieces = read(text);
        while pieces.last().is_some_and(|last| marks.contains(last)) {
            pieces.pop();
        }
        render(&pieces)
    })
}

/// One reading can uncover another (`3室号` without its end is `3室`): reads until nothing changes, which sensible text
/// reaches in two rounds. The bound is for text that is no address.
fn settled(text: &str, pass: impl Fn(&str) -> String) -> String {
    let mut form = pass(text);
    for _ in 0..16 {
        let next = pass(&form);
        if next == form {
            break;
        }
        form = next;
    }
    form
}

fn read(text: &str) -> Vec<Piece> {
    let plain: String = text.chars().filter_map(plain).collect();
    let mut pieces = numbers(pieces(&plain));
    // `301室之1` is `301-1`.
    let mut at = 1;
    while at < pieces.len() {
        if pieces[at] == Piece::Dash && pieces[at - 1] == Piece::Room {
            pieces.remove(at - 1);
        } else {
            at += 1;
        }
    }
    pieces
}

/// Full width to half width, upper case, one dash; nothing for blanks and punctuation.
fn plain(c: char) -> Option<char> {
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0)?,
        _ => c,
    };
    match c {
        '‐'..='―' | '−' | '_' | '~' | '/' | '之' => Some('-'),
        '#' | '-' => Some(c),
        _ if c.is_whitespace() || c.is_control() || c.is_ascii_punctuation() => None,
        '，' | '。' | '、' | '；' | '：' | '·' | '（' | '）' | '【' | '】' | '“' | '”' | '\u{200B}'..='\u{200F}' | '\u{FEFF}' => {
            None
        }
        _ => Some(c.to_ascii_uppercase()),
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let piece = match c {
            '0'..='9' => {
                let digits = run(c, &mut rest, |c| c.is_ascii_digit());
                let bare = digits.trim_start_matches('0');
                Piece::Number(if bare.is_empty() { "0".to_owned() } else { bare.to_owned() })
            }
            'A'..='Z' => Piece::Letters(run(c, &mut rest, |c| c.is_ascii_uppercase())),
            '栋' | '幢' | '座' => Piece::Building,
            '号' | '#' if matches!(next, Some('楼' | '栋' | '幢' | '座')) => {
                rest.next();
                Piece::Building
            }
            '号' => Piece::No,
            '#' => Piece::Building,
            '单' if next == Some('元') => {
                rest.next();
                Piece::Unit
            }
            '梯' => Piece::Unit,
            '门' if matches!(out.last(), Some(Piece::Number(_))) || numeral(out.last()) => Piece::Unit,
            '层' => Piece::Floor,
            '室' | '房' | '户' if matches!(out.last(), Some(Piece::Number(_) | Piece::Letters(_))) || numeral(out.last()) => Piece::Room,
            '第' if next.is_some_and(|n| n.is_ascii_digit() || digit(n).is_some() || power(n).is_some()) => continue,
            '-' => Piece::Dash,
            other => Piece::Other(other),
        };
        out.push(piece);
    }
    out
}

fn run(first: char, rest: &mut Peekable<Chars<'_>>, belongs: impl Fn(char) -> bool) -> String {
    let mut out = String::from(first);
    while let Some(c) = rest.next_if(|c| belongs(*c)) {
        out.push(c);
    }
    out
}

fn numeral(piece: Option<&Piece>) -> bool {
    matches!(piece, Some(Piece::Other(c)) if digit(*c).is_some() || power(*c).is_some())
}

/// Chinese numerals become Arabic ones where they number something: before a mark or a word that is counted, around a
/// dash, or at the end. Elsewhere they belong to a name (三里屯, 百合家园).
fn numbers(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut at = 0;
    while at < pieces.len() {
        let length = pieces[at..].iter().take_while(|p| numeral(Some(p))).count();
        if length == 0 {
            out.push(pieces[at].clone());
            at += 1;
            continue;
        }
        let run = &pieces[at..at + length];
        let counts = match pieces.get(at + length) {
            None | Some(Piece::Building | Piece::Unit | Piece::Floor | Piece::Room | Piece::No | Piece::Dash) => true,
            Some(Piece::Other(c)) => "楼期区路街巷弄组排村".contains(*c),
            Some(Piece::Number(_) | Piece::Letters(_)) => false,
        };
        // Beside Arabic digits a numeral would melt into another number.
        let beside = matches!(out.last(), Some(Piece::Number(_)));
        match value(run).filter(|_| counts && !beside) {
            Some(number) => out.push(Piece::Number(number)),
            None => out.extend_from_slice(run),
        }
        at += length;
    }
    out
}

/// The value of a run of Chinese numerals: by places (二十三, 一百零二) or digit by digit (三〇一). At most four places.
fn value(run: &[Piece]) -> Option<String> {
    let chars: Vec<char> = run.iter().filter_map(|p| if let Piece::Other(c) = p { Some(*c) } else { None }).collect();
    if chars.iter().all(|c| digit(*c).is_some()) {
        let digits: String = chars.iter().filter_map(|c| digit(*c).and_then(|d| char::from_digit(d, 10))).collect();
        let bare = digits.trim_start_matches('0');
        return Some(if bare.is_empty() { "0".to_owned() } else { bare.to_owned() });
    }
    let (mut sum, mut pending, mut last_power) = (0u32, None, 10_000u32);
    for c in chars {
        if let Some(power) = power(c) {
            if power >= last_power {
                return None;
            }
            sum += power * pending.take().unwrap_or(1);
            last_power = power;
        } else {
            match (digit(c)?, pending) {
                (0, None | Some(0)) => pending = None,
                (d, None) => pending = Some(d),
                _ => return None,
            }
        }
    }
    Some((sum + pending.unwrap_or(0)).to_string())
}

fn digit(c: char) -> Option<u32> {
    "〇一二三四五六七八九".chars().position(|d| d == c).map(|d| d as u32).or(match c {
        '零' | '○' => Some(0),
        '两' => Some(2),
        _ => None,
    })
}

fn power(c: char) -> Option<u32> {
    match c {
        '十' => Some(10),
        '百' => Some(100),
        '千' => Some(1000),
        _ => None,
    }
}

/// Reads the end of an address as building, unit and number, however they are told apart.
fn parts(mut pieces: Vec<Piece>) -> Vec<Piece> {
    use Piece::{Building, Dash, Letters, No, Number, Room, Unit};
    let counted = |p: Option<&Piece>| matches!(p, Some(Number(_) | Letters(_)));
    // `3号2单元` is building 3, and so is `3号楼`, where 楼 stands alone after a numeral that was converted late.
    for at in 0..pieces.len() {
        if pieces[at] == No && counted(pieces.get(at + 1)) && pieces.get(at + 2) == Some(&Unit) {
            pieces[at] = Building;
        }
        if pieces[at] == Piece::Other('楼') && at > 0 && counted(pieces.get(at - 1)) && counted(pieces.get(at + 1)) {
            pieces[at] = Building;
        }
    }
    // The mark of the flat itself says nothing: `301室` is `301`. After a street name 号 is the house: it stays.
    let numbered_above = |pieces: &[Piece]| pieces.iter().any(|p| matches!(p, Building | Unit | Dash));
    while matches!(pieces.last(), Some(Room)) || matches!(pieces.last(), Some(No)) && numbered_above(&pieces) {
        pieces.pop();
    }
    // `12-2-301`, and `12-301` where the second can only be a flat; `301-1` stays a part of 301.
    let n = pieces.len();
    if n >= 5
        && counted(pieces.get(n - 5))
        && pieces[n - 4] == Dash
        && counted(pieces.get(n - 3))
        && pieces[n - 2] == Dash
        && flat(&pieces[n - 1])
    {
        pieces[n - 4] = Building;
        pieces[n - 2] = Unit;
    } else if n >= 3 && pieces[n - 2] == Dash && flat(&pieces[n - 1]) && matches!(&pieces[n - 3], Number(b) if b.len() <= 2) {
        let after_building = n >= 4 && pieces[n - 4] == Building;
        pieces[n - 2] = if after_building { Unit } else { Building };
    }
    // A dash between parts that are marked already is only a gap: `12栋-2单元-301`.
    let mut at = 1;
    while at < pieces.len() {
        if pieces[at] == Dash && matches!(pieces[at - 1], Building | Unit | Piece::Floor) {
            pieces.remove(at);
        } else {
            at += 1;
        }
    }
    pieces
}

fn flat(piece: &Piece) -> bool {
    matches!(piece, Piece::Number(n) if n.len() >= 3)
}

fn render(pieces: &[Piece]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Number(text) | Piece::Letters(text) => out.push_str(text),
            Piece::Building => out.push('栋'),
            Piece::Unit => out.push_str("单元"),
            Piece::Floor => out.push('层'),
            Piece::Room => out.push('室'),
            Piece::No => out.push('号'),
            Piece::Dash => out.push('-'),
            Piece::Other(c) => out.push(*c),
        }
    }
    out
}

/// What tells one home of a community from another: the natural key of the registry, in the form for comparing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HomeKey {
    pub estate: String,
    pub building: String,
    pub unit: String,
    pub number: String,
}

impl HomeKey {
    pub fn new(estate: &str, building: &str, unit: &str, number: &str) -> Self {
        Self { estate: normalise_address(estate), building: building_key(building), unit: unit_key(unit), number: number_key(number) }
    }

    /// The key as one normalised address, to be compared with what [`normalise_address`] makes of a line of text.
    pub fn address(&self) -> String {
        let unit = if self.unit.is_empty() { String::new() } else { format!("{}单元", self.unit) };
        format!("{}{}栋{unit}{}", self.estate, self.building, self.number)
    }
}
