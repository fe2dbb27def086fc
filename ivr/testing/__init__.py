"""Stand-ins for the world, shipped so that flows and services can be tested without one."""
