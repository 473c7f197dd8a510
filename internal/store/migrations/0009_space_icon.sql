-- An emoji or a letter or two that a Space is shown with; empty for none.
ALTER TABLE spaces ADD COLUMN icon TEXT NOT NULL DEFAULT '';
