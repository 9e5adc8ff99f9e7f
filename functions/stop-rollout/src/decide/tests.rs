//! The decisions, as tables.

use lifecycle::rollout::Stage;
use rollout::Instance;
use rollout::manifest::{Definition, Keeps, WaveSize};
use rollout::stack_set::Described;
use rollout::{Header, Input, Template};
use serde_json::json;

use super::*;

fn id(number: usize) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

fn region() -> RegionName {
    "eu-central-1".parse().unwrap()
}

fn manifest() -> Manifest {
    let input = json!({"stackSet": "s", "usePreviousTemplate": true, "plan": "routine"});
    let plan = Input::read(&input).unwrap().plan;
    let definition = Definition {
        template: Template::Previous,
        parameters: BTreeMap::new(),
        capabilities: vec![],
    };
    let waves = (1..).zip(&plan.waves).map(|(number, wave)| WaveSize {
        number,
        name: wave.name.clone(),
        accounts: 100,
        instances: 100,
        operations: 1,
        rounds: 4,
        dwell_seconds: 0,
        approval: false,
    });
    Manifest {
        header: Header {
            execution: "s_1".into(),
            stack_set: "s".parse().unwrap(),
            waves: 3,
            deadline_seconds: 600,
            rehearsal: false,
        },
        planned_at: "2026-11-21T10:00:00Z".parse().unwrap(),
        change: None,
        found: "before".into(),
        next: definition.clone(),
        previous: definition,
        previous_values: BTreeMap::from([("A".into(), "1".into())]),
        keeps: Keeps::default(),
        waves: waves.collect(),
        plan,
        red_before: vec![],
    }
}

#[test]
fn an_operators_wish_and_somebody_elses_change_leave_whatever_the_plan_says() {
    use ReasonCode::{DefinitionChanged, SameError};
    for (on_stop, leave, code, choice) in [
        (OnStop::RollBack, false, SameError, Choice::RollBack),
        (OnStop::RollBack, true, SameError, Choice::Leave),
        (OnStop::RollBack, false, DefinitionChanged, Choice::Leave),
        (OnStop::Leave, false, SameError, Choice::Leave),
    ] {
        assert_eq!(choose(on_stop, leave, code), choice, "{on_stop:?} {leave} {code:?}");
    }
}

#[test]
fn only_this_roll_outs_open_operations_are_stopped() {
    let mine = RolloutHash::of("s_1");
    let name = |execution: &str, number| {
        let rollout = RolloutHash::of(execution);
        OperationName { rollout, stage: Stage::Late, number, round: 0 }.to_string()
    };
    let (one, two, other) = (name("s_1", 1), name("s_1", 2), name("s_2", 1));
    let log = [(one.as_str(), false), (&two, true), (&other, false), ("enrol-1", false)];
    assert_eq!(open_of(log, &mine), std::slice::from_ref(&one));
}

#[test]
fn a_set_is_as_before_when_template_and_parameters_are() {
    let manifest = manifest();
    let mut set = Described {
        template: "old".into(),
        parameters: manifest.previous_values.clone(),
        ..Described::default()
    };
    assert!(manifest.is_as_before(&set, "old"));
    assert!(!manifest.is_as_before(&set, "new"));
    set.parameters.insert("A".into(), "2".into());
    assert!(!manifest.is_as_before(&set, "old"));
}

#[test]
fn waves_go_back_in_reverse_order_and_who_came_meanwhile_goes_first() {
    let batch = |accounts: std::ops::Range<usize>| Batch {
        regions: vec![region()],
        accounts: accounts.map(id).collect(),
    };
    let waves = [(1, vec![batch(0..10)]), (2, vec![batch(10..20)]), (3, vec![batch(20..30)])];
    let new: ByAccount = [0, 1, 12, 99].map(|n| (id(n), BTreeSet::from([region()]))).into();
    let back = way_back(&manifest(), &waves, new);
    let shown: Vec<_> = back
        .iter()
        .map(|(number, file)| (*number, file.restores, file.operations[0].accounts.clone()))
        .collect();
    assert_eq!(shown, [(2, true, vec![id(12), id(99)]), (1, false, vec![id(0), id(1)])]);
}

#[test]
fn the_account_that_is_asked_never_got_the_new_template_if_there_is_such_a_one() {
    let mine = RolloutHash::of("s_1");
    let listed = |current, operation: &str| Listed {
        instance: Instance { account: id(1), region: region(), inoperable: false, unit: None },
        current,
        detailed: "SUCCEEDED".into(),
        last_operation: Some(operation.to_owned()),
        reason: None,
    };
    let own = OperationName { rollout: mine.clone(), stage: Stage::Late, number: 0, round: 0 };
    let suits = |current, operation: &str| suits_for_leaving(&listed(current, operation), &mine);
    assert_eq!(suits(false, "enrol-1"), 0);
    assert_eq!(suits(false, &own.to_string()), 1);
    assert_eq!(suits(true, "enrol-1"), 2);
    assert!(has_the_new_one(&listed(true, "enrol-1")));
    assert!(!has_the_new_one(&listed(false, "enrol-1")));
}
