"""The revisions of the schema; each one stands as it was released."""
