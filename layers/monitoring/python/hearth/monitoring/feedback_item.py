"""One item of feedback: what a prediction should have been. Checked by pydantic as it comes in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from hearth.edge import slices as slice_rules
from hearth.monitoring.feedback import LONGEST, Expected, Refused
from hearth.stores.clock import stamp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_ROWS = 100_000
MOST_RELEVANT = 1000
# Clocks differ; a moment that is still to come would win against every correction until then.
_AHEAD = timedelta(minutes=5)

_Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]
_Label = Annotated[str, Field(max_length=LONGEST)] | int
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Value = _Number | Annotated[list[_Number], Field(min_length=1, max_length=1000)]
_Rows = Field(min_length=1, max_length=MOST_ROWS)
_Items = Field(min_length=1, max_length=MOST_RELEVANT)
_Gain = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Item(BaseModel):
    """An item as it is sent: an id, one kind of answer, and what may stand beside it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    request_id: _Text
    row: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None
    label: _Label | None = None
    labels: Annotated[list[_Label | None], _Rows] | None = None
    value: _Value | None = None
    values: Annotated[list[_Value | None], _Rows] | None = None
    relevant: Annotated[list[_Label], _Items] | Annotated[dict[str, _Gain], _Items] | None = None
    at: Annotated[str, Field(max_length=64)] | None = None
    slices: dict[str, str] | None = None


MEMBERS = tuple(Item.model_fields)
ANSWERS = {
    "label": "classification",
    "labels": "classification",
    "value": "regression",
    "values": "regression",
    "relevant": "ranking",
}
_EXPECTED = {
    "request_id": f"a text of 1 to {LONGEST} characters",
    "row": "a whole number from 0",
    "label": f"a text of at most {LONGEST} characters, or a whole number",
    "labels": f"1 to {MOST_ROWS} labels, one a row: texts or whole numbers, null for unknown",
    "value": "a finite number, or a list of one for each output",
    "values": f"1 to {MOST_ROWS} values, one a row: finite numbers, null for unknown",
    "relevant": f"1 to {MOST_RELEVANT} items, as a list or as an object of gains from 0",
    "at": "a time in ISO 8601",
    "slices": f"at most {slice_rules.MOST} short texts by name",
}


def checked(item: object, expected: Expected, now: datetime) -> dict[str, Any]:
    """Return an item as it is stored: labels as texts, times in UTC, relevant items with gains.

    Raises:
        Refused: If it is not one; the reason names the member, what was there and what belongs.

    Example:
        >>> from hearth.monitoring.feedback import ANYTHING
        >>> now = datetime(2026, 11, 23, 20, tzinfo=UTC)
        >>> checked({"request_id": "JKJ", "label": 3}, ANYTHING, now)
        {'request_id': 'JKJ', 'label': '3'}
    """
    if not isinstance(item, dict):
        raise Refused(f"an item of feedback is an object: got {_short(item)}")
    try:
        found = Item.model_validate(item)
    except ValidationError as error:
        raise Refused(_reason(error, item)) from None
    answer = _the_answer(found)
    made = {name: v for name in MEMBERS if (v := getattr(found, name)) is not None}
    made[answer] = (_gains if answer == "relevant" else _normal)(getattr(found, answer))
    if found.at is not None:
        made["at"] = stamp(_moment(found.at, now))
    _require_slices(found.slices or {})
    _require_expected(answer, made[answer], expected)
    return made


def _the_answer(found: Item) -> str:
    given = [name for name in ANSWERS if getattr(found, name) is not None]
    if len(given) != 1:
        raise Refused(f"got {' and '.join(given) or 'no answer'}, expected one of {_list(ANSWERS)}")
    [answer] = given
    if answer in ("labels", "values") and found.row is not None:
        raise Refused(f"row: got {found.row} beside {answer}, which are of all rows")
    return answer


def _gains(relevant: list[str | int] | dict[str, float]) -> dict[str, float]:
    """Return how relevant each item is; one that a list names is as relevant as any other."""
    gains = relevant if isinstance(relevant, dict) else dict.fromkeys(map(str, relevant), 1.0)
    if not any(gains.values()) or any(len(name) > LONGEST for name in gains):
        raise Refused(
            f"relevant: got {_short(relevant)}, expected at least one gain above 0, and names of "
            f"at most {LONGEST} characters"
        )
    return gains


def _normal(answer: Any) -> Any:  # noqa: ANN401 (any answer)
    """Return labels as records write them, and values as they are."""
    match answer:
        case int():
            return str(answer)
        case [int() | str() | None, *_]:
            return [_normal(one) for one in answer]
        case _:
            return answer


def _moment(text: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        ahead = moment > now + _AHEAD
    except (ValueError, OverflowError):
        raise Refused(f"at: got {_short(text)}, expected {_EXPECTED['at']}") from None
    if ahead:
        raise Refused(f"at: got {_short(text)}, which is still to come")
    return moment


def _require_slices(slices: Mapping[str, str]) -> None:
    if len(slices) > slice_rules.MOST:
        raise Refused(f"slices: got {len(slices)}, expected {_EXPECTED['slices']}")
    for name, value in slices.items():
        if not slice_rules.fits(name, value):
            raise Refused(
                f"slices: got {_short(name)}: {_short(value)}, expected a name of 1 to 64 letters, "
                "digits, '_', '.' or '-', and 1 to 64 printable characters"
            )


def _require_expected(name: str, answer: Any, expected: Expected) -> None:  # noqa: ANN401
    # A label is a ranking's answer as well: the one item that was relevant.
    kinds = {ANSWERS[name], *(("ranking",) if name in ("label", "labels") else ())}
    if expected.tasks and not kinds & expected.tasks:
        raise Refused(f"{name}: the model's task is {_list(expected.tasks)}")
    if not expected.classes or ANSWERS[name] == "regression":
        return
    given = answer if isinstance(answer, list | dict) else [answer]
    strange = next((a for a in given if a is not None and a not in expected.classes), None)
    if strange is not None:
        raise Refused(
            f"{name}: got {_short(strange)}, expected one of the model's "
            f"{len(expected.classes)} classes, such as {_list(sorted(expected.classes)[:5])}"
        )


def _reason(error: ValidationError, item: Mapping[str, Any]) -> str:
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    unknown = sorted({str(w["loc"][0]) for w in wrong if w["type"] == "extra_forbidden"})
    if unknown:
        return f"there is no member {_short(_list(unknown))}: expected some of {_list(MEMBERS)}"
    member = str(wrong[0]["loc"][0])
    if member not in item:
        return f"{member} is not there: expected {_EXPECTED[member]}"
    got = item[member]
    at = wrong[0]["loc"][1] if len(wrong[0]["loc"]) > 1 else ""
    if isinstance(got, list) and isinstance(at, int):
        return f"{member}: got {_short(got[at])} at {at}, expected {_EXPECTED[member]}"
    return f"{member}: got {_short(got)}, expected {_EXPECTED[member]}"


def _list(names: Any) -> str:  # noqa: ANN401 (any iterable of texts)
    return ", ".join(names)


def _short(value: object) -> str:
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    text = repr(value[:80] if isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:59]}…"
