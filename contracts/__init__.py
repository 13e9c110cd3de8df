"""The language of the project: tables, pilots, feeds, params, results, errors. Imports no other room."""
