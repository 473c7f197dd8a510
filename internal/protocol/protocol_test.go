package protocol

import (
	"slices"
	"testing"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

func TestVersions(t *testing.T) {
	all := Supported()
	if !slices.IsSortedFunc(all, func(a, b string) int { return -slices.Compare([]byte(a), []byte(b)) }) || all[0] != Newest {
		t.Errorf("not newest first: %v", all)
	}
	for _, v := range all {
		if !Known(v) {
			t.Errorf("%s is not known", v)
		}
		if want := v == V20260728; Modern(v) != want {
			t.Errorf("Modern(%s) = %v", v, !want)
		}
	}
	for v, want := range map[string]bool{"2027-01-01": true, "": false, "draft": false, "9": false, "2025-12-31": false} {
		if Modern(v) != want {
			t.Errorf("Modern(%q) = %v", v, !want)
		}
	}
	for asked, want := range map[string]string{V20241105: V20241105, V20251125: V20251125, V20260728: NewestLegacy, "1.0": NewestLegacy, "": NewestLegacy, "2099-01-01": NewestLegacy} {
		if got := Negotiate(asked); got != want {
			t.Errorf("Negotiate(%q) = %s, want %s", asked, got, want)
		}
	}
}

func TestMethods_TableIsConsistent(t *testing.T) {
	for name, m := range methods {
		if m.Name != name || !m.Modern && !m.Legacy {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for _, kind := range mcpmux.FeatureKinds() {
		m, ok := Lookup(ListMethod(kind))
		if !ok || !m.List || m.Kind != kind || !m.Modern || !m.Legacy || !m.Cacheable || ListMember(kind) == "" {
			t.Errorf("%s is listed by %+v", kind, m)
		}
	}
	for name, want := range map[string][2]bool{ // legacy, modern
		"initialize": {true, false}, "ping": {true, false}, "logging/setLevel": {true, false}, "resources/subscribe": {true, false},
		"resources/unsubscribe": {true, false}, "server/discover": {false, true}, "subscriptions/listen": {false, true}, "tools/call": {true, true},
		"completion/complete": {true, true},
	} {
		if m, ok := Lookup(name); !ok || [2]bool{m.Legacy, m.Modern} != want {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for _, name := range []string{"", "Tools/call", "tasks/run", "notifications/progress", "sampling/createMessage"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("%q is in the table", name)
		}
	}
}

func TestHTTPStatus(t *testing.T) {
	for code, want := range map[int]int{
		wire.CodeMethodNotFound: 404, wire.CodeHeaderMismatch: 400, wire.CodeMissingCapability: 400, wire.CodeUnsupportedVersion: 400,
		wire.CodeInvalidParams: 200, wire.CodeInternal: 200, wire.CodeInvalidRequest: 200, -32002: 200, 0: 200, 7: 200,
	} {
		if got := HTTPStatus(code, true); got != want {
			t.Errorf("%d: %d, want %d", code, got, want)
		}
		if got := HTTPStatus(code, false); got != 200 {
			t.Errorf("%d in an older revision: %d", code, got)
		}
	}
}

func TestLogLevel_IsOrdered(t *testing.T) {
	debug, ok1 := LogLevel("debug")
	warning, ok2 := LogLevel("warning")
	emergency, ok3 := LogLevel("emergency")
	if !ok1 || !ok2 || !ok3 || debug != 0 || warning != 3 || emergency != 7 {
		t.Error(debug, warning, emergency)
	}
	for _, s := range []string{"", "warn", "DEBUG"} {
		if _, ok := LogLevel(s); ok {
			t.Errorf("%q is a level", s)
		}
	}
}

func TestCapabilities_ProfileIsCanonical(t *testing.T) {
	for in, want := range map[string]string{
		``: ``, `{}`: ``, `[]`: ``, `null`: ``, `{"experimental":{"x":{}}}`: ``, `{"Roots":{}}`: ``, `{"roots":{},"roots":{}}`: ``, `{"sampling":true}`: ``, `{"roots":{}`: ``, `{"roots":null}`: ``,
		`{"sampling":{},"roots":{"listChanged":true}}`:    `{"roots":{},"sampling":{}}`,
		`{"sampling":{"context":{},"tools":{"x":1}}}`:     `{"sampling":{"tools":{}}}`,
		`{"elicitation":{"url":{},"form":{}},"tasks":{}}`: `{"elicitation":{"form":{},"url":{}}}`,
		`{"elicitation":{}}`:                              `{"elicitation":{}}`,
		FullProfile:                                       FullProfile,
	} {
		c := ParseCapabilities([]byte(in))
		if got := c.Profile(); got != want {
			t.Errorf("%s: profile %s, want %s", in, got, want)
		}
		if again := ParseCapabilities([]byte(c.Profile())); again.Profile() != c.Profile() {
			t.Errorf("%s: the profile has another profile", in)
		}
		for method, allowed := range map[string]bool{"roots/list": c.Roots, "sampling/createMessage": c.Sampling, "elicitation/create": c.Elicitation, "tools/call": false, "ping": false} {
			if c.Allows(method) != allowed {
				t.Errorf("%s: Allows(%s) = %v", in, method, !allowed)
			}
		}
	}
}
