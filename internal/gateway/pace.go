package gateway

import (
	"slices"
	"sync"
	"time"
)

// paceRound is the pause between two rounds of list_changed notices to one client. A round is up to three of
// them, and a stream that is just opened may begin with one that waited for it: no second has more than ten.
const paceRound = 500 * time.Millisecond

// pace holds list_changed notices back where the lists change faster than a client could read them. The first
// goes out at once, and the last always does. It has no timer while nothing waits.
type pace struct {
	say func(method string)

	// mu guards the following.
	mu      sync.Mutex
	waiting []string
	timer   *time.Timer // runs while something waits
	last    time.Time   // of the last round
	stopped bool
}

// note has the client told of changed lists.
func (p *pace) note(methods []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(methods) == 0 || p.stopped {
		return
	}
	for _, m := range methods {
		if !slices.Contains(p.waiting, m) {
			p.waiting = append(p.waiting, m)
		}
	}
	if p.timer != nil {
		return
	}
	if pause := paceRound - time.Since(p.last); pause > 0 {
		p.timer = time.AfterFunc(pause, p.due)
		return
	}
	p.round()
}

func (p *pace) due() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer = nil
	if !p.stopped {
		p.round()
	}
}

func (p *pace) round() {
	for _, m := range p.waiting {
		p.say(m)
	}
	p.waiting, p.last = nil, time.Now()
}

// stop ends it: nobody hears any more.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.timer != nil {
		p.timer.Stop()
	}
}
