-- Several nodes on one database: who is alive, and which calls were left by the node that had them.
CREATE TABLE nodes (
    name text CONSTRAINT nodes_pkey PRIMARY KEY,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    -- It was told to stop and takes no new calls.
    draining boolean NOT NULL
);
ALTER TABLE nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE nodes FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON nodes TO studioconnect_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON nodes TO studioconnect_system;

ALTER TABLE calls
    -- How often it went on with a new media stream.
    ADD COLUMN resumptions integer NOT NULL DEFAULT 0 CONSTRAINT calls_resumptions_range CHECK (resumptions >= 0),
    -- Why the node that had it let go of it although it is not over; null while one has it.
    ADD COLUMN left_because text
        CONSTRAINT calls_left_because_known CHECK (left_because IN ('connection_lost', 'handed_over'));
