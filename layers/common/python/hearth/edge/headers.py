"""Names of the headers that are Hearth's own or an extension's, as they are written.

A request holds its headers by their names in lower case.
"""

HEADER_LENGTH = "Inference-Header-Content-Length"
# Digits of a length that no body has.
_LONGEST = 12
# Callers with the same key get the same version of a split.
ROUTING_KEY = "X-Hearth-Routing-Key"
# Where the bucket holds a request's body, and where its answer is to be written.
INPUT_LOCATION, OUTPUT_LOCATION = "X-Hearth-Input-Location", "X-Hearth-Output-Location"
# Groups that the caller belongs to, as `region=eu,device=phone`.
SLICES = "X-Hearth-Slices"
# A request's: the caller's own id of it. An answer's: the id in its record, which feedback names.
REQUEST_ID = "X-Request-Id"


def json_length(text: str) -> int:
    """Return how many bytes of JSON a request says come before its tensors; -1 if it says none.

    Args:
        text: What its `HEADER_LENGTH` holds.

    Example:
        >>> json_length("120"), json_length("0"), json_length("-1"), json_length("")
        (120, 0, -1, -1)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST else -1
