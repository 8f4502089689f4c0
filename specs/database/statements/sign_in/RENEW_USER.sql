-- Store what a token says of the user that `issuer` knows as `subject`.
--
-- Of the role, the latest-issued token decides, and until when `admin` counts: by the row as it is when this transaction
-- has it, so two tokens at once end as one after the other. Gives no row if the user is gone. `role`, `issued_at`,
-- `ends_at`, `email` and `name`, and the columns, are as in `FIND_USER`.
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

UPDATE users
SET
    role=CASE
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
    END,
    email=coalesce($3::VARCHAR, users.email),
    display_name=CASE
        WHEN (users.display_name IS NULL AND NOT users.is_name_chosen)
        THEN coalesce($4::VARCHAR, users.display_name)
        ELSE users.display_name
    END,
    updated_at=CASE
        WHEN (
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
        )
        THEN now()
        ELSE users.updated_at
    END,
    version=(
        users.version + CASE
            WHEN (
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
            )
            THEN 1
            ELSE 0
        END
    ),
    role_until=CASE
        WHEN (to_timestamp($2::FLOAT) IS NULL) THEN users.role_until
        WHEN (users.role_issued_at IS NULL OR to_timestamp($2::FLOAT) > users.role_issued_at)
        THEN to_timestamp($5::FLOAT)
        WHEN (to_timestamp($2::FLOAT) = users.role_issued_at)
        THEN least(users.role_until, to_timestamp($5::FLOAT))
        ELSE users.role_until
    END,
    role_issued_at=greatest(users.role_issued_at, to_timestamp($2::FLOAT))
WHERE users.issuer = $6::VARCHAR AND users.subject = $7::VARCHAR
RETURNING
    users.id,
    users.role = 'admin'
    AND (
        users.role_until > now() OR users.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator')
    ) AS is_admin
