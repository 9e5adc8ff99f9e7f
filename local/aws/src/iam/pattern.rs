//! Wildcards, ARN patterns, condition contexts and policy variables.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::BTreeMap;

/// Condition keys and their values; keys are compared without regard to case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Adds a value to a key.
    pub(crate) fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
    }
}

/// Where conditions and variables find the values of keys.
pub(crate) trait Keys {
    /// The values of a key; none if the request does not carry it.
    fn get(&self, key: &str) -> Option<&[String]>;
}

impl Keys for Context {
    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// Most requests are decided without any key.
impl<F: FnOnce() -> Context> Keys for LazyCell<Context, F> {
    fn get(&self, key: &str) -> Option<&[String]> {
        (**self).get(key)
    }
}

/// Whether a text matches a pattern in which `*` is any text and `?` any character.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    glob(pattern.as_bytes(), text.as_bytes(), |a, b| a == b)
}

/// The same, without regard to case: actions.
pub(super) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    glob(pattern.as_bytes(), text.as_bytes(), |a, b| a.eq_ignore_ascii_case(&b))
}

/// Goes back to the last `*` and lets it take one more byte whenever the rest does not fit.
fn glob(pattern: &[u8], text: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || same(wanted, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    star = Some((star_p, star_t + 1));
                    p = star_p + 1;
                    t = star_t + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether an ARN matches a pattern, each of the six parts by itself.
pub(super) fn arn_matches(pattern: &str, arn: &str) -> bool {
    let (mut wanted, mut found) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if matches(wanted, found) => {}
            _ => return false,
        }
    }
}

/// Puts values in the place of `${key}` and `${key, 'default'}`; `${*}`, `${?}` and `${$}` are
/// the characters themselves. `None` if a key has no single value: then nothing matches.
pub(super) fn substitute<'a>(text: &'a str, context: &dyn Keys) -> Option<Cow<'a, str>> {
    if !text.contains("${") {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        let Some(end) = after.find('}') else { break };
        let name = &after[2..end];
        rest = &after[end + 1..];
        if ["*", "?", "$"].contains(&name) {
            out.push_str(name);
            continue;
        }
        let (key, default) = match name.split_once(',') {
            Some((key, default)) => (key.trim(), Some(default.trim().trim_matches('\''))),
            None => (name.trim(), None),
        };
        match (context.get(key), default) {
            (Some([value]), _) => out.push_str(value),
            (_, Some(default)) => out.push_str(default),
            _ => return None,
        }
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_match_as_in_iam() {
        for (pattern, text, expected) in [
            ("s3:Get*", "s3:GetObject", true),
            ("*", "", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("arn:aws:iam::*:role/landlord/*", "arn:aws:iam::1:role/landlord/x", true),
            ("arn:aws:iam::*:role/landlord/*", "arn:aws:iam::1:role/other", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(matches_ignoring_case("S3:get*", "s3:GetObject"));
    }

    #[test]
    fn a_star_in_an_arn_does_not_reach_into_the_next_part() {
        assert!(arn_matches("arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x"));
        assert!(!arn_matches("arn:*:role/x", "arn:aws:iam::1:role/x"));
    }

    #[test]
    fn variables_are_put_in_and_a_missing_one_matches_nothing() {
        let mut context = Context::default();
        context.add("aws:PrincipalAccount", "1");
        assert_eq!(substitute("a-${aws:principalaccount}", &context).as_deref(), Some("a-1"));
        assert_eq!(substitute("${aws:userid}", &context), None);
        assert_eq!(substitute("${aws:userid, 'x'}${*}", &context).as_deref(), Some("x*"));
    }
}
