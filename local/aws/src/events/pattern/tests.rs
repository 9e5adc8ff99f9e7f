//! The published rules as tables, and the rule of arrays against a second reading of it.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::Pattern;

fn matches(pattern: &Value, event: &Value) -> bool {
    match Pattern::parse(&pattern.to_string()) {
        Ok(pattern) => pattern.matches(event),
        Err(problem) => panic!("{pattern}: {problem}"),
    }
}

/// What stands in a field against what a pattern lists for it.
#[test]
fn operators_match_as_published() {
    let long = "12345678901234567890";
    let number: Value = serde_json::from_str("3.0e2").unwrap();
    let cases: [(Value, &[(Value, bool)]); 26] = [
        (json!(["a"]), &[(json!("a"), true), (json!("A"), false), (json!(["b", "a"]), true)]),
        (json!([""]), &[(json!(""), true), (json!(null), false)]),
        (json!([null]), &[(json!(null), true), (json!("null"), false), (json!([]), false)]),
        (json!([true]), &[(json!(true), true), (json!("true"), false), (json!(1), false)]),
        (json!([300]), &[(json!(300.0), true), (number, true), (json!("300"), false)]),
        (json!([{"exactly": "a"}]), &[(json!("a"), true), (json!("b"), false)]),
        (
            json!([{"prefix": "ab"}]),
            &[(json!("abc"), true), (json!("aBc"), false), (json!([]), false)],
        ),
        (json!([{"prefix": ""}]), &[(json!(""), true), (json!(1), false)]),
        (
            json!([{"prefix": {"equals-ignore-case": "éB"}}]),
            &[(json!("ÉbC"), true), (json!("eb"), false)],
        ),
        (json!([{"suffix": ".png"}]), &[(json!("a.png"), true), (json!("a.PNG"), false)]),
        (
            json!([{"suffix": {"equals-ignore-case": ".png"}}]),
            &[(json!("a.PnG"), true), (json!(".pn"), false)],
        ),
        (
            json!([{"equals-ignore-case": "Ab"}]),
            &[(json!("aB"), true), (json!("abc"), false), (json!(["x", "AB"]), true)],
        ),
        (
            json!([{"anything-but": "x"}]),
            &[
                (json!("y"), true),
                (json!("x"), false),
                (json!(null), true),
                (json!(1), true),
                (json!(["x", "y"]), true),
                (json!(["x"]), false),
                (json!([]), false),
                (json!({"x": 1}), false),
            ],
        ),
        (
            json!([{"anything-but": [1, 2.50]}]),
            &[(json!(2.5), false), (json!("1"), true), (json!(3), true), (json!(true), true)],
        ),
        (
            json!([{"anything-but": {"prefix": ["a", "bc"]}}]),
            &[(json!("bx"), true), (json!("bcx"), false), (json!(12), true)],
        ),
        (json!([{"anything-but": {"suffix": "z"}}]), &[(json!("az"), false), (json!(null), true)]),
        (
            json!([{"anything-but": {"equals-ignore-case": ["On", "Off"]}}]),
            &[(json!("OFF"), false), (json!("open"), true)],
        ),
        (
            json!([{"anything-but": {"wildcard": ["*/lib/*", "*.bin"]}}]),
            &[(json!("a/lib/b"), false), (json!("lib"), true), (json!("x.bin"), false)],
        ),
        (
            json!([{"numeric": [">", 0, "<=", 5]}]),
            &[(json!(0), false), (json!(0.5), true), (json!(5.0), true), (json!("3"), false)],
        ),
        (
            json!([{"numeric": ["=", 3.018e2]}]),
            &[(json!(301.8), true), (json!(null), false), (json!([1, 301.8]), true)],
        ),
        (json!([{"numeric": ["<", -1.5]}]), &[(json!(-2), true), (json!(-1.5), false)]),
        (
            json!([{"cidr": "10.0.1.7/24"}]),
            &[
                (json!("10.0.1.255"), true),
                (json!("10.0.2.0"), false),
                (json!("::1"), false),
                (json!("ten"), false),
                (json!(10), false),
            ],
        ),
        (
            json!([{"cidr": "2001:db8::/33"}]),
            &[(json!("2001:0DB8:7fff::9"), true), (json!("2001:db8:8000::"), false)],
        ),
        (json!(["2001:db8::1"]), &[(json!("2001:0db8:0:0:0:0:0:1"), true)]),
        (
            json!([{"exists": true}]),
            &[(json!(null), true), (json!([]), false), (json!({}), false), (json!([""]), true)],
        ),
        (
            json!([{"exists": false}, "a"]),
            &[(json!([]), true), (json!({"x": 1}), true), (json!("a"), true), (json!("b"), false)],
        ),
    ];
    for (choices, found) in &cases {
        for (value, expected) in *found {
            let answer = matches(&json!({ "f": choices }), &json!({ "f": value }));
            assert_eq!(answer, *expected, "{choices} on {value}");
        }
    }
    let digits: Value = serde_json::from_str(long).unwrap();
    assert!(matches(&json!({ "f": [digits] }), &json!({ "f": digits })));
    assert!(!matches(&json!({ "f": [{"numeric": [">", 0]}] }), &json!({ "f": u64::MAX })));
    assert!(!matches(&json!({ "f": [{"anything-but": "x"}] }), &json!({ "g": "y" })));
    assert!(matches(&json!({ "f": [{"exists": false}] }), &json!({ "g": "y" })));
}

