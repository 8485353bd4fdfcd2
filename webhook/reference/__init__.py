"""The reference pages and examples, written from the tables: `make docs` brings them up to date."""
