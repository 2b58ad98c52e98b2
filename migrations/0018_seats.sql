-- The floor plan: where each phone stands in the room, in fields of a grid.
CREATE TABLE seat (
    extension TEXT PRIMARY KEY REFERENCES extension (number) ON DELETE CASCADE,
    plan_column BIGINT NOT NULL,
    plan_row BIGINT NOT NULL,
    UNIQUE (plan_column, plan_row)
);
