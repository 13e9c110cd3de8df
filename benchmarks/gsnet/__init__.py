"""The public GSNet benchmark: its metric, its published rows and predictions, and how sure a difference is."""
