"""Parts of the page of a search."""
