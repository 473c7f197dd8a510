-- Nanoseconds like idle_timeout; none means the setting pool.call_timeout.
ALTER TABLE servers ADD COLUMN call_timeout BIGINT;
