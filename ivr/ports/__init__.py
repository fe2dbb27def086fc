"""What the service floor needs from the world, in the contact centre's own words."""
