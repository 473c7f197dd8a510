package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mcpmux/mcpmux/internal/backend"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/wire"
)

// listTimeout bounds one list with all its pages.
const listTimeout = 10 * time.Second

// kindSet is a set of FeatureKinds: bit i is the i-th of mcpmux.FeatureKinds.
type kindSet uint32

const allKinds kindSet = 1<<4 - 1

func kinds(list []mcpmux.FeatureKind) kindSet {
	var set kindSet
	for i, k := range mcpmux.FeatureKinds() {
		for _, l := range list {
			if l == k {
				set |= 1 << i
			}
		}
	}
	return set
}

// offered is the kinds that a Server's capabilities announce. A templates list goes with resources.
func offered(capabilities json.RawMessage) kindSet {
	var caps map[string]json.RawMessage
	_ = json.Unmarshal(capabilities, &caps) // Unreadable capabilities announce nothing.
	has := func(name string) bool { raw, ok := caps[name]; return ok && string(raw) != "null" }
	var list []mcpmux.FeatureKind
	if has("tools") {
		list = append(list, mcpmux.KindTool)
	}
	if has("prompts") {
		list = append(list, mcpmux.KindPrompt)
	}
	if has("resources") {
		list = append(list, mcpmux.KindResource, mcpmux.KindTemplate)
	}
	return kinds(list)
}

// discover reads the lists in want at once. A list that cannot be read keeps what it had before, and is part of
// the error; so do lists that are not in want.
func discover(ctx context.Context, conn *backend.Conn, id mcpmux.ServerID, want kindSet, before []mcpmux.Feature) ([]mcpmux.Feature, error) {
	has := offered(conn.About().Capabilities)
	all := mcpmux.FeatureKinds()
	lists := make([][]mcpmux.Feature, len(all))
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, kind := range all {
		bit := kindSet(1) << i
		switch {
		case has&bit == 0:
			continue
		case want&bit == 0:
			lists[i] = ofKind(before, kind)
			continue
		}
		wg.Go(func() {
			lists[i], errs[i] = list(ctx, conn, id, kind)
			if errs[i] != nil {
				lists[i] = ofKind(before, kind)
			}
		})
	}
	wg.Wait()
	var features []mcpmux.Feature
	for _, l := range lists {
		features = append(features, l...)
	}
	return features, errors.Join(errs...)
}

func list(ctx context.Context, conn *backend.Conn, id mcpmux.ServerID, kind mcpmux.FeatureKind) ([]mcpmux.Feature, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	items, err := conn.List(ctx, kind)
	var refused *backend.RPCError
	if errors.As(err, &refused) && refused.Code == wire.CodeMethodNotFound {
		return nil, nil // Many servers with resources know no list of templates.
	}
	if err != nil {
		return nil, fmt.Errorf("list of %ss: %w", kind, err)
	}
	features := make([]mcpmux.Feature, 0, len(items))
	seen := make(map[string]bool, len(items))
	for _, raw := range items {
		name, ok := featureName(kind, raw)
		// An entry without a name cannot be called; of two with one name the first counts, as the name is the key.
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		features = append(features, mcpmux.Feature{Server: id, Kind: kind, Name: name, Raw: raw})
	}
	return features, nil
}

// featureName is the Server's own name of an entry of a list.
func featureName(kind mcpmux.FeatureKind, raw []byte) (string, bool) {
	member := "name"
	switch kind {
	case mcpmux.KindResource:
		member = "uri"
	case mcpmux.KindTemplate:
		member = "uriTemplate"
	case mcpmux.KindTool, mcpmux.KindPrompt:
	}
	var span [1]wire.Span
	if err := wire.Find(raw, wire.Span{Start: 0, End: len(raw)}, []string{member}, span[:]); err != nil || !span[0].OK() {
		return "", false
	}
	name, ok := wire.String(raw, span[0])
	return name, ok && name != ""
}

func ofKind(features []mcpmux.Feature, kind mcpmux.FeatureKind) []mcpmux.Feature {
	var out []mcpmux.Feature
	for _, f := range features {
		if f.Kind == kind {
			out = append(out, f)
		}
	}
	return out
}
