"""What talks to the API server. Imported only by commands that need it, never by the server."""
