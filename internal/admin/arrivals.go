package admin

import (
	"sync"
	"time"
)

// arrivalsPause is how long arrivals are held back: many sessions that begin together are one event.
const arrivalsPause = 300 * time.Millisecond

// arrivals holds back the news that Clients came or went.
type arrivals struct {
	// mu guards the following.
	mu     sync.Mutex
	timer  *time.Timer
	closed bool
}

// ClientsCame tells whoever listens, a little later, that what Clients have open is another number. It never blocks.
func (a *Admin) ClientsCame() {
	a.arrivals.mu.Lock()
	defer a.arrivals.mu.Unlock()
	if a.arrivals.timer != nil || a.arrivals.closed || !a.events.heard() {
		return
	}
	a.arrivals.timer = time.AfterFunc(arrivalsPause, func() {
		a.arrivals.mu.Lock()
		a.arrivals.timer = nil
		a.arrivals.mu.Unlock()
		a.Publish("clients", struct{}{})
	})
}

func (r *arrivals) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
}
