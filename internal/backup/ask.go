package backup

import (
	"regexp"
	"slices"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/secret"
	"github.com/mcpmux/mcpmux/internal/store"
)

var (
	// named is ${input:ID} in a text.
	named = regexp.MustCompile(`\$\{input:([A-Za-z0-9_.-]{1,64})\}`)
	// fit is an id of an Input.
	fit = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// ask makes a Server want the values that it lacks: an Input for each, so that it says what it needs, and is not started
// without. Of the secrets of a login it is said when one is made.
func ask(srv *store.CopiedServer, missing []mcpmux.ValueName) {
	var wanted []string
	for _, v := range missing {
		if v.Kind == mcpmux.ValueLogin || !fit.MatchString(v.Name) {
			continue
		}
		wanted = append(wanted, v.Name)
		if v.Kind != mcpmux.ValueInput {
			text := secret.NewValue("${input:" + v.Name + "}")
			srv.Values = append(srv.Values, store.Value{ValueName: mcpmux.ValueName{Kind: v.Kind, Name: v.Name}, Value: text})
		}
	}
	if len(wanted) == 0 {
		return
	}
	// Where a Definition declares one Input, it declares all that its texts name.
	def := &srv.Definition
	open := slices.Clone(def.Inputs)
	if len(open) == 0 {
		for _, text := range slices.Concat([]string{def.Command, def.Cwd, def.URL}, def.Args) {
			for _, m := range named.FindAllStringSubmatch(text, -1) {
				open = declare(open, m[1], false)
			}
		}
	}
	for _, id := range wanted {
		open = declare(open, id, true)
	}
	def.Inputs = open
}

// declare adds an Input that is not there.
func declare(all []mcpmux.Input, id string, hidden bool) []mcpmux.Input {
	if slices.ContainsFunc(all, func(in mcpmux.Input) bool { return in.ID == id }) {
		return all
	}
	in := mcpmux.Input{ID: id, Required: true, Secret: hidden}
	if hidden {
		in.Type = mcpmux.InputPassword
	}
	return append(all, in)
}
