package store

import (
	"net/url"
	"slices"
	"strings"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

const (
	// maxProcesses bounds what a Server may be told to run for calls that need a connection alone. Each may be
	// a process of some hundred megabytes.
	maxProcesses = 64

	// maxRoots bounds the roots of a Server; it hears all of them in one answer.
	maxRoots = 100
)

// foldDefaults writes a default in one way only, so that equal Servers are equal.
func foldDefaults(srv *mcpmux.Server) {
	if srv.Isolation == mcpmux.IsolationAuto {
		srv.Isolation = ""
	}
	if srv.Era == mcpmux.EraAuto {
		srv.Era = ""
	}
	if len(srv.Roots) == 0 {
		srv.Roots = nil
	}
	if srv.Login.Grant == mcpmux.GrantCode {
		srv.Login.Grant = ""
	}
	if len(srv.Login.Scopes) == 0 {
		srv.Login.Scopes = nil
	}
}

// sameSharing compares what checkSharing checks.
func sameSharing(a, b mcpmux.Server) bool {
	return a.Isolation == b.Isolation && a.Era == b.Era && a.MaxProcesses == b.MaxProcesses && slices.Equal(a.Roots, b.Roots)
}

// checkSharing checks how a Server's connections are shared and what they begin with.
func checkSharing(srv *mcpmux.Server) error {
	switch srv.Isolation {
	case "", mcpmux.IsolationAuto, mcpmux.IsolationShared, mcpmux.IsolationSession, mcpmux.IsolationNone:
	default:
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not an isolation; they are auto, shared, session and none", string(srv.Isolation))
	}
	switch srv.Era {
	case "", mcpmux.EraAuto, mcpmux.EraLegacy:
	case mcpmux.EraModern:
		if srv.Definition.Transport == mcpmux.TransportSSE {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "a Server of transport sse is never modern: that transport is of MCP 2024-11-05; its era is auto or legacy")
		}
	default:
		return mcpmux.Errorf(mcpmux.CodeInvalid, "%q is not an era; they are auto, legacy and modern", string(srv.Era))
	}
	if srv.MaxProcesses < 0 || srv.MaxProcesses > maxProcesses {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "max_processes is %d; it is a number from 0 to %d, 0 being the default of %d",
			srv.MaxProcesses, maxProcesses, mcpmux.DefaultMaxProcesses)
	}
	return checkRoots(srv.Roots)
}

// checkRoots refuses what a Server may not be told as a root (MCP 2025-11-25 client/roots §Root: "This MUST be
// a file:// URI").
func checkRoots(roots []string) error {
	if len(roots) > maxRoots {
		return mcpmux.Errorf(mcpmux.CodeInvalid, "there are %d roots; a Server has at most %d", len(roots), maxRoots)
	}
	for _, root := range roots {
		u, err := url.Parse(root)
		if err != nil || u.Scheme != "file" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
			u.RawQuery != "" || u.Fragment != "" || strings.ContainsRune(u.Path, 0) {
			return mcpmux.Errorf(mcpmux.CodeInvalid, "%.200q is not a root: it is a URI like file:///home/me/project, of an absolute path on this machine", root)
		}
	}
	return nil
}
