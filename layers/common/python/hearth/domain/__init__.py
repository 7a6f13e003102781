"""What Hearth talks about: names, signatures, manifests, registry entries. Pure, stdlib only."""
