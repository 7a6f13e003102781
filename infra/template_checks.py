"""Asks SAM, cfn-lint and checkov about the templates, as written and as SAM expands them.

Offline and without credentials. Each tool lives in a virtual environment of its own, because their
pins exclude each other; `make template-checks` sets them up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = (
    "template.yaml",
    "infra/alarms.yaml",
    "infra/model_alarms.yaml",
    "infra/dashboard.yaml",
)
_SAM, _CHECKOV = ROOT / ".venv-sam/bin", ROOT / ".venv-checkov/bin"
# --skip-download: checkov would look for newer rules on the network.
_CHECKOV_OPTIONS = ("--framework", "cloudformation", "--skip-download", "--compact", "--quiet")
_ENVIRONMENT = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}


def checks(expanded: Path) -> Iterator[tuple[str, tuple[str | Path, ...]]]:
    """Yield each check's title and command, in order: the first one makes what others read."""
    expand = (_SAM / "python", ROOT / "infra/expand.py", "template.yaml", expanded)
    lint = (Path(sys.executable).parent / "cfn-lint",)
    yield "expand", expand
    yield "sam validate --lint", (_SAM / "sam", "validate", "--lint")
    yield "cfn-lint, as written", (*lint, *TEMPLATES)
    yield "cfn-lint, expanded", (*lint, expanded)
    for template in TEMPLATES:
        yield f"checkov, {template}", (_CHECKOV / "checkov", *_CHECKOV_OPTIONS, "--file", template)
    yield "checkov, expanded", (_CHECKOV / "checkov", *_CHECKOV_OPTIONS, "--file", expanded)


def main() -> int:
    """Run every check, also after one that failed, and return how many did."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for title, command in checks(Path(folder) / "expanded.json"):
            done = subprocess.run(
                command, cwd=ROOT, env=_ENVIRONMENT, capture_output=True, text=True, check=False
            )
            verdict = "ok" if done.returncode == 0 else "FAILED"
            output = "\n".join(part.strip() for part in (done.stdout, done.stderr) if part.strip())
            sys.stdout.write(
                f"== {title}: {verdict}\n{output}\n" if output else f"== {title}: {verdict}\n"
            )
            failed += done.returncode != 0
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
