package gateway

import (
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/protocol"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// aggregateCapabilities is what the hop can deliver, whatever Servers come and go while a client is
// connected: a client that is not promised list_changed at the start would never look again. What the Servers
// of the client's era offer beyond it follows.
const aggregateCapabilities = `{"completions":{},"logging":{},"prompts":{"listChanged":true},` +
	`"resources":{"listChanged":true,"subscribe":true},"tools":{"listChanged":true}`

// taskCapabilities is what is relayed of core tasks: no list, which would have to be put together from Servers
// that each give their own cursors.
const taskCapabilities = `{"cancel":{},"requests":{"tools":{"call":{}}}}`

// aggregate is the capabilities of all visible Servers together, for a client of this revision.
func aggregate(servers []*mcpmux.Server, version string) []byte {
	out := []byte(aggregateCapabilities)
	for _, name := range [...]string{"experimental", "extensions"} {
		if all := joined(servers, name, version); len(all) > 0 {
			out = append(append(append(append(out, `,"`...), name...), `":`...), all...)
		}
	}
	for _, s := range servers {
		if offersTasks(s.About, version) {
			out = append(out, `,"tasks":`+taskCapabilities...)
			break
		}
	}
	return append(out, '}')
}

// offersTasks says whether a Server runs core tasks for clients of this revision.
func offersTasks(about *mcpmux.About, version string) bool {
	return protocol.Has(version, protocol.TasksCore) && about != nil && !about.Modern() && protocol.RunsTasks(about.Capabilities)
}

// joined is a member of the capabilities of Servers of the revision's era, byte for byte: of two that say
// something under one key, the first counts. Nil where nobody says anything.
func joined(servers []*mcpmux.Server, name, version string) []byte {
	modern := protocol.Modern(version)
	seen := map[string]struct{}{}
	if !modern {
		seen[protocol.TasksID] = struct{}{} // there is none in the older era
	}
	var out []byte
	for _, s := range servers {
		if s.About == nil || s.About.Modern() != modern {
			continue
		}
		obj := member(s.About.Capabilities, name)
		for key, value := range wire.Members(obj, wire.Span{End: len(obj)}) {
			if _, ok := seen[key]; ok {
				continue
			}
			seen[key] = struct{}{}
			out = append(append(append(append(out, ','), wire.Quote(key)...), ':'), obj[value.Start:value.End]...)
		}
	}
	if len(out) == 0 {
		return nil
	}
	out[0] = '{'
	return append(out, '}')
}

// relayable is a Server's own capabilities without those that the hop cannot relay to a client of this revision.
func relayable(about *mcpmux.About, version string) []byte {
	caps := []byte(about.Capabilities)
	obj := wire.Span{End: len(caps)}
	if offersTasks(about, version) {
		return wire.Splice(nil, caps, []wire.Edit{wire.SetMember(caps, obj, "tasks", []byte(taskCapabilities))})
	}
	if edit, ok := wire.RemoveMember(caps, obj, "tasks"); ok {
		caps = wire.Splice(nil, caps, []wire.Edit{edit})
	}
	if !protocol.Modern(version) {
		return protocol.WithoutTasks(caps)
	}
	return caps
}
