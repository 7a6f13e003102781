"""CloudFormation's functions give local values."""

import pytest
from hearth_local import intrinsics
from hearth_local.errors import TemplateError
from hearth_local.names import Names

TEMPLATE = """
Parameters:
  Stage: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
  Asked: {Type: String}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Not [!Condition IsDev]
Mappings:
  Sizes: {dev: {memory: 128}}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Named: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "${AWS::StackName}-${Group}"}}
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: Talk}}
  Api: {Type: AWS::Serverless::HttpApi}
  Do: {Type: AWS::Serverless::Function, Properties: {}}
Value: VALUE
"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("!Ref Stage", "dev"),
        ("!Ref Zones", ["a", "b"]),
        ("!Ref AWS::Region", "us-east-1"),
        ("!Ref Bucket", "hearth-bucket"),
        ("!Ref Named", "hearth-talk"),
        ("!GetAtt Bucket.Arn", "arn:aws:s3:::hearth-bucket"),
        ("!GetAtt [Do, Arn]", "arn:aws:lambda:us-east-1:123456789012:function:hearth-Do"),
        ("!Ref Do.Alias", "arn:aws:lambda:us-east-1:123456789012:function:hearth-Do"),
        ("!Ref DoAliaslive", "arn:aws:lambda:us-east-1:123456789012:function:hearth-Do"),
        ("!GetAtt Group.Arn", "arn:aws:logs:us-east-1:123456789012:log-group:Talk:*"),
        ("!GetAtt Api.ApiEndpoint", "https://local.execute-api.us-east-1.amazonaws.com"),
        ('!Sub "${Stage}/${Bucket.Arn}/${!kept}"', "dev/arn:aws:s3:::hearth-bucket/${kept}"),
        ('!Sub ["${a}-${Stage}", {a: !Ref Stage}]', "dev-dev"),
        ("!If [IsDev, 1, 2]", 1),
        ("!If [IsProd, 1, 2]", 2),
        ("{kept: 1, gone: !If [IsProd, 1, !Ref AWS::NoValue]}", {"kept": 1}),
        ("[1, !Ref AWS::NoValue]", [1]),
        ('!Join ["-", [a, !Ref Stage]]', "a-dev"),
        ("!Select [1, !Ref Zones]", "b"),
        ('!Split [".", a.b]', ["a", "b"]),
        ("!FindInMap [Sizes, !Ref Stage, memory]", 128),
        ("!And [!Condition IsDev, !Condition IsProd]", False),
        ("!Or [!Condition IsDev, !Condition IsProd]", True),
        ("!Base64 ab", "YWI="),
        ("!ToJsonString {a: !Ref Stage}", '{"a": "dev"}'),
        ("2012-10-17", "2012-10-17"),
        ("{Condition: {StringLike: {a: b}}}", {"Condition": {"StringLike": {"a": "b"}}}),
    ],
)
def test_intrinsic_gives_a_local_value(value, expected):
    """Each function resolves to what it names in the local stack."""
    document = intrinsics.parse(TEMPLATE.replace("VALUE", value))
    assert Names(document).resolver.resolve(document["Value"]) == expected


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("!Ref Nothing", "!Ref Nothing"),
        ("!Ref Asked", "!Ref Asked"),
        ("!GetAtt Nothing.Arn", "!GetAtt Nothing"),
        ("!If [Nothing, 1, 2]", "condition Nothing"),
    ],
)
def test_intrinsic_that_names_nothing_is_an_error_with_its_name(value, named):
    """A name that the template does not give a value is reported as it stands there."""
    document = intrinsics.parse(TEMPLATE.replace("VALUE", value))
    with pytest.raises(TemplateError) as caught:
        Names(document).resolver.resolve(document["Value"])
    assert caught.value.name == named
    assert caught.value.remedy
