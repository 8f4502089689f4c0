"""Tokens, and how they are verified: trusted issuers, their keys, JWTs, API tokens and scopes."""
