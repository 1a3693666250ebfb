"""Measures the runners beside each other. An instrument: nothing of the site needs it."""
