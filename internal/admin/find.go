package admin

import (
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Names differ by more than case (package store sees to it), so one name finds one thing. An id finds it too,
// for those who must not be misled by a renaming.

// findSpace finds a Space by name; "" is the active one.
func findSpace(st *mcpmux.State, name string) (mcpmux.Space, error) {
	for _, s := range st.Spaces {
		if name == "" && s.Active || name != "" && strings.EqualFold(s.Name, name) {
			return s, nil
		}
	}
	for _, s := range st.Spaces {
		if string(s.ID) == name {
			return s, nil
		}
	}
	return mcpmux.Space{}, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no Space %q; there %s", name,
		listed(st.Spaces, func(s mcpmux.Space) string { return s.Name }))
}

func findServer(st *mcpmux.State, space mcpmux.Space, alias string) (mcpmux.Server, error) {
	var there []mcpmux.Server
	for _, s := range st.Servers {
		if s.Space != space.ID {
			continue
		}
		if s.Alias == alias || string(s.ID) == alias {
			return s, nil
		}
		there = append(there, s)
	}
	return mcpmux.Server{}, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no server %q in the Space %q; there %s", alias, space.Name,
		listed(there, func(s mcpmux.Server) string { return s.Alias }))
}

func findSet(st *mcpmux.State, space mcpmux.Space, name string) (mcpmux.FeatureSet, error) {
	var there []mcpmux.FeatureSet
	for _, s := range st.FeatureSets {
		if s.Space != space.ID {
			continue
		}
		if strings.EqualFold(s.Name, name) || string(s.ID) == name {
			return s, nil
		}
		there = append(there, s)
	}
	return mcpmux.FeatureSet{}, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no FeatureSet %q in the Space %q; there %s", name, space.Name,
		listed(there, func(s mcpmux.FeatureSet) string { return s.Name }))
}

func findClient(st *mcpmux.State, name string) (mcpmux.Client, error) {
	for _, c := range st.Clients {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
	}
	for _, c := range st.Clients {
		if string(c.ID) == name {
			return c, nil
		}
	}
	return mcpmux.Client{}, mcpmux.Errorf(mcpmux.CodeNotFound, "there is no client %q; there %s", name,
		listed(st.Clients, func(c mcpmux.Client) string { return c.Name }))
}

func findKey(st *mcpmux.State, client mcpmux.Client, id string) (mcpmux.AccessKey, error) {
	for _, k := range st.Keys {
		if k.Client == client.ID && string(k.ID) == id {
			return k, nil
		}
	}
	return mcpmux.AccessKey{}, mcpmux.Errorf(mcpmux.CodeNotFound, "the client %q has no access key %q", client.Name, id)
}

// maxListed bounds how many names an error message suggests.
const maxListed = 10

// listed is the end of the sentence "there …": what there is instead.
func listed[T any](all []T, name func(T) string) string {
	if len(all) == 0 {
		return "is none yet"
	}
	var names []string
	for i, v := range all {
		if i == maxListed {
			names = append(names, "…")
			break
		}
		names = append(names, name(v))
	}
	if len(all) == 1 {
		return "is " + names[0]
	}
	return "are " + strings.Join(names, ", ")
}
