"""Actions that need nothing: they choose the way through the flow."""
