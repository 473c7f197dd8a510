package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcptest"
)

// newKey makes another access key of a client.
func (d *Daemon) newKey(client string) (id, key string) {
	d.t.Helper()
	status, text := d.Admin(http.MethodPost, "/clients/"+client+"/keys", "")
	var made struct {
		ID     string `json:"id"`
		Secret string `json:"access_key"`
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil || status != http.StatusOK || made.Secret == "" {
		d.t.Fatalf("a key: %d %s", status, text)
	}
	return made.ID, made.Secret
}

func (d *Daemon) revokeKey(client, id string) {
	d.t.Helper()
	if status, text := d.Admin(http.MethodDelete, "/clients/"+client+"/keys/"+id, ""); status != http.StatusOK {
		d.t.Fatalf("revoke: %d %s", status, text)
	}
}

// afterRevocation is how long what a key opened may outlive it.
const afterRevocation = 2 * time.Second

// What one key opened ends with it, in every era and transport, and nothing that another key of its client opened.
func TestKeys_WhatOneOpenedEndsWithItAndNothingOfAnother(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	s := d.AddScripted("s", mcptest.Script{})
	_ = d.NewClient("a")
	type opened struct {
		id      string
		streams map[string]<-chan json.RawMessage
		calls   map[string]<-chan *Reply
	}
	listen := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{}},"notifications":{"toolsListChanged":true}}}`, modernVersion)
	open := func() opened {
		id, key := d.newKey("a")
		pipe := d.MCP(key)
		pipe.URL = "http://" + d.Gateway + "/sse"
		held := s.Holding()
		o := opened{
			id: id,
			streams: map[string]<-chan json.RawMessage{
				"the stream of a session": d.Session(key).Listen(),
				"HTTP+SSE":                pipe.stream(http.MethodGet, ""),
				"a subscription": d.MCP(key).stream(http.MethodPost, listen,
					"MCP-Protocol-Version: "+modernVersion, "Mcp-Method: subscriptions/listen"),
			},
			calls: map[string]<-chan *Reply{
				"a call of a session": later(t, func() *Reply { return d.Session(key).Call("s_hold", `{}`) }),
				"a call without one": later(t, func() *Reply {
					return d.MCP(key).Modern("tools/call", `{"name":"s_hold","arguments":{}}`, "s_hold", `{}`)
				}),
			},
		}
		awaitScripted(t, s, soon, "calls that wait", func() bool { return s.Holding() == held+2 })
		return o
	}
	mine, other := open(), open()
	begun := time.Now()
	d.revokeKey("a", mine.id)
	for what, stream := range mine.streams {
		endedWithin(t, stream, afterRevocation-time.Since(begun))
		t.Logf("%s ended after %s", what, time.Since(begun))
	}
	for what, call := range mine.calls {
		select {
		case r := <-call:
			if r.Last(t).Error == nil {
				t.Errorf("%s was answered: %d %s", what, r.Status, r.Body)
			}
		case <-time.After(afterRevocation - time.Since(begun)):
			t.Errorf("%s goes on", what)
		}
	}
	awaitScripted(t, s, soon, "end of the two calls at the server", func() bool { return s.Holding() == 2 })
	s.Release()
	for what, call := range other.calls {
		if r := <-call; r.Last(t).Error != nil {
			t.Errorf("another key's: %s: %d %s", what, r.Status, r.Body)
		}
	}
	d.AddScripted("t", mcptest.Script{})
	for what, stream := range other.streams {
		if what != "HTTP+SSE" { // its client has not sent initialize
			within(t, soon, stream, "notifications/tools/list_changed")
			continue
		}
		for more := true; more; {
			select {
			case _, more = <-stream:
				if !more {
					t.Errorf("another key's: %s ended", what)
				}
			default:
				more = false
			}
		}
	}
}

// What is answered as revoked lets nobody in from then on, however many call at once; until it is asked for, nobody is
// refused.
func TestKeys_NoCallThatBeginsAfterARevocationSucceeds(t *testing.T) {
	t.Parallel()
	d := Start(t, Options{})
	_ = d.NewClient("a")
	const callers, revocations, window = 32, 200, 4
	const (
		good = iota + 1
		revoking
		revoked
	)
	var keys [revocations]string
	var ids [revocations]string
	var state [revocations]atomic.Int32
	var newest atomic.Int32
	newest.Store(-1)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	t.Cleanup(client.CloseIdleConnections)
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{}}}}`, modernVersion)
	call := func(key string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.Gateway+"/mcp", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		for name, value := range map[string]string{
			"Authorization": "Bearer " + key, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
			"MCP-Protocol-Version": modernVersion, "Mcp-Method": "tools/list",
		} {
			req.Header.Set(name, value)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	over := make(chan struct{})
	var all sync.WaitGroup
	var let, refused atomic.Int64
	for range callers {
		all.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				last := int(newest.Load())
				if last < 0 {
					continue
				}
				i := last - rand.IntN(min(window, last+1))
				before := state[i].Load()
				status := call(keys[i])
				switch after := state[i].Load(); {
				case before == revoked:
					refused.Add(1)
					if status != http.StatusUnauthorized {
						t.Errorf("key %d lets in after its revocation was answered: %d", i, status)
					}
				case after == good:
					let.Add(1)
					if status != http.StatusOK {
						t.Errorf("key %d is refused before its revocation was asked for: %d", i, status)
					}
				}
			}
		})
	}
	for i := range revocations {
		ids[i], keys[i] = d.newKey("a")
		state[i].Store(good)
		newest.Store(int32(i))
		if i > 0 {
			state[i-1].Store(revoking)
			d.revokeKey("a", ids[i-1])
			state[i-1].Store(revoked)
		}
	}
	close(over)
	all.Wait()
	if let.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d calls were let in and %d refused: nothing was seen", let.Load(), refused.Load())
	}
	t.Logf("%d calls were let in before, %d refused after %d revocations", let.Load(), refused.Load(), revocations-1)
}
