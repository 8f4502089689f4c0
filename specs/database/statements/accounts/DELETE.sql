-- Delete the account with an `id`, and by foreign keys all that is in it: as `todo_admin`, or, their own, as
-- `todo_leaving`.
--
-- `final`: whether to keep a keyed hash of its issuer and subject, by which it is not let in again.
--
-- Parameters:
--   $1 id bigint
--   $2 final boolean
--
-- Columns:
--   id bigint

WITH
    deleted AS (
        DELETE FROM users
        WHERE users.issuer != 'urn:todo-mcp:operator' AND users.id = $1::BIGINT
        RETURNING users.id, users.issuer, users.subject
    ),
    kept AS (
        INSERT INTO deleted_accounts (hash)
        SELECT sha256(
            (SELECT installation.cursor_key FROM installation) || sha256(
                (convert_to(deleted.issuer, 'UTF8') || decode('00', 'hex')) || convert_to(
                    deleted.subject, 'UTF8'
                )
            )
        ) AS sha256_1
        FROM deleted
        WHERE $2::BOOLEAN
        ON CONFLICT DO NOTHING
    )
SELECT deleted.id
FROM deleted
