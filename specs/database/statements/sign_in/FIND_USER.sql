-- Find the user that `issuer` knows as `subject`, by `uq_users_issuer_subject`.
--
-- `has_no_name`: whether a token may bring the display name.
--
-- Parameters:
--   $1 issuer character varying
--   $2 subject character varying
--
-- Columns:
--   id bigint
--   role text
--   email text
--   has_no_name boolean

SELECT
    users.id,
    users.role,
    users.email,
    users.display_name IS NULL AND NOT users.is_name_chosen AS has_no_name
FROM users
WHERE users.issuer = $1::VARCHAR AND users.subject = $2::VARCHAR
