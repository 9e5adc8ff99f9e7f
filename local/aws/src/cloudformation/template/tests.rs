//! What templates say, and what is wrong with those that say nothing sensible.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

fn evaluated(text: &str, parameters: &[(&str, &str)], id: &str) -> Result<Value, TemplateError> {
    let template = Template::parse(text, None, false)?;
    let given: BTreeMap<String, String> =
        parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let values = resolve(&template, &given, |_| None)?;
    let pseudo = Pseudo {
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        stack_id: "arn:aws:cloudformation:eu-central-1:111122223333:stack/s/1".to_owned(),
        stack_name: "s".to_owned(),
        exports: [("vpc".to_owned(), "vpc-1".to_owned())].into(),
        resolved: [("/team".to_owned(), "blue".to_owned())].into(),
    };
    let mut scope = Scope::new(&template, &values, &pseudo)?;
    let mut attributes = serde_json::Map::new();
    attributes.insert("Arn".to_owned(), json!("arn:aws:sqs:eu-central-1:111122223333:other"));
    scope.add("Other", Made { physical_id: "https://queue/other".to_owned(), attributes });
    let resource = &template.resources[id];
    scope.value(&resource.properties, &format!("Resources.{id}.Properties"))
}

fn fault(text: &str) -> String {
    evaluated(text, &[], "Q").unwrap_err().to_string()
}

#[test]
fn every_intrinsic_gives_its_value_in_both_spellings() {
    let text = r#"
Parameters:
  Env: {Type: String, Default: prod}
  Ids: {Type: CommaDelimitedList, Default: 'a, b'}
Mappings:
  Sizes: {prod: {Days: 5}}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  NotProd: !Not [!Condition IsProd]
  Either: !Or [!Condition IsProd, Condition: NotProd]
Resources:
  Other: {Type: AWS::SQS::Queue}
  Q:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: !Sub
        - '${AWS::Region}/${Env}/${Other}/${Other.Arn}/${!Literal}/${Own}'
        - {Own: !Join ['-', !Ref Ids]}
      Description: {"Fn::If": [IsProd, {"Fn::Select": [1, {"Ref": Ids}]}, no]}
      Tier: !If [NotProd, Advanced, !Ref AWS::NoValue]
      Tags:
        split: !Split ['|', 'x|y']
        days: !FindInMap [Sizes, !Ref Env, Days]
        base: !Base64 hi
        att: !GetAtt Other.Arn
        either: !If [Either, 1, 2]
        account: 012345678901
"#;
    assert_eq!(
        evaluated(text, &[], "Q").unwrap(),
        json!({
            "Type": "String",
            "Value": "eu-central-1/prod/https://queue/other/\
                      arn:aws:sqs:eu-central-1:111122223333:other/${Literal}/a-b",
            "Description": "b",
            "Tags": {
                "split": ["x", "y"], "days": 5, "base": "aGk=",
                "att": "arn:aws:sqs:eu-central-1:111122223333:other", "either": 1,
                "account": "012345678901",
            },
        })
    );
}

#[test]
fn json_templates_are_read_too() {
    let text = r#"{"Resources": {"Q": {"Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": {"Fn::Sub": "${AWS::StackName}-q"}, "DelaySeconds": 5}}}}"#;
    assert_eq!(evaluated(text, &[], "Q").unwrap(), json!({"QueueName": "s-q", "DelaySeconds": 5}));
}

#[test]
fn what_is_unknown_is_named_with_its_line() {
    let cases = [
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Qeue\n",
            "line 2: Resources.Q.Type: Unrecognized resource types: [AWS::SQS::Qeue]",
        ),
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueName: x\n",
            "line 5: Resources.Q.Properties.QueName: unknown property of AWS::SQS::Queue",
        ),
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Cidr x\n",
            "line 5: Resources.Q.Properties.QueueName: Fn::Cidr takes [ipBlock, count, cidrBits]",
        ),
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !ImportValue x\n",
            "line 5: Resources.Q.Properties.QueueName: No export named x found.",
        ),
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Ref Nobody\n",
            "line 5: Resources.Q.Properties.QueueName: there is no Nobody here",
        ),
        (
            "Resources:\n  Other: {Type: AWS::SQS::Queue}\n  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !GetAtt Other.Size\n",
            "line 6: Resources.Q.Properties.QueueName: AWS::SQS::Queue (Other) has no attribute Size",
        ),
        ("Resurces: {}\n", "unknown section Resurces"),
        (
            "Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    Typo: 1\n",
            "line 4: Resources.Q.Typo: unknown key",
        ),
        ("Resources:\n  Q: [\n", "not YAML or JSON"),
        ("a: 1\na: 2\n", "line 2: the key \"a\" occurs twice"),
        ("- 1\n", "a template is a map of sections, this is a list"),
        ("", "the template is empty"),
        (
            "Parameters: {P: {Type: Strin}}\nResources: {Q: {Type: AWS::SQS::Queue}}\n",
            "Parameters.P.Type: the parameter type Strin is not supported",
        ),
        (
            "Transform: AWS::Include\nResources: {Q: {Type: AWS::SQS::Queue}}\n",
            "the macro AWS::Include is not run",
        ),
    ];
    for (text, expected) in cases {
        let error = fault(text);
        assert!(error.contains(expected), "{error}\nshould say {expected}");
    }
}