#[test]
fn wildcards_match_any_text_and_escapes_the_characters_themselves() {
    let cases = [
        ("a*c*e", "abcde", true),
        ("a*", "a", true),
        ("*", "", true),
        ("", "a", false),
        ("*.png", "a.png.png", true),
        ("/Users/*/dir/dir/dir/dir/dir/doc.txt", "/Users/x/dir/dir/dir/dir/dir/dir/doc.txt", true),
        (r"a\*b", "a*b", true),
        (r"a\*b", "axb", false),
        (r"a\\*", r"a\b", true),
        ("é*ß", "é-ß", true),
    ];
    for (pattern, text, expected) in cases {
        let answer = matches(&json!({ "f": [{ "wildcard": pattern }] }), &json!({ "f": text }));
        assert_eq!(answer, expected, "{pattern} on {text}");
    }
}

#[test]
fn names_are_joined_with_dots_and_or_takes_the_place_of_its_object() {
    let deep = json!({ "detail": { "state": { "status": "on" } } });
    let dotted = json!({ "detail": { "state.status": "on" } });
    for pattern in [
        json!({ "detail": { "state": { "status": ["on"] } } }),
        json!({ "detail": { "state.status": ["on"] } }),
        json!({ "detail.state.status": ["on"] }),
    ] {
        assert!(matches(&pattern, &deep) && matches(&pattern, &dotted), "{pattern}");
    }
    assert!(!matches(&json!({ "detail": { "state": ["on"] } }), &dotted));
    assert!(!matches(&json!({ "detail": { "a": ["x"] } }), &json!({ "detail": "{\"a\":\"x\"}" })));

    let pattern = json!({
        "source": ["s"],
        "detail": {
            "$or": [
                { "a": [1], "$or": [{ "b": [1] }, { "c": [1] }] },
                { "d": { "e": [{ "exists": false }] } },
            ],
        },
    });
    let detail = |detail: Value| matches(&pattern, &json!({ "source": "s", "detail": detail }));
    assert!(detail(json!({ "a": 1, "c": 1, "d": { "e": 0 } })));
    assert!(detail(json!({ "d": { "f": 0 } })));
    assert!(!detail(json!({ "a": 1, "d": { "e": 0 } })));
    assert!(!matches(&pattern, &json!({ "source": "t", "detail": {} })));
}

#[test]
fn fields_named_together_come_from_one_element_of_each_array() {
    let people = json!({ "people": [
        { "first": "Anna", "last": "Smith", "at": [{ "city": "Rome", "no": 1 }, { "no": 2 }] },
        [{ "first": "Peter", "last": "Jones" }],
        { "first": "Mary" },
    ]});
    let people = |wanted: Value| matches(&json!({ "people": wanted }), &people);
    assert!(people(json!({ "first": ["Anna"], "last": ["Smith"] })));
    assert!(people(json!({ "first": ["Peter"], "last": ["Jones"] })));
    assert!(!people(json!({ "first": ["Anna"], "last": ["Jones"] })));
    assert!(people(json!({ "first": ["Anna"], "at": { "city": ["Rome"], "no": [1] } })));
    assert!(!people(json!({ "first": ["Anna"], "at": { "city": ["Rome"], "no": [2] } })));
    // Absence counts in the element that an earlier name chose.
    assert!(people(json!({ "first": ["Mary"], "last": [{ "exists": false }] })));
    assert!(!people(json!({ "first": ["Anna"], "last": [{ "exists": false }] })));
    assert!(!people(json!({ "last": [{ "exists": false }] })));
}

