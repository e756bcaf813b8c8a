Plain requests, as SDKs send them, are read by a server protocol of our own in front of twisted.web's; every other head, and all that follows it, goes there untouched.