/// A property's value, in a template that has a parameter, a list, a mapping and a condition.
fn with_value(value: &str) -> String {
    format!(
        "
Parameters: {{P: {{Type: String, Default: p}}, Ids: {{Type: CommaDelimitedList, Default: 'a,b'}}}}
Mappings: {{Sizes: {{p: {{Days: 5}}}}}}
Conditions: {{Yes: !Equals [!Ref P, p]}}
Resources:
  Other: {{Type: AWS::SQS::Queue}}
  Q:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: {value}
"
    )
}

/// As CloudFormation does: one wrong argument, and no resource of the template is made.
#[test]
fn a_function_where_only_a_literal_may_stand_refuses_the_template() {
    let cases = [
        ("!Join [!Sub ',${P}', !Ref Ids]", "the delimiter of Fn::Join takes no function"),
        ("!Join [!Ref P, !Ref Ids]", "the delimiter of Fn::Join takes no function"),
        ("!Join [',', a]", "the values of Fn::Join: expected a list, found text"),
        ("!Join [',', !Sub 'a,b']", "the values of Fn::Join can not be Fn::Sub"),
        ("!Join [',', [!Split [',', 'a,b']]]", "the values of Fn::Join can not be Fn::Split"),
        ("!Join [',']", "every Fn::Join object requires two parameters"),
        ("!Select [0, !Split [!Ref P, 'a,b']]", "the delimiter of Fn::Split takes no function"),
        ("!Select [0, !Split ['', 'a,b']]", "the delimiter of Fn::Split is empty"),
        ("!Select [0, !Split [',', !Ref Ids, 1]]", "every Fn::Split object requires two"),
        ("!Select [!Sub '0', !Ref Ids]", "the index of Fn::Select can not be Fn::Sub"),
        ("!Select [0, !Join ['', [a]]]", "the list of Fn::Select can not be Fn::Join"),
        ("!Select [0]", "Fn::Select requires a list argument with two elements"),
        ("!Sub ['${A}', !Ref P]", "Fn::Sub needs text, or a list of text and a map"),
        ("!Sub ['${A}', {A: !Split [',', 'a']}]", "a variable of Fn::Sub can not be Fn::Split"),
        ("!Sub [!Ref P, {A: a}]", "the text of Fn::Sub takes no function"),
        ("{'Fn::Sub': !Ref P}", "the text of Fn::Sub takes no function"),
        ("!FindInMap [!Sub Sizes, p, Days]", "a name in Fn::FindInMap can not be Fn::Sub"),
        ("!FindInMap [Sizes, p]", "every Fn::FindInMap object requires three parameters"),
        ("!GetAtt [!Ref P, Arn]", "the logical id in Fn::GetAtt takes no function"),
        ("!GetAtt [Other, !Sub Arn]", "the attribute in Fn::GetAtt can not be Fn::Sub"),
        ("{Ref: !Sub P}", "the name in Ref takes no function"),
        ("!If [!Ref P, a, b]", "the condition of Fn::If takes no function"),
        ("!If [Yes, a]", "Fn::If requires a list argument"),
        ("!Base64 [a]", "the argument of Fn::Base64 is a list"),
        ("!Equals [a, b]", "Fn::Equals is not allowed in this part of a template"),
        ("{Ref: P, Other: x}", "Ref stands beside other keys"),
        ("{a: 1, 'Fn::Sub': x}", "Fn::Sub stands beside other keys"),
        ("{!Sub '${P}': x}", "no function stands in it"),
    ];
    for (value, expected) in cases {
        let error = fault(&with_value(value));
        assert!(error.contains(expected), "{value}: {error}\nshould say {expected}");
    }
    for fine in [
        "!Join [',', !Split ['|', !Sub '${P}|x']]",
        "!Join ['', [!Ref P, !GetAtt Other.Arn, !Select [0, !Ref Ids], 1, true]]",
        "!Select [!FindInMap [Sizes, !Ref P, Days], [a, b, c, d, e, f]]",
        "!GetAtt [Other, Arn]",
        "!If [Yes, !Sub ['${A}', {A: !Join ['', [a]]}], !Ref AWS::NoValue]",
    ] {
        evaluated(&with_value(fine), &[], "Q").unwrap_or_else(|error| panic!("{fine}: {error}"));
    }
}

