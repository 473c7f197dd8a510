package authserver

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// LastSeen remembers when each client was last seen, until it is flushed to the store.
type LastSeen struct {
	now func() time.Time
	// clients is replaced, not written to, when a client is seen for the first time.
	clients atomic.Pointer[map[mcpmux.ClientID]*atomic.Int64]
	mu      sync.Mutex // held to replace clients
}

// NewLastSeen makes a LastSeen that has seen nobody.
func NewLastSeen(now func() time.Time) *LastSeen {
	l := &LastSeen{now: now}
	l.clients.Store(&map[mcpmux.ClientID]*atomic.Int64{})
	return l
}

// Seen notes that the client was seen now. For a client seen before it takes no lock and does not allocate.
func (l *LastSeen) Seen(client mcpmux.ClientID) {
	at, ok := (*l.clients.Load())[client]
	if !ok {
		at = l.add(client)
	}
	at.Store(l.now().UnixNano())
}

// add makes room for a client.
func (l *LastSeen) add(client mcpmux.ClientID) *atomic.Int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := *l.clients.Load()
	if at, ok := old[client]; ok {
		return at
	}
	replaced := maps.Clone(old)
	replaced[client] = new(atomic.Int64)
	l.clients.Store(&replaced)
	return replaced[client]
}

// Flush returns who was seen since the last Flush, and when. Of a client that is seen while it runs, this or
// the next Flush tells.
func (l *LastSeen) Flush() map[mcpmux.ClientID]time.Time {
	seen := make(map[mcpmux.ClientID]time.Time)
	for client, at := range *l.clients.Load() {
		if ns := at.Swap(0); ns != 0 {
			seen[client] = time.Unix(0, ns).UTC()
		}
	}
	return seen
}
