package connect

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// maxAlias is how long an alias may be; the store insists on it.
const maxAlias = 32

var aliasBad = regexp.MustCompile(`[^a-z0-9_-]+`)

// Plan compares what was found with the Servers of a Space: each Proposal gets an alias that is free there, and is
// marked where it is a Server already, or the gateway at an address itself.
func Plan(found Found, there []mcpmux.Server, gateway string) Found {
	taken := map[string]bool{}
	for _, s := range there {
		taken[s.Alias] = true
	}
	out := Found{Proposals: slices.Clone(found.Proposals), Problems: found.Problems}
	for i := range out.Proposals {
		p := &out.Proposals[i]
		p.Own = Reaches(p.Definition, gateway)
		for _, s := range there {
			if same1(s.Definition, p.Definition) {
				p.DuplicateOf = s.Alias
			}
		}
		name := p.Name
		if name == "" {
			name = nameOf(p.Definition)
		}
		p.Alias = free(name, taken)
		for _, earlier := range out.Proposals[:i] {
			if p.DuplicateOf == "" && same1(earlier.Definition, p.Definition) {
				p.DuplicateOf = earlier.Alias
			}
		}
		taken[p.Alias] = true
	}
	return out
}

// free is an alias like a name that is not taken.
func free(name string, taken map[string]bool) string {
	alias := strings.Trim(aliasBad.ReplaceAllString(strings.ToLower(name), "-"), "-_")
	if alias == "" {
		alias = "server"
	}
	alias = strings.TrimRight(alias[:min(len(alias), maxAlias)], "-_")
	for n := 2; taken[alias]; n++ {
		end := "-" + strconv.Itoa(n)
		base := strings.TrimSuffix(alias, "-"+strconv.Itoa(n-1))
		alias = base[:min(len(base), maxAlias-len(end))] + end
	}
	return alias
}

// same1 says whether two definitions are of one server: the same command with the same arguments, or the same address.
func same1(a, b mcpmux.Definition) bool {
	if a.URL != "" || b.URL != "" {
		return strings.TrimRight(a.URL, "/") == strings.TrimRight(b.URL, "/")
	}
	return a.Command == b.Command && slices.Equal(a.Args, b.Args)
}

// Reaches says whether a server is the gateway at an address: a request to it would come back.
func Reaches(def mcpmux.Definition, gateway string) bool {
	if def.URL != "" {
		return atGateway(def.URL, gateway)
	}
	return slices.ContainsFunc(def.Args, func(arg string) bool { return isAddress(arg) && atGateway(arg, gateway) }) ||
		program(def.Command) == "mcpmux" && len(def.Args) > 0 && def.Args[0] == "stdio"
}

// atGateway says whether an address is below that of the gateway, by any name of this machine.
func atGateway(at, gateway string) bool {
	a, err := url.Parse(at)
	if err != nil {
		return false
	}
	g, err := url.Parse(gateway)
	if err != nil || g.Host == "" || a.Port() != g.Port() || a.Scheme != g.Scheme {
		return false
	}
	return strings.EqualFold(a.Hostname(), g.Hostname()) || loopback(a.Hostname()) && loopback(g.Hostname())
}
