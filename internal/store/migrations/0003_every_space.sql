-- For a Server of every Space and its copies: the id of the Server that they are copies of, which may be gone.
ALTER TABLE servers ADD COLUMN every_space TEXT;
