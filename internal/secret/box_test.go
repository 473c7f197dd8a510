package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// place is some blob's place.
var place = AAD{Install: "i", Table: "server_values", Row: "r1", Space: "s", Owner: "srv", Kind: "env", Name: "TOKEN"}

func newBox(t *testing.T, first byte) *Box {
	t.Helper()
	b, err := NewBox([32]byte{first})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func seal(t *testing.T, b *Box, aad AAD, text string) []byte {
	t.Helper()
	blob, err := b.Seal(aad, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

func TestBox_OpensWhatItSealed(t *testing.T) {
	b := newBox(t, 1)
	for _, text := range []string{"", "x", strings.Repeat("long ", 10_000)} {
		got, err := b.Open(place, seal(t, b, place, text))
		if err != nil || string(got) != text {
			t.Errorf("%d bytes: got %d bytes, %v", len(text), len(got), err)
		}
	}
}

// knownBlob is "known answer", sealed under place with the master key 07 00 … 00.
const knownBlob = "bXgBATXJSktJs32tvBsB/VPdIW7KMqroBCxvWunLi0YpJYE3M45xuMUQF6TgM6crObKq6kmoDXBlKRCijfQZ1JMfQ/5kvEi5OXAQXyEKw7MZNdrG5wPrYLkclJQsBSvboUpbpSrCl2M="

// The blob was sealed once by version 1 of the format; it must open for ever.
func TestBox_OpensTheKnownBlob(t *testing.T) {
	blob, err := base64.StdEncoding.DecodeString(knownBlob)
	if err != nil {
		t.Fatal(err)
	}
	got, err := newBox(t, 7).Open(place, blob)
	if err != nil || string(got) != "known answer" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBox_EveryFlippedBitIsRefused(t *testing.T) {
	b := newBox(t, 1)
	blob := seal(t, b, place, "secret")
	for i := range blob {
		for bit := range 8 {
			bad := bytes.Clone(blob)
			bad[i] ^= 1 << bit
			if _, err := b.Open(place, bad); !errors.Is(err, ErrRefused) && !errors.Is(err, ErrFormat) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
	}
	for n := range blob {
		if _, err := b.Open(place, blob[:n]); err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(blob))
		}
	}
}

func TestBox_SwappedRowsAreRefused(t *testing.T) {
	b := newBox(t, 1)
	blob := seal(t, b, place, "secret")
	for _, change := range []func(*AAD){
		func(a *AAD) { a.Install = "other" }, func(a *AAD) { a.Table = "other" }, func(a *AAD) { a.Row = "r2" },
		func(a *AAD) { a.Space = "other" }, func(a *AAD) { a.Owner = "other" }, func(a *AAD) { a.Kind = "header" },
		func(a *AAD) { a.Name = "OTHER" },
		func(a *AAD) { a.Kind, a.Name = "envT", "OKEN" }, // the same text, cut elsewhere
	} {
		other := place
		change(&other)
		if _, err := b.Open(other, blob); !errors.Is(err, ErrRefused) {
			t.Errorf("opened at %+v: %v", other, err)
		}
	}
}

// The two layers of a blob belong together: the key of one does not open the text of another.
func TestBox_PartsOfTwoBlobsAreRefused(t *testing.T) {
	b := newBox(t, 1)
	x, y := seal(t, b, place, "one"), seal(t, b, place, "two")
	mixed := append(bytes.Clone(x[:headerSize+wrappedSize]), y[headerSize+wrappedSize:]...)
	if _, err := b.Open(place, mixed); !errors.Is(err, ErrRefused) {
		t.Errorf("mixed blob: %v", err)
	}
}

func TestBox_AnotherMasterKeyIsRefused(t *testing.T) {
	blob := seal(t, newBox(t, 1), place, "secret")
	if _, err := newBox(t, 2).Open(place, blob); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

func TestBox_UnknownFormatIsNotGuessed(t *testing.T) {
	b := newBox(t, 1)
	blob := seal(t, b, place, "secret")
	blob[2] = 2
	if _, err := b.Open(place, blob); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}

func TestBox_TwoBlobsOfOneTextDiffer(t *testing.T) {
	b := newBox(t, 1)
	if bytes.Equal(seal(t, b, place, "x"), seal(t, b, place, "x")) {
		t.Error("two blobs are equal")
	}
}

func TestValue_IsNeverPrinted(t *testing.T) {
	const canary = "hunter2-canary"
	v := NewValue(canary)
	type holder struct {
		Open   Value
		hidden Value
		p      *Value
	}
	h := holder{v, v, &v}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v, "h", h)
	asJSON, err := json.Marshal(map[string]any{"v": v, "h": h, "m": map[string]Value{"k": v}})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	fmt.Fprint(&all, log.String(), string(asJSON), v.String(), v, h, &h, []Value{v}, map[string]Value{"k": v}, fmt.Errorf("wrap %v", v))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&all, verb, v)
		fmt.Fprintf(&all, verb, h)
		fmt.Fprintf(&all, verb, &h)
	}
	out := all.String()
	if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret is in: %s", out)
	}
	if !strings.Contains(out, redacted) {
		t.Error("nothing was redacted")
	}
	if v.Reveal() != canary || (Value{}).Reveal() != "" {
		t.Error("Reveal does not answer the secret")
	}
}
