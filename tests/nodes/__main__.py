"""The command: `python -m nodes [PATTERN]`; exit status 1 if anything failed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nodes import cases, lanes
from nodes.report import failed, report, summary
from nodes.verdict import Result

RESULTS = Path(__file__).parents[1] / "bench/results/nodes.md"
_EVERY_S = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="nodes", description="ONNX's own tests through Hearth.")
    parser.add_argument("pattern", nargs="?", default="", help="only cases whose name holds this")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, help="where to write the report, as Markdown")
    asked = parser.parse_args(arguments)
    chosen = cases.matching(asked.pattern)
    if not chosen:
        parser.error(f"no case has {asked.pattern!r} in its name")
    started = time.perf_counter()
    results = _run(chosen, asked.processes)
    if len(results) != len(chosen):
        raise SystemExit(f"{len(results)} results of {len(chosen)} cases")
    text = report(results)
    print(text)
    # A part of the cases says nothing of the whole.
    output = asked.output or (None if asked.pattern else RESULTS)
    if output:
        output.write_text(text, encoding="utf-8")
    print(f"{len(results)} cases in {time.perf_counter() - started:.0f} s; {summary(results)}")
    return int(failed(results))


def _run(chosen: tuple[cases.Case, ...], processes: int) -> list[Result]:
    results: list[Result] = []
    started = shown = time.perf_counter()
    for result in lanes.run(chosen, processes):
        results.append(result)
        if time.perf_counter() - shown > _EVERY_S:
            shown = time.perf_counter()
            print(
                f"{len(results):5} of {len(chosen)}, {shown - started:4.0f} s; {summary(results)}",
                file=sys.stderr,
                flush=True,
            )
    return results


if __name__ == "__main__":
    sys.exit(main())
