"""Where a bucket is reached: where botocore would go, or botocore is left to go there."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.session import get_session
from hearth.stores import aws_endpoint

REGIONS = ["eu-central-1", "us-west-2", "us-gov-west-1", "ap-southeast-5", "cn-north-1"]
BUCKETS = ["hearth-models", "a1b", "with.dots.in-it"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A Lambda's: a region, and no files."""
    return {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


def botocores(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], bucket: str) -> str:
    """Return the address that botocore asks for a key `k`."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    s3 = get_session().create_client("s3")
    seen = []

    class Seen(Exception):
        pass

    def see(request, **_kwargs):
        seen.append(request.url)
        raise Seen

    s3.meta.events.register_first("before-send.s3", see)
    with pytest.raises(Seen):
        s3.get_object(Bucket=bucket, Key="k")
    return seen[0]


def ours(environ: dict[str, str], bucket: str) -> str:
    found = aws_endpoint.find(environ, bucket)
    assert found is not None
    return f"{found.address}{found.prefix}k"


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("region", REGIONS)
def test_address_is_botocores(monkeypatch, environ, region, bucket):
    """In every partition that is known, with dots in the bucket's name or without."""
    environ["AWS_DEFAULT_REGION"] = region
    assert ours(environ, bucket) == botocores(monkeypatch, environ, bucket)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566",
        "http://localhost:80/",
        "https://s3.example.com",
        "https://s3.example.com:8443",
        "http://[::1]:9000",
    ],
)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_endpoint_that_is_set_is_asked_as_botocore_asks_it(monkeypatch, environ, name, url):
    """An endpoint of one's own has the bucket in its path."""
    environ[name] = url
    theirs = botocores(monkeypatch, environ, "hearth-models")
    assert ours(environ, "hearth-models") == theirs.replace("localhost:80/", "localhost/")


def test_endpoint_of_s3_comes_before_the_one_of_all_services(environ):
    """As in botocore."""
    environ |= {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3"}
    assert ours(environ, "hearth-models") == "http://s3/hearth-models/k"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
        ("AWS_PROFILE", "mine"),
        ("HTTPS_PROXY", "http://proxy"),
        ("https_proxy", "http://proxy"),
        ("AWS_DEFAULT_REGION", ""),
        ("AWS_DEFAULT_REGION", "us-iso-east-1"),
        ("AWS_DEFAULT_REGION", "aws-global"),
        ("AWS_ENDPOINT_URL", "http://host/with/a/path"),
        ("AWS_ENDPOINT_URL", "http://user:word@host"),
        ("AWS_ENDPOINT_URL", "http://host:port"),
        ("AWS_ENDPOINT_URL", "http://host:65536"),
        ("AWS_ENDPOINT_URL", "host"),
    ],
)
def test_what_is_not_plain_is_left_to_botocore(environ, name, value):
    """A setting that leads elsewhere is followed by who knows it."""
    assert aws_endpoint.find({**environ, name: value}, "hearth-models") is None


def test_setting_that_says_no_is_no_setting(environ):
    """FIPS that is switched off is off."""
    environ["AWS_USE_FIPS_ENDPOINT"] = "false"
    assert aws_endpoint.find(environ, "hearth-models") is not None


@pytest.mark.parametrize("name", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_files_of_a_persons_machine_are_left_to_botocore(environ, name):
    """A profile may say anything: region, endpoint, role."""
    Path(environ[name]).write_text("[default]\nregion = eu-west-1\n")
    assert aws_endpoint.find(environ, "hearth-models") is None


@pytest.mark.parametrize(
    "bucket",
    [
        "arn:aws:s3:eu-central-1:123456789012:accesspoint/mine",
        "models--euc1-az1--x-s3",
        "not a bucket/name",
        "Upper",
        "",
    ],
)
def test_bucket_of_another_kind_is_left_to_botocore(environ, bucket):
    """Access points, directory buckets, and names that cannot be."""
    assert aws_endpoint.find(environ, bucket) is None
