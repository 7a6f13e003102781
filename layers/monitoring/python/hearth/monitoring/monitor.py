"""What metrics works with, put together once a process."""

from __future__ import annotations

from dataclasses import dataclass

from hearth.monitoring.baselines import Baselines
from hearth.monitoring.expectations import Expectations
from hearth.monitoring.feedback import Intake
from hearth.monitoring.stored import last_hours
from hearth.monitoring.windows import Hours
from hearth.stores.artefacts import Artefacts
from hearth.stores.ports import Announcer, Clock, Documents
from hearth.stores.registry import Registry


@dataclass(frozen=True, slots=True)
class Monitor:
    """Stores and settings of every flow of metrics.

    Args:
        documents: Records, profiles, feedback, reports.
        registry: Which versions there are, and where labels lead.
        artefacts: Their manifests.
        baselines: What they are compared with.
        expectations: What feedback on them may say.
        announcer: Who is told of changed verdicts.
        clock: The time.
        window_h: Hours of predictions that drift and traffic are judged over.
        feedback_h: Hours of predictions that are compared with feedback.
    """

    documents: Documents
    registry: Registry
    artefacts: Artefacts
    baselines: Baselines
    expectations: Expectations
    announcer: Announcer
    clock: Clock
    window_h: int = 24
    feedback_h: int = 168

    @property
    def intake(self) -> Intake:
        return Intake(self.registry, self.documents, self.clock, self.expectations.of_model)

    def hours(self) -> Hours:
        """Return the window that ends now."""
        window = last_hours(self.clock.now(), self.window_h)
        return Hours(self.documents, window.since, window.until)


def assemble(
    documents: Documents,
    artefacts: Artefacts,
    announcer: Announcer,
    clock: Clock,
    hours: tuple[int, int] = (24, 168),
) -> Monitor:
    """Return a monitor over a bucket.

    Args:
        documents: The bucket.
        artefacts: The versions in it.
        announcer: Who is told of changed verdicts.
        clock: The time.
        hours: `window_h` and `feedback_h`.
    """
    registry, baselines = Registry(documents), Baselines(documents)
    return Monitor(
        documents=documents,
        registry=registry,
        artefacts=artefacts,
        baselines=baselines,
        expectations=Expectations(registry, artefacts, baselines),
        announcer=announcer,
        clock=clock,
        window_h=hours[0],
        feedback_h=hours[1],
    )
