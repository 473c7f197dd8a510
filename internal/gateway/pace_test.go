package gateway

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func TestPace_AtMostTenNoticesInASecondAndTheLastArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []time.Time
		var state, heard int
		p := &pace{say: func(string) { said, heard = append(said, time.Now()), state }}
		defer p.stop()
		for state = 1; state <= 1000; state++ {
			p.note([]string{methodToolsChanged, methodPromptsChanged, methodResourcesChanged})
			time.Sleep(7 * time.Millisecond) // the bubble's clock, not ours
		}
		state--
		time.Sleep(2 * paceRound)
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
		if heard != state || p.timer != nil {
			t.Errorf("the last notice was of state %d of %d; a timer left: %v", heard, state, p.timer != nil)
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
		time.Sleep(time.Minute)
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
		st.Features = append(st.Features, mcpmux.Feature{Server: "v", Kind: mcpmux.KindTool, Name: fmt.Sprint("t", i), Raw: []byte(`{"name":"t","inputSchema":{}}`)})
		r.gw.Apply(st)
	}
	for name, st := range map[string]*stream{"GET": s, "listen": listen} {
		n := 1
		if e := st.next(); !strings.Contains(e, methodToolsChanged) {
			t.Fatalf("%s heard %s", name, e)
		}
		// What is asked for after the last change was told of is the last state.
		for !strings.Contains(r.send("POST", "/mcp", "d", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, sid).body, "be_t999") || n < 2 {
			if e := st.next(); !strings.Contains(e, methodToolsChanged) {
				t.Fatalf("%s heard %s", name, e)
			}
			n++
		}
		if most := 10 * (1 + int(time.Since(begun)/time.Second)); n > most {
			t.Errorf("%s: %d notices, at most %d are due", name, n, most)
		}
	}
}
