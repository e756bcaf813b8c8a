"""Requests of every client dialect with features one by one and in pairs, before vendors who refuse what they document."""
