package protocol

import (
	"net/http"
	"strings"
	"testing"
)

func TestEncodeHeader_IsVerbatimOnlyWhereSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"us-west1":               "us-west1",
		"a b\tc":                 "a b\tc",
		"~!@#$%^&*()":            "~!@#$%^&*()",
		" us-west1":              "=?base64?IHVzLXdlc3Qx?=",
		"us-west1 ":              "=?base64?dXMtd2VzdDEg?=",
		"\tindented":             "=?base64?CWluZGVudGVk?=",
		"日本語":                    "=?base64?5pel5pys6Kqe?=",
		"line1\r\nX-Evil: line2": "=?base64?bGluZTENClgtRXZpbDogbGluZTI=?=",
		"\x7f":                   "=?base64?fw==?=",
		"=?base64?literal?=":     "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
		"=?BASE64?x?=":           "=?base64?PT9CQVNFNjQ/eD89?=",
		"=?base64?open":          "=?base64?open",
	} {
		got := EncodeHeader(in)
		if got != want {
			t.Errorf("EncodeHeader(%q) = %q, want %q", in, got, want)
		}
		if back, err := DecodeHeader(got); err != nil || back != in {
			t.Errorf("%q: read back as %q, %v", in, back, err)
		}
	}
}

func TestDecodeHeader(t *testing.T) {
	for in, want := range map[string]string{
		"  a  ": "a", "=?base64??=": "", "=?BASE64?YQ==?=": "=?BASE64?YQ==?=", "=?base64?=": "=?base64?=", "=?base64?YQ==": "=?base64?YQ==",
	} {
		if got, err := DecodeHeader(in); err != nil || got != want {
			t.Errorf("%q = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"=?base64?%%?=", "=?base64?YQ?=", "=?base64?/w==?=", "=?base64?YQ==\n?="} {
		if got, err := DecodeHeader(in); err == nil {
			t.Errorf("%q = %q", in, got)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"", "a", " a", "=?base64?YQ==?=", "é", "\r\n", "=?BASE64??="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h := EncodeHeader(s)
		for i := range len(h) {
			if c := h[i]; c < 0x20 && c != '\t' || c >= 0x7f {
				t.Errorf("%q is written as %q", s, h)
			}
		}
		back, err := DecodeHeader(h)
		if err == nil && back != s || err != nil && strings.ToValidUTF8(s, "") == s {
			t.Errorf("%q is written as %q and read as %q, %v", s, h, back, err)
		}
		_, _ = DecodeHeader(s)
	})
}

func TestToolHeaders_ValuesByPresence(t *testing.T) {
	tool := []byte(`{"name":"t","inputSchema":{"type":"object","properties":{
		"region":{"type":"string","x-mcp-header":"Region"},
		"Region":{"type":"string"},
		"n":{"type":"integer","x-mcp-header":"count"},
		"f":{"type":"number","x-mcp-header":"F"},
		"dry":{"x-mcp-header":"Dry-Run","type":"boolean"},
		"deep":{"type":"object","properties":{"x":{"type":"object","properties":{"y":{"type":"string","x-mcp-header":"Y"}}}}},
		"example":{"type":"string","default":"x-mcp-header","examples":[{"x-mcp-header":"No"}]}
	},"required":["region"]}}`)
	headers, err := ToolHeaders(tool)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{`{}`, ``},
		{``, ``},
		{`{"region":"","n":0,"f":0.5,"dry":false,"deep":{"x":{"y":"z"}}}`, `Mcp-Param-Count=0 Mcp-Param-Dry-Run=false Mcp-Param-F=0.5 Mcp-Param-Region= Mcp-Param-Y=z`},
		{`{"region":null,"n":null}`, ``},
		{` {"region":"a","Region":"b"}`, `Mcp-Param-Region=a`},
		{`{"Region":"b"}`, ``},
		{`{"region":"a","region":"b"}`, ``},
		{`{"r\u0065gion":"\u00e9"}`, `Mcp-Param-Region==?base64?w6k=?=`},
		{`{"n":4.2e1,"f":12345678901234567890}`, `Mcp-Param-Count=42 Mcp-Param-F=12345678901234567890`},
		{`{"region":{"a":1},"n":[1],"deep":{"x":"y"}}`, ``},
		{`{"deep":null}`, ``},
	} {
		got := http.Header{}
		for _, h := range headers {
			if v, ok := h.Value([]byte(c.args)); ok {
				got[h.Header] = []string{v}
			}
		}
		var text []string
		for _, h := range []string{"Mcp-Param-Count", "Mcp-Param-Dry-Run", "Mcp-Param-F", "Mcp-Param-Region", "Mcp-Param-Y"} {
			if v, ok := got[h]; ok {
				text = append(text, h+"="+v[0])
			}
		}
		if s := strings.Join(text, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.args, s, c.want)
		}
	}
}

