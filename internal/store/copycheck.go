package store

import (
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// aliasIn is what names a Server to people.
type aliasIn struct {
	space mcpmux.SpaceID
	alias string
}

// Check says what is wrong with a Copy: whatever could not have been made in an installation, and what does not belong
// together. Who wrote the Copy is not known here.
func (c *Copy) Check() error {
	k := copyCheck{c: c, spaces: map[mcpmux.SpaceID]bool{}, servers: map[aliasIn]bool{}, sets: map[mcpmux.FeatureSetID]*mcpmux.FeatureSet{}, clients: map[mcpmux.ClientID]bool{}}
	if err := c.checkIDs(); err != nil {
		return err
	}
	for _, part := range []func() error{k.checkSpaces, k.checkServers, k.checkSets, k.checkMembers, k.checkClients, k.checkGrants, k.checkKeys, k.checkSettings} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// ids are the ids of all that has one.
func (c *Copy) ids() (all []string) {
	for i := range c.Spaces {
		all = append(all, string(c.Spaces[i].ID))
	}
	for i := range c.Servers {
		all = append(all, string(c.Servers[i].ID))
	}
	for i := range c.Sets {
		all = append(all, string(c.Sets[i].ID))
	}
	for i := range c.Clients {
		all = append(all, string(c.Clients[i].ID))
	}
	for i := range c.Keys {
		all = append(all, string(c.Keys[i].ID))
	}
	return all
}

// wrongCopy is what is said of a Copy that no installation could have made.
func wrongCopy(format string, args ...any) error {
	return mcpmux.Errorf(mcpmux.CodeInvalid, "what is in the backup does not go together: "+format, args...)
}

func (c *Copy) checkIDs() error {
	seen := make(map[string]bool)
	for _, id := range c.ids() {
		if !isID(id) {
			return wrongCopy("%.100q is not an id", id)
		}
		if seen[id] {
			return wrongCopy("two things have the id %s", id)
		}
		seen[id] = true
	}
	return nil
}

// copyCheck is one Check, and what it found there so far.
type copyCheck struct {
	c       *Copy
	spaces  map[mcpmux.SpaceID]bool
	servers map[aliasIn]bool
	sets    map[mcpmux.FeatureSetID]*mcpmux.FeatureSet
	clients map[mcpmux.ClientID]bool
}

func (k *copyCheck) checkSpaces() error {
	active, def := 0, 0
	names := map[string]bool{}
	for _, sp := range k.c.Spaces {
		if err := checkName("Space", sp.Name); err != nil {
			return err
		}
		if err := checkIcon(sp.Icon); err != nil {
			return err
		}
		if names[nameKey(sp.Name)] {
			return wrongCopy("two Spaces are called %q", sp.Name)
		}
		names[nameKey(sp.Name)], k.spaces[sp.ID] = true, true
		if sp.Active {
			active++
		}
		if sp.Default {
			def++
		}
	}
	if active != 1 || def != 1 {
		return wrongCopy("of the Spaces one is active, and one the default")
	}
	return nil
}

func (k *copyCheck) checkServers() error {
	for i := range k.c.Servers {
		srv := &k.c.Servers[i]
		at := aliasIn{srv.Space, srv.Alias}
		switch {
		case !k.spaces[srv.Space]:
			return wrongCopy("the server %q is in no Space", srv.Alias)
		case k.servers[at]:
			return wrongCopy("two servers of a Space have the alias %q", srv.Alias)
		case srv.First != "" && !isID(string(srv.First)):
			return wrongCopy("%.100q is not an id", string(srv.First))
		}
		k.servers[at] = true
		if err := checkServer(&srv.Server); err != nil {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "the server %q of the backup: %v", srv.Alias, err)
		}
		if err := checkValues(srv); err != nil {
			return err
		}
		if err := checkLogins(srv); err != nil {
			return err
		}
	}
	return nil
}

func checkValues(srv *CopiedServer) error {
	seen := map[mcpmux.ValueName]bool{}
	for _, v := range srv.Values {
		key := mcpmux.ValueName{Kind: v.Kind, Name: valueKey(v.ValueName)}
		if seen[key] {
			return wrongCopy("the server %q has two values %q", srv.Alias, v.Name)
		}
		seen[key] = true
		if err := checkValue(v); err != nil {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "the server %q of the backup: %v", srv.Alias, err)
		}
	}
	return nil
}

func checkLogins(srv *CopiedServer) error {
	type of struct {
		kind   CredentialKind
		issuer string
	}
	seen := map[of]bool{}
	tokens := 0
	for _, l := range srv.Logins {
		if l.Kind != CredentialTokens && l.Kind != CredentialRegistration || seen[of{l.Kind, l.Issuer}] {
			return wrongCopy("the logins to the server %q", srv.Alias)
		}
		seen[of{l.Kind, l.Issuer}] = true
		if l.Kind == CredentialTokens {
			tokens++
		}
	}
	if tokens > 1 {
		return wrongCopy("the logins to the server %q", srv.Alias)
	}
	return nil
}

