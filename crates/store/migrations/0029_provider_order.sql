-- Which providers an agent's calls ask, and in which order; lists that are absent are the operator's.
ALTER TABLE agents ADD COLUMN providers jsonb NOT NULL DEFAULT '{}';
