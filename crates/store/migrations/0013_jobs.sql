-- The one door through which requests reach the job queue. It runs with the owner's rights, so that the roles of
-- requests can add a job inside their transaction without being able to read or change anybody's jobs.
-- The queue's own schema (graphile_worker) is made before these migrations run.
CREATE FUNCTION enqueue_job(
    task text,
    payload jsonb,
    unique_key text,
    queue text,
    run_at timestamptz,
    max_attempts integer
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM graphile_worker.add_job(
        identifier => task,
        payload => payload::json,
        queue_name => queue,
        run_at => enqueue_job.run_at,
        max_attempts => enqueue_job.max_attempts,
        job_key => unique_key
    );
END
$$;
REVOKE EXECUTE ON FUNCTION enqueue_job(text, jsonb, text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION enqueue_job(text, jsonb, text, text, timestamptz, integer)
    TO studioconnect_app, studioconnect_system;
