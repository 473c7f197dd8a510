package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

const (
	// auditEvery is how often the record is looked at for those who follow it.
	auditEvery = 500 * time.Millisecond

	defaultAudit = 100
	maxAudit     = 10_000
)

// lastHeader has the id of the last record that an answer of /audit knows of, wanted or not: whoever asks for what comes
// after that one need not have those before it looked through again.
const lastHeader = "Mcpmux-Last"

// Recorded tells whoever listens that records were added to the record of requests. It never blocks.
func (a *Admin) Recorded(count int) {
	if a.events.heard() {
		a.Publish("activity", struct {
			Records int `json:"records"`
		}{count})
	}
}

// audit is GET /audit: an array of records, or a stream of them.
func (a *Admin) audit(w http.ResponseWriter, r *http.Request) error {
	f, err := a.activityFilter(r)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit", defaultAudit)
	if err != nil {
		return err
	}
	f.Limit = int(min(limit, maxAudit))
	if f.AfterID, err = number(r, "after", 0); err != nil {
		return err
	}
	if f.BeforeID, err = number(r, "before", 0); err != nil {
		return err
	}
	follow, err := flag(r, "follow")
	if err != nil {
		return err
	}
	if follow {
		return a.followAudit(w, r, f)
	}
	last, err := a.cfg.Store.LastActivity(r.Context())
	if err != nil {
		return err
	}
	records := []api.Activity{}
	if limit > 0 {
		if records, err = a.activities(r, f); err != nil {
			return err
		}
	}
	if n := len(records); n > 0 && (n == f.Limit && f.AfterID > 0 || records[n-1].ID > last) {
		last = records[n-1].ID
	}
	w.Header().Set(lastHeader, strconv.FormatInt(last, 10))
	return answer(w, records, nil)
}

// followAudit sends the last records and, until the reader is gone, what is recorded after them.
func (a *Admin) followAudit(w http.ResponseWriter, r *http.Request, f store.ActivityFilter) error {
	if f.BeforeID > 0 || !f.Until.IsZero() {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "who follows the record sees what is new: before and until do not go with follow")
	}
	last, err := a.cfg.Store.LastActivity(r.Context())
	if err != nil {
		return err
	}
	var records []api.Activity
	if f.AfterID > 0 {
		last = f.AfterID
	} else if f.BeforeID = last + 1; f.Limit > 0 && last > 0 {
		if records, err = a.activities(r, f); err != nil {
			return err
		}
	}
	f.AfterID, f.BeforeID = last, 0
	s := newStream(w, r)
	s.write([]byte(": begin\n\n"))
	for i := range records {
		s.sendJSON("activity", &records[i])
	}
	a.sendNew(s, f)
	return nil
}

// sendNew sends what is recorded after f.AfterID.
func (a *Admin) sendNew(s *stream, f store.ActivityFilter) {
	tick, beat := time.NewTicker(auditEvery), time.NewTicker(heartbeat)
	defer tick.Stop()
	defer beat.Stop()
	for s.err == nil {
		select {
		case <-tick.C:
			names := a.names(s.r)
			last, err := a.cfg.Store.EachActivity(s.r.Context(), f, func(e *store.Activity) error {
				named, err := names.of(e)
				if err == nil {
					s.sendJSON("activity", named)
					err = s.err
				}
				return err
			})
			if err != nil {
				return
			}
			f.AfterID = last
		case <-beat.C:
			s.write([]byte(": alive\n\n"))
		case <-a.events.done:
			return
		case <-s.r.Context().Done():
			return
		}
	}
}

