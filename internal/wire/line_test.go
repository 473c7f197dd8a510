package wire

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// frames reads all lines; a too long one shows as "!".
func frames(t *testing.T, r io.Reader, limit int) []string {
	t.Helper()
	l := NewLineReader(r, limit)
	var got []string
	for {
		b, err := l.Next()
		var long *TooLongError
		switch {
		case errors.Is(err, io.EOF):
			return got
		case errors.As(err, &long):
			got = append(got, "!")
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(b))
		}
	}
}

func TestLineReader_SkipsWhatIsTooLongAndLosesNothingElse(t *testing.T) {
	const limit = 100_000 // more than the inner buffer
	exact := strings.Repeat("e", limit)
	long := strings.Repeat("x", 3*limit)
	in := "a\nb\r\n\n" + exact + "\n" + exact + "!\n" + "c\n" + long + "\nd\n" + long
	want := []string{"a", "b", "", exact, "!", "c", "!", "d", "!"}
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(in), "in halves": iotest.HalfReader(strings.NewReader(in)), "with the end": iotest.DataErrReader(strings.NewReader(in))} {
		if got := frames(t, r, limit); !slices.Equal(got, want) {
			t.Errorf("%s: lines differ (%d, want %d)", name, len(got), len(want))
		}
	}
}

func TestLineReader_LastLineNeedsNoEnd(t *testing.T) {
	if got := frames(t, iotest.OneByteReader(strings.NewReader("a\nb")), 10); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	if got := frames(t, strings.NewReader(""), 10); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestLineReader_ReportsTheReadersError(t *testing.T) {
	l := NewLineReader(iotest.ErrReader(io.ErrClosedPipe), 10)
	if _, err := l.Next(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("err = %v", err)
	}
}

func TestLineReader_KeepsNoHugeBuffer(t *testing.T) {
	l := NewLineReader(strings.NewReader(strings.Repeat("x", 4<<20)+"\nb\n"), 8<<20)
	for range 2 {
		if _, err := l.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if c := cap(l.buf); c > keptBuffer {
		t.Errorf("%d bytes kept", c)
	}
}

func TestLine_IsOneLineOfTheSameMessage(t *testing.T) {
	got := string(Line([]byte("before"), []byte("{\r\n \"a\":\n\"\\n\"}")))
	if want := "before{   \"a\": \"\\n\"}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
