package wire

import (
	"testing"
)

func TestChangeMembers(t *testing.T) {
	set := func(pairs ...string) (m []Member) {
		for i := 0; i < len(pairs); i += 2 {
			m = append(m, Member{pairs[i], []byte(pairs[i+1])})
		}
		return m
	}
	for _, c := range []struct {
		name, in string
		set      []Member
		remove   string
		want     string
	}{
		{"nothing", `{"a":1}`, nil, "", `{"a":1}`},
		{"set in an empty object", `{ }`, set("a", "1"), "", `{"a":1 }`},
		{"set two", `{"x":0}`, set("a", "1", "b", "2"), "", `{"a":1,"b":2,"x":0}`},
		{"replace keeps the place", `{"x":0, "a" : [1] ,"y":2}`, set("a", "3"), "", `{"x":0, "a" : 3 ,"y":2}`},
		{"replace and add", `{"a":0}`, set("b", "2", "a", "1"), "", `{"b":2,"a":1}`},
		{"remove the only one", `{ "a":1 }`, nil, "a", `{  }`},
		{"remove the first", `{"a":1, "x":2}`, nil, "a", `{"x":2}`},
		{"remove the middle", `{"x":1, "a":2 , "y":3}`, nil, "a", `{"x":1 , "y":3}`},
		{"remove the last", `{"x":1, "a":2 }`, nil, "a", `{"x":1 }`},
		{"remove neighbours", `{"a":1,"b":2,"x":3,"a2":4,"b":5}`, nil, "ab", `{"x":3,"a2":4}`},
		{"remove neighbours at the end", `{"x":3,"a":4,"b":5}`, nil, "ab", `{"x":3}`},
		{"remove all", `{"a":1,"b":2}`, nil, "ab", `{}`},
		{"remove all and set", `{"a":1,"b":2}`, set("c", "3"), "ab", `{"c":3}`},
		{"remove the first and set", `{"a":1,"x":2}`, set("c", "3"), "a", `{"c":3,"x":2}`},
		{"set wins over remove", `{"a":1,"b":2}`, set("a", "3"), "ab", `{"a":3}`},
		{"escaped name", `{"\u0061":1,"x":2}`, nil, "a", `{"x":2}`},
		{"a name that needs quoting", `{}`, set("a\"\n", "1"), "", `{"a\"\n":1}`},
		{"no object", `[1]`, set("a", "1"), "", `[1]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			edits := ChangeMembers([]byte(c.in), whole(c.in), c.set, func(n string) bool {
				return n != "" && len(n) == 1 && (n == "a" && c.remove != "" || n == "b" && c.remove == "ab")
			})
			got := string(Splice(nil, []byte(c.in), edits))
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if err := Valid([]byte(got)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSetAndRemoveMember(t *testing.T) {
	raw := []byte(`{"a":1,"b":{"c":2}}`)
	all := Span{0, len(raw)}
	if got := string(Splice(nil, raw, []Edit{SetMember(raw, all, "b", []byte("3"))})); got != `{"a":1,"b":3}` {
		t.Error(got)
	}
	if got := string(Splice(nil, raw, []Edit{SetMember(raw, Span{11, 18}, "d", []byte("4"))})); got != `{"a":1,"b":{"d":4,"c":2}}` {
		t.Error(got)
	}
	e, ok := RemoveMember(raw, all, "a")
	if got := string(Splice(nil, raw, []Edit{e})); !ok || got != `{"b":{"c":2}}` {
		t.Error(got)
	}
	if _, ok := RemoveMember(raw, all, "c"); ok {
		t.Error("removed what is not there")
	}
	if _, ok := RemoveMember([]byte("[]"), Span{0, 2}, "c"); ok {
		t.Error("removed a member of an array")
	}
}

// What the gateway does not change arrives as it was sent (the measured losses of typed proxies).
func TestSplice_KeepsEveryOtherByte(t *testing.T) {
	const params = `{"_meta":{"progressToken":18446744073709551616,"traceparent":"00-x"},"name":"gh_echo","arguments":{"n":12345678901234567890,"f":1.0e+2,"s":"\ud800\u0061\/é","dup":1,"dup":2},"task":{"ttl":1},"x":null}`
	raw := []byte("{\"future\":[ ],\"jsonrpc\":\"2.0\",\n \"id\":9007199254740993,\"method\":\"tools/call\",\"params\":" + params + "}")
	m, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	var at [1]Span
	if err := Find(raw, m.Params, []string{"name"}, at[:]); err != nil {
		t.Fatal(err)
	}
	got := string(Splice(nil, raw, []Edit{{m.ID, []byte("7")}, {at[0], Quote("echo")}}))
	want := "{\"future\":[ ],\"jsonrpc\":\"2.0\",\n \"id\":7,\"method\":\"tools/call\",\"params\":" +
		`{"_meta":{"progressToken":18446744073709551616,"traceparent":"00-x"},"name":"echo","arguments":{"n":12345678901234567890,"f":1.0e+2,"s":"\ud800\u0061\/é","dup":1,"dup":2},"task":{"ttl":1},"x":null}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOwnMessages(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{NewRequest(7, "tools/list", nil), `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`},
		{NewRequest(-1, "a\"b", []byte(`{"a":1}`)), `{"jsonrpc":"2.0","id":-1,"method":"a\"b","params":{"a":1}}`},
		{NewNotification("n", []byte(`{}`)), `{"jsonrpc":"2.0","method":"n","params":{}}`},
		{NewResult([]byte(`"x"`), []byte(`{}`)), `{"jsonrpc":"2.0","id":"x","result":{}}`},
		{NewError(nil, CodeParse, "<bad> & \"worse\"", nil), `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"<bad> & \"worse\""}}`},
		{NewError([]byte(`1`), CodeInternal, "", []byte(`[1]`)), `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"","data":[1]}}`},
	} {
		if string(c.got) != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
		if _, err := Parse(c.got); err != nil {
			t.Errorf("%s: %v", c.got, err)
		}
	}
}
