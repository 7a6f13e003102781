"""The stand-in for AWS on an engineer's machine, and the `hearth` command. Never deployed."""
