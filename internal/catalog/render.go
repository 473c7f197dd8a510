package catalog

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

var errNoName = errors.New("no name")

// rename is raw, an object as a Server listed it, with another name. Every other byte stays.
func rename(raw []byte, nameJSON []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoName
	}
	start, end := -1, -1
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		if k == "name" {
			if start >= 0 {
				return nil, errNoName
			}
			end = int(d.InputOffset())
			start = end - len(v)
		}
	}
	if start < 0 {
		return nil, errNoName
	}
	out := make([]byte, 0, len(raw)+len(nameJSON))
	out = append(out, raw[:start]...)
	out = append(out, nameJSON...)
	return append(out, raw[end:]...), nil
}

func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string always marshals
	return b
}

// renamed is raw with another name; raw was checked by renderable.
func renamed(raw []byte, name string) []byte {
	out, err := rename(raw, quote(name))
	if err != nil {
		return raw
	}
	return out
}

// renderable says whether a Feature can be shown: it is an object and, for a tool or prompt, has exactly
// one name.
func renderable(f *mcpmux.Feature) bool {
	if !named(f.Kind) {
		return json.Valid(f.Raw)
	}
	_, err := rename(f.Raw, nil)
	return err == nil && json.Valid(f.Raw)
}
