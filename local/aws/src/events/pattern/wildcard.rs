//! The operator `wildcard`: `*` is any text, `\*` and `\\` are the characters themselves.

use std::collections::{BTreeSet, HashSet};

/// From how many places on a text may stand at once a wildcard is refused.
///
/// AWS refuses what is too complex and does not publish the limit. Recorded are
/// `/Users/*/dir/dir/dir/dir/dir/doc.txt` as taken, which has 7, and `*:*:*:*:*:event-bus/*` as
/// refused, which has 10; where the limit lies between them is not known.
const TOO_COMPLEX: usize = 10;
/// How many sets of places are looked at to find that out.
const MOST_LOOKED_AT: usize = 2_000;

#[derive(Debug, Clone)]
pub(super) struct Wildcard(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    Character(char),
}

impl Wildcard {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        // AWS counts bytes from the opening quotation mark.
        let mut characters = text.char_indices().map(|(at, one)| (at + 1, one)).peekable();
        while let Some((at, one)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            match one {
                '*' if next == Some('*') => {
                    return Err(format!("Consecutive wildcard characters at pos {at}"));
                }
                '*' => parts.push(Part::Any),
                '\\' => match next {
                    Some(escaped @ ('*' | '\\')) => {
                        characters.next();
                        parts.push(Part::Character(escaped));
                    }
                    _ => return Err(format!("Invalid escape character at pos {at}")),
                },
                other => parts.push(Part::Character(other)),
            }
        }
        let wildcard = Self(parts);
        if wildcard.complexity() >= TOO_COMPLEX {
            return Err("Rule is too complex - try using fewer wildcard characters or fewer \
                        repeating character sequences after a wildcard character"
                .to_owned());
        }
        Ok(wildcard)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let mut places = self.reached(BTreeSet::from([0]));
        for character in text.chars() {
            places = self.after(&places, Some(character));
            if places.is_empty() {
                return false;
            }
        }
        places.contains(&self.0.len())
    }

    /// The places in which one has read as many parts, and with them those behind a `*`.
    fn reached(&self, mut places: BTreeSet<usize>) -> BTreeSet<usize> {
        for (at, part) in self.0.iter().enumerate() {
            if *part == Part::Any && places.contains(&at) {
                places.insert(at + 1);
            }
        }
        places
    }

    /// The places after one more character; none stands for one that is not in the pattern.
    fn after(&self, places: &BTreeSet<usize>, character: Option<char>) -> BTreeSet<usize> {
        let mut next = BTreeSet::new();
        for place in places {
            if *place > 0 && self.0.get(place - 1) == Some(&Part::Any) {
                next.insert(*place);
            }
            if let (Some(Part::Character(wanted)), Some(character)) =
                (self.0.get(*place), character)
                && *wanted == character
            {
                next.insert(place + 1);
            }
        }
        self.reached(next)
    }

    /// In how many places at once the worst text would be.
    fn complexity(&self) -> usize {
        let alphabet: BTreeSet<Option<char>> = self
            .0
            .iter()
            .map(|part| match part {
                Part::Any => None,
                Part::Character(one) => Some(*one),
            })
            .collect();
        let start = self.reached(BTreeSet::from([0]));
        let mut most = start.len();
        let mut seen = HashSet::from([start.clone()]);
        let mut open = vec![start];
        while let Some(places) = open.pop() {
            for character in &alphabet {
                let next = self.after(&places, *character);
                most = most.max(next.len());
                if most >= TOO_COMPLEX || seen.len() >= MOST_LOOKED_AT {
                    return most;
                }
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        most
    }
}
