"""The four partners, one module each: what they share, in their own words, files and habits."""
