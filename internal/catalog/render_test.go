package catalog

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

func FuzzRenamed_EveryOtherByteStays(f *testing.F) {
	for _, seed := range []string{githubTool, ` {"name":"x"} `, `{"a":{"name":"y"},"name":"x"}`, `{"n\u0061me":"x","b":[1e400]}`, `{"name":"x","Name":"x"}`, `{"\"":"}","name":"x"}`} {
		f.Add([]byte(seed), "github_x")
	}
	f.Fuzz(func(t *testing.T, raw []byte, to string) {
		var listed struct {
			Name *string `json:"name"`
		}
		if json.Unmarshal(raw, &listed) != nil || listed.Name == nil {
			return
		}
		feature := &mcpmux.Feature{Kind: mcpmux.KindTool, Name: *listed.Name, Raw: raw}
		span, ok := locate(feature)
		if !ok {
			return
		}
		got := renamed(raw, span, to)
		if !bytes.HasPrefix(got, raw[:span.Start]) || !bytes.HasSuffix(got, raw[span.End:]) || !json.Valid(got) {
			t.Fatalf("%q became %q", raw, got)
		}
		var after map[string]json.RawMessage
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(to)
		var a, b string
		if json.Unmarshal(after["name"], &a) != nil || json.Unmarshal(want, &b) != nil || a != b {
			t.Fatalf("%q became %q, with the name %q", raw, got, a)
		}
	})
}
