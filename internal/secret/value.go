package secret

import (
	"fmt"
	"log/slog"
)

// redacted is what every Value looks like.
const redacted = "[redacted]"

// Value is a secret in memory. However it is printed, logged or marshalled, it reads [redacted]; only
// Reveal gives it away. The zero Value is the empty secret.
type Value struct {
	// A pointer, because fmt prints the fields of unexported fields without asking their methods.
	text *string
}

// NewValue makes a Value.
func NewValue(text string) Value { return Value{&text} }

// Reveal is the secret itself.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

func (Value) String() string { return redacted }

// Format prints [redacted] for every verb and flag.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON writes "[redacted]".
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText writes [redacted], for encoders other than JSON and for map keys.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs [redacted].
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }
