//! An event as a pattern sees it: its fields, each with the array elements that it lies in.

use std::collections::HashMap;

use serde_json::Value;

/// The elements that a field lies in: for each array on its way, by number, which element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(Vec<(usize, usize)>);

impl Places {
    /// Whether no array would have to give two of its elements.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        other.0.iter().all(|(array, element)| {
            self.0.iter().all(|(known, chosen)| known != array || chosen == element)
        })
    }

    pub(super) fn add(&mut self, other: &Self) {
        for place in &other.0 {
            if !self.0.contains(place) {
                self.0.push(*place);
            }
        }
    }
}

/// A value that is no object and no array.
pub(super) struct Field<'e> {
    pub(super) value: &'e Value,
    pub(super) places: Places,
}

/// The fields of an event that a pattern asks about, by path.
pub(super) struct Fields<'e>(HashMap<&'e str, Vec<Field<'e>>>);

impl<'e> Fields<'e> {
    pub(super) fn of(event: &'e Value, paths: impl Iterator<Item = &'e str>) -> Self {
        let mut walk = Walk {
            fields: paths.map(|path| (path, Vec::new())).collect(),
            path: String::new(),
            places: Vec::new(),
            arrays: 0,
        };
        walk.value(event);
        Self(walk.fields)
    }

    pub(super) fn at(&self, path: &str) -> &[Field<'e>] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }
}

struct Walk<'e> {
    fields: HashMap<&'e str, Vec<Field<'e>>>,
    path: String,
    places: Vec<(usize, usize)>,
    arrays: usize,
}

impl<'e> Walk<'e> {
    fn value(&mut self, value: &'e Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let length = self.path.len();
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    if self.is_wanted() {
                        self.value(member);
                    }
                    self.path.truncate(length);
                }
            }
            Value::Array(elements) => {
                let array = self.arrays;
                self.arrays += 1;
                for (index, element) in elements.iter().enumerate() {
                    if element.is_object() || element.is_array() {
                        self.places.push((array, index));
                        self.value(element);
                        self.places.pop();
                    } else {
                        self.value(element);
                    }
                }
            }
            _ => {
                if let Some(found) = self.fields.get_mut(self.path.as_str()) {
                    found.push(Field { value, places: Places(self.places.clone()) });
                }
            }
        }
    }

    /// Whether the pattern asks about this path or anything below it.
    fn is_wanted(&self) -> bool {
        self.fields.keys().any(|path| {
            path.strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
