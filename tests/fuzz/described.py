"""Schemathesis over the OpenAPI document: requests that its schemas allow, and some they do not."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

_CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance"
_SETTINGS = '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx"]\n'
# Models that it loads or unloads would be missed elsewhere.
_LEFT_OUT = r"/(load|unload)$"


@dataclass(frozen=True)
class Outcome:
    """What Schemathesis found; `skipped` says why it did not run."""

    cases: int = 0
    operations: int = 0
    failures: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class Described:
    """How to run it.

    Args:
        document: The OpenAPI document: a URL, a file, or a path of the stack.
        tool: Schemathesis's command.
        seed: For its choices.
        seconds: How long.
        folder: Where its report goes.
    """

    document: str
    tool: Path
    seed: int
    seconds: float
    folder: Path

    def run(self, url: str) -> Outcome:
        location = self.document if _is_own(self.document) else url + self.document
        if not self.tool.exists():
            return Outcome(skipped=f"no {self.tool}: make fuzz sets it up")
        if "://" in location and not _is_served(location):
            return Outcome(skipped=f"{self.document} is not served")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "schemathesis.toml").write_text(_SETTINGS, encoding="utf-8")
        report = self.folder / "schemathesis.json"
        report.unlink(missing_ok=True)
        done = subprocess.run(
            self._command(location, url, report),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=self.seconds * 2 + 120,
        )
        return _outcome(report, done)

    def _command(self, location: str, url: str, report: Path) -> list[str]:
        return [
            str(self.tool.absolute()),
            *("--config-file", "schemathesis.toml", "run", location, "--url", url),
            *("--checks", _CHECKS, "--exclude-path-regex", _LEFT_OUT, "--warnings", "off"),
            *("--phases", "examples,coverage,fuzzing", "--max-time", str(int(self.seconds))),
            *("--seed", str(self.seed), "--report", "json", "--report-json-path", str(report)),
        ]


def _is_own(document: str) -> bool:
    return "://" in document or Path(document).is_file()


def _is_served(location: str) -> bool:
    try:
        with urllib.request.urlopen(location, timeout=30) as answer:
            return bool(json.loads(answer.read()).get("paths"))
    except (urllib.error.URLError, ValueError, AttributeError):
        return False


def _outcome(report: Path, done: subprocess.CompletedProcess[str]) -> Outcome:
    if not report.exists():
        return Outcome(
            failures=f"schemathesis did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    found = json.loads(report.read_text(encoding="utf-8"))
    wrong = found["failures"] or found["errors"] or done.returncode
    return Outcome(
        found["test_cases"]["generated"],
        found["operations"]["tested"],
        done.stdout[-6000:] if wrong else "",
    )
