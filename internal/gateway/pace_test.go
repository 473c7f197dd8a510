package gateway

import (
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestPace_AtMostTenNoticesInASecondAndTheLastArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const states = 1000
		var said []time.Time
		var state atomic.Int64
		var heard int64
		p := &pace{say: func(string) { said, heard = append(said, time.Now()), state.Load() }}
		defer p.stop()
		for range states {
			state.Add(1)
			p.note([]string{methodToolsChanged, methodPromptsChanged, methodResourcesChanged})
			time.Sleep(7 * time.Millisecond) //nolint:forbidigo // the clock of the bubble
		}
		time.Sleep(2 * paceRound) //nolint:forbidigo // the clock of the bubble
		synctest.Wait()
		for i, from := range said {
			n := 0
			for _, at := range said[i:] {
				if at.Sub(from) <= time.Second {
					n++
				}
			}
			if n > 10 {
				t.Fatalf("%d notices in the second after the %dth", n, i)
			}
		}
		if heard != states || p.timer != nil {
			t.Errorf("the last notice was of state %d of %d; a timer left: %v", heard, states, p.timer != nil)
		}
	})
}

func TestPace_TheFirstNoticeComesAtOnceAndNoneAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		p := &pace{say: func(string) { n++ }}
		p.note([]string{methodToolsChanged})
		if n != 1 {
			t.Errorf("%d notices at once", n)
		}
		p.note([]string{methodToolsChanged, methodPromptsChanged})
		p.stop()
		p.note([]string{methodToolsChanged})
		time.Sleep(time.Minute) //nolint:forbidigo // the clock of the bubble
		synctest.Wait()
		if n != 1 {
			t.Errorf("%d notices after the end", n-1)
		}
	})
}

func TestApply_AThousandChangesAreFewNoticesAndTheLastIsHeard(t *testing.T) {
	r := newRig(t, oneServer(), nil)
	sid := r.open("d", "/mcp", "{}")
	s := r.events("GET", "/mcp", "d", "", sid)
	listen := r.events("POST", "/mcp", "d", `{"jsonrpc":"2.0","id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"MCP-Protocol-Version: 2026-07-28", "Mcp-Method: subscriptions/listen")
	listen.next() // the acknowledgement
	begun := time.Now()
	for i := range 1000 {
		st := oneServer()
		st.Revision = int64(i + 2)
		st.Features = append(st.Features, mcpmux.Feature{Server: "v", Kind: mcpmux.KindTool, Name: "t" + strconv.Itoa(i), Raw: []byte(`{"name":"t` + strconv.Itoa(i) + `","inputSchema":{"type":"object"}}`)})
		r.gw.Apply(st)
	}
	took := time.Since(begun)
	if a := r.send("POST", "/mcp", "d", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, sid); !strings.Contains(a.body, "be_t999") {
		t.Fatalf("list: %s", a.body)
	}
	for name, st := range map[string]*stream{"GET": s, "listen": listen} {
		for i := range 2 { // the first of them and, since it came before the others, one after them
			if e := st.next(); !strings.Contains(e, methodToolsChanged) {
				t.Fatalf("%s heard %s as notice %d", name, e, i)
			}
		}
	}
	r.gw.Drain()
	for name, st := range map[string]*stream{"GET": s, "listen": listen} {
		n := 2
		for e := st.next(); strings.Contains(e, "list_changed"); e = st.next() {
			n++
		}
		if most := 10 * (1 + int(took/time.Second)); n > most {
			t.Errorf("%s: %d notices, at most %d are due", name, n, most)
		}
	}
}
