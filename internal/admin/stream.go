package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

const (
	// heartbeat is how often a silent stream shows that it lives, so that both ends notice a dead one.
	heartbeat = 15 * time.Second

	// sendTimeout bounds how long one event may take to be taken.
	sendTimeout = 30 * time.Second

	// auditEvery is how often the record is looked at for those who follow it.
	auditEvery = 500 * time.Millisecond

	defaultTail  = 100
	maxTail      = 1 << 20
	defaultAudit = 100
	maxAudit     = 10_000
)

// stream writes server-sent events (WHATWG HTML §9.2). Data is JSON, so it is one line.
type stream struct {
	w   http.ResponseWriter
	r   *http.Request
	ctl *http.ResponseController
	err error
}

func newStream(w http.ResponseWriter, r *http.Request) *stream {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	return &stream{w: w, r: r, ctl: http.NewResponseController(w)}
}

func (s *stream) sendEvent(ev event) { s.send(ev.name, ev.revision, ev.data) }

// send writes one event; id 0 is none.
func (s *stream) send(name string, id int64, data []byte) {
	text := append([]byte("event: "), name...)
	if id > 0 {
		text = strconv.AppendInt(append(text, "\nid: "...), id, 10)
	}
	text = append(append(append(text, "\ndata: "...), data...), "\n\n"...)
	s.write(text)
}

func (s *stream) write(text []byte) {
	if s.err != nil {
		return
	}
	_ = s.ctl.SetWriteDeadline(time.Now().Add(sendTimeout)) // a writer without deadlines has none to set
	if _, s.err = s.w.Write(text); s.err == nil {
		s.err = s.ctl.Flush()
	}
}

// sendJSON sends v, which always marshals.
func (s *stream) sendJSON(name string, v any) { s.sendJSONAt(name, 0, v) }

// sendJSONAt is sendJSON with an id.
func (s *stream) sendJSONAt(name string, id int64, v any) {
	if text, err := json.Marshal(v); err == nil {
		s.send(name, id, text)
	}
}

// pump hands what comes from queue to each until queue is closed, the reader is gone or done is closed.
func pump[T any](s *stream, queue <-chan T, done <-chan struct{}, each func(T)) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for s.err == nil {
		select {
		case v, ok := <-queue:
			if !ok {
				return
			}
			each(v)
		case <-beat.C:
			s.write([]byte(": alive\n\n"))
		case <-done:
			return
		case <-s.r.Context().Done():
			return
		}
	}
}

// serverLogs is GET /servers/{alias}/logs: an array of lines, or a stream of them.
func (a *Admin) serverLogs(w http.ResponseWriter, r *http.Request) error {
	_, srv, err := a.server(r)
	if err != nil {
		return err
	}
	tail, err := number(r, "tail", defaultTail)
	if err != nil {
		return err
	}
	follow, err := flag(r, "follow")
	if err != nil {
		return err
	}
	n := int(min(tail, maxTail))
	if !follow {
		return answer(w, some(a.cfg.Servers.Logs(srv.ID, n)), nil)
	}
	lines, more, stop := a.cfg.Servers.Follow(srv.ID, n)
	defer stop()
	s := newStream(w, r)
	s.write([]byte(": begin\n\n"))
	for _, l := range lines {
		s.sendJSON("line", l)
	}
	pump(s, more, a.events.done, func(l api.LogLine) { s.sendJSON("line", l) })
	return nil
}

// audit is GET /audit: an array of records, or a stream of them.
func (a *Admin) audit(w http.ResponseWriter, r *http.Request) error {
	after, err := number(r, "after", 0)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit", defaultAudit)
	if err != nil {
		return err
	}
	follow, err := flag(r, "follow")
	if err != nil {
		return err
	}
	decisions, err := flag(r, "decisions")
	if err != nil {
		return err
	}
	records := []api.Activity{}
	if limit > 0 {
		if records, err = a.activities(r, store.ActivityFilter{AfterID: after, Limit: int(min(limit, maxAudit)), Decisions: decisions}); err != nil {
			return err
		}
	}
	if !follow {
		return answer(w, records, nil)
	}
	a.followAudit(newStream(w, r), records, after, decisions)
	return nil
}

// followAudit sends the records and, until the reader is gone, what is recorded after them.
func (a *Admin) followAudit(s *stream, records []api.Activity, after int64, decisions bool) {
	s.write([]byte(": begin\n\n"))
	if len(records) == 0 && after == 0 { // nothing was asked for of the past
		if last, err := a.activities(s.r, store.ActivityFilter{Limit: 1}); err == nil && len(last) > 0 {
			after = last[0].ID
		}
	}
	tick, beat := time.NewTicker(auditEvery), time.NewTicker(heartbeat)
	defer tick.Stop()
	defer beat.Stop()
	for s.err == nil {
		for _, e := range records {
			if !decisions || e.Decision() {
				s.sendJSON("activity", e)
			}
			after = e.ID
		}
		records = nil
		select {
		case <-tick.C:
			var err error
			if records, err = a.activities(s.r, store.ActivityFilter{AfterID: after, Limit: maxAudit}); err != nil {
				return
			}
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
	if err != nil || len(list) == 0 {
		return []api.Activity{}, err
	}
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return nil, err
	}
	names := make(map[mcpmux.ClientID]string, len(st.Clients))
	for _, c := range st.Clients {
		names[c.ID] = c.Name
	}
	out := make([]api.Activity, len(list))
	for i, e := range list {
		out[i] = api.Activity{ID: e.ID, Activity: e.Activity, ClientName: names[e.Client], SpaceName: spaceName(st, e.Space)}
	}
	return out, nil
}
