package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Activity is one stored record of a request; ids grow in the order of writing.
type Activity struct {
	ID int64 `json:"id"`
	mcpmux.Activity
}

// activityBlock is how many records one row holds at most. A record of its own row costs more CPU than the
// request it tells of; in a block it costs a small part of that.
const activityBlock = 1024

// AppendActivity writes records, all in one transaction. It appends no Change: a record is not desired state.
func (s *Store) AppendActivity(ctx context.Context, list []mcpmux.Activity) error {
	if len(list) == 0 {
		return nil
	}
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		last, err := t.count(ctx, lastActivity)
		if err != nil {
			return err
		}
		first := last + 1
		for block := range slices.Chunk(list, activityBlock) {
			if err := t.putBlock(ctx, first, block); err != nil {
				return err
			}
			first += int64(len(block))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write %d activity records: %w", len(list), err)
	}
	return nil
}

// putBlock writes one row: JSON lines, whose first is the record of id first.
func (t *tx) putBlock(ctx context.Context, first int64, block []mcpmux.Activity) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for i := range block {
		if err := enc.Encode(&block[i]); err != nil {
			return err
		}
	}
	return t.exec(ctx, "INSERT INTO activity (first_id, last_id, last_at, records) VALUES ($1, $2, $3, $4)",
		first, first+int64(len(block))-1, newest(block).UnixMicro(), text.Bytes())
}

// newest is when the record began that began last: one that took long is written after others that began later.
func newest(block []mcpmux.Activity) (at time.Time) {
	for i := range block {
		if block[i].At.After(at) {
			at = block[i].At
		}
	}
	return at
}

// PruneActivity deletes the blocks whose records are all from before a time, and answers how many records
// they held. The newest block stays in any case, so that ids are never used again.
func (s *Store) PruneActivity(ctx context.Context, before time.Time) (int64, error) {
	const old = " FROM activity WHERE last_at < $1 AND last_id < (" + lastActivity + ")"
	var n int64
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.row(ctx, "SELECT COALESCE(SUM(last_id - first_id + 1), 0)"+old, before.UnixMicro()).Scan(&n); err != nil {
			return err
		}
		return t.exec(ctx, "DELETE"+old, before.UnixMicro())
	})
	if err != nil {
		return 0, fmt.Errorf("prune the activity: %w", err)
	}
	return n, nil
}
