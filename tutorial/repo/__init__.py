"""What keeps the repository in order: carrying edits forward, comparing steps, running their tests."""
