"""Where things are kept: ports, their AWS adapters, and the registry and artefacts on top."""
