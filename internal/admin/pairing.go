package admin

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/guard"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// pairingLife is how long a page waits for its code to be typed into a terminal, maybe of another machine.
	pairingLife = 5 * time.Minute

	// maxPairings bounds the pages that wait; the oldest makes room.
	maxPairings = 10

	// maxTries is how many wrong codes end every page's. A code has 40 bits.
	maxTries = 5

	// pairingsPerMinute bounds how many pages of one machine begin to wait.
	pairingsPerMinute = 10

	pairingPrefix = "mm_pair_"
)

// pairing is a page that waits to be logged in by a code that it shows.
//
// The page alone knows the secret that it asks with, so whoever sees the code can let the page in, but not take its
// place.
type pairing struct {
	code [32]byte // its hash
	visitor
	begun, ends time.Time
	tries       int
	approved    bool
}

// newPairing makes a code and the secret of the page that shows it.
func (l *logins) newPairing(v visitor) api.Pairing {
	code, poll := pairingCode(), pairingPrefix+token()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	if len(l.pairings) >= maxPairings {
		delete(l.pairings, oldest(l.pairings, func(p *pairing) time.Time { return p.begun }))
	}
	now := l.now()
	p := &pairing{code: hashed(plainCode(code)), visitor: v, begun: now, ends: now.Add(pairingLife)}
	l.pairings[hashed(poll)] = p
	return api.Pairing{Code: code, Poll: poll, ExpiresAt: p.ends}
}

// pairingCode is eight letters and digits that are not taken for each other.
func pairingCode() string {
	const letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ" // 32 of them
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

// approve lets the page in that shows the code. A wrong code counts against every page that waits: nobody can say
// whose it was to be. Whether a page of another machine is meant has to be said: the code alone may have come from
// somebody who talks people into typing it.
func (l *logins) approve(code string, remote bool) (v visitor, err error) {
	sum := hashed(plainCode(code))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	for _, p := range l.pairings {
		if p.code == sum && !p.approved {
			if p.far() && !remote {
				return v, mcpmux.Errorf(mcpmux.CodeConflict, "the page that shows this code is on another machine: %s; if you opened it there yourself, `mcpmux login CODE --remote` logs it in", p.visitor)
			}
			p.approved, p.ends = true, l.now().Add(ticketLife)
			return p.visitor, nil
		}
	}
	for key, p := range l.pairings {
		if p.approved {
			continue
		}
		if p.tries++; p.tries >= maxTries {
			delete(l.pairings, key)
		}
	}
	return v, mcpmux.Errorf(mcpmux.CodeNotFound, "no page of the dashboard waits with that code; a code lasts for %d minutes, and %d wrong ones end it", int(pairingLife/time.Minute), maxTries)
}

// pairingState is how a page's wait goes.
type pairingState int

const (
	pairingGone pairingState = iota
	pairingWaits
	pairingDone
)

// poll is a page that asks whether it is let in. Once it is, its session begins.
func (l *logins) poll(secret string, v visitor) (state pairingState, cookie string, s api.Session) {
	key := hashed(secret)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep()
	switch p := l.pairings[key]; {
	case p == nil:
		return pairingGone, "", s
	case !p.approved:
		return pairingWaits, "", s
	}
	delete(l.pairings, key)
	cookie, s = l.begin(v)
	return pairingDone, cookie, s
}

// pair is POST /session/pair: a page that is not logged in gets a code to show.
func (a *Admin) pair(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(w, r, new(struct{}), true); err != nil {
		return err
	}
	v := visitorOf(r)
	if ok, after := a.pairings.Allow(v.peer); !ok {
		guard.TooMany(w, after, "too many pages ask to be logged in; wait a moment, or run `mcpmux dashboard` in a terminal")
		return nil
	}
	return answer(w, a.logins.newPairing(v), nil)
}

// approvePairing is `mcpmux login CODE`. The dashboard cannot do it: who has a page open for a moment could give
// another one a login of its own.
func (a *Admin) approvePairing(r *http.Request, body api.PairingCode) (api.Paired, error) {
	if fromDashboard(r) {
		return api.Paired{}, mcpmux.Errorf(mcpmux.CodeDenied, "another browser is logged in from the command line: `mcpmux login CODE`")
	}
	v, err := a.logins.approve(body.Code, body.Remote)
	if err != nil {
		a.record("auth/pair", "denied", actor(r), err.Error())
		return api.Paired{}, err
	}
	a.record("auth/pair", "ok", actor(r), v.String())
	return api.Paired{Browser: v.browser(), UserAgent: v.agent, Peer: v.peer}, nil
}
