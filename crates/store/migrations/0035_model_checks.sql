-- What vendors said of the models that the configuration names, by the daily check.
CREATE TABLE model_checks (
    setting text CONSTRAINT model_checks_pkey PRIMARY KEY,
    vendor text NOT NULL,
    model text NOT NULL,
    state text NOT NULL CONSTRAINT model_checks_state_known CHECK (state IN ('served', 'ending', 'gone', 'not_known')),
    -- When it ends, where that was announced.
    ends_at timestamptz,
    -- What the vendor advises to take instead.
    replacement text,
    -- Why it is not known.
    reason text,
    checked_at timestamptz NOT NULL
);
ALTER TABLE model_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_checks FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON model_checks TO studioconnect_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON model_checks TO studioconnect_system;