func TestParamHeader_Same(t *testing.T) {
	for _, c := range []struct {
		kind, sent, want string
		same             bool
	}{
		{"string", "a", "a", true},
		{"string", " a ", "a", true},
		{"string", "a", "A", false},
		{"string", "1.0", "1", false},
		{"string", "=?base64?YQ==?=", "a", true},
		{"string", "=?base64?%?=", "a", false},
		{"string", "", "", true},
		{"integer", "42.0", "42", true},
		{"integer", "0x2a", "42", false},
		{"integer", "9007199254740993", "9007199254740992", false},
		{"integer", "12345678901234567890", "12345678901234567890", true},
		{"integer", "", "0", false},
		{"number", "5e-1", "0.5", true},
		{"number", "NaN", "0.5", false},
		{"number", "1.0", "1", true},
		{"number", "1", "2", false},
		{"number", "inf", "infinity", false},
		{"boolean", "true", "true", true},
		{"boolean", "True", "true", false},
	} {
		if got := (ParamHeader{Type: c.kind}).Same(c.sent, c.want); got != c.same {
			t.Errorf("%s: %q for %q: %v", c.kind, c.sent, c.want, got)
		}
	}
}

func TestValidToolHeaders_ExcludesWhatCannotBeMirrored(t *testing.T) {
	schema := func(properties string) []byte {
		return []byte(`{"name":"t","inputSchema":{"type":"object","properties":{` + properties + `}}}`)
	}
	for _, ok := range [][]byte{[]byte(`{"name":"t"}`), schema(``), schema(`"a":{"type":"string"}`), schema(`"a":{"type":"string","x-mcp-header":"A"}`), schema(`"a":true`)} {
		if err := ValidToolHeaders(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for name, tool := range map[string][]byte{
		"no text":                schema(`"a":{"type":"string","x-mcp-header":true}`),
		"empty":                  schema(`"a":{"type":"string","x-mcp-header":""}`),
		"line end":               schema(`"a":{"type":"string","x-mcp-header":"A\r\nX: y"}`),
		"blank":                  schema(`"a":{"type":"string","x-mcp-header":"A b"}`),
		"colon":                  schema(`"a":{"type":"string","x-mcp-header":"A:"}`),
		"not ASCII":              schema(`"a":{"type":"string","x-mcp-header":"É"}`),
		"object":                 schema(`"a":{"type":"object","x-mcp-header":"A"}`),
		"array":                  schema(`"a":{"type":"array","x-mcp-header":"A"}`),
		"no type":                schema(`"a":{"x-mcp-header":"A"}`),
		"two types":              schema(`"a":{"type":["string","null"],"x-mcp-header":"A"}`),
		"two of one name":        schema(`"a":{"type":"string","x-mcp-header":"Same"},"b":{"type":"object","properties":{"c":{"type":"string","x-mcp-header":"sAME"}}}`),
		"under items":            schema(`"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}`),
		"under anyOf":            schema(`"a":{"anyOf":[{"type":"string","x-mcp-header":"A"}]}`),
		"under other properties": schema(`"a":{"additionalProperties":{"type":"string","x-mcp-header":"A"}}`),
		"in a definition":        []byte(`{"inputSchema":{"type":"object","$defs":{"d":{"type":"string","x-mcp-header":"A"}}}}`),
		"on the arguments":       []byte(`{"inputSchema":{"type":"string","x-mcp-header":"A"}}`),
		"two schemas":            []byte(`{"inputSchema":{},"inputSchema":{}}`),
	} {
		if ValidToolHeaders(tool) == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
