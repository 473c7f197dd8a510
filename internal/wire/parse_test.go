package wire

import (
	"errors"
	"strings"
	"testing"
)

func TestParse_KindsAndMembers(t *testing.T) {
	for _, c := range []struct {
		name, in             string
		kind                 Kind
		id, method           string
		params, result, fail string
	}{
		{"request", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}`, Request, `1`, "tools/call", `{"name":"a"}`, "", ""},
		{"request without params", `{"jsonrpc":"2.0","id":"a","method":"ping"}`, Request, `"a"`, "ping", "", "", ""},
		{"array params", `{"jsonrpc":"2.0","id":1,"method":"x","params":[]}`, Request, `1`, "x", "[]", "", ""},
		{"any order, any space", "\t{ \"params\" : { } ,\r\n\"method\":\"m\", \"id\" : 7 , \"jsonrpc\" : \"2.0\" } \n", Request, `7`, "m", "{ }", "", ""},
		{"id of 20 digits", `{"jsonrpc":"2.0","id":12345678901234567890,"method":"m"}`, Request, `12345678901234567890`, "m", "", "", ""},
		{"fractional id", `{"jsonrpc":"2.0","id":-1.5e+3,"method":"m"}`, Request, `-1.5e+3`, "m", "", "", ""},
		{"empty string id", `{"jsonrpc":"2.0","id":"","method":"m"}`, Request, `""`, "m", "", "", ""},
		{"escaped id keeps its bytes", `{"jsonrpc":"2.0","id":"\u0061\/","method":"m"}`, Request, `"\u0061\/"`, "m", "", "", ""},
		{"notification", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, Notification, "", "notifications/initialized", "", "", ""},
		{"escaped key and value", `{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/\u0063all"}`, Request, `1`, "tools/call", "", "", ""},
		{"unknown members stay", `{"jsonrpc":"2.0","id":1,"method":"m","x":{"method":"y","id":2},"":0,"Meta":1}`, Request, `1`, "m", "", "", ""},
		{"response", `{"jsonrpc":"2.0","id":1,"result":{"structuredContent":null}}`, Response, `1`, "", "", `{"structuredContent":null}`, ""},
		{"result null", `{"jsonrpc":"2.0","id":1,"result":null}`, Response, `1`, "", "", `null`, ""},
		{"error", `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":""}}`, Error, `1`, "", "", "", `{"code":-1,"message":""}`},
		{"error with id null", `{"jsonrpc":"2.0","id":null,"error":{}}`, Error, "", "", "", "", `{}`},
		{"error without id", `{"jsonrpc":"2.0","error":{}}`, Error, "", "", "", "", `{}`},
		{"lone surrogate", `{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\ud800"}}`, Request, `1`, "m", `{"a":"\ud800"}`, "", ""},
		{"odd Unicode", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{\"\u2028\":\"\U0001F600\x7f\"}}", Request, `1`, "m", "{\"\u2028\":\"\U0001F600\x7f\"}", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []struct{ what, got, want string }{
				{"id", string(m.Bytes(m.ID)), c.id},
				{"method", m.Method, c.method},
				{"params", string(m.Bytes(m.Params)), c.params},
				{"result", string(m.Bytes(m.Result)), c.result},
				{"error", string(m.Bytes(m.Error)), c.fail},
			} {
				if p.got != p.want {
					t.Errorf("%s = %q, want %q", p.what, p.got, p.want)
				}
			}
			if m.Kind != c.kind {
				t.Errorf("kind = %d, want %d", m.Kind, c.kind)
			}
		})
	}
}

func TestParse_Refuses(t *testing.T) {
	deep := func(n int) string {
		return `{"jsonrpc":"2.0","id":1,"method":"m","params":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	if _, err := Parse([]byte(deep(maxDepth - 1))); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	const ok = `{"jsonrpc":"2.0","id":1,"method":"m"}`
	for _, c := range []struct {
		name, in string
		code     int
		id       string // that the answer can carry
	}{
		{"nothing", "", CodeParse, ""},
		{"blanks", " \n", CodeParse, ""},
		{"byte order mark", "\xef\xbb\xbf" + ok, CodeParse, ""},
		{"cut off", ok[:len(ok)-1], CodeParse, ""},
		{"trailing data", ok + "x", CodeParse, ""},
		{"two messages", ok + ok, CodeParse, ""},
		{"trailing comma", `{"jsonrpc":"2.0","id":1,"method":"m",}`, CodeParse, ""},
		{"leading zero", `{"jsonrpc":"2.0","id":01,"method":"m"}`, CodeParse, ""},
		{"bare minus", `{"jsonrpc":"2.0","id":-,"method":"m"}`, CodeParse, ""},
		{"no digit after the point", `{"jsonrpc":"2.0","id":1.,"method":"m"}`, CodeParse, ""},
		{"no digit in the exponent", `{"jsonrpc":"2.0","id":1e,"method":"m"}`, CodeParse, ""},
		{"NaN", `{"jsonrpc":"2.0","id":NaN,"method":"m"}`, CodeParse, ""},
		{"comment", `{/**/"jsonrpc":"2.0","id":1,"method":"m"}`, CodeParse, ""},
		{"single quotes", `{'jsonrpc':"2.0"}`, CodeParse, ""},
		{"raw line end in a string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\nb\"}", CodeParse, ""},
		{"raw NUL in a long string", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"0123456789abcdef\x00\"}", CodeParse, ""},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"0123456789\xff\"}", CodeParse, ""},
		{"surrogate in UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xed\xa0\x80\"}", CodeParse, ""},
		{"unknown escape", `{"jsonrpc":"2.0","id":1,"method":"\x61"}`, CodeParse, ""},
		{"short escape", `{"jsonrpc":"2.0","id":1,"method":"\u12"}`, CodeParse, ""},
		{"too deep", deep(maxDepth), CodeParse, ""},
		{"batch", "[" + ok + "]", CodeInvalidRequest, ""},
		{"scalar", `"hello"`, CodeInvalidRequest, ""},
		{"empty object", `{}`, CodeInvalidRequest, ""},
		{"no jsonrpc", `{"id":1,"method":"m"}`, CodeInvalidRequest, "1"},
		{"jsonrpc 1.0", `{"jsonrpc":"1.0","id":1,"method":"m"}`, CodeInvalidRequest, "1"},
		{"jsonrpc a number", `{"jsonrpc":2.0,"id":1,"method":"m"}`, CodeInvalidRequest, "1"},
		{"two methods", `{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}`, CodeInvalidRequest, "1"},
		{"two methods, one escaped", `{"jsonrpc":"2.0","id":1,"method":"a","m\u0065thod":"b"}`, CodeInvalidRequest, "1"},
		{"two ids", `{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}`, CodeInvalidRequest, "1"},
		{"look-alike", `{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}`, CodeInvalidRequest, "1"},
		{"look-alike alone", `{"jsonrpc":"2.0","id":1,"method":"a","PARAMS":{}}`, CodeInvalidRequest, "1"},
		{"look-alike by escape", `{"jsonrpc":"2.0","id":1,"method":"a","\u0050arams":{}}`, CodeInvalidRequest, "1"},
		{"look-alike by long s", `{"jsonrpc":"2.0","id":1,"method":"a","paramſ":{}}`, CodeInvalidRequest, "1"},
		{"look-alike by escaped long s", `{"jsonrpc":"2.0","id":1,"method":"a","re\u017fult":{}}`, CodeInvalidRequest, "1"},
		{"fault before the id", `{"METHOD":"b","jsonrpc":"2.0","method":"a","id":"x"}`, CodeInvalidRequest, `"x"`},
		{"id null", `{"jsonrpc":"2.0","id":null,"method":"m"}`, CodeInvalidRequest, ""},
		{"id object", `{"jsonrpc":"2.0","id":{},"method":"m"}`, CodeInvalidRequest, ""},
		{"id true", `{"jsonrpc":"2.0","id":true,"method":"m"}`, CodeInvalidRequest, ""},
		{"method a number", `{"jsonrpc":"2.0","id":1,"method":1}`, CodeInvalidRequest, "1"},
		{"params a string", `{"jsonrpc":"2.0","id":1,"method":"m","params":"p"}`, CodeInvalidRequest, "1"},
		{"params null", `{"jsonrpc":"2.0","id":1,"method":"m","params":null}`, CodeInvalidRequest, "1"},
		{"method and result", `{"jsonrpc":"2.0","id":1,"method":"m","result":{}}`, CodeInvalidRequest, "1"},
		{"method and error", `{"jsonrpc":"2.0","id":1,"method":"m","error":{}}`, CodeInvalidRequest, "1"},
		{"result and error", `{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, CodeInvalidRequest, "1"},
		{"neither", `{"jsonrpc":"2.0","id":1}`, CodeInvalidRequest, "1"},
		{"result without id", `{"jsonrpc":"2.0","result":{}}`, CodeInvalidRequest, ""},
		{"result with id null", `{"jsonrpc":"2.0","id":null,"result":{}}`, CodeInvalidRequest, ""},
		{"error a string", `{"jsonrpc":"2.0","id":1,"error":"no"}`, CodeInvalidRequest, "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse([]byte(c.in))
			var s *SyntaxError
			if !errors.As(err, &s) {
				t.Fatalf("accepted, or no *SyntaxError: %v", err)
			}
			if s.Code != c.code {
				t.Errorf("code = %d, want %d (%v)", s.Code, c.code, err)
			}
			if s.Reason == "" || s.Offset < 0 || s.Offset > len(c.in) {
				t.Errorf("offset %d, reason %q", s.Offset, s.Reason)
			}
			if got := string(m.Bytes(m.ID)); got != c.id {
				t.Errorf("id = %q, want %q", got, c.id)
			}
		})
	}
}

