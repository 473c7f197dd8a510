package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
)

const (
	// defaultActivities is how many records one answer has if nothing else is asked for.
	defaultActivities = 100

	// activityStride is how many records one transaction looks at, about: whoever reads all there are keeps nobody who
	// writes waiting, and what was found is handed on before more is read.
	activityStride = 1 << 14
)

// Activities reads a page of records, oldest first.
func (s *Store) Activities(ctx context.Context, f ActivityFilter) ([]Activity, error) {
	if f.Limit <= 0 {
		f.Limit = defaultActivities
	}
	w := newWalk(f)
	var all []Activity
	for !w.over && len(all) < f.Limit {
		found, err := w.stride(ctx, s, f.Limit-len(all))
		if err != nil {
			return nil, fmt.Errorf("read the activity: %w", err)
		}
		all = append(all, found...)
	}
	if w.back {
		slices.Reverse(all)
	}
	return all, nil
}

// EachActivity hands each every record that the filter chooses, oldest first and without a limit, and answers the id of
// the last one that it looked at: the AfterID from which to go on. It holds no transaction while each runs.
func (s *Store) EachActivity(ctx context.Context, f ActivityFilter, each func(*Activity) error) (last int64, err error) {
	w := newWalk(f)
	w.forwards()
	for last = w.at; !w.over; last = w.at {
		found, err := w.stride(ctx, s, math.MaxInt)
		if err != nil {
			return last, fmt.Errorf("read the activity: %w", err)
		}
		for i := range found {
			if err := each(&found[i]); err != nil {
				return found[i].ID, err
			}
		}
	}
	return last, nil
}

// walk goes through the record in one direction, from one transaction to the next.
type walk struct {
	f     ActivityFilter
	sieve *sieve
	back  bool
	at    int64 // the id that was looked at last; of the block, which was looked at as a whole or as far as was wanted
	over  bool
	room  int // how many records a stride looks at, about
}

func newWalk(f ActivityFilter) *walk {
	w := &walk{f: f, room: activityStride}
	w.sieve = newSieve(&w.f)
	if w.f.BeforeID <= 0 {
		w.f.BeforeID = math.MaxInt64
	}
	if w.f.AfterID > 0 {
		w.forwards()
		return w
	}
	w.back, w.at = true, w.f.BeforeID
	return w
}

func (w *walk) forwards() { w.back, w.at = false, w.f.AfterID }

// A record of id n is in the block of the greatest first_id that is not greater than n.
const (
	blocksAfter = `SELECT first_id, last_id, records FROM activity WHERE last_id > $1 AND first_id < $2 AND last_at >= $3
		AND first_id >= (SELECT COALESCE(MAX(first_id), 0) FROM activity WHERE first_id <= $1) ORDER BY first_id`
	blocksBefore = `SELECT first_id, last_id, records FROM activity WHERE last_id > $1 AND first_id < $2 AND last_at >= $3
		ORDER BY first_id DESC`
)

// errEnough ends a query.
var errEnough = errors.New("enough")

// stride looks at the next records, in one transaction, and returns at most want of those that are wanted, in the
// direction of the walk.
func (w *walk) stride(ctx context.Context, s *Store, want int) (found []Activity, err error) {
	query, after, before, since := blocksAfter, w.at, w.f.BeforeID, int64(math.MinInt64)
	if w.back {
		query, after, before = blocksBefore, w.f.AfterID, w.at
	}
	if !w.f.Since.IsZero() {
		since = w.f.Since.UnixMicro()
	}
	looked := 0
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			if looked >= w.room || len(found) >= want {
				return errEnough
			}
			var first, last int64
			var text sql.RawBytes
			if err := rows.Scan(&first, &last, &text); err != nil {
				return err
			}
			looked += int(last - first + 1)
			found, err = w.block(first, text, found, want, after, before)
			w.at = min(last, w.f.BeforeID-1)
			if w.back {
				w.at = first
			}
			return err
		}, query, after, before, since)
	})
	if errors.Is(err, errEnough) {
		return found, nil
	}
	w.over = true
	return found, err
}

// block appends what is wanted of a block, of the records between two, until there is enough. A block may have grown
// since the last stride, by others that were looked at then (PackActivity).
func (w *walk) block(first int64, text []byte, found []Activity, want int, after, before int64) ([]Activity, error) {
	if !w.sieve.any(text) {
		return found, nil
	}
	lines := make([][]byte, 0, activityBlock)
	for line := range bytes.Lines(text) {
		lines = append(lines, line)
	}
	for i := range lines {
		if w.back {
			i = len(lines) - 1 - i
		}
		a := Activity{ID: first + int64(i)}
		if a.ID <= after || a.ID >= before {
			continue
		}
		wanted, err := w.sieve.take(lines[i], &a.Activity)
		if err != nil {
			return nil, err
		}
		if wanted {
			found = append(found, a)
		}
		if len(found) >= want {
			break
		}
	}
	return found, nil
}

// lastActivity asks the last row alone: there is no index of the ids that rows end with.
const lastActivity = "SELECT COALESCE((SELECT last_id FROM activity ORDER BY first_id DESC LIMIT 1), 0)"

// LastActivity is the id of the newest record, 0 where there is none.
func (s *Store) LastActivity(ctx context.Context) (last int64, err error) {
	err = s.read(ctx, func(ctx context.Context, t *tx) error {
		last, err = t.count(ctx, lastActivity)
		return err
	})
	return last, err
}
