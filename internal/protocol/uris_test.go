package protocol

import (
	"slices"
	"testing"

	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestURIs_AreThoseOfLinksAndEmbeddedResources(t *testing.T) {
	for _, c := range []struct {
		method, result string
		want           []string
	}{
		{"tools/call", `{"content":[{"type":"resource_link","uri":"a:1","name":"x"},{"type":"resource","resource":{"uri":"a:2","text":"t"}},{"type":"text","text":"\"uri\""}]}`, []string{"a:1", "a:2"}},
		{"prompts/get", `{"messages":[{"role":"user","content":{"type":"resource_link","uri":"a:\u0031"}}]}`, []string{"a:1"}},
		{"resources/read", `{"contents":[{"uri":"a:1","text":""},{"uri":"a:2","blob":""}]}`, []string{"a:1", "a:2"}},
		{"tools/call", `{"content":[{"type":"resource_link","uri":1}],"structuredContent":{"uri":"no"}}`, nil},
		{"tools/call", `{"content":{"uri":"no"}}`, nil},
		{"completion/complete", `{"uri":"no"}`, nil},
	} {
		raw := []byte(c.result)
		if got := URIs(raw, wire.Span{End: len(raw)}, c.method); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %v, want %v", c.method, c.result, got, c.want)
		}
	}
}
