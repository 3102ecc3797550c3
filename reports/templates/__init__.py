"""The markup and the style sheet of the page."""
