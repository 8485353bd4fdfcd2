"""`loghook playground`: a page on this machine that shows, as one types, what becomes of a manifest."""
