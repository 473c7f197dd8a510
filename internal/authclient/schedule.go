package authclient

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// aheadFrom and aheadTo are the part of a token's life after which it is renewed; where between, each Server has
	// its own point, so that not all come at once.
	aheadFrom, aheadTo = 0.75, 0.80

	// aheadMost is how long before the end that is at the latest; aheadFloor how soon at the earliest. Shorter lives
	// are renewed when they have ended.
	aheadMost  = 5 * time.Minute
	aheadFloor = 30 * time.Second

	// keepAlive is how often tokens are renewed whose Server asks for it, whoever uses them.
	keepAlive = 24 * time.Hour

	// firstPause and lastPause bound the pause after a renewal that an authorization server could not carry out; of
	// each a tenth at most is taken away, so that not all Servers come back at once.
	firstPause = 10 * time.Second
	lastPause  = 5 * time.Minute

	// aheadTries is how long renewals are tried ahead of need that fail. After that only somebody's need is a reason.
	aheadTries = 24 * time.Hour
)

// Apply takes notice of a new state: which Servers there are, and when their tokens end.
func (e *Engine) Apply(st *mcpmux.State) {
	e.mu.Lock()
	known := make(map[mcpmux.ServerID]bool, len(st.Servers))
	for i := range st.Servers {
		srv := &st.Servers[i]
		known[srv.ID] = true
		if srv.LoggedIn == nil && e.servers[srv.ID] == nil {
			continue
		}
		e.of(srv.ID).due = due(srv)
	}
	for id, s := range e.servers {
		if !known[id] && s.flight == nil {
			if s.device != nil {
				s.device.cancel()
			}
			delete(e.servers, id)
		}
	}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// due is when the tokens of a Server are renewed ahead of need; zero is never.
func due(srv *mcpmux.Server) time.Time {
	l := srv.LoggedIn
	if l == nil || !l.Renewable || !srv.Enabled {
		return time.Time{}
	}
	var at time.Time
	if l.ExpiresAt != nil {
		life := l.ExpiresAt.Sub(l.ObtainedAt)
		at = l.ObtainedAt.Add(time.Duration(float64(life) * (aheadFrom + (aheadTo-aheadFrom)*spread(srv.ID))))
		if latest := l.ExpiresAt.Add(-aheadMost); latest.Before(at) && latest.After(l.ObtainedAt.Add(life/2)) {
			at = latest
		}
		if at.Before(l.ObtainedAt.Add(aheadFloor)) {
			at = time.Time{}
		}
	}
	if daily := l.ObtainedAt.Add(keepAlive); srv.Login.KeepAlive && (at.IsZero() || daily.Before(at)) {
		at = daily
	}
	return at
}

// spread is a number from 0 to 1 that is always the same for a Server.
func spread(id mcpmux.ServerID) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return float64(h.Sum32()%1000) / 1000
}

// keepAhead renews tokens ahead of their end until the Engine ends. A timer that slept with the machine is made up
// for by the refusal of the old token.
func (e *Engine) keepAhead() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.life.Done():
			return
		case <-e.wake:
		case <-timer.C:
		}
		next := time.Hour
		for _, id := range e.dueNow(&next) {
			e.tasks.Go(func() {
				if err := e.renewAhead(e.life, id); err != nil && e.life.Err() == nil {
					e.cfg.Log.Warn("a login was not renewed", "server", id, "err", err)
				}
			})
		}
		timer.Reset(next)
	}
}

// dueNow lists the Servers whose time has come, and shortens next to the time of the others.
func (e *Engine) dueNow(next *time.Duration) []mcpmux.ServerID {
	now := e.cfg.Now()
	var ids, maybe []mcpmux.ServerID
	e.mu.Lock()
	for id, s := range e.servers {
		at := s.due
		if at.IsZero() {
			continue
		}
		if s.refuse.After(at) {
			at = s.refuse
		}
		if wait := at.Sub(now); wait > 0 {
			*next = min(*next, wait)
			continue
		}
		s.due = time.Time{} // until the state says otherwise, or it is put off
		maybe = append(maybe, id)
	}
	e.mu.Unlock()
	for _, id := range maybe {
		if e.cfg.Wanted(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// mayTry refuses a renewal while the authorization server is left alone.
func (e *Engine) mayTry(id mcpmux.ServerID) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if left := e.of(id).refuse.Sub(e.cfg.Now()); left > 0 {
		return &TemporaryError{RetryAfter: left, Err: fmt.Errorf("the authorization server could not renew the login; it is asked again in %s", left.Round(time.Second))}
	}
	return nil
}

// postpone leaves the authorization server alone for a while: for as long as it says, else twice as long as before.
func (e *Engine) postpone(id mcpmux.ServerID, wish time.Duration) {
	e.mu.Lock()
	s := e.of(id)
	now := e.cfg.Now()
	if s.failing.IsZero() {
		s.failing = now
	}
	s.pause = min(max(2*s.pause, firstPause), lastPause)
	d := s.pause - time.Duration(float64(s.pause)/10*spread(id))
	s.refuse = now.Add(max(d, min(wish, time.Hour)))
	if s.due = s.refuse; now.Sub(s.failing) >= aheadTries {
		s.due = time.Time{}
	}
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
