-- Tell whether the user that `issuer` knows as `subject` was deleted for good.
--
-- Parameters:
--   $1 issuer character varying
--   $2 subject character varying
--
-- Columns:
--   is_deleted boolean

SELECT EXISTS (
    SELECT 1
    FROM deleted_accounts
    WHERE deleted_accounts.hash = sha256(
        (SELECT installation.cursor_key FROM installation) || sha256(
            (convert_to($1::VARCHAR, 'UTF8') || decode('00', 'hex')) || convert_to(
                $2::VARCHAR, 'UTF8'
            )
        )
    )
) AS is_deleted
