-- Make the user that `issuer` knows as `subject`, with a `time_zone`, `role`, `email` and display `name`.
--
-- Gives no row if another transaction was faster. Columns as in `FIND_USER`.
--
-- Parameters:
--   $1 issuer character varying
--   $2 subject character varying
--   $3 role character varying
--   $4 email character varying
--   $5 name character varying
--   $6 time_zone character varying
--
-- Columns:
--   id bigint
--   role text
--   email text
--   has_no_name boolean

INSERT INTO users (issuer, subject, role, email, display_name, time_zone)
VALUES ($1::VARCHAR, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::VARCHAR)
ON CONFLICT DO NOTHING
RETURNING
    users.id,
    users.role,
    users.email,
    users.display_name IS NULL AND NOT users.is_name_chosen AS has_no_name
