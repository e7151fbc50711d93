//! Masks: what may be shown of a person to somebody who needs to recognise, not to know.

/// First three and last two digits: `138******78`. A number too short to hide anything in is hidden whole.
pub fn phone(number: &str) -> String {
    ends(number, 3, 2)
}

/// First and last character: `3****************X`.
pub fn resident_id(number: &str) -> String {
    ends(number, 1, 1)
}

/// `*三` for 张三, `王*四` for 王小四 and longer names, `J*** S***` for John Smith. The number of stars says nothing
/// about the length of what they hide, except in a name of two characters.
pub fn name(name: &str) -> String {
    if !name.chars().any(is_han) {
        let words = name.split_whitespace().filter_map(|word| word.chars().next());
        return words.map(|first| format!("{first}***")).collect::<Vec<_>>().join(" ");
    }
    let mut chars = name.trim().chars();
    match (chars.next(), chars.next_back(), chars.next()) {
        (Some(first), Some(last), Some(_)) => format!("{first}*{last}"),
        (Some(_), Some(last), None) => format!("*{last}"),
        _ => "*".to_owned(),
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' | '〇')
}

/// Keeps `head` and `tail` characters and turns each one between them into a star; hides everything where less than
/// half would be hidden.
fn ends(text: &str, head: usize, tail: usize) -> String {
    let length = text.chars().count();
    let hidden = length.saturating_sub(head + tail);
    if hidden < head + tail {
        return "*".repeat(length);
    }
    text.chars().enumerate().map(|(i, c)| if i < head || i >= length - tail { c } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masks_look_as_residents_know_them() {
        assert_eq!(phone("13812345678"), "138******78");
        assert_eq!(resident_id("11010519491231002X"), "1****************X");
        assert_eq!(name("张三"), "*三");
        assert_eq!(name("王小四"), "王*四");
        assert_eq!(name("欧阳小四"), "欧*四");
        assert_eq!(name("阿依古丽·买买提"), "阿*提");
        assert_eq!(name("John Smith"), "J*** S***");
        assert_eq!(name("Li"), "L***");
        assert_eq!(name("王"), "*");
        assert_eq!(name(""), "");
    }

    #[test]
    fn what_is_too_short_to_hide_anything_in_is_hidden_whole() {
        assert_eq!(phone("12345"), "*****");
        assert_eq!(resident_id("12"), "**");
    }

    proptest! {
        #[test]
        fn a_phone_mask_never_holds_the_six_middle_digits(number in "1[3-9][0-9]{9}") {
            let masked = phone(&number);
            prop_assert_eq!(masked.len(), 11);
            prop_assert_eq!(&masked[3..9], "******");
            prop_assert_eq!((&masked[..3], &masked[9..]), (&number[..3], &number[9..]));
        }

        #[test]
        fn a_masked_name_never_holds_the_whole_name(text in "[\\p{Han}a-zA-Z ]{1,10}") {
            prop_assert!(name(&text) != text || text.trim().is_empty());
        }
    }
}
