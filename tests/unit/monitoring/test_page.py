"""The report page: what it says, that it is HTML, and that nothing from outside breaks out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hearth.monitoring.markup import short, visible
from hearth.monitoring.page import page
from hearth.monitoring.report import (
    STABLE,
    UNKNOWN,
    UNWELL,
    WELL,
    Bin,
    Drift,
    FeatureDrift,
    Gate,
    Metric,
    Quality,
    Report,
    SliceQuality,
    VersionReport,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support import reporting
from support.html import Element, read

MAKERS = (reporting.digits, reporting.well, reporting.unused, reporting.provisional, reporting.wide)
HOSTILE = ("<", ">", '"', "'", "&", "=", "`", "/", "\x00", "\x1b", "\u202e", "\ud800", "]]>", "-->", "<!--", "<script>", "</style>", "</title>", "&lt;", " onload=", "javascript:", "{{", "🜏")  # fmt: skip
hostile_texts = st.lists(st.one_of(st.text(), st.lists(st.sampled_from(HOSTILE)).map("".join)), min_size=1)  # fmt: skip


def strict(report: Report) -> Element:
    """Return the page of a report; it is valid."""
    found, faults = read(page(report))
    assert faults == []
    return found


def text(report: Report) -> str:
    """Return what a page says, with single spaces."""
    return " ".join(strict(report).one("body").text.split())


@pytest.mark.parametrize("maker", MAKERS)
def test_page_is_valid_html(maker: Callable[[], Report]) -> None:
    """Elements nest as HTML has them, names and links lead somewhere, headings skip no level."""
    strict(maker())


@pytest.mark.parametrize("maker", MAKERS)
def test_page_names_no_resource(maker: Callable[[], Report]) -> None:
    """The page is complete in itself: no script, no image, no address."""
    made = page(maker())
    for word in (
        "<script",
        "<img",
        "<link",
        "<iframe",
        "url(",
        "@import",
        "http:",
        "https:",
        " style=",
    ):
        assert word not in made


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [(WELL, "m is well"), (UNWELL, "m is unwell"), (UNKNOWN, "It is unknown whether m is well")],
)
def test_verdict_comes_first_then_why(verdict: str, sentence: str) -> None:
    """The title and the first sentence say whether the model is well; the reasons come next."""
    report = replace(reporting.unused(), verdict=verdict, reasons=("the first", "the second"))
    said = text(report)
    assert said.startswith(f"{sentence}the firstthe second")
    assert strict(report).one("title").text.startswith(sentence)


@settings(max_examples=30)  # a page takes a while to read strictly
@given(hostile_texts)
def test_no_text_breaks_out(texts: list[str]) -> None:
    """Whatever stands in any text of a report, the page stays valid HTML of known elements."""
    made = page(reporting.refilled(reporting.digits(), texts))
    assert read(made)[1] == []
    made.encode()


@given(hostile_texts)
def test_no_text_breaks_out_of_empty_reports(texts: list[str]) -> None:
    """The same holds where words stand in for what there is not."""
    assert read(page(reporting.refilled(reporting.provisional(), texts)))[1] == []


@given(st.text(min_size=1, max_size=100).map(lambda s: s.strip() or "x"))
def test_names_are_shown_as_they_are(name: str) -> None:
    """A reader sees the very name, but for signs that cannot be seen: those show as their code."""
    report = replace(reporting.unused(), model=name, versions=())
    (heading,) = strict(report).all("h1")
    assert visible(short(name)) in heading.text


def test_versions_that_callers_get_come_first() -> None:
    """The version with most of `stable` is shown first, and unserved ones are folded."""
    served = reporting.unused().versions[0]
    versions = tuple(
        replace(served, version=n, labels=labels)
        for n, labels in ((4, {}), (3, {"canary": 1.0, "stable": 0.1}), (2, {"stable": 0.9}))
    )
    found = strict(replace(reporting.unused(), versions=versions))
    assert [h.text for h in found.all("h2")][1:] == ["Version 2", "Version 3", "Version 4"]
    folded = [d.one("summary").text for d in found.all("details")]
    assert sum("No label leads to this version" in summary for summary in folded) == 1


def test_versions_stand_side_by_side() -> None:
    """One table has a column a version, and rows for traffic, latency and quality."""
    first = next(strict(reporting.digits()).all("table"))
    head, *rows = first.all("tr")
    assert [cell.text for cell in head.all("th")][1:] == ["Version 1", "Version 2"]
    labels = [row.one("th").text for row in rows]
    assert {"drift", "requests (share)", "latency p99", "accuracy"} <= set(labels)


def test_drifted_features_are_drawn_and_stable_ones_folded() -> None:
    """Each drifted feature has a card with both histograms; stable ones lie in a folded table."""
    report = reporting.digits()
    drifted, stable = (
        {
            f.name
            for v in report.versions
            for f in v.drift.features + v.drift.outputs
            if (f.verdict == STABLE) == s
        }
        for s in (False, True)
    )
    found = strict(report)
    assert {card.one("h4").one("bdi").text for card in found.all("article")} == drifted
    tables = [t for t in found.all("table") if any(" stable" in c.text for c in t.all("caption"))]
    assert {next(row.all("bdi")).text for t in tables for row in list(t.all("tr"))[1:]} == stable


def test_both_shares_of_a_special_value_are_written() -> None:
    """What is no value stands apart, with the share it had and the share it has."""
    bins = (*(Bin(str(i), 0.2, 0.1) for i in range(5)), Bin("missing", 0.0, 0.5))
    feature = FeatureDrift(
        "age", "numeric", "drifted", "age moved", 90, 80, 0, 0, 0.4, 0.1, bins=bins
    )
    version = replace(reporting.unused().versions[0], drift=Drift("drifted", features=(feature,)))
    said = text(reporting.alone(version))
    assert "Apart, at the right: “missing” from 0% to 50%." in said
    assert "0.4, over 0.1" in said


@pytest.mark.parametrize(
    ("maker", "words"),
    [
        (reporting.unused, "No requests in the window."),
        (reporting.unused, "This version has no baseline yet"),
        (reporting.unused, "The outputs of this version are not judged"),
        (reporting.provisional, "Provisional baseline."),
        (reporting.provisional, "No feedback names any of 3 predictions"),
        (
            reporting.provisional,
            "Estimate, not a measurement: accuracy would be 0.870 (0.810 to 0.920)",
        ),
        (reporting.provisional, "not calibrated"),
        (reporting.provisional, "a shift of 2.3 standard deviations in one feature would be seen"),
        (reporting.digits, "feedback that names no prediction"),
        (reporting.digits, "cannot be told"),
        (reporting.digits, "Judged 2026-11-25 07:15 UTC over 24 hours"),
    ],
)
def test_what_there_is_not_is_said_in_words(maker: Callable[[], Report], words: str) -> None:
    """Nothing is left empty: each state has its sentence."""
    assert words in text(maker())


def test_drift_that_could_not_be_judged_says_why() -> None:
    """Where nothing was compared, the reasons stand in for the features."""
    drift = Drift("insufficient data", ("the window counts 3 features, the baseline 4",))
    version = replace(reporting.unused().versions[0], drift=drift)
    words = "Drift could not be judged: the window counts 3 features, the baseline 4."
    assert words in text(reporting.alone(version))


def test_report_without_versions_says_so() -> None:
    """A model that nobody serves or used has a page all the same."""
    assert "No version was served or used" in text(replace(reporting.unused(), versions=()))


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (Gate("passed", first=True), "there was no version to compare with"),
        (Gate("passed", compared_with=3), "compared with version 3"),
        (Gate("failed", ("recall is missing",)), "recall is missing"),
    ],
)
def test_gate_is_said_with_its_reasons(gate: Gate, words: str) -> None:
    """A gate says whether it compared, with what, and why it failed."""
    version = replace(reporting.unused().versions[0], quality=Quality("classification", gate=gate))
    assert words in text(reporting.alone(version))


def test_page_is_bounded_and_says_what_is_left_out() -> None:
    """500 features of 60 words, 100 classes and 12 versions make under 2 MB, all of it counted."""
    report = reporting.wide()
    made = page(report)
    assert len(made.encode()) < 2_000_000
    said = text(report)
    assert "more versions are left out here" in said
    assert "100 classes are too many for a matrix" in said
    assert "more broken constraints are left out here" in said
    assert "more slices are left out here" in said


def test_one_version_of_many_features_lists_all_of_them() -> None:
    """500 features of one version all stand on the page."""
    report = reporting.wide(versions=1, classes=3)
    made = page(report)
    assert len(made.encode()) < 2_000_000
    listed = strict(report)
    named = {bdi.text for bdi in listed.all("bdi")}
    assert sum(short(f.name) in named for f in report.versions[0].drift.features) == 500


def test_mark_of_each_verdict_has_a_shape_of_its_own() -> None:
    """Colour is never all that tells one verdict from another: shape and word do."""
    shapes = set()
    for verdict in (WELL, UNWELL, UNKNOWN):
        report = replace(reporting.unused(), verdict=verdict)
        mark = next(strict(report).one("h1").all("svg"))
        shapes.add(tuple((part.tag, part.attributes.get("d")) for part in mark.all()))
    assert len(shapes) == 3


def test_wide_tables_are_named_boxes_that_the_keyboard_reaches() -> None:
    """What scrolls by itself has a name and takes the focus."""
    boxes = [
        e for e in strict(reporting.digits()).all("div") if e.attributes.get("class") == "scroll"
    ]
    assert boxes
    assert all(b.attributes["tabindex"] == "0" and b.attributes["aria-label"] for b in boxes)


def test_version_that_nobody_serves_alone_is_not_folded() -> None:
    """Where no version is served, none hides."""
    version: VersionReport = replace(reporting.unused().versions[0], labels={})
    assert "No label leads to this version" not in text(reporting.alone(version))


@pytest.mark.parametrize(
    ("better", "values", "worst"),
    [
        ("higher", (0.9, 0.2, 0.5), 0.2),
        ("lower", (0.9, 0.2, 0.5), 0.9),
        ("neither", (0.3, -0.7, 0.5), -0.7),
    ],
)
def test_worst_slice_comes_first(better: str, values: tuple[float, ...], worst: float) -> None:
    """Whichever way is better: the least, the greatest, or what is farthest from 0."""
    slices = tuple(SliceQuality(f"s={v}", 9, (Metric("m", v, v, v, 9, better),)) for v in values)
    quality = Quality("regression", 27, 27, slices=slices)
    version = replace(reporting.unused().versions[0], quality=quality)
    found = strict(reporting.alone(version))
    (table,) = (
        t for t in found.all("table") if any(c.text == "Quality by slice" for c in t.all("caption"))
    )
    assert list(table.all("tr"))[1].one("bdi").text == f"s={worst}"
