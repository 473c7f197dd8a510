package admin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
)

const (
	// heartbeat is how often a silent stream shows that it lives, so that both ends notice a dead one.
	heartbeat = 15 * time.Second

	// sendTimeout bounds how long one event may take to be taken.
	sendTimeout = 30 * time.Second

	defaultTail = 100
	maxTail     = 1 << 20
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
	filter, err := readLogFilter(r)
	if err != nil {
		return err
	}
	n := int(min(tail, maxTail))
	if !follow {
		return answer(w, some(filter.last(a.cfg.Servers.Logs(srv.ID, maxTail), n)), nil)
	}
	lines, more, stop := a.cfg.Servers.Follow(srv.ID, maxTail)
	defer stop()
	lines = filter.last(lines, n)
	s := newStream(w, r)
	s.write([]byte(": begin\n\n"))
	for _, l := range lines {
		s.sendJSON("line", l)
	}
	pump(s, more, a.events.done, func(l api.LogLine) {
		if filter.wants(l) {
			s.sendJSON("line", l)
		}
	})
	return nil
}
