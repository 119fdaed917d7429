-- The job runner works under the system's role. The queue's own migrations know nothing of our roles and may
-- bring new tables, so this runs after them, each time. Requests get none of it: they have enqueue_job().
GRANT USAGE ON SCHEMA graphile_worker TO studioconnect_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA graphile_worker TO studioconnect_system;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA graphile_worker TO studioconnect_system;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA graphile_worker TO studioconnect_system;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA graphile_worker FROM PUBLIC;
DO $$
DECLARE
    queue_table regclass;
BEGIN
    -- Its tables come with row-level security and no policy: only their owner would see anything.
    FOR queue_table IN
        SELECT c.oid::regclass
        FROM pg_class c
        WHERE c.relnamespace = 'graphile_worker'::regnamespace
          AND c.relkind = 'r'
          AND c.relrowsecurity
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'system')
    LOOP
        EXECUTE format('CREATE POLICY system ON %s TO studioconnect_system USING (true) WITH CHECK (true)', queue_table);
    END LOOP;
END
$$;
