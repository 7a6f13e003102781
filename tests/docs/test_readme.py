"""What the README says is run, and its generated tables are compared with what makes them."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hearth_local import demo_models, readme

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
_NUMBER = re.compile(r"-?\d(?:[\d.:TZ-]|,(?=\d))*(?:e-?\d+)?")


@dataclass(frozen=True)
class Project:
    """A folder with the template in it and a state of its own, and the stack that runs there."""

    folder: Path
    url: str

    def run(self, command: str) -> str:
        command = command.replace("http://127.0.0.1:8500", self.url)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def make_project(folder: Path) -> Path:
    for name in ("template.yaml", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = make_project(tmp_path_factory.mktemp("readme"))
    up = subprocess.Popen(
        ["hearth", "up", "--demo-models", "--port", "0"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert up.stdout is not None
        ready = up.stdout.readline()
        assert ready.startswith("ready: "), ready
        yield Project(folder, ready.removeprefix("ready: ").strip())
    finally:
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=30)


def transcript() -> list[tuple[str, str]]:
    """Return the README's console commands, each with the output that it shows."""
    [block] = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    pairs = []
    for part in block.split("$ ")[1:]:
        command, _, shown = part.partition("\n")
        pairs.append((command, shown))
    return pairs


def shape(text: str) -> str:
    """What stays of an output when figures and column widths are taken out of it."""
    return " ".join(_NUMBER.sub("#", text).split())


def test_transcript_shows_what_the_commands_print(project: Project) -> None:
    """Every command of the README's transcript prints what stands below it, but for figures."""
    for command, shown in transcript():
        assert shape(project.run(command)) == shape(shown), command


def test_report_commands_judge_and_show(project: Project) -> None:
    """The README's commands of a report, word for word: judged now, shown, written as a page."""
    [block] = re.findall(r"```sh\n(echo .*?\n)```", README, re.DOTALL)
    commands = [line.partition("  #")[0].strip() for line in block.splitlines()]
    judged, shown, page, document, check = map(project.run, commands)
    assert json.loads(judged)["judged"] == {"digits": "unknown"}
    assert shown.startswith("○ It is unknown whether digits is well")
    assert (page, "<title>" in (project.folder / "report.html").read_text()) == ("", True)
    assert json.loads(document)["model"] == "digits"
    assert check == shown


def test_policy_command_asks_for_gradual_rollouts(project: Project) -> None:
    """The README's policy command, word for word, sets what the page says: 10%, half, all."""
    [command] = re.findall(r"```sh\n(hearth policy .*?)\n```", README)
    said = json.loads(project.run(command))
    project.run("hearth policy digits immediate")
    assert said["gradual"] == {"steps": [10, 50], "step_minutes": 30, "min_requests": 100}
    assert said["rollout"] == "gradual"


def test_publish_command_makes_a_version(project: Project) -> None:
    """The README's publish command, word for word, ends with a version that is AVAILABLE."""
    data = demo_models.digits()
    demo_models.train("linear", data, project.folder)
    case = {"inputs": {"X": data.held_out[:1].tolist()}}
    (project.folder / "golden.json").write_text(json.dumps({"cases": [case]}))
    (project.folder / "classes.txt").write_text("\n".join("0123456789"))
    [document] = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    (project.folder / "monitoring.json").write_text(document)
    [command] = re.findall(r"```sh\n(hearth publish .*?)```", README, re.DOTALL)
    printed = project.run(command)
    assert "AVAILABLE" in printed
    assert "64 features (capture sampled), 1 of them masked, judged as: classification" in printed


@pytest.mark.timeout(600)
def test_optimize_commands_search_show_and_profile(project: Project) -> None:
    """The README's commands of a search, in order: of version 2, and with one recipe, for time."""
    [block] = re.findall(r"```sh\n(hearth optimize .*?\n)```", README, re.DOTALL)
    commands = [line.partition("  #")[0].strip() for line in block.splitlines()]
    quick = [c.replace("--wait", "--version 2 --wait --recipe int8-static") for c in commands]
    shown = [c.replace("--report", "--version 2 --report") for c in quick]
    fast, cheap, _, profile = map(project.run, shown)
    assert "digits version 2" in fast
    assert "int8-static" in fast
    assert "objective: cost" in cheap
    assert "<title>" in (project.folder / "page.html").read_text()
    assert "a run under the profiler" in profile
    assert gzip.decompress((project.folder / "trace.json.gz").read_bytes()).startswith(b"[")


@pytest.mark.timeout(600)
def test_demo_goes_through_and_leaves_nothing_running(tmp_path: Path) -> None:
    """What `make demo` runs exits 0 and reaches its last step."""
    done = subprocess.run(
        [sys.executable, "-m", "hearth_local.demo"],
        cwd=make_project(tmp_path),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the stack has stopped" in done.stdout


def test_generated_tables_are_fresh() -> None:
    """Tables of settings, errors, routes, commands and figures are what their sources say."""
    assert readme.renew(README, ROOT) == README, "run: make readme"


def test_readme_opens_with_the_two_commands() -> None:
    """The first block of the README is `make demo` and `make test`."""
    first = README.split("```")[1]
    assert [line.split("#")[0].strip() for line in first.splitlines()[1:]] == [
        "make demo",
        "make test",
    ]