#[test]
fn a_function_in_a_part_that_is_not_evaluated_refuses_the_template() {
    let queue = "Resources: {Q: {Type: AWS::SQS::Queue}}\n";
    let cases = [
        (format!("Description: !Sub x\n{queue}"), "Description: Fn::Sub is not allowed here"),
        (
            format!("Parameters: {{P: {{Type: String, Default: !Ref AWS::Region}}}}\n{queue}"),
            "Parameters: Ref is not allowed here",
        ),
        (
            format!("Mappings: {{M: {{a: {{b: !Ref AWS::Region}}}}}}\n{queue}"),
            "Mappings: Ref is not allowed here",
        ),
        (
            format!("Conditions: {{C: !Contains [[a], a]}}\n{queue}"),
            "Fn::Contains is no condition function that is allowed here",
        ),
        (
            format!("Conditions: {{C: !Equals [!If [C, a, b], a]}}\n{queue}"),
            "a side of Fn::Equals can not be Fn::If",
        ),
        (format!("Conditions: {{C: !And [!Equals [a, a]]}}\n{queue}"), "two to ten conditions"),
        (format!("Conditions: {{C: true}}\n{queue}"), "expected a condition function"),
        (
            "Resources: {Q: {Type: AWS::SQS::Queue, DeletionPolicy: !Ref AWS::Region}}\n".into(),
            "Resources.Q.DeletionPolicy: expected text, found an intrinsic function",
        ),
        (
            "Resources: {Q: {Type: AWS::SQS::Queue, DependsOn: [!Ref Q]}}\n".into(),
            "Resources.Q.DependsOn: expected logical ids",
        ),
    ];
    for (text, expected) in cases {
        let error = fault(&text);
        assert!(error.contains(expected), "{text}: {error}\nshould say {expected}");
    }
}

#[test]
fn an_inert_resource_needs_no_known_type() {
    let text = "
Resources:
  Q:
    Type: AWS::Budgets::Budget
    Metadata: {'landlord:local': inert}
    Properties: {Anything: {goes: 1}}
";
    assert_eq!(evaluated(text, &[], "Q").unwrap(), json!({"Anything": {"goes": 1}}));
}

#[test]
fn circular_references_are_refused() {
    let text = "
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt Q.QueueName}}
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt A.QueueName}}
";
    assert!(fault(text).contains("Circular dependency between resources: [A, Q]"));
}

/// As in CloudFormation, where cfn-init's metadata makes circles.
#[test]
fn what_the_metadata_refers_to_is_made_before_and_has_to_exist() {
    let text = "
Resources:
  Q: {Type: AWS::SQS::Queue, Metadata: {After: !Ref Z}}
  Z: {Type: AWS::SQS::Queue}
";
    let template = Template::parse(text, None, false).unwrap();
    assert_eq!(order(&template, |_| true).unwrap(), ["Z", "Q"]);
    assert!(fault(&text.replace("!Ref Z", "!Ref Y")).contains("Resources.Q.Metadata.After"));
    let circle = text.replace("AWS::SQS::Queue}", "AWS::SQS::Queue, DependsOn: Q}");
    assert!(fault(&circle).contains("Circular dependency between resources: [Q, Z]"));
}

#[test]
fn parameters_are_held_to_their_constraints() {
    let text = "
Parameters:
  N: {Type: Number, MinValue: 1, MaxValue: 5, Default: 3}
  S: {Type: String, AllowedPattern: '[a-z]+', MaxLength: 3, Default: abc}
  E: {Type: String, AllowedValues: [x, y], Default: x}
  Must: {Type: String, Default: ''}
Resources: {Q: {Type: AWS::SQS::Queue}}
";
    let refused = |name, value| evaluated(text, &[(name, value)], "Q").unwrap_err().to_string();
    assert!(refused("N", "6").contains("must be a number not greater than 5"));
    assert!(refused("N", "x").contains("must be a number"));
    assert!(refused("S", "ABC").contains("must match pattern [a-z]+"));
    assert!(refused("S", "abcd").contains("must contain at most 3 characters"));
    assert!(refused("E", "z").contains("must be one of AllowedValues: [x, y]"));
    assert!(refused("Nobody", "1").contains("Parameters: [Nobody] do not exist in the template"));
    let none = "Parameters: {P: {Type: String}}\nResources: {Q: {Type: AWS::SQS::Queue}}\n";
    assert!(fault(none).contains("Parameters: [P] must have values"));
}

