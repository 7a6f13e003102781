"""What can stop the local stack, drawn once.

LocalError
├── TemplateError    template.yaml says something that the local stack cannot follow
├── LayerError       the virtual environment does not hold what a layer's requirements pin
├── PortTaken        another program listens where the stack should
├── AlreadyRunning   a second stack in the same folder
├── NotRunning       a command needs a running stack and there is none
├── UnknownFunction  a name that no function of the template has
└── ServiceFailed    the S3 and EventBridge stand-in did not come up
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class LocalError(Exception):
    """What is wrong: the name of the thing, what was got, what was expected, how to mend it."""

    name: str
    got: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: got {self.got}, expected {self.expected}; {self.remedy}"


class TemplateError(LocalError):
    """template.yaml says something that the local stack cannot follow."""


class LayerError(LocalError):
    """The virtual environment does not hold what a layer's requirements pin."""


class PortTaken(LocalError):
    """Another program listens where the stack should."""


class AlreadyRunning(LocalError):
    """A stack already runs in the same folder."""


class NotRunning(LocalError):
    """A command needs a running stack and there is none."""


class UnknownFunction(LocalError):
    """No function of the template has this name."""


class ServiceFailed(LocalError):
    """The S3 and EventBridge stand-in did not come up."""