// activities reads records with the names of what they are about.
func (a *Admin) activities(r *http.Request, f store.ActivityFilter) ([]api.Activity, error) {
	list, err := a.cfg.Store.Activities(r.Context(), f)
	if err != nil {
		return nil, err
	}
	names := a.names(r)
	out := make([]api.Activity, len(list))
	for i := range list {
		if out[i], err = names.of(&list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// naming gives records the names of what they are about, as they are when the first one is asked for.
type naming struct {
	load    func() (*mcpmux.State, error)
	state   *mcpmux.State
	clients map[mcpmux.ClientID]string
}

func (a *Admin) names(r *http.Request) *naming {
	return &naming{load: func() (*mcpmux.State, error) { return a.cfg.Store.Load(r.Context()) }}
}

func (n *naming) ready() (err error) {
	if n.state != nil {
		return nil
	}
	if n.state, err = n.load(); err != nil {
		return err
	}
	n.clients = make(map[mcpmux.ClientID]string, len(n.state.Clients))
	for i := range n.state.Clients {
		n.clients[n.state.Clients[i].ID] = n.state.Clients[i].Name
	}
	return nil
}

func (n *naming) of(e *store.Activity) (api.Activity, error) {
	if err := n.ready(); err != nil {
		return api.Activity{}, err
	}
	out := api.Activity{ID: e.ID, Activity: e.Activity, ClientName: n.clients[e.Client], SpaceName: spaceName(n.state, e.Space), Verdict: api.VerdictAllowed}
	if e.Outcome == "denied" {
		out.Verdict = api.VerdictDenied
	}
	return out, nil
}

// outcomes are those of records.
//
//nolint:gochecknoglobals // constant table
var outcomes = []string{"ok", "tool_error", "error", "denied", "cancelled"}

// activityFilter reads which records a request asks for, but not which page of them.
func (a *Admin) activityFilter(r *http.Request) (f store.ActivityFilter, err error) {
	q := r.URL.Query()
	f.Server, f.Outcome, f.Text = q.Get("server"), q.Get("outcome"), strings.ToValidUTF8(q.Get("search"), "\uFFFD")
	if f.Outcome != "" && !slices.Contains(outcomes, f.Outcome) {
		return f, mcpmux.Errorf(mcpmux.CodeInvalid, "the parameter outcome is %.100q; it is one of %s", f.Outcome, strings.Join(outcomes, ", "))
	}
	if f.Client, f.Space, err = a.recorded(r, q.Get("client"), q.Get("space")); err != nil {
		return f, err
	}
	now := a.cfg.Now()
	if f.Since, err = moment(q.Get("since"), now); err != nil {
		return f, err
	}
	if f.Until, err = moment(q.Get("until"), now); err != nil {
		return f, err
	}
	if f.Decisions, err = flag(r, "decisions"); err != nil {
		return f, err
	}
	f.Requests, err = flag(r, "requests")
	return f, err
}

// recorded finds a Client and a Space by name, or by their ids, which the record has when they are gone too. "" is all.
func (a *Admin) recorded(r *http.Request, client, space string) (mcpmux.ClientID, mcpmux.SpaceID, error) {
	if client == "" && space == "" {
		return "", "", nil
	}
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return "", "", err
	}
	clientID, spaceID := mcpmux.ClientID(client), mcpmux.SpaceID(space)
	if client != "" {
		c, err := findClient(st, client)
		if err == nil {
			clientID = c.ID
		} else if !isID(client) {
			return "", "", err
		}
	}
	if space != "" {
		s, err := findSpace(st, space)
		if err == nil {
			spaceID = s.ID
		} else if !isID(space) {
			return "", "", err
		}
	}
	return clientID, spaceID, nil
}

// isID says whether a text has the form of an id (RFC 9562 §4).
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
			return false
		}
	}
	return true
}

// moment reads a moment (RFC 3339), a day (which begins at midnight here), or how long before now it is, as Go writes
// durations or in days. "" is none.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil { //nolint:gosmopolitan // the user's day
		return at, nil
	}
	ago, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		n = min(n, maxDays)
		ago = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || ago < 0 {
		return time.Time{}, mcpmux.Errorf(mcpmux.CodeInvalid, "%.100q is no moment; write one like 2026-01-31T12:00:00Z, a day like 2026-01-31, or how long ago it is, like 90m or 7d", text)
	}
	return now.Add(-ago), nil
}

// maxDays is a hundred years, beyond which there are no records.
const maxDays = 36_500

// activitySummary is GET /activity/summary.
func (a *Admin) activitySummary(r *http.Request) (api.ActivitySummary, error) {
	window := r.URL.Query().Get("window")
	if window == "" {
		window = "1h"
	}
	_, space, err := a.recorded(r, "", r.URL.Query().Get("space"))
	if err != nil {
		return api.ActivitySummary{}, err
	}
	sum, err := a.tally.Summary(r.Context(), window, space)
	if err != nil {
		return api.ActivitySummary{}, err
	}
	names := a.names(r)
	if err := names.ready(); err != nil {
		return api.ActivitySummary{}, err
	}
	return names.summary(sum), nil
}
