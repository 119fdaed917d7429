-- What came of a call names a call of the same tenant, or none. Retention deletes calls and leaves leads, messages and
-- the like: there the name of the call is emptied with it. A row that is nothing without its call goes with it.
DO $$
DECLARE
    found record;
    kept text;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS named, c.relname AS name, of_call.attnotnull AS is_of_its_call
        FROM pg_class c
        JOIN pg_attribute org ON org.attrelid = c.oid AND org.attname = 'org_id'
        JOIN pg_attribute of_call ON of_call.attrelid = c.oid AND of_call.attname = 'call_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT of_call.attisdropped
          AND NOT EXISTS (
              SELECT FROM pg_constraint k
              WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = 'public.calls'::regclass
                AND k.conkey = ARRAY[org.attnum, of_call.attnum])
        ORDER BY c.relname
    LOOP
        -- Under the system's role, because row-level security is forced upon the owner.
        SET LOCAL ROLE studioconnect_system;
        IF found.is_of_its_call THEN
            kept := 'CASCADE';
            EXECUTE format(
                'DELETE FROM %s r WHERE NOT EXISTS (SELECT FROM calls c WHERE c.org_id = r.org_id AND c.id = r.call_id)',
                found.named);
        ELSE
            kept := 'SET NULL (call_id)';
            EXECUTE format(
                'UPDATE %s r SET call_id = NULL WHERE call_id IS NOT NULL '
                'AND NOT EXISTS (SELECT FROM calls c WHERE c.org_id = r.org_id AND c.id = r.call_id)',
                found.named);
        END IF;
        RESET ROLE;
        EXECUTE format(
            'ALTER TABLE %s ADD CONSTRAINT %I FOREIGN KEY (org_id, call_id) '
            'REFERENCES calls (org_id, id) ON DELETE %s NOT VALID',
            found.named, found.name || '_call_fkey', kept);
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', found.named, found.name || '_call_fkey');
    END LOOP;
END
$$;
