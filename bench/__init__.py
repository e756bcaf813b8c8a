"""What the daemon costs, measured beside its peers: ``make bench``. Never part of the tests."""
