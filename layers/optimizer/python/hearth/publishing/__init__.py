"""From a model file to a version in the bucket: checked, described, uploaded, visible at once."""
