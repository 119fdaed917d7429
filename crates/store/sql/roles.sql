-- The roles that every later statement grants to. Roles belong to the whole cluster, so this runs before the
-- migrations and each time, and several databases of one cluster may run it at once.
--   studioconnect_app     serves requests; row-level security shows it one organization
--   studioconnect_system  works across organizations, for SystemTx and the job runner
-- Neither may bypass row-level security or change the schema. They may log in, but have no password: the private
-- cluster lets them in through its socket, any other server only by SET ROLE from the owner's connection.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['studioconnect_app', 'studioconnect_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of the cluster was quicker
            END;
        END IF;
        -- Lets the owner's connections take the role on (SET ROLE); a superuser may anyway.
        IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', wanted, current_user);
        END IF;
    END LOOP;
END
$$;