#[test]
fn what_aws_refuses_is_refused_in_its_words_and_where_it_stands() {
    let not_text = "prefix/suffix match pattern must be a string";
    let no_value = "Value of anything-but must be an array or single string/number value.";
    let mixed = "Inside anything but list, either all values are number or string, mixed type is not supported";
    let ignoring = "equals-ignore-case match pattern must be a string";
    let complex = "Rule is too complex - try using fewer wildcard characters or fewer repeating \
                   character sequences after a wildcard character";
    let cases = [
        (json!("a"), "\"f\" must be an object or an array"),
        (json!([]), "Empty arrays are not allowed"),
        (json!({}), "Empty objects are not allowed"),
        (json!([["a"]]), "Match value must be String, number, true, false, or null"),
        (json!([{}]), "Match expression name not found"),
        (json!([{"prefix": "a", "suffix": "b"}]), "Only one key allowed in match expression"),
        (json!([{"EXISTS": true}]), "Unrecognized match type EXISTS"),
        (json!([{"exists": "yes"}]), "exists match pattern must be either true or false."),
        (json!([{"prefix": 1}]), "prefix match pattern must be a string"),
        (json!([{"suffix": ["a"]}]), "suffix match pattern must be a string"),
        (json!([{"prefix": {"suffix": "a"}}]), "Unsupported prefix pattern: suffix"),
        (json!([{"suffix": {"equals-ignore-case": ["a"]}}]), ignoring),
        (json!([{"equals-ignore-case": ["a"]}]), ignoring),
        (json!([{"anything-but": null}]), no_value),
        (json!([{"anything-but": {"prefix": {"equals-ignore-case": "a"}}}]), no_value),
        (json!([{"anything-but": {"prefix": 1}}]), not_text),
        (json!([{"anything-but": {"suffix": ["a", null]}}]), not_text),
        (json!([{"anything-but": {"prefix": ""}}]), "Null prefix/suffix not allowed"),
        (json!([{"anything-but": ["a", 1]}]), mixed),
        (json!([{"anything-but": []}]), mixed),
        (
            json!([{"anything-but": ["a", null]}]),
            "Inside anything but list, start|null|boolean is not supported.",
        ),
        (json!([{"anything-but": {"cidr": "a"}}]), "Unsupported anything-but pattern: cidr"),
        (json!([{"anything-but": {"wildcard": 1}}]), "wildcard match pattern must be a string"),
        (json!([{"numeric": 1}]), "Value of numeric must be an array."),
        (json!([{"numeric": []}]), "Invalid member in numeric match: ]"),
        (json!([{"numeric": ["!", 1]}]), "Unrecognized numeric range operator: !"),
        (json!([{"numeric": ["=", "1"]}]), "Value of equals must be numeric"),
        (json!([{"numeric": ["<", 1, ">", 0]}]), "Too many elements in numeric expression"),
        (json!([{"numeric": [">", 0, ">", 0]}]), "Bad numeric range operator: >"),
        (json!([{"numeric": [">", 0, "<"]}]), "Value of < must be numeric"),
        (json!([{"numeric": [">", 1, "<", 1]}]), "Bottom must be less than top"),
        (json!([{"numeric": [">", 9, "<", 1]}]), "Bottom must be less than top"),
        (json!([{"numeric": ["=", u64::MAX]}]), "Cannot compare number : 18446744073709551615"),
        (json!([{"cidr": ["10.0.0.0/8"]}]), "prefix match pattern must be a string"),
        (json!([{"cidr": "10.0.0.0"}]), "Malformed CIDR, one '/' required"),
        (json!([{"cidr": "10.0.0.0/x"}]), "Malformed CIDR, mask bits must be an integer"),
        (json!([{"cidr": "10.0.0.0/-1"}]), "Malformed CIDR, mask bits must not be negative"),
        (json!([{"cidr": "10.0.0/8"}]), "Nonstandard IP address: 10.0.0"),
        (json!([{"cidr": "10.0.0.0/32"}]), "IPv4 mask bits must be < 32"),
        (json!([{"cidr": "::/128"}]), "IPv6 mask bits must be < 128"),
        (json!([{"wildcard": "ab**"}]), "Consecutive wildcard characters at pos 3"),
        (json!([{"wildcard": r"a\b"}]), "Invalid escape character at pos 2"),
        (json!([{"wildcard": "*:*:*:*:*:event-bus/*"}]), complex),
    ];
    for (wanted, reason) in &cases {
        let refused = Pattern::parse(&json!({ "d": { "f": wanted } }).to_string()).unwrap_err();
        assert_eq!(refused, format!("{reason}\n at $.d.f"), "{wanted}");
    }
    let whole = [
        (json!([1]), "Filter is not an object"),
        (json!({}), "Empty objects are not allowed\n at $"),
        (json!({"$or": {}}), "It must be an Array followed with $or.\n at $"),
        (
            json!({"$or": [{"a": [1]}]}),
            "There must have at least 2 Objects in $or relationship.\n at $",
        ),
        (
            json!({"$or": [{"a": [1]}, 1]}),
            "Only JSON object is allowed in array of $or relationship.\n at $",
        ),
        (
            json!({"$or": [{"a": [1]}, {"b": {"prefix": [1]}}]}),
            "prefix is Ruler reserved fieldName which cannot be used inside $or.\n at $.b.prefix",
        ),
    ];
    for (pattern, reason) in &whole {
        assert_eq!(Pattern::parse(&pattern.to_string()).unwrap_err(), *reason, "{pattern}");
    }
    assert!(Pattern::parse("{'a': 1}").is_err());
    let two = json!([{"a": [1]}, {"b": [1]}]);
    let deep = (0..10).map(|level| (format!("l{level}"), json!({ "$or": two })));
    let refused = Pattern::parse(&Value::Object(deep.collect()).to_string()).unwrap_err();
    assert!(refused.contains("more than 1000 rule combinations"), "{refused}");
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!("x")), Just(json!("xy")), Just(json!(1)), Just(json!(null))]
}

