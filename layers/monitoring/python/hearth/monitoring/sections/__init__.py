"""Parts of the report page, each from the values that it shows."""