func TestParse_BatchSaysSo(t *testing.T) {
	raw := []byte(` [{"jsonrpc":"2.0","id":1,"method":"m"}]`)
	_, err := Parse(raw)
	if err == nil || !strings.Contains(err.Error(), "batches are not allowed") {
		t.Errorf("error = %v", err)
	}
	if !IsBatch(raw) || IsBatch([]byte(` {}`)) || IsBatch(nil) {
		t.Error("IsBatch is wrong")
	}
}

func TestValid_IsOneValueAndNothingElse(t *testing.T) {
	for _, in := range []string{`0`, ` "a" `, `null`, `[]`, `[1,{"a":[true,false]}]`, `{"a":1,"a":2}`, `-0.0e-0`} {
		if err := Valid([]byte(in)); err != nil {
			t.Errorf("%s: %v", in, err)
		}
	}
	for _, in := range []string{``, ` `, `1 2`, `[1,]`, `{"a"}`, `{"a":}`, `{a:1}`, `nul`, `truefalse`, `+1`, `[1 2]`, `"`, `"\`, `"\u`, `{"a":1`, `[1`, `{1:2}`} {
		if Valid([]byte(in)) == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

// A string is scanned once, however many escapes it has: looking for its end again after each one would make
// a few megabytes cost hours.
func TestParse_EscapesCostLinearTime(t *testing.T) {
	raw := []byte(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"` + strings.Repeat(`\n`, 2<<20) + `"}}`)
	if _, err := Parse(raw); err != nil {
		t.Fatal(err)
	}
}