/// Objects with a few names, lists of objects, lists of scalars.
fn event() -> impl Strategy<Value = Value> {
    let object = |inner: BoxedStrategy<Value>| {
        prop::collection::btree_map("[abc]", inner, 0..3)
            .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
    };
    let shallow =
        prop_oneof![scalar(), prop::collection::vec(scalar(), 0..3).prop_map(Value::Array)];
    let mut level = object(shallow.clone().boxed()).boxed();
    for _ in 0..2 {
        let list = prop::collection::vec(level.clone(), 0..3).prop_map(Value::Array);
        level = object(prop_oneof![shallow.clone(), list, level].boxed()).boxed();
    }
    level
}

/// Every reading of a value in which each array is one of its elements.
fn readings(value: &Value) -> Vec<Vec<(String, Value)>> {
    match value {
        Value::Array(elements) if elements.is_empty() => vec![Vec::new()],
        Value::Array(elements) => elements.iter().flat_map(readings).collect(),
        Value::Object(members) => {
            members.iter().fold(vec![Vec::new()], |before, (name, member)| {
                let own: Vec<Vec<(String, Value)>> = readings(member)
                    .into_iter()
                    .map(|fields| {
                        let below = |(path, value): (String, Value)| {
                            (
                                if path.is_empty() {
                                    name.clone()
                                } else {
                                    format!("{name}.{path}")
                                },
                                value,
                            )
                        };
                        fields.into_iter().map(below).collect()
                    })
                    .collect();
                before
                    .iter()
                    .flat_map(|before| {
                        own.iter().map(move |own| [before.clone(), own.clone()].concat())
                    })
                    .collect()
            })
        }
        scalar => vec![vec![(String::new(), scalar.clone())]],
    }
}

proptest! {
    /// The published rule says what must not match; this second reading says what must.
    #[test]
    fn a_pattern_matches_when_one_reading_of_the_event_has_all_its_fields(
        event in event(),
        wanted in prop::collection::btree_map("[abc](\\.[abc]){0,2}", scalar(), 1..4),
    ) {
        let pattern: Map<String, Value> =
            wanted.iter().map(|(path, value)| (path.clone(), json!([value]))).collect();
        let expected = readings(&event).iter().any(|fields| {
            wanted.iter().all(|(path, value)| fields.contains(&(path.clone(), value.clone())))
        });
        prop_assert_eq!(matches(&Value::Object(pattern), &event), expected);
    }
}
