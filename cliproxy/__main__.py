"""``python -m cliproxy``: the command, where it is not installed."""

from cliproxy.cli import main

main()
