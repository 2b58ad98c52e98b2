-- What budgets were before failures faded: nothing has read it since 0006.
ALTER TABLE budget DROP COLUMN failed_at_ms;
ALTER TABLE budget DROP COLUMN level;
