package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// queueLen bounds how many events wait for one subscriber. A dashboard reads them at once; one that does
	// not is cut off and comes back with Last-Event-ID.
	queueLen = 256

	// changesPage is how many Changes are read at once.
	changesPage = 500
)

// event is one event of the stream. revision is 0 for what has no place in the order of Changes.
type event struct {
	name     string
	revision int64
	data     []byte
}

// events hands each event to every subscriber.
type events struct {
	// mu guards the following.
	mu     sync.Mutex
	subs   map[chan event]struct{}
	closed bool
	done   chan struct{}
}

func newEvents() *events {
	return &events{subs: map[chan event]struct{}{}, done: make(chan struct{})}
}

// subscribe answers a queue that is closed when its reader falls behind, or everything ends.
func (e *events) subscribe() (queue chan event, stop func()) {
	queue = make(chan event, queueLen)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		close(queue)
		return queue, func() {}
	}
	e.subs[queue] = struct{}{}
	return queue, func() { e.drop(queue) }
}

func (e *events) drop(queue chan event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.remove(queue)
}

func (e *events) remove(queue chan event) {
	if _, ok := e.subs[queue]; ok {
		delete(e.subs, queue)
		close(queue)
	}
}

// publish never blocks.
func (e *events) publish(ev event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for queue := range e.subs {
		select {
		case queue <- ev:
		default:
			e.remove(queue)
		}
	}
}

// heard says whether anybody listens.
func (e *events) heard() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.subs) > 0
}

func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	close(e.done)
	for queue := range e.subs {
		e.remove(queue)
	}
}

// Publish sends an event that is no Change to whoever listens. It never blocks. data is sent as JSON.
func (a *Admin) Publish(name string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		a.log.Error("event was not written", "event", name, "err", err)
		return
	}
	a.events.publish(event{name: name, data: text})
}

// Applied broadcasts the Changes that led to st, and the questions that it opened or closed. Where they
// cannot be read, they come with the next State.
func (a *Admin) Applied(ctx context.Context, st *mcpmux.State) {
	a.turn.Lock()
	defer a.turn.Unlock()
	asked := questions(st)
	if !a.begun {
		a.begun, a.base, a.questions = true, st.Revision, asked
		return
	}
	for a.base < st.Revision {
		changes, err := a.cfg.Store.Changes(ctx, a.base, changesPage)
		if err != nil {
			a.log.Warn("changes were not broadcast", "err", err)
			break
		}
		if len(changes) == 0 {
			break
		}
		for _, c := range changes {
			a.events.publish(changeEvent(c))
			a.base = c.Revision
		}
	}
	if !slices.Equal(asked, a.questions) {
		a.questions = asked
		a.Publish("question", struct {
			Questions []api.Question `json:"questions"`
		}{asked})
	}
}

func changeEvent(c mcpmux.Change) event {
	text, _ := json.Marshal(c) // a Change always marshals
	return event{name: "change", revision: c.Revision, data: text}
}

// streamEvents is GET /events: first "ready" with the revision that the stream begins after, then what
// happens. With Last-Event-ID it begins with the Changes since then, so a reader that was cut off misses none;
// "missed" says that some of those are no longer kept.
func (a *Admin) streamEvents(w http.ResponseWriter, r *http.Request) error {
	after, again, err := lastEventID(r)
	if err != nil {
		return err
	}
	queue, stop := a.events.subscribe()
	defer stop()
	st, err := a.cfg.Store.Load(r.Context())
	if err != nil {
		return err
	}
	if !again || after > st.Revision { // a revision of another database says nothing
		after = st.Revision
	}
	first, err := a.cfg.Store.FirstChange(r.Context())
	if err != nil {
		return err
	}
	// Changes are kept for a time; who was away for longer has to read everything anew.
	missed := after < st.Revision && after+1 < first
	s := newStream(w, r)
	s.sendJSONAt("ready", after, struct {
		Revision int64 `json:"revision"`
		Missed   bool  `json:"missed,omitempty"`
	}{st.Revision, missed})
	for after < st.Revision {
		changes, err := a.cfg.Store.Changes(r.Context(), after, changesPage)
		if err != nil || len(changes) == 0 {
			return nil // the stream has begun; its reader comes again
		}
		for _, c := range changes {
			s.sendEvent(changeEvent(c))
			after = c.Revision
		}
	}
	pump(s, queue, a.events.done, func(ev event) {
		if ev.revision == 0 || ev.revision > after { // else it was sent above
			s.sendEvent(ev)
		}
	})
	return nil
}

func lastEventID(r *http.Request) (id int64, given bool, err error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		return 0, false, nil
	}
	id, err = strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 {
		return 0, false, mcpmux.Errorf(mcpmux.CodeInvalid, "Last-Event-ID is %.100q; it is the id of an event of this stream", text)
	}
	return id, true, nil
}
