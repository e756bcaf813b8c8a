"""Fake vendors on real loopback sockets: strict about what they are asked, realistic in what they answer.

They are plain threaded servers and import nothing of the package under test, so that what they accept and refuse is an
independent opinion. One module a vendor (:mod:`.chat`, :mod:`.responses`, :mod:`.anthropic`, :mod:`.gemini`) says what is
a good request and how an answer is spelled; :mod:`.script` says what is answered, :mod:`.faults` how an answer breaks, and
:mod:`.wire` carries it. A vendor accepts its ``KEY``, and ``KEY-anything`` for tests that need several credentials.
"""
