"""Actions that need a contact: they change or read it."""
