package adminclient

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/admin/api"
)

// AuditQuery chooses entries of the record of requests; what is "", 0 or false chooses all. Names and moments are as the
// admin API takes them.
type AuditQuery struct {
	Client, Server, Space, Outcome, Search, Since, Until string
	// Decisions leaves out what is none (mcpmux.Activity.Decision), Requests what is one.
	Decisions, Requests bool
	// Before is the id of an entry: only those before it.
	Before int64
	// Limit is how many of the last ones; it does not matter to ExportAudit.
	Limit int
}

func (q *AuditQuery) filter() map[string]string {
	f := map[string]string{
		"client": q.Client, "server": q.Server, "space": q.Space, "outcome": q.Outcome, "search": q.Search, "since": q.Since, "until": q.Until,
	}
	if q.Decisions {
		f["decisions"] = "1"
	}
	if q.Requests {
		f["requests"] = "1"
	}
	return f
}

func (q *AuditQuery) page() map[string]string {
	f := q.filter()
	f["limit"] = strconv.Itoa(q.Limit)
	if q.Before > 0 {
		f["before"] = strconv.FormatInt(q.Before, 10)
	}
	return f
}

// Audit is the last entries that q chooses, oldest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery) ([]api.Activity, error) {
	return get[[]api.Activity](ctx, c, q.page(), "audit")
}

// FollowAudit hands each the last entries and every new one, until ctx is cancelled or each fails.
func (c *Client) FollowAudit(ctx context.Context, q AuditQuery, each func(api.Activity) error) error {
	query := q.page()
	query["follow"] = "1"
	return follow(ctx, c, request{method: http.MethodGet, path: []string{"audit"}, query: query}, each)
}

// ExportAudit writes every entry that q chooses to w, in the format jsonl or csv. If it fails, w may have got some.
func (c *Client) ExportAudit(ctx context.Context, q AuditQuery, format string, w io.Writer) error {
	query := q.filter()
	query["format"] = format
	body, err := c.do(ctx, request{method: http.MethodGet, path: []string{"audit", "export"}, query: query})
	if err != nil {
		return err
	}
	defer drop(body)
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

// ActivitySummary counts the calls of a window, 1h, 24h or 7d, those of one Space where space is not "".
func (c *Client) ActivitySummary(ctx context.Context, window, space string) (api.ActivitySummary, error) {
	return get[api.ActivitySummary](ctx, c, map[string]string{"window": window, "space": space}, "activity", "summary")
}
