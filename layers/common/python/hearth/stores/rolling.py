"""Gradual rollouts, moved on or back: one step a call, each a single write of the entry."""

from __future__ import annotations

from hearth.domain import registry_entry as entries
from hearth.domain.frozen import dataclass
from hearth.domain.registry_entry import Actor, RegistryEntry
from hearth.domain.rollout import Rollout
from hearth.domain.rollout_decision import ADVANCE, ROLL_BACK, WAIT, Decision, Evidence, decide
from hearth.domain.state import State
from hearth.stores.clock import stamp
from hearth.stores.ports import Announcer, Clock
from hearth.stores.registry import Registry
from hearth.stores.rollout_evidence import RolloutEvidence

ROLLOUT_MOVED = "Rollout Moved"


@dataclass(frozen=True, slots=True)
class Rolling:
    """What moves rollouts.

    Args:
        registry: Where entries lie.
        evidence: What is known of versions.
        announcer: Is told of each move.
        clock: Says when a step is over.
        who: Who does it, for the history.
    """

    registry: Registry
    evidence: RolloutEvidence
    announcer: Announcer
    clock: Clock
    who: str

    def move(self, entry: RegistryEntry) -> str:
        """Move a model's rollout, if it has one and that is due; return what was done.

        The move is announced before it is written: a crash in between tells it twice, and somebody
        who promotes by hand in between has the last word.

        Raises:
            StoreError: If the bucket or the event bus did not do what was asked.
            InvalidDocument: If what is known of the versions cannot be read.
            TransitionRefused: If a version that is to get a share is not AVAILABLE.
        """
        rollout = entry.rollout
        if not rollout:
            return ""
        evidence = self.evidence.of(entry.model, rollout)
        if rollout.counts is None:
            # What was answered before a step is not the step's.
            self.registry.change(
                entry.model, lambda now: entries.count_rollout(now, rollout, evidence.counts)
            )
            return ""
        decision = judge(entry, rollout, evidence, self.clock)
        if decision.move == WAIT:
            return ""
        return self._moved(entry, rollout, evidence, decision)

    def _moved(
        self, entry: RegistryEntry, rollout: Rollout, evidence: Evidence, decision: Decision
    ) -> str:
        onward = decision.move == ADVANCE
        percent = entry.policy.gradual.after(rollout.percent) if onward else 0
        now = stamp(self.clock.now())
        actor = Actor(self.who, now, f"{decision.move}: {'; '.join(decision.reasons)}")

        def change(found: RegistryEntry) -> RegistryEntry:
            if onward:
                return entries.advance_rollout(found, rollout, evidence.counts, actor)
            return entries.abandon_rollout(found, rollout, actor)

        change(entry)  # what is refused is not announced
        self.announcer.announce(
            ROLLOUT_MOVED,
            {
                "model": entry.model,
                "version": rollout.version,
                "move": decision.move,
                "from_percent": rollout.percent,
                "to_percent": percent,
                "reasons": list(decision.reasons),
                "at": now,
            },
        )
        self.registry.change(entry.model, change)
        return f"{entry.model}/{rollout.version}: {rollout.percent}% -> {percent}%"


def judge(entry: RegistryEntry, rollout: Rollout, evidence: Evidence, clock: Clock) -> Decision:
    """Return what becomes of a rollout: where its version ended, back to what can be served."""
    available, state = entry.available(), entry.status(rollout.version).state
    if rollout.version not in available:
        back = state is State.END and all(number in available for number in rollout.before)
        return Decision(ROLL_BACK if back else WAIT, (f"version {rollout.version} is {state}",))
    return decide(rollout, entry.policy.gradual, evidence, clock.now())
