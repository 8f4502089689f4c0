-- Read the number of the migration that the database is at, and whether it is a standby or refuses writes.
--
-- Columns:
--   revision character varying
--   is_read_only boolean

SELECT
    (SELECT version_num FROM alembic_version) AS revision,
    pg_is_in_recovery()
    OR CAST(current_setting('default_transaction_read_only') AS BOOLEAN) AS is_read_only
