package store

import (
	"context"
	"database/sql"
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

// ActivityFilter chooses records. Zero members choose all.
type ActivityFilter struct {
	Client mcpmux.ClientID
	Server string // alias
	// AfterID asks for the oldest records after this one; 0 asks for the newest there are.
	AfterID int64
	Limit   int // 0 means 100
}

// defaultActivities is how many records one answer has if nothing else is asked for.
const defaultActivities = 100

// AppendActivity writes records, all in one transaction. It appends no Change: a record is not desired state.
func (s *Store) AppendActivity(ctx context.Context, list []mcpmux.Activity) error {
	if len(list) == 0 {
		return nil
	}
	rows := make([][]any, len(list))
	for i, a := range list {
		rows[i] = []any{a.At.UnixMicro(), string(a.Client), string(a.Space), a.Server, a.Method, a.Name, a.Outcome, a.Code, int64(a.Duration)}
	}
	_, err := s.write(ctx, func(ctx context.Context, t *tx) error {
		return t.insert(ctx, "INSERT INTO activity (at, client_id, space_id, server, method, name, outcome, code, duration)", rows)
	})
	if err != nil {
		return fmt.Errorf("write %d activity records: %w", len(list), err)
	}
	return nil
}

// Activities reads records, oldest first.
func (s *Store) Activities(ctx context.Context, f ActivityFilter) ([]Activity, error) {
	if f.Limit <= 0 {
		f.Limit = defaultActivities
	}
	order := "ASC"
	if f.AfterID == 0 {
		order = "DESC"
	}
	var all []Activity
	err := s.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var a Activity
			var at int64
			err := rows.Scan(&a.ID, &at, &a.Client, &a.Space, &a.Server, &a.Method, &a.Name, &a.Outcome, &a.Code, &a.Duration)
			a.At = timeOf(at)
			all = append(all, a)
			return err
		}, `SELECT id, at, client_id, space_id, server, method, name, outcome, code, duration FROM activity
			WHERE id > $1 AND ($2 = '' OR client_id = $2) AND ($3 = '' OR server = $3) ORDER BY id `+order+" LIMIT $4",
			f.AfterID, string(f.Client), f.Server, f.Limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read the activity: %w", err)
	}
	if order == "DESC" {
		slices.Reverse(all)
	}
	return all, nil
}

// PruneActivity deletes the records from before a time and answers how many they were.
func (s *Store) PruneActivity(ctx context.Context, before time.Time) (int64, error) {
	var n int64
	_, err := s.write(ctx, func(ctx context.Context, t *tx) (err error) {
		n, err = t.affect(ctx, "DELETE FROM activity WHERE at < $1", before.UnixMicro())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune the activity: %w", err)
	}
	return n, nil
}
