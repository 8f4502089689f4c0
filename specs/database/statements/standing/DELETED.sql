-- Read the last change that was deleted, as in `NEWEST`.
--
-- It is a statement of its own, for nearly everybody has a newest change, and PostgreSQL makes ready for all that a
-- statement may read.
--
-- Parameters:
--   $1 user_id bigint
--
-- Columns:
--   newest text

SELECT concat(users.changes_deleted_through, '@') AS newest FROM users WHERE users.id = $1::BIGINT
