"""Actions that need a participant: somebody who hears and presses keys."""
