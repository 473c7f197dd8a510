package wire

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// events reads all events as text; a too long one shows as "!".
func events(r io.Reader, limit int) (got []string) {
	for e := NewEventReader(r, limit); ; {
		ev, err := e.Next()
		var long *TooLongError
		switch {
		case errors.As(err, &long):
			got = append(got, "!")
		case err != nil:
			return got
		default:
			s := fmt.Sprintf("%s|%s", ev.Name, ev.Data)
			if ev.HasID {
				s += "|id=" + ev.ID
			}
			if ev.HasRetry {
				s += "|retry=" + ev.Retry.String()
			}
			got = append(got, s)
		}
	}
}

func TestEventReader(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "data: a\n\n", []string{"|a"}},
		{"named, with id", "event: message\nid: 7\ndata: {}\n\n", []string{"message|{}|id=7"}},
		{"CR", "data: a\r\rdata: b\r\r", []string{"|a", "|b"}},
		{"CRLF", "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", []string{"|a\nb", "|c"}},
		{"mixed line ends", "data: a\rdata: b\ndata: c\r\n\n", []string{"|a\nb\nc"}},
		{"byte order mark", "\ufeffdata: a\n\n", []string{"|a"}},
		{"a second mark is text", "\ufeff\ufeffdata: a\n\ndata: b\n\n", []string{"|b"}},
		{"comments", ": ping\n\n:\n\ndata: a\n:x\n\n", []string{"|a"}},
		{"one space is cut", "data:  a\ndata:b\n\n", []string{"| a\nb"}},
		{"colon in the value", "data: a: b\n\n", []string{"|a: b"}},
		{"field without a colon", "data\n\n", []string{"|"}},
		{"empty lines of data", "data\ndata\n\n", []string{"|\n"}},
		{"unknown field", "foo: bar\ndata: a\nData: b\n\n", []string{"|a"}},
		{"name without data is no event", "event: x\n\ndata: a\n\n", []string{"|a"}},
		{"priming event", "id: 1\nretry: 500\ndata:\n\n", []string{"||id=1|retry=500ms"}},
		{"id alone", "id: 1\n\n", []string{"||id=1"}},
		{"id can be emptied", "id\ndata: a\n\n", []string{"|a|id="}},
		{"id with NUL is ignored", "id: a\x00b\ndata: a\n\n", []string{"|a"}},
		{"retry that is no number", "retry: 1s\nretry: -1\nretry: +1\ndata: a\n\n", []string{"|a"}},
		{"an event without its end is dropped", "data: a\n\ndata: b\n", []string{"|a"}},
		{"too much data in one line", "data: " + strings.Repeat("x", 50) + "\n\ndata: b\n\n", []string{"!", "|b"}},
		{"too much data in many lines", strings.Repeat("data: 0123456789\n", 4) + "\ndata: b\n\n", []string{"!", "|b"}},
		{"too long a comment", ":" + strings.Repeat("x", 500) + "\n\ndata: b\n\n", []string{"!", "|b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{"at once": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in))} {
				if got := events(r, 32); !slices.Equal(got, c.want) {
					t.Errorf("%s: got %q, want %q", how, got, c.want)
				}
			}
		})
	}
}

// A CR ends a line although an LF may follow: the event is there before the next byte is.
func TestEventReader_DoesNotWaitAfterCR(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	e := NewEventReader(r, 100)
	go func() {
		for _, s := range []string{"data: a\r\r", "\ndata: b\r\n\r"} {
			_, _ = io.WriteString(w, s) // ends when the reader has it, or is closed
		}
	}()
	for _, want := range []string{"a", "b"} {
		ev, err := e.Next()
		if err != nil || string(ev.Data) != want {
			t.Fatalf("got %q, %v, want %q", ev.Data, err, want)
		}
	}
}

func TestAppendEvent_IsReadBack(t *testing.T) {
	for _, c := range []struct{ id, name, data, wire, read string }{
		{"", "", `{"a":1}`, "data: {\"a\":1}\n\n", `{"a":1}`},
		{"3", "message", "x", "id: 3\nevent: message\ndata: x\n\n", "x"},
		{"", "", "a\nb\r\nc\rd\n", "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n", "a\nb\nc\nd\n"},
		{"", "", "", "data: \n\n", ""},
		{"", "", " a", "data:  a\n\n", " a"},
	} {
		got := AppendEvent(nil, c.id, c.name, []byte(c.data))
		if string(got) != c.wire {
			t.Errorf("got %q, want %q", got, c.wire)
		}
		ev, err := NewEventReader(strings.NewReader(string(got)), 100).Next()
		if err != nil || string(ev.Data) != c.read || ev.ID != c.id || ev.Name != c.name {
			t.Errorf("%q: read %+v, %v", c.data, ev, err)
		}
	}
}
