//! The frame of every text type: parsed once, at the edge, and a plain string to serde.

/// Declares a text newtype whose only way in is `check(&str) -> Result<(), rule>`.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, field $field:literal, check $check:path) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The field under which a refused value is reported, unless its place is known.
            pub const FIELD: &'static str = $field;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::Fault;
            fn try_from(text: String) -> Result<Self, $crate::Fault> {
                let checked: Result<(), String> = $check(&text);
                match checked {
                    Ok(()) => Ok(Self(text)),
                    Err(rule) => Err($crate::Fault::new(Self::FIELD, &text, rule)),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Fault;
            fn from_str(text: &str) -> Result<Self, $crate::Fault> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use text_type;

/// `Err(rule)` unless the condition holds.
pub(crate) fn require(holds: bool, rule: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(rule.into()) }
}

/// Lower-case letters and digits in groups joined by single hyphens, at most `longest`.
pub(crate) fn lower_kebab(text: &str, longest: usize) -> Result<(), String> {
    let groups_hold = text.split('-').all(|group| {
        !group.is_empty() && group.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    });
    require(
        groups_hold && text.len() <= longest,
        format!(
            "must be 1 to {longest} lower-case letters and digits, in groups joined by single hyphens"
        ),
    )
}

/// `lower` to `upper` lower-case letters and digits.
pub(crate) fn is_lower_alphanumeric(text: &str, lower: usize, upper: usize) -> bool {
    (lower..=upper).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
