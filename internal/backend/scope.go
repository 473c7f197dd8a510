package backend

import (
	"strings"

	"github.com/mcpmux/mcpmux/internal/protocol"
)

// legacyScope begins the scope of connections on which a Server that speaks both eras is greeted in the older
// one, for clients of that era.
const legacyScope = "legacy"

// Scope says which connection of a Server a request may share; it is what the pool's key calls scope. legacy
// asks for the older era of a Server whose base connection is modern; profile is what is declared to the
// Server, "" for everything that can be relayed.
func Scope(legacy bool, profile string) string {
	if legacy {
		return legacyScope + profile
	}
	return profile
}

// Scoped is what to dial for a scope: the same Server, the era pinned and the capabilities declared as the
// scope says.
func Scoped(spec Spec, opt Options, scope string) (Spec, Options) {
	profile, legacy := strings.CutPrefix(scope, legacyScope)
	if legacy {
		spec.Version = protocol.NewestLegacy
	}
	if profile != "" {
		opt.Capabilities = profile
	}
	return spec, opt
}
