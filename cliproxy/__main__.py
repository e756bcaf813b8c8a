"""``python -m cliproxy``: the command, where it is not installed."""

from cliproxy.cli.main import main

main()
