"""Backends for Django tasks. They know nothing of exports, so you can copy them to your project."""
