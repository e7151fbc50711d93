//! `docs/proof.md`: figures that programs have measured. Each program rewrites its own marked part and nothing else.

use crate::place;

/// Writes the part called `name` anew; a part that the page does not have yet is added at its end.
pub(crate) fn write(name: &str, text: &str) -> Result<(), String> {
    let path = place::root().join("docs/proof.md");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, with_part(&old, name, text)).map_err(|e| format!("{}: {e}", path.display()))
}

fn with_part(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: a program writes from here -->"), format!("<!-- {name}: to here -->"));
    let part = format!("{begin}\n{}\n{end}", text.trim());
    let found = page.find(&begin).and_then(|from| Some((from, page[from..].find(&end)? + from + end.len())));
    match found {
        Some((from, to)) => format!("{}{part}{}", &page[..from], &page[to..]),
        None => format!("{}\n\n{part}\n", page.trim_end()).trim_start().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::with_part;

    #[test]
    fn a_part_is_replaced_and_what_stands_around_it_stays() {
        let page = with_part("# Proof\n\nBy hand.\n", "kill", "one");
        let page = with_part(&page, "redis", "two");
        let page = with_part(&page, "kill", "three\n");
        assert_eq!(
            page,
            "# Proof\n\nBy hand.\n\n<!-- kill: a program writes from here -->\nthree\n<!-- kill: to here -->\n\n\
             <!-- redis: a program writes from here -->\ntwo\n<!-- redis: to here -->\n"
        );
    }
}
