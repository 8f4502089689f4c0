-- Set `role` and `email` of the user that `issuer` knows as `subject`, and the `name` where a token may bring one.
--
-- Parameters:
--   $1 role character varying
--   $2 email character varying
--   $3 name character varying
--   $4 issuer character varying
--   $5 subject character varying

UPDATE users
SET
    role=$1::VARCHAR,
    email=$2::VARCHAR,
    display_name=CASE
        WHEN (users.display_name IS NULL AND NOT users.is_name_chosen) THEN $3::VARCHAR
        ELSE users.display_name
    END,
    updated_at=now(),
    version=(users.version + 1)
WHERE users.issuer = $4::VARCHAR AND users.subject = $5::VARCHAR