// checkSets sees that each Space and each Server has the sets that it was made with, and nobody else's.
func (k *copyCheck) checkSets() error {
	names := map[aliasIn]bool{}
	built := 0
	for i := range k.c.Sets {
		set := &k.c.Sets[i]
		at := aliasIn{set.Space, nameKey(set.Name)}
		if !k.spaces[set.Space] || names[at] {
			return wrongCopy("the FeatureSet %q is in no Space, or there twice", set.Name)
		}
		names[at] = true
		k.sets[set.ID] = set
		switch set.Kind {
		case mcpmux.SetCustom:
			if err := checkName("FeatureSet", set.Name); err != nil {
				return err
			}
			if set.Server != "" || strings.HasPrefix(nameKey(set.Name), nameKey(mcpmux.ServerSetPrefix)) {
				return wrongCopy("the FeatureSet %q is called like that of a server", set.Name)
			}
			continue
		case mcpmux.SetAll:
			if set.Name == mcpmux.AllSetName && set.Server == "" {
				built++
				continue
			}
		case mcpmux.SetDefault:
			if set.Name == mcpmux.DefaultSetName && set.Server == "" {
				built++
				continue
			}
		case mcpmux.SetServerAll:
			if set.Name == mcpmux.ServerSetPrefix+set.Server && k.servers[aliasIn{set.Space, set.Server}] {
				built++
				continue
			}
		}
		return wrongCopy("the FeatureSet %q is of no kind that has this name", set.Name)
	}
	if built != 2*len(k.spaces)+len(k.servers) {
		return wrongCopy("a Space or a server lacks a FeatureSet of its own")
	}
	return nil
}

func (k *copyCheck) checkMembers() error {
	for i := range k.c.Sets {
		set := &k.c.Sets[i]
		if len(set.Members) == 0 {
			continue
		}
		if err := set.TakesMembers(); err != nil {
			return err
		}
		seen := map[mcpmux.Member]bool{}
		for _, m := range set.Members {
			if err := CheckMember(m); err != nil {
				return err
			}
			if nested := k.sets[m.Set]; m.Kind == mcpmux.MemberSet && (nested == nil || nested.Space != set.Space) {
				return wrongCopy("a member of the FeatureSet %q is no FeatureSet of its Space", set.Name)
			}
			m.Exclude = false
			if seen[m] {
				return wrongCopy("a member of the FeatureSet %q is there twice", set.Name)
			}
			seen[m] = true
		}
		if way := mcpmux.FindCycle(k.c.Sets, set.ID, set.Members); way != nil {
			return wrongCopy("a FeatureSet is a member of itself: %s", strings.Join(way, " → "))
		}
	}
	return nil
}

func (k *copyCheck) checkClients() error {
	names := map[string]bool{}
	for i := range k.c.Clients {
		cl := &k.c.Clients[i]
		if err := checkName("client", cl.Name); err != nil {
			return err
		}
		if names[nameKey(cl.Name)] {
			return wrongCopy("two clients are called %q", cl.Name)
		}
		names[nameKey(cl.Name)], k.clients[cl.ID] = true, true
		switch cl.Mode {
		case mcpmux.ModeFollow, mcpmux.ModeLocked, mcpmux.ModeAsk:
		default:
			return wrongCopy("%q is not a connection mode", string(cl.Mode))
		}
	}
	return nil
}

func (k *copyCheck) checkGrants() error {
	seen := map[mcpmux.Grant]bool{}
	for _, g := range k.c.Grants {
		set := k.sets[g.Set]
		if !k.clients[g.Client] || set == nil || set.Space != g.Space || seen[g] {
			return wrongCopy("a grant is of no client or of no FeatureSet, or there twice")
		}
		seen[g] = true
	}
	return nil
}

func (k *copyCheck) checkKeys() error {
	seen := map[[32]byte]bool{}
	for i := range k.c.Keys {
		key := &k.c.Keys[i]
		if !k.clients[key.Client] || seen[key.Hash] || key.Hash == [32]byte{} || len(key.Hint) > maxHint {
			return wrongCopy("an access key is of no client, or there twice")
		}
		seen[key.Hash] = true
		if key.Label != "" {
			if err := checkName("key", key.Label); err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *copyCheck) checkSettings() error {
	for name, value := range k.c.Settings {
		set, ok := mcpmux.FindSetting(name)
		if !ok {
			return wrongCopy("there is no setting %.100q", name)
		}
		if err := set.Check(value); err != nil {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "%.100q is not a value of %s: %v", value, name, err)
		}
	}
	return nil
}
