package mcptest

import (
	"context"
	"encoding/json"

	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// peer is one client as a server of the older era knows it: a session, a process's pipes or an HTTP+SSE stream.
// In the newer era it is one request, or the pipes that all requests come by.
type peer struct {
	ctx context.Context //nolint:containedctx // calls of a session outlive the POSTs that made them
	end context.CancelFunc

	// Server.mu guards the following.
	greeted     bool // initialize was answered
	ready       bool // notifications/initialized arrived
	version     string
	caps        clientCapabilities
	level       int // of logging/setLevel
	uris        map[string]bool
	asked       int
	elicitation []string          // ids that were not completed
	thrown      map[string]bool   // URLs that elicit_throws demanded
	started     bool              // what the script wants to know at the start was asked
	start       map[string]string // the answers, by tool
	tapes       map[string]*tape
	unsolicited func([]byte) // sends what no request caused; nil while there is no stream
}

// newPeer makes a peer that ends with ctx at the latest, or with the server.
func (s *Server) newPeer(ctx context.Context) *peer {
	ctx, end := context.WithCancel(ctx)
	p := &peer{
		ctx: ctx, end: end, uris: make(map[string]bool), thrown: make(map[string]bool), start: make(map[string]string), tapes: make(map[string]*tape),
	}
	s.note(func() { s.peers[p] = true })
	return p
}

// forget ends a peer.
func (s *Server) forget(p *peer) {
	p.end()
	s.note(func() { delete(s.peers, p) })
}

// clientCapabilities are those of a client as far as this server asks for them.
type clientCapabilities struct {
	Roots    *struct{}
	Sampling *struct {
		Tools *struct{}
	}
	Elicitation *struct {
		Form, URL *struct{}
	}
	Extensions map[string]json.RawMessage
}

// tasks says whether the client declares the tasks extension.
func (c clientCapabilities) tasks() bool {
	_, ok := c.Extensions[protocol.TasksID]
	return ok
}

// wrapped is a message as the peer gets it: with Script.Batches a notification goes in an array.
func (s *Server) wrapped(p *peer, raw []byte) []byte {
	if !s.script.Batches {
		return raw
	}
	s.mu.Lock()
	version := p.version
	s.mu.Unlock()
	if m, err := wire.Parse(raw); version != protocol.V20250326 || err != nil || m.Kind != wire.Notification {
		return raw
	}
	return append(append([]byte{'['}, raw...), ']')
}

// attach gives the peer the stream for what no request causes.
func (s *Server) attach(p *peer, send func([]byte)) {
	s.note(func() { p.unsolicited = send })
	s.askAtStart(p)
}

// tell sends the peer what no request caused. Without a stream for it, it is lost.
func (s *Server) tell(p *peer, raw []byte) bool {
	s.mu.Lock()
	send := p.unsolicited
	s.mu.Unlock()
	if send == nil {
		return false
	}
	send(s.wrapped(p, raw))
	return true
}

// news sends a notification to the clients that are to hear of it: initialized peers that want it, and listen
// streams that do. Scripts without a Version tell everybody.
func (s *Server) news(method, params string, wants func(*peer) bool, listens func(filter) bool) {
	if !s.script.strict() {
		s.Broadcast(method, params)
		return
	}
	s.mu.Lock()
	var peers []*peer
	for p := range s.peers {
		if p.ready && wants(p) {
			peers = append(peers, p)
		}
	}
	var streams []stream
	for _, st := range s.streams {
		if st.filter != nil && listens(*st.filter) {
			streams = append(streams, st)
		}
	}
	s.mu.Unlock()
	for _, p := range peers {
		s.tell(p, wire.NewNotification(method, []byte(params)))
	}
	for _, st := range streams {
		st.notify(method, params)
	}
}

// toolsChanged tells everybody that listens that the list of tools is another.
func (s *Server) toolsChanged() {
	s.news("notifications/tools/list_changed", "{}", func(*peer) bool { return true }, func(f filter) bool { return f.Tools })
}
