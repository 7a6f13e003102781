"""Where a bucket is reached, where that is plain; whatever else is set is left to botocore."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from hearth.domain.frozen import dataclass
from hearth.stores.aws_connections import Address

# Settings that lead elsewhere, and that botocore alone follows.
_ITS_OWN = (
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_DATA_PATH",
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SIGV4A_SIGNING_REGION_SET",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL")),
    *(f"{scheme}_proxy" for scheme in ("http", "https", "all")),
)
_FILES = {
    "AWS_CONFIG_FILE": "~/.aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
}
_SUFFIXES = (
    (r"cn-[a-z]+-\d+", "amazonaws.com.cn"),
    (r"(us|eu|ap|sa|ca|me|af|il|mx|us-gov)-[a-z]+-\d+", "amazonaws.com"),
)
# Two dashes in a row are of names with a meaning: directory buckets, Object Lambda, Outposts.
_BUCKET = r"(?!.*--)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
# Neither a path nor anything else that a bucket's own would have to be joined with.
_URL = r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?/?"
_MOST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address, what stands before a key in a path there, and the region to sign for."""

    address: Address
    prefix: str
    region: str


def find(environ: Mapping[str, str], bucket: str) -> Endpoint | None:
    """Return where a bucket is reached, or None if only botocore can tell."""
    region = environ.get("AWS_DEFAULT_REGION", "")
    if not region or not re.fullmatch(_BUCKET, bucket) or _is_botocores(environ):
        return None
    ca_bundle = environ.get("AWS_CA_BUNDLE", "")
    url = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if url:
        return _given(url, bucket, region, ca_bundle)
    for regions, suffix in _SUFFIXES:
        if re.fullmatch(regions, region):
            host = f"s3.{region}.{suffix}"
            # A certificate's asterisk stands for one label: such a name cannot be part of the host.
            if "." in bucket:
                return Endpoint(Address(True, host, None, ca_bundle), f"/{bucket}/", region)
            return Endpoint(Address(True, f"{bucket}.{host}", None, ca_bundle), "/", region)
    return None


def _given(url: str, bucket: str, region: str, ca_bundle: str) -> Endpoint | None:
    plain = re.fullmatch(_URL, url.lower())
    if not plain:
        return None
    secure = plain["scheme"] == "https"
    usual = 443 if secure else 80
    port = int(plain["port"] or usual)
    if port > _MOST_PORT:
        return None
    host = plain["host"].strip("[]")
    address = Address(secure, host, None if port == usual else port, ca_bundle)
    return Endpoint(address, f"/{bucket}/", region)


def _is_botocores(environ: Mapping[str, str]) -> bool:
    if any(environ.get(name, "").lower() not in ("", "false") for name in _ITS_OWN):
        return True
    # A profile may change anything. None is ever there on Lambda.
    return any(Path(environ.get(n) or usual).expanduser().exists() for n, usual in _FILES.items())
