package gateway

import (
	"sync"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// maxEmitted bounds what is remembered of resources that Servers linked to, for all Clients together; the
// oldest makes room.
const maxEmitted = 4096

// emitted remembers which Server showed a Client a URI in a result: many link to resources that they do not
// list. It only ever leads a Client to a Server that it has as a whole (docs/decisions/0010).
type emitted struct {
	// mu guards the following.
	mu   sync.Mutex
	by   map[emittedKey]mcpmux.ServerID
	ring []emittedKey
	next int
}

type emittedKey struct {
	client mcpmux.ClientID
	uri    string
}

func newEmitted() *emitted { return &emitted{by: make(map[emittedKey]mcpmux.ServerID)} }

// note remembers the URIs in a Server's answer.
func (e *emitted) note(x *exchange, server mcpmux.ServerID, answer wire.Message) {
	if answer.Kind != wire.Response || x.method == nil {
		return
	}
	uris := protocol.URIs(answer.Raw, answer.Result, x.method.Name)
	if len(uris) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, uri := range uris {
		key := emittedKey{x.id.Client, uri}
		if _, known := e.by[key]; !known {
			e.push(key)
		}
		e.by[key] = server
	}
}

func (e *emitted) push(key emittedKey) {
	if len(e.ring) < maxEmitted {
		e.ring = append(e.ring, key)
		return
	}
	delete(e.by, e.ring[e.next])
	e.ring[e.next] = key
	e.next = (e.next + 1) % maxEmitted
}

func (e *emitted) server(client mcpmux.ClientID, uri string) (mcpmux.ServerID, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id, ok := e.by[emittedKey{client, uri}]
	return id, ok
}

// resource is where a URI is read: what the View says, else, for a Client that has all of a Server, at the
// Server that showed it the URI, or at the one Server that the endpoint stands for.
func (x *exchange) resource(uri string) (*catalog.Route, bool) {
	if r, ok := x.view.Resource(uri); ok {
		return r, true
	}
	if uri == "" {
		return nil, false
	}
	from, shown := x.g.emitted.server(x.id.Client, uri)
	for _, s := range x.view.Servers() {
		if (shown && s.ID == from || x.alias != "") && x.view.Whole(s.Alias) {
			return &catalog.Route{Space: x.view.Space, Server: s, Kind: mcpmux.KindResource, Name: uri}, true
		}
	}
	return nil, false
}
