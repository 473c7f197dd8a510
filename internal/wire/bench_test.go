package wire

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"
)

func sample(size int) []byte {
	text, _ := json.Marshal(strings.Repeat("The quick brown fox jumps over the lazy dog.\n", size/45+1))
	return []byte(`{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"_meta":{"progressToken":7,"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"github_create_issue","arguments":{"title":"x","body":` +
		string(text) + `,"labels":["a","b"],"n":12345678901234567890}}}`)
}

// The hot path allocates nothing: the collector would be what limits the gateway.
func TestHotPath_DoesNotAllocate(t *testing.T) {
	raw := sample(1000)
	dst := make([]byte, 0, 2*len(raw))
	names := []string{"name", "_meta", "arguments", "io.modelcontextprotocol/protocolVersion"}
	text := []byte(`"create_issue"`)
	var out [4]Span
	var edits [1]Edit
	if n := testing.AllocsPerRun(100, func() {
		m, err := Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := Find(raw, m.Params, names, out[:]); err != nil {
			t.Fatal(err)
		}
		if err := Find(raw, out[1], names, out[:]); err != nil {
			t.Fatal(err)
		}
		edits[0] = Edit{m.ID, text}
		dst = Splice(dst[:0], raw, edits[:])
		dst = Line(dst[:0], raw)
		dst = AppendEvent(dst[:0], "", "message", raw)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkParse measures Parse against json.Valid on the same bytes, in turns: the ratio, below 1, is what
// holds on every machine.
func BenchmarkParse(b *testing.B) {
	const turn = 16
	for _, size := range []int{100, 10_000, 1_000_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			raw := sample(size)
			var ours, theirs time.Duration
			b.SetBytes(int64(2 * turn * len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				for range turn {
					if _, err := Parse(raw); err != nil {
						b.Fatal(err)
					}
				}
				between := time.Now()
				for range turn {
					if !json.Valid(raw) {
						b.Fatal("not valid")
					}
				}
				ours += between.Sub(start)
				theirs += time.Since(between)
			}
			b.ReportMetric(float64(ours)/float64(theirs), "of-json.Valid")
		})
	}
}
