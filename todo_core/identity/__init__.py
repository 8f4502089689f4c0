"""Whose tokens count and what they say: issuers, their keys, JWTs, API tokens and scopes."""