#[test]
fn rules_are_asserted() {
    let text = "
Parameters: {Env: {Type: String, Default: dev}}
Rules:
  OnlyProd:
    Assertions:
      - Assert: !Contains [[prod], !Ref Env]
        AssertDescription: only prod is allowed
Resources: {Q: {Type: AWS::SQS::Queue}}
";
    assert!(fault(text).contains("only prod is allowed"));
    evaluated(text, &[("Env", "prod")], "Q").unwrap();
}

#[test]
fn sam_makes_the_role_and_the_mapping_of_a_function() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Timeout: 60, Environment: {Variables: {A: '1'}}, RolePath: /landlord/}
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Admit:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda}
    Properties:
      CodeUri: functions/admit-tenant/
      Environment: {Variables: {B: !Ref Queue}}
      Policies:
        - Version: '2012-10-17'
          Statement: [{Effect: Allow, Action: 'sqs:*', Resource: '*'}]
      Events:
        Signups: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 1}}
";
    let template = Template::parse(text, None, false).unwrap();
    let ids: Vec<&str> = template.resources.keys().map(String::as_str).collect();
    assert_eq!(ids, ["Queue", "AdmitRole", "Admit", "AdmitSignups"]);
    let function = &template.resources["Admit"].properties;
    let key = function.get("Code").and_then(|code| code.get("S3Key")).unwrap();
    assert_eq!(key.as_text(), Some("admit-tenant.zip"));
    let variables = function.get("Environment").and_then(|env| env.get("Variables")).unwrap();
    assert!(variables.get("A").is_some() && variables.get("B").is_some());
    let role = &template.resources["AdmitRole"].properties;
    assert_eq!(role.get("Path").and_then(Node::as_text), Some("/landlord/"));
}

