-- A session that somebody of an organization above opened in one below: marked, bound to it, and never longer alive
-- than the session it was opened from.
ALTER TABLE sessions
    ADD COLUMN opened_from uuid CONSTRAINT sessions_opened_from_fkey REFERENCES organizations (id) ON DELETE CASCADE,
    ADD COLUMN opened_by uuid CONSTRAINT sessions_opened_by_fkey REFERENCES sessions (id) ON DELETE CASCADE,
    -- When its end was written into both logs.
    ADD COLUMN closed_at timestamptz,
    ADD CONSTRAINT sessions_opened_together CHECK ((opened_from IS NULL) = (opened_by IS NULL));
CREATE INDEX sessions_opened ON sessions (opened_by) WHERE opened_by IS NOT NULL;
CREATE INDEX sessions_to_close ON sessions (expires_at) WHERE opened_by IS NOT NULL AND closed_at IS NULL;
