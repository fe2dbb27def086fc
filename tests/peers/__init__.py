"""Hand-written far ends that speak Asterisk's protocols, politely or not."""
