"""How long one message holds up everybody: a ticker in the daemon, a health check from outside, messages of megabytes."""
