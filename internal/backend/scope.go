package backend

import (
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

// Scope says which connection of a Server a request may share. The zero Scope is the base connection of all
// clients.
type Scope struct {
	// Legacy asks for the older era of a Server that speaks both.
	Legacy bool
	// Owner is the session or the Client that has the connection to itself, "" for one that clients share.
	Owner string
	// Profile is what is declared to the Server, "" for everything that can be relayed.
	Profile string
}

// The parts of a Scope as text; an owner holds no space.
const (
	scopeLegacy = "legacy "
	scopeOwner  = "owner="
)

// String is what the pool's key calls scope.
func (s Scope) String() string {
	text := ""
	if s.Legacy {
		text = scopeLegacy
	}
	if s.Owner != "" {
		text += scopeOwner + s.Owner + " "
	}
	return text + s.Profile
}

// ParseScope reads what String wrote.
func ParseScope(text string) Scope {
	var s Scope
	text, s.Legacy = strings.CutPrefix(text, scopeLegacy)
	if rest, ok := strings.CutPrefix(text, scopeOwner); ok {
		s.Owner, text, _ = strings.Cut(rest, " ")
	}
	s.Profile = text
	return s
}

// Scoped is what to dial for a scope: the same Server, the era pinned and the capabilities declared as the
// scope says.
func Scoped(spec Spec, opt Options, scope string) (Spec, Options) {
	s := ParseScope(scope)
	if s.Legacy {
		spec.Version = protocol.NewestLegacy
	}
	if s.Profile != "" {
		opt.Capabilities = s.Profile
	}
	opt.Owned = s.Owner != ""
	return spec, opt
}
