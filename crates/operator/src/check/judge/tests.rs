//! What follows from facts that no stand-in makes easily: what could not be seen, and pure edges. The rest
//! is tried against the local AWS, fault by fault, in `local/simulation/tests/check`.

use lambda_kit::sdk::{Refusal, Trouble};

use super::super::world::{Entrance, Organization};
use super::{Findings, entrance, may_enter, some_of};

fn denied() -> Trouble {
    Trouble::Refused(Refusal {
        service: "organizations",
        call: "DescribeOrganization",
        code: "AccessDeniedException".into(),
        message: "No.".into(),
    })
}

fn seen_from(account: &str, organization: Result<Option<Organization>, Trouble>) -> Entrance {
    Entrance {
        account: account.to_owned(),
        partition: "aws".to_owned(),
        region: "eu-central-1".to_owned(),
        organization,
    }
}

fn organization(has_all_features: bool) -> Organization {
    Organization { management: "111122223333".to_owned(), has_all_features }
}

#[test]
fn what_may_not_be_read_is_said_and_the_rest_goes_on() {
    let outside = seen_from("111122223333", Err(denied()));
    let found = entrance(&outside);
    assert_eq!(found[0].name, "NotSeen");
    assert!(found[0].what_to_do.contains("organizations:DescribeOrganization"), "{found:?}");
    assert!(may_enter(&outside));
}

#[test]
fn from_another_account_nothing_more_is_looked_at() {
    let outside = seen_from("999988887777", Ok(Some(organization(true))));
    assert_eq!(entrance(&outside)[0].name, "NotTheManagementAccount");
    assert!(!may_enter(&outside));
    let alone = seen_from("999988887777", Ok(None));
    assert_eq!(entrance(&alone)[0].name, "NoOrganization");
    assert!(!may_enter(&alone));
}

#[test]
fn the_management_account_of_an_organization_with_all_features_is_fine() {
    let inside = |features| seen_from("111122223333", Ok(Some(organization(features))));
    assert_eq!(entrance(&inside(true)), []);
    assert_eq!(entrance(&inside(false))[0].name, "NotAllFeatures");
}

#[test]
fn a_long_list_is_cut_and_counted() {
    assert_eq!(some_of(&["1", "2", "3"]), "1, 2, 3");
    assert_eq!(some_of(&["1", "2", "3", "4", "5"]), "1, 2, 3 and 2 more");
    assert!(Findings::default().0.is_empty());
}
