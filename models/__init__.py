"""Features -> risk: split, train, calibrate, evaluate, explain, promote, score, registry."""
