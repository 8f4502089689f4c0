-- Read the number of the migration that the database is at.
--
-- Columns:
--   version_num character varying

SELECT version_num FROM alembic_version
