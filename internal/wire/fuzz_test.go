package wire

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// seeds run as ordinary tests; go test -fuzz goes on from them.
func seeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":[1,2.5e-3,true,null,"\u00e9\ud800"]},"_meta":{}}}`,
		`{"jsonrpc":"2.0","id":"x","result":{"structuredContent":null,"content":[{"type":"text","text":"\\\"}"}]}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`,
		`{"jsonrpc":"2.0","\u006dethod":"m","Params":{},"name":1,"name":2}`,
		"\t{\"jsonrpc\" : \"2.0\" ,\r\n\"method\":\"\xc3\xa9\"}\n", `[{"a":[}]`, `{"a":`, `{"a"`, `{"`, `"\`, `[[[[]]]`, `{"a":1,}`, "\xff", "{}x", `{"a" 1}`, `[:`, `{"a":,"b":1}`, `-`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzValid: what is accepted, encoding/json accepts too; what it accepts and this does not is not UTF-8 or
// too deep.
func FuzzValid(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		ours, theirs := Valid(in) == nil, json.Valid(in)
		if ours && !theirs {
			t.Errorf("%q is accepted and is no JSON", in)
		}
		if theirs && !ours && utf8.Valid(in) && bytes.Count(in, []byte("["))+bytes.Count(in, []byte("{")) <= maxDepth {
			t.Errorf("%q is refused: %v", in, Valid(in))
		}
	})
}

// FuzzParse: an accepted message means the same to encoding/json, whatever it holds besides.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Parse(in)
		for _, s := range []Span{m.ID, m.Params, m.Result, m.Error} {
			if s.OK() && Valid(m.Bytes(s)) != nil {
				t.Errorf("%q: span %v is no value", in, s)
			}
		}
		if err != nil {
			return
		}
		var got struct {
			JSONRPC string          `json:"jsonrpc"`
			ID      json.RawMessage `json:"id"`
			Method  string          `json:"method"`
			Params  json.RawMessage `json:"params"`
			Result  json.RawMessage `json:"result"`
			Error   json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(in, &got); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		id := string(got.ID)
		if m.Kind == Error && id == "null" {
			id = ""
		}
		if got.JSONRPC != "2.0" || id != string(m.Bytes(m.ID)) || got.Method != m.Method || !bytes.Equal(got.Params, m.Bytes(m.Params)) ||
			!bytes.Equal(got.Result, m.Bytes(m.Result)) || !bytes.Equal(got.Error, m.Bytes(m.Error)) {
			t.Errorf("%q: read as %+v", in, got)
		}
		line := Line(nil, in)
		if bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Errorf("%q: not one line: %q", in, line)
		}
		if again, err := Parse(line); err != nil || again.Kind != m.Kind || again.Method != m.Method {
			t.Errorf("%q: another message as a line: %v", in, err)
		}
	})
}

// FuzzEdit: setting and removing a member does that and nothing else; walking never leaves the text, valid or
// not.
func FuzzEdit(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		all := Span{0, len(in)}
		var found [1]Span
		findErr := Find(in, all, []string{"name"}, found[:])
		for range Elements(in, all) {
			continue
		}
		edits := ChangeMembers(in, all, []Member{{"name", []byte(`"new"`)}}, func(n string) bool { return strings.HasPrefix(n, "a") })
		if Valid(in) != nil || len(in) == 0 || in[0] != '{' || findErr != nil {
			return
		}
		out := Splice(nil, in, edits)
		if err := Valid(out); err != nil {
			t.Fatalf("%q: became %q: %v", in, out, err)
		}
		all = Span{0, len(out)}
		if err := Find(out, all, []string{"name"}, found[:]); err != nil || string(out[found[0].Start:found[0].End]) != `"new"` {
			t.Errorf("%q: became %q: %v", in, out, err)
		}
		var left, want []string
		for n, v := range Members(out, all) {
			if n != "name" {
				left = append(left, n+":"+string(out[v.Start:v.End]))
			}
		}
		for n, v := range Members(in, Span{0, len(in)}) {
			if n != "name" && !strings.HasPrefix(n, "a") {
				want = append(want, n+":"+string(in[v.Start:v.End]))
			}
		}
		if strings.Join(left, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q: became %q", in, out)
		}
	})
}

// FuzzEventReader: how a stream is cut into reads changes nothing, and what AppendEvent wrote is read back.
func FuzzEventReader(f *testing.F) {
	for _, s := range []string{"data: a\n\n", "\ufeffid: 1\r\nretry: 5\r\rdata\r\n\r\n", ":\n\nevent: x\ndata: 1\ndata: 2\n\n", "data: " + strings.Repeat("x", 99) + "\n\n", "\xef\xbb", "\r", "id: a\x00\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		once := events(bytes.NewReader(in), 64)
		if bytewise := events(iotest.OneByteReader(bytes.NewReader(in)), 64); strings.Join(once, "\x01") != strings.Join(bytewise, "\x01") {
			t.Errorf("%q: at once %q, byte by byte %q", in, once, bytewise)
		}
		ev, err := NewEventReader(bytes.NewReader(AppendEvent(nil, "7", "n", in)), len(in)+1).Next()
		want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(in))
		if err != nil || string(ev.Data) != want || ev.ID != "7" || ev.Name != "n" {
			t.Errorf("%q: read back as %+v, %v", in, ev, err)
		}
	})
}
