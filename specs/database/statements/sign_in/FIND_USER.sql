-- Find the user that `issuer` knows as `subject`, by `uq_users_issuer_subject`.
--
-- The other parameters, of a token: `role`, null where it says nothing of one; `issued_at` and `ends_at`, in seconds since
-- the epoch, null where the role has no end; `email` and `name`, null where it has none. Columns: `id`; `is_admin`,
-- whether the user is one now; `has_news`, whether the token has something that is not stored.
--
-- Parameters:
--   $1 role character varying
--   $2 issued_at double precision
--   $3 email character varying
--   $4 name character varying
--   $5 ends_at double precision
--   $6 issuer character varying
--   $7 subject character varying
--
-- Columns:
--   id bigint
--   is_admin boolean
--   has_news boolean

SELECT
    users.id,
    users.role = 'admin'
    AND (
        users.role_until > now() OR users.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
    ) AS is_admin,
    users.role IS DISTINCT FROM CASE
        WHEN ($1::VARCHAR IS NULL) THEN users.role
        WHEN (
            to_timestamp($2::FLOAT) IS NULL
            OR users.role_issued_at IS NULL
            OR to_timestamp($2::FLOAT) > users.role_issued_at
        )
        THEN $1::VARCHAR
        WHEN (to_timestamp($2::FLOAT) = users.role_issued_at AND $1::VARCHAR != 'admin')
        THEN $1::VARCHAR
        ELSE users.role
    END
    OR users.email IS DISTINCT FROM coalesce($3::VARCHAR, users.email)
    OR users.display_name IS DISTINCT FROM CASE
        WHEN (users.display_name IS NULL AND NOT users.is_name_chosen)
        THEN coalesce($4::VARCHAR, users.display_name)
        ELSE users.display_name
    END
    OR users.role_until IS DISTINCT FROM CASE
        WHEN (to_timestamp($2::FLOAT) IS NULL) THEN users.role_until
        WHEN (users.role_issued_at IS NULL OR to_timestamp($2::FLOAT) > users.role_issued_at)
        THEN to_timestamp($5::FLOAT)
        WHEN (to_timestamp($2::FLOAT) = users.role_issued_at)
        THEN least(users.role_until, to_timestamp($5::FLOAT))
        ELSE users.role_until
    END
    OR users.role_issued_at IS DISTINCT FROM greatest(
        users.role_issued_at, to_timestamp($2::FLOAT)
    ) AS has_news
FROM users
WHERE users.issuer = $6::VARCHAR AND users.subject = $7::VARCHAR
