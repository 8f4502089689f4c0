-- Make the user that `issuer` knows as `subject`, with a `time_zone` and what the token says.
--
-- Gives no row if another transaction was faster. `role`, `issued_at`, `ends_at`, `email` and `name`, and the columns, are
-- as in `FIND_USER`.
--
-- Parameters:
--   $1 issuer character varying
--   $2 subject character varying
--   $3 role character varying
--   $4 email character varying
--   $5 name character varying
--   $6 time_zone character varying
--   $7 ends_at double precision
--   $8 issued_at double precision
--
-- Columns:
--   id bigint
--   is_admin boolean

INSERT INTO users (
    issuer, subject, role, email, display_name, time_zone, role_until, role_issued_at
)
VALUES (
    $1::VARCHAR,
    $2::VARCHAR,
    coalesce($3::VARCHAR, 'user'),
    $4::VARCHAR,
    $5::VARCHAR,
    $6::VARCHAR,
    to_timestamp($7::FLOAT),
    to_timestamp($8::FLOAT)
)
ON CONFLICT DO NOTHING
RETURNING
    users.id,
    users.role = 'admin'
    AND (
        users.role_until > now() OR users.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
    ) AS is_admin
