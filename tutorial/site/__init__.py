"""What the site is made of: listings, diffs, figures, recorded output, pictures and diagrams."""
