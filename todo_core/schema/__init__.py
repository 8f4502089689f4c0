"""The database's schema: which revision this code is written for, where a database stands, and how it gets there.

The steps themselves are Alembic's, in the project's folder `migrations/`; a wheel carries a copy of it in this package.
"""

from typing import Final

SCHEMA_REVISION: Final = "0004"
"""The newest revision, which this code needs. A test compares it with `migrations/versions/`."""
