"""Actions that reach out of the contact: they make something else."""
