package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpmux/mcpmux/internal/catalog"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// without is a State without an access key, as it is after that was revoked.
func (r *rig) without(key mcpmux.KeyID) *mcpmux.State {
	st := *r.state
	st.Revision++
	st.Keys = slices.DeleteFunc(slices.Clone(st.Keys), func(k mcpmux.AccessKey) bool { return k.ID == key })
	return &st
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}`

// countdown begins a call of 2026-07-28 that lasts, and reads the first sign of it.
func (r *rig) countdown(client string) *stream {
	r.t.Helper()
	s := r.events("POST", "/mcp", client, callBody(`7`, "be_countdown", `{"from":300}`, `{"progressToken":1,`+modernMeta+`}`),
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: be_countdown")
	if e := s.next(); !strings.Contains(e, "notifications/progress") {
		r.t.Fatalf("the call did not begin: %s", e)
	}
	return s
}

// Nothing but its credential holds a call of the revision without sessions.
func TestCredential_ACallWithoutASessionEndsWithIt(t *testing.T) {
	for _, version := range []string{"2026-07-28", "2025-11-25"} { // forwarded, and parked
		t.Run(version, func(t *testing.T) {
			r := demoRig(t, version, nil)
			mine, other := r.countdown("c"), r.countdown("d")
			r.gw.Apply(r.without("key-c"))
			e := mine.next()
			for strings.Contains(e, "notifications/progress") {
				e = mine.next()
			}
			if !strings.Contains(e, `"id":7`) || !strings.Contains(e, errCredentialEnded.message) {
				t.Errorf("it ended with %q", e)
			}
			if e := mine.next(); e != "" {
				t.Errorf("then came %s", e)
			}
			if e := other.next(); !strings.Contains(e, "notifications/progress") {
				t.Errorf("that of another client ended too: %s", e)
			}
		})
	}
}

func TestCredential_ASessionIsOfTheKeyThatOpenedIt(t *testing.T) {
	var as mcpmux.KeyID
	st := oneServer()
	st.Keys = append(st.Keys, mcpmux.AccessKey{ID: "second", Client: "c"})
	r := newRigWith(t, st, nil, func(c *Config) {
		c.Verify = func(string) (Identity, error) { return Identity{Client: "c", Key: as}, nil }
	})
	r.state = st
	as = "key-c"
	first := r.open("c", "/mcp", "{}")
	as = "second"
	second := r.open("c", "/mcp", "{}")
	if a := r.send("POST", "/mcp", "c", pingBody, first); a.status != http.StatusNotFound {
		t.Errorf("by another key of its client: %d %s", a.status, a.body)
	}
	if a := r.send("DELETE", "/mcp", "c", "", first); a.status != http.StatusNotFound {
		t.Errorf("ended by another key of its client: %d %s", a.status, a.body)
	}
	stream := r.events("GET", "/mcp", "c", "", second)
	r.gw.Apply(r.without("key-c"))
	if a := r.send("POST", "/mcp", "c", pingBody, second); a.status != http.StatusOK {
		t.Errorf("the session of the key that stays: %d %s", a.status, a.body)
	}
	if n := r.gw.Sessions(); n != 1 {
		t.Errorf("%d sessions are left, want that of the key that stays", n)
	}
	stream.end()
}

// A request may be let in just before its credential ends, and open something just after: that must not stay.
func TestCredential_WhatIsOpenedWhileItEndsDoesNotStay(t *testing.T) {
	listen := `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{` + modernMeta + `},"notifications":{"toolsListChanged":true}}}`
	call := callBody(`7`, "be_echo", `{"text":"x"}`, `{`+modernMeta+`}`)
	for name, open := range map[string]func(r *rig) answer{
		"session": func(r *rig) answer { return r.send("POST", "/mcp", "c", helloBody) },
		"pipe":    func(r *rig) answer { return r.send("GET", "/sse", "c", "", "Accept: text/event-stream") },
		"listen": func(r *rig) answer {
			return r.send("POST", "/mcp", "c", listen, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen", "Accept: application/json, text/event-stream")
		},
		"call": func(r *rig) answer {
			return r.send("POST", "/mcp", "c", call, "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call", "Mcp-Name: be_echo")
		},
	} {
		for _, version := range []string{"2026-07-28", "2025-11-25"} {
			t.Run(name+" "+version, func(t *testing.T) {
				r := demoRig(t, version, nil)
				verify := r.gw.cfg.Verify
				r.gw.cfg.Verify = func(authorization string) (Identity, error) {
					id, err := verify(authorization)
					r.gw.Apply(r.without("key-c"))
					return id, err
				}
				if a := open(r); !strings.Contains(a.body, errCredentialEnded.message) {
					t.Errorf("%d %s", a.status, a.body)
				}
				if n := r.gw.Sessions(); n != 0 || len(r.gw.streams.all()) != 0 {
					t.Errorf("%d sessions and %d streams are left", n, len(r.gw.streams.all()))
				}
			})
		}
	}
}

// What it costs a call without a session to end with its credential.
func BenchmarkCredential(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("kept=%t", kept), func(b *testing.B) {
			id := Identity{Client: "c", Key: "k"}
			snap := &snapshot{
				quotas: map[mcpmux.ClientID]*quota{"c": new(quota)}, keys: map[mcpmux.KeyID]struct{}{"k": {}},
				views: map[mcpmux.ClientID]*catalog.View{"c": emptyView},
			}
			g := &Gateway{}
			g.current.Store(snap)
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					x := &exchange{g: g, snap: snap, id: id, modern: true, reply: &reply{client: b.Context()}}
					if kept {
						x.quota = snap.quotas["c"]
					}
					_, cancel, err := x.callContext()
					if err != nil {
						b.Error(err)
					}
					x.endCall(cancel)
				}
			})
		})
	}
}
