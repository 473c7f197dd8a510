package authserver

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/store"
)

// LastSeen remembers when each credential was last used, until it is flushed to the store.
type LastSeen struct {
	now func() time.Time
	// used is replaced, not written to, when a credential is used for the first time.
	used atomic.Pointer[map[credential]*atomic.Int64]
	mu   sync.Mutex // held to replace used
}

// credential is a Client with the access key or Authorization by which it came.
type credential struct {
	client mcpmux.ClientID
	key    mcpmux.KeyID
}

// NewLastSeen makes a LastSeen that has seen nobody.
func NewLastSeen(now func() time.Time) *LastSeen {
	l := &LastSeen{now: now}
	l.used.Store(&map[credential]*atomic.Int64{})
	return l
}

// Seen notes that the client came now, by this access key or Authorization. For one that came so before it takes no
// lock and does not allocate.
func (l *LastSeen) Seen(client mcpmux.ClientID, key mcpmux.KeyID) {
	c := credential{client, key}
	at, ok := (*l.used.Load())[c]
	if !ok {
		at = l.add(c)
	}
	at.Store(l.now().UnixNano())
}

// add makes room for a credential.
func (l *LastSeen) add(c credential) *atomic.Int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := *l.used.Load()
	if at, ok := old[c]; ok {
		return at
	}
	replaced := maps.Clone(old)
	replaced[c] = new(atomic.Int64)
	l.used.Store(&replaced)
	return replaced[c]
}

// maxSeen is how many credentials are remembered between uses. Logins come and go, and this must not grow with them.
const maxSeen = 1024

// Flush returns who and what was seen since the last Flush, and when. Of a client that is seen while it runs, this or
// the next Flush tells.
func (l *LastSeen) Flush() store.Uses {
	u := store.Uses{Clients: map[mcpmux.ClientID]time.Time{}, Keys: map[mcpmux.KeyID]time.Time{}}
	var unused []credential
	for c, used := range *l.used.Load() {
		ns := used.Swap(0)
		if ns == 0 {
			unused = append(unused, c)
			continue
		}
		at := time.Unix(0, ns).UTC()
		if u.Clients[c.client].Before(at) {
			u.Clients[c.client] = at
		}
		if c.key != "" {
			u.Keys[c.key] = at
		}
	}
	l.forget(unused)
	return u
}

// forget makes room where there are many. A use that is noted at the same moment may be lost.
func (l *LastSeen) forget(unused []credential) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := *l.used.Load()
	if len(old) <= maxSeen || len(unused) == 0 {
		return
	}
	replaced := maps.Clone(old)
	for _, c := range unused {
		delete(replaced, c)
	}
	l.used.Store(&replaced)
}