#[test]
fn a_definition_and_its_substitutions_have_to_agree() {
    let folder = std::env::temp_dir().join(format!("landlord-template-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("m.json"), r#"{"Resource": "${Function}"}"#).unwrap();
    let template = |substitutions: &str| {
        let text = format!(
            "Transform: AWS::Serverless-2016-10-31\nResources:\n  M:\n    \
             Type: AWS::Serverless::StateMachine\n    Properties:\n      \
             DefinitionUri: m.json\n      DefinitionSubstitutions: {substitutions}\n"
        );
        Template::parse(&text, Some(&folder), false)
    };
    template("{Function: arn}").unwrap();
    let missing = template("{}").unwrap_err().to_string();
    assert!(missing.contains("the placeholder ${Function}"), "{missing}");
    let unused = template("{Function: arn, More: 1}").unwrap_err().to_string();
    assert!(unused.contains("the substitution More has no placeholder"), "{unused}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_templates_that_are_shipped_are_read() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("template.yaml")).unwrap();
    let template = Template::parse(&text, Some(&root), false).unwrap();
    let set = &template.resources["TenantBaselineStackSet"].properties;
    let body = set.get("TemplateBody").and_then(Node::as_text).unwrap();
    Template::parse(body, None, false).unwrap();
}

/// What the languages and the account bring beside the template's own text.
#[test]
fn imports_zones_blocks_and_loops_give_their_values() {
    let text = r#"
Transform: AWS::LanguageExtensions
Mappings:
  Sizes: {prod: {Days: 5}}
Resources:
  Q:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Value: !ToJsonString
        imported: !ImportValue vpc
        zones: !GetAZs ''
        block: !Select [1, !Cidr [10.0.0.0/16, 2, 8]]
        count: !Length [a, b, c]
        days: !FindInMap [Sizes, dev, Days, {DefaultValue: 9}]
        team: '{{resolve:ssm:/team}}'
        secret: '{{resolve:secretsmanager:db:SecretString:password}}'
  Fn::ForEach::Queues:
    - Name
    - [in-box, out]
    - Queue&{Name}:
        Type: AWS::SQS::Queue
        Properties: {QueueName: !Sub '${Name}-${AWS::Region}'}
"#;
    let value = evaluated(text, &[], "Q").unwrap();
    let made: Value = serde_json::from_str(value["Value"].as_str().unwrap()).unwrap();
    assert_eq!(
        made,
        json!({
            "imported": "vpc-1", "zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
            "block": "10.0.1.0/24", "count": 3, "days": 9, "team": "blue",
            "secret": "{{resolve:secretsmanager:db:SecretString:password}}",
        })
    );
    let queue = evaluated(text, &[], "Queueinbox").unwrap();
    assert_eq!(queue["QueueName"], "in-box-eu-central-1");
    assert!(evaluated(text, &[], "Queueout").is_ok());
}

#[test]
fn what_is_not_modelled_is_inert_where_a_world_takes_it_and_what_aws_has_not_is_refused() {
    let inert = |text: &str| {
        Template::parse(text, None, true)
            .map(|template| template.resources.values().filter(|one| one.is_inert()).count())
    };
    let table = "Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: []}}}\n";
    assert_eq!(inert(table).unwrap(), 1);
    assert!(Template::parse(table, None, false).is_err());
    let bucket = "Resources: {B: {Type: AWS::S3::Bucket, Properties: {CorsConfiguration: {}}}}\n";
    assert_eq!(inert(bucket).unwrap(), 1);
    assert_eq!(inert("Resources: {B: {Type: AWS::S3::Bucket}}\n").unwrap(), 0);
    let custom = "Resources: {C: {Type: 'Custom::Thing', Version: '1.0', Properties: {ServiceToken: x, Any: 1}}}\nOutputs: {O: {Value: !GetAtt C.Whatever}}\n";
    assert_eq!(inert(custom).unwrap(), 1);
    for (text, why) in [
        (
            "Resources: {T: {Type: AWS::DynamoDB::Tabel}}\n",
            "Unrecognized resource types: [AWS::DynamoDB::Tabel]",
        ),
        (
            "Resources: {T: {Type: AWS::DynamoDB::Table}}\n",
            "the required property KeySchema is missing",
        ),
        ("Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketNam: x}}}\n", "BucketNam"),
        (
            "Resources: {V: {Type: AWS::EC2::VPC, Properties: {Cidr: x}}}\n",
            "Encountered unsupported property Cidr",
        ),
        (
            "Resources: {V: {Type: AWS::EC2::VPC}}\nOutputs: {O: {Value: !GetAtt V.Arm}}\n",
            "has no attribute Arm",
        ),
        (
            "Resources: {S: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: x}}}\n",
            "nested stacks",
        ),
        ("Resources: {V: {Type: AWS::EC2::VPC, Version: '1.0'}}\n", "AWS::EC2::VPC has no Version"),
        (
            "Resources: {V: {Type: AWS::EC2::VPC, DeletionPolicy: Snapshot}}\n",
            "has no DeletionPolicy",
        ),
        ("Resources: {V: {Type: Acme::Net::Thing::MODULE}}\n", "Unrecognized resource types"),
        (
            "Transform: [AWS::LanguageExtensions, Mine]\nResources: {V: {Type: AWS::EC2::VPC}}\n",
            "the macro Mine is not run",
        ),
    ] {
        let fault = inert(text).unwrap_err().to_string();
        assert!(fault.contains(why), "{text}: {fault}");
    }
}

#[test]
fn parameters_have_all_of_cloudformations_types() {
    let with = |kind: &str, value: &str| {
        let text = format!(
            "Parameters: {{P: {{Type: '{kind}'}}}}\nResources: {{Q: {{Type: AWS::SQS::Queue}}}}\n"
        );
        evaluated(&text, &[("P", value)], "Q").map(drop).map_err(|error| error.to_string())
    };
    for (kind, value) in [
        ("AWS::EC2::VPC::Id", "vpc-1"),
        ("List<AWS::EC2::Subnet::Id>", "subnet-1, subnet-2"),
        ("AWS::EC2::KeyPair::KeyName", "key"),
        ("AWS::Route53::HostedZone::Id", "Z1"),
        ("List<Number>", "1,2"),
    ] {
        assert_eq!(with(kind, value), Ok(()), "{kind}");
    }
    assert!(with("AWS::EC2::VPC::Id", "subnet-1").unwrap_err().contains("subnet-1"));
    assert!(with("AWS::EC2::Vpc::Id", "vpc-1").unwrap_err().contains("AWS::EC2::Vpc::Id"));
}
