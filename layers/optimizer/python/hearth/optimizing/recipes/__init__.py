"""Ways of making a candidate: one file each."""
