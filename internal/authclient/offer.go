package authclient

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// offersIn is how long after a login was begun for clients no other is: they try again by themselves, where a
	// person would wonder why.
	offersIn = time.Minute

	// offerPatience is how long a client's call waits for a login to be begun, which takes a few requests to places
	// that may be slow. It goes on without the call; the next one finds it.
	offerPatience = 5 * time.Second
)

// offer is a login that was begun for clients.
type offer struct {
	at   time.Time
	done chan struct{} // closed with the following set

	address string
	err     error
}

// Offer is Begin for clients whose calls need a login: it answers where a person goes to log in. That is one place
// for all of them until a browser has come there. It is "" where the login is not one in a browser here; where a
// person has begun one already, which is not to be disturbed; and where one was begun for clients less than offersIn
// ago.
func (e *Engine) Offer(ctx context.Context, id mcpmux.ServerID) (address string, err error) {
	o := e.offered(id)
	if o == nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, offerPatience)
	defer cancel()
	select {
	case <-o.done:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if o.err != nil || !e.open(o) {
		return "", o.err
	}
	return o.address, nil
}

// offered is the offer of a Server, begun now where that is due; nil: there is none.
func (e *Engine) offered(id mcpmux.ServerID) *offer {
	now := e.cfg.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.of(id)
	if o := s.offer; o != nil {
		select {
		case <-o.done:
		default:
			return o
		}
		if now.Sub(o.at) < offersIn || e.openLocked(o, now) {
			return o
		}
	}
	if s.device != nil {
		return nil
	}
	for _, b := range e.tickets {
		if b.server == id && now.Before(b.expect) {
			return nil
		}
	}
	o := &offer{at: now, done: make(chan struct{})}
	s.offer = o
	e.tasks.Go(func() {
		defer close(o.done)
		ctx, cancel := context.WithTimeout(e.life, renewTimeout)
		defer cancel()
		o.address, o.err = e.beginFor(ctx, id)
	})
	return o
}

// beginFor begins the login of an offer.
func (e *Engine) beginFor(ctx context.Context, id mcpmux.ServerID) (string, error) {
	target, err := e.cfg.Target(ctx, id)
	if err != nil || target.Own || target.Login.Grant == mcpmux.GrantClient || target.Login.Grant == mcpmux.GrantDevice {
		return "", err
	}
	b, err := e.Begin(ctx, id, MethodBrowser, false)
	return b.URL, err
}

// open says whether a browser may still come to where an offer says.
func (e *Engine) open(o *offer) bool {
	now := e.cfg.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.openLocked(o, now)
}

func (e *Engine) openLocked(o *offer, now time.Time) bool {
	_, ticket, _ := strings.Cut(o.address, startPath)
	b := e.tickets[sha256.Sum256([]byte(ticket))]
	return b != nil && now.Before(b.expect)
}
