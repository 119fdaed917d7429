-- A caller who talks with a platform's agent wants a person: their call is fetched from there first.
ALTER TABLE transfers
    DROP CONSTRAINT transfers_attempt_known,
    ADD CONSTRAINT transfers_attempt_known
        CHECK (attempt IN ('waiting', 'fetching', 'due', 'placing', 'ringing', 'answered', 'returning'));
