package gateway

import (
	"context"
	"net/http"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// Call makes one request as a Client, for the command line, through the same steps as a client's and in the
// era of the Server it goes to: params is the params object. client "" is catalog.Local; alias, where it is not "", names
// the Server whose Features go by their own names, as at /mcp/s/<alias>.
// The command line can be asked nothing, so it declares no capabilities. Call answers with the JSON-RPC
// response.
func (g *Gateway) Call(ctx context.Context, client mcpmux.ClientID, alias, method string, params []byte) ([]byte, error) {
	snap := g.current.Load()
	view, ok := snap.views[client]
	if !ok {
		return nil, mcpmux.Errorf(mcpmux.CodeNotFound, "no such client")
	}
	if alias != "" {
		if view, ok = view.Only(alias); !ok {
			return nil, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no server %q for this client", alias)
		}
	}
	if len(params) == 0 {
		params = []byte("{}")
	}
	w := &memoryWriter{header: make(http.Header)}
	x := &exchange{g: g, snap: snap, view: view, id: Identity{Client: client}, reply: &reply{w: w, client: ctx}}
	if fail := x.read(wire.NewRequest(1, method, params)); fail != nil {
		return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "%s", fail.message)
	}
	if route, _, fail := x.route(); fail == nil && route.Server.About.Modern() {
		meta := wire.SetMember(x.msg.Raw, x.msg.Params, "_meta", localMeta(g.cfg.Version))
		if fail := x.read(wire.Splice(nil, x.msg.Raw, []wire.Edit{meta})); fail != nil {
			return nil, mcpmux.Errorf(mcpmux.CodeInvalid, "%s", fail.message)
		}
		x.modern = true
	}
	x.caps = protocol.Capabilities{}
	x.forward()
	return w.body, nil
}

// memoryWriter keeps an answer in memory.
type memoryWriter struct {
	header http.Header
	body   []byte
}

func (m *memoryWriter) Header() http.Header { return m.header }
func (m *memoryWriter) WriteHeader(int)     {}
func (m *memoryWriter) Write(b []byte) (int, error) {
	m.body = append(m.body, b...)
	return len(b), nil
}
