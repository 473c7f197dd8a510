package wire

import (
	"errors"
	"slices"
	"testing"
)

func whole(raw string) Span { return Span{Start: 0, End: len(raw)} }

func TestFind(t *testing.T) {
	names := []string{"name", "_meta", "absent"}
	for _, c := range []struct {
		name, in string
		want     [3]string
	}{
		{"members in any order", `{"_meta":{"name":"inner"},"x":1,"name":"n"}`, [3]string{`"n"`, `{"name":"inner"}`}},
		{"escaped key", `{"n\u0061me":"n"}`, [3]string{`"n"`}},
		{"doubles of others are none of its business", `{"x":1,"x":2,"X":3,"name":5}`, [3]string{`5`}},
		{"braces and quotes in strings", `{"x":"}\"{","name":[{"a":"]"}],"y":"\\"}`, [3]string{`[{"a":"]"}]`}},
		{"spaces", "{ \"x\" : 12345678901234567890 ,\n \"name\" : null }", [3]string{`null`}},
		{"empty", `{}`, [3]string{}},
		{"no object", `[1,2]`, [3]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := [3]Span{{1, 2}, {1, 2}, {1, 2}}
			if err := Find([]byte(c.in), whole(c.in), names, out[:]); err != nil {
				t.Fatal(err)
			}
			for i, s := range out {
				if got := c.in[s.Start:s.End]; got != c.want[i] {
					t.Errorf("%s = %q, want %q", names[i], got, c.want[i])
				}
			}
		})
	}
	if err := Find(nil, Span{}, names, make([]Span, 3)); err != nil {
		t.Errorf("absent object: %v", err)
	}
}

func TestFind_RefusesWhatAnotherReaderMightReadOtherwise(t *testing.T) {
	for _, in := range []string{
		`{"name":1,"name":2}`, `{"name":1,"n\u0061me":1}`, `{"Name":1}`, `{"name":1,"NAME":2}`, `{"\u004eame":1}`, `{"name":1,"K":2}`,
	} {
		var out [2]Span
		err := Find([]byte(in), whole(in), []string{"name", "k"}, out[:])
		var s *SyntaxError
		if !errors.As(err, &s) || s.Code != CodeInvalidRequest {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestMembersAndElements(t *testing.T) {
	raw := []byte(`{"a" : [1, "x,]" , {"b":[]}, [ ] ], "\u0062":{}, "":-1}`)
	var got []string
	for n, v := range Members(raw, Span{0, len(raw)}) {
		got = append(got, n+"="+string(raw[v.Start:v.End]))
		for e := range Elements(raw, v) {
			got = append(got, string(raw[e.Start:e.End]))
		}
	}
	want := []string{`a=[1, "x,]" , {"b":[]}, [ ] ]`, `1`, `"x,]"`, `{"b":[]}`, `[ ]`, `b={}`, `=-1`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	for range Members(raw, Span{}) {
		t.Error("an absent object has members")
	}
	for range Elements(raw, Span{}) {
		t.Error("an absent array has elements")
	}
}

func TestString(t *testing.T) {
	for in, want := range map[string]string{`""`: "", `"abc"`: "abc", `"\u0061\n\"\\"`: "a\n\"\\", `"\ud83d\ude00"`: "\U0001F600", `"\ud800"`: "\ufffd"} {
		if got, ok := String([]byte(in), whole(in)); !ok || got != want {
			t.Errorf("%s = %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{`1`, `null`, `{}`, ``} {
		if _, ok := String([]byte(in), whole(in)); ok {
			t.Errorf("%q is a string", in)
		}
	}
}
