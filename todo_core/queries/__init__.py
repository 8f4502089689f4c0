"""The statements, one file a feature: SQLAlchemy expressions, compiled once."""
