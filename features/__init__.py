"""Tables -> features and labels. Pure functions: no clock, no files, no network."""
