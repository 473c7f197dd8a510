package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Activity is one stored record of a request; ids grow in the order of writing.
type Activity struct {
	ID int64 `json:"id"`
	mcpmux.Activity
}

// ActivityFilter chooses records. Zero members choose all.
type ActivityFilter struct {
	Client mcpmux.ClientID
	Server string // alias
	// Decisions asks for those alone (mcpmux.Activity.Decision).
	Decisions bool
	// AfterID asks for the oldest records after this one; 0 asks for the newest there are.
	AfterID int64
	Limit   int // 0 means 100
}

// defaultActivities is how many records one answer has if nothing else is asked for.
const defaultActivities = 100

// activityBlock is how many records one row holds at most. A record of its own row costs more CPU than the
// request it tells of; in a block it costs a small part of that.
const activityBlock = 1024

// AppendActivity writes records, all in one transaction. It appends no Change: a record is not desired state.
func (s *Store) AppendActivity(ctx context.Context, list []mcpmux.Activity) error {
	if len(list) == 0 {
		return nil
	}
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		last, err := t.count(ctx, "SELECT COALESCE(MAX(last_id), 0) FROM activity")
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
		first, first+int64(len(block))-1, block[len(block)-1].At.UnixMicro(), text.Bytes())
}

// Activities reads records, oldest first.
func (s *Store) Activities(ctx context.Context, f ActivityFilter) ([]Activity, error) {
	if f.Limit <= 0 {
		f.Limit = defaultActivities
	}
	newest := f.AfterID == 0
	next := "SELECT first_id, last_id, records FROM activity WHERE last_id > $1 ORDER BY first_id LIMIT 1"
	at := f.AfterID
	if newest {
		next = "SELECT first_id, last_id, records FROM activity WHERE first_id < $1 ORDER BY first_id DESC LIMIT 1"
		at = math.MaxInt64
	}
	var all []Activity
	err := s.read(ctx, func(ctx context.Context, t *tx) error {
		for len(all) < f.Limit {
			var first, last int64
			var text []byte
			err := t.row(ctx, next, at).Scan(&first, &last, &text)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			found, err := f.choose(first, text)
			if err != nil {
				return err
			}
			if newest {
				all, at = append(found, all...), first
			} else {
				all, at = append(all, found...), last
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the activity: %w", err)
	}
	if over := len(all) - f.Limit; over > 0 && newest {
		return all[over:], nil
	}
	return all[:min(len(all), f.Limit)], nil
}

// choose decodes a block and returns the records of it that the filter wants.
func (f *ActivityFilter) choose(first int64, text []byte) ([]Activity, error) {
	var found []Activity
	id := first
	for line := range bytes.Lines(text) {
		a := Activity{ID: id}
		id++
		if a.ID <= f.AfterID {
			continue
		}
		if err := json.Unmarshal(line, &a.Activity); err != nil {
			return nil, err
		}
		if (f.Client == "" || a.Client == f.Client) && (f.Server == "" || a.Server == f.Server) && (!f.Decisions || a.Decision()) {
			found = append(found, a)
		}
	}
	return found, nil
}

// PruneActivity deletes the blocks whose records are all from before a time, and answers how many records
// they held. The newest block stays in any case, so that ids are never used again.
func (s *Store) PruneActivity(ctx context.Context, before time.Time) (int64, error) {
	const old = " FROM activity WHERE last_at < $1 AND last_id < (SELECT MAX(last_id) FROM activity)"
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
