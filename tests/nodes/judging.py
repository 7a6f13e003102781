"""One case from its model file to a verdict a protocol."""

from __future__ import annotations

from hearth.domain.errors import HearthError

from nodes import runtime
from nodes.cases import Case, Values
from nodes.protocols import PROTOCOLS, Protocol, Refused, Unsayable
from nodes.runtime import Alone
from nodes.sandbox import Sandbox
from nodes.verdict import FAILED, PASSED, UNSUPPORTED, Result, Verdict, difference, refused


def judge(case: Case, sandbox: Sandbox) -> Result:
    """Return what comes of a case: ONNX Runtime alone, published, proven, asked, compared.

    A case is its model's golden case. What ONNX Runtime cannot do must therefore end in a refusal
    with a name, and never be served.
    """
    alone = runtime.run(case)
    try:
        sandbox.serve(case)
    except HearthError as error:
        return everywhere(case, alone.verdict or refused(str(error)))
    except Exception as error:  # noqa: BLE001 (an error that is none of Hearth's is a failure)
        return everywhere(case, Verdict(FAILED, f"publishing or proving raised {error!r:.300}"))
    if alone.verdict:
        return everywhere(case, Verdict(FAILED, f"served, although {alone.verdict.why}"))
    verdicts = {protocol.name: _asked(case, alone, protocol, sandbox) for protocol in PROTOCOLS}
    return Result(case.name, case.kind, _datatypes(case), verdicts)


def everywhere(case: Case, verdict: Verdict) -> Result:
    """Return a verdict that is the same through every protocol."""
    verdicts = {protocol.name: verdict for protocol in PROTOCOLS}
    return Result(case.name, case.kind, _datatypes(case), verdicts)


def _datatypes(case: Case) -> tuple[str, ...]:
    return tuple(sorted(set(case.datatypes.values())))


def _asked(case: Case, alone: Alone, protocol: Protocol, sandbox: Sandbox) -> Verdict:
    try:
        answer = protocol.ask(sandbox.caller, case)
    except Unsayable as error:
        return Verdict(UNSUPPORTED, f"{protocol.name}: lists cannot say the shape", str(error))
    except Refused as error:
        return refused(str(error))
    except Exception as error:  # noqa: BLE001 (an answer that cannot be read is a failure)
        return Verdict(FAILED, f"asking raised {error!r:.300}")
    return compared(case, alone, answer)


def compared(case: Case, alone: Alone, answer: Values) -> Verdict:
    """Return what an answer comes to, beside what ONNX expects and what ONNX Runtime gave."""
    if answer.keys() != case.outputs.keys():
        return Verdict(FAILED, f"outputs {sorted(answer)}, not {sorted(case.outputs)}")
    for name, have in answer.items():
        wrong = difference(case.outputs[name], have, case.rtol, case.atol)
        if wrong:
            return Verdict(FAILED, f"output {name!r} is not ONNX's: {wrong}")
        # The same runtime on the same inputs: equal to the last bit.
        wrong = difference(alone.outputs[name], have) if alone.outputs else ""
        if wrong:
            return Verdict(FAILED, f"output {name!r} is not ONNX Runtime's: {wrong}")
    return Verdict(PASSED)
