package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// maxPacks is how many blocks one call of PackActivity makes at most; what is left is for the next one.
const maxPacks = 64

// PackActivity makes full blocks of neighbours that are not. A gateway that has a call now and then writes a block for
// each, and to look through as many of those takes four times as long. A block is made when it is full, so each record
// is written twice in all; each is made in a transaction of its own, and who writes waits for that alone.
func (s *Store) PackActivity(ctx context.Context) error {
	for range maxPacks {
		more := false
		_, err := s.write(ctx, func(ctx context.Context, t *tx) (err error) {
			more, err = t.pack(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("pack the activity: %w", err)
		}
		if !more {
			break
		}
	}
	return nil
}

// pack makes the next full block, and says whether there may be another one.
func (t *tx) pack(ctx context.Context) (more bool, err error) {
	var text bytes.Buffer
	var first, last, at int64 // of the block that is made
	blocks, full := 0, false
	err = t.each(ctx, func(rows *sql.Rows) error {
		var f, l, a int64
		var records sql.RawBytes
		if err := rows.Scan(&f, &l, &a, &records); err != nil {
			return err
		}
		if blocks > 0 && (l-first >= activityBlock || f != last+1) { // one between was pruned: ids are places
			full = true
			return errEnough
		}
		if blocks++; blocks == 1 {
			first = f
		}
		last, at = l, max(at, a)
		text.Write(records)
		return nil
	}, "SELECT first_id, last_id, last_at, records FROM activity WHERE first_id >= $1 ORDER BY first_id", t.store.packed.Load())
	if err != nil && !errors.Is(err, errEnough) || !full {
		return false, err
	}
	t.store.packed.Store(last + 1) // where what follows fails, they stay as they are
	if blocks == 1 {
		return true, nil
	}
	if err := t.exec(ctx, "DELETE FROM activity WHERE first_id >= $1 AND last_id <= $2", first, last); err != nil {
		return false, err
	}
	return true, t.exec(ctx, "INSERT INTO activity (first_id, last_id, last_at, records) VALUES ($1, $2, $3, $4)", first, last, at, text.Bytes())
}
