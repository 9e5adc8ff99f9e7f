//! Text for a terminal of 80 columns.

use std::fmt::Write as _;

use fleet_audit::Finding;

use crate::ground::Unread;

/// How wide a terminal is at least.
const WIDTH: usize = 80;

/// Text, broken at spaces into lines that begin with so many spaces.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        let fits = line == 0 || indent + line + 1 + word.chars().count() <= WIDTH;
        if !fits {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let margin = " ".repeat(indent);
    lines.iter().map(|line| format!("{margin}{line}\n")).collect()
}

/// A command, broken at spaces outside of quotes, so that it can be pasted as it stands.
pub(crate) fn command(text: &str, indent: usize) -> String {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        is_quoted ^= c == '\'';
        if c == ' ' && !is_quoted {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let margin = " ".repeat(indent);
    let (mut all, mut line) = (String::new(), margin.clone());
    for (number, word) in words.iter().enumerate() {
        let is_first = line.trim().is_empty();
        // Two columns are for the backslash.
        if !is_first && line.chars().count() + 1 + word.chars().count() > WIDTH - 2 {
            let _ = writeln!(all, "{line} \\");
            line = format!("{margin}  {word}");
        } else {
            if !is_first && number > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let _ = writeln!(all, "{line}");
    all
}

/// A table: its columns as wide as what is in them, numbers to the right.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let longest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        longest.max(head.get(column).map_or(0, |it| it.len()))
    };
    let is_number = |column: usize| {
        column > 0
            && rows
                .iter()
                .filter_map(|row| row.get(column))
                .all(|cell| cell == "-" || cell.chars().all(|c| c.is_ascii_digit()))
    };
    let line = |cells: &[String]| {
        let cells = cells.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if is_number(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line: Vec<String> = cells.collect();
        format!("{}\n", line.join("  ").trim_end())
    };
    let head: Vec<String> = head.iter().map(|it| (*it).to_owned()).collect();
    let mut all = line(&head);
    rows.iter().for_each(|row| all.push_str(&line(row)));
    all
}

/// A finding: what and of whom, why, and what to do.
pub(crate) fn finding(finding: &Finding) -> String {
    let Finding { class, account_id, tenant_id, subject, because, mend } = finding;
    let tenant = tenant_id.as_deref().unwrap_or("-");
    let mut text = format!("{class:<20} {account_id} {tenant}\n");
    let because = match subject {
        Some(subject) => format!("{subject}: {because}"),
        None => because.clone(),
    };
    text.push_str(&wrapped(&because, 2));
    mend.iter().for_each(|line| text.push_str(&command(line, 4)));
    text
}

/// What could not be read.
pub(crate) fn unread(all: &[Unread]) -> String {
    let mut text = String::new();
    for Unread { what, said, advice } in all {
        text.push_str(&wrapped(&format!("NOT READ: {what}. {said}"), 0));
        text.push_str(&wrapped(&format!("what to do: {advice}"), 2));
    }
    text
}

/// Says on standard error how far a long command is, where somebody looks.
pub(crate) fn progress(text: &str) {
    use std::io::IsTerminal as _;
    if std::io::stderr().is_terminal() {
        eprintln!("{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_to_eighty_columns() {
        let text = wrapped(&"word ".repeat(60), 4);
        assert!(text.lines().count() > 3);
        assert!(text.lines().all(|line| line.len() <= 80 && line.starts_with("    word")));
    }

    #[test]
    fn a_command_is_broken_so_that_a_shell_joins_it_again() {
        let long = "aws organizations move-account --account-id 222222222222 --source-parent-id \
                    ou-root-elsewher --destination-parent-id ou-root-general0";
        let text = command(long, 4);
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let joined: Vec<&str> =
            text.lines().map(|line| line.trim_end_matches('\\').trim()).collect();
        assert_eq!(joined.join(" "), long);
        let quoted = format!("aws events put-events --entries '{}'", "a b ".repeat(40));
        let lines: Vec<String> = command(&quoted, 0).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 2, "what is quoted stays whole: {lines:?}");
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let rows = [vec!["LIVE".to_owned(), "7".to_owned()], vec!["X".to_owned(), "12".to_owned()]];
        assert_eq!(table(&["state", "n"], &rows), "state   n\nLIVE    7\nX      12\n");
    }
}
