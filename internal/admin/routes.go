package admin

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/store"
)

// table is every route of the API. The mux and the OpenAPI document are made of it, so they agree.
func table() []route {
	inSpace := param{"space", "string", "Name of the Space; absent, the active one."}
	asClient := param{"client", "string", "Name of a client; absent, everything in the active Space is visible."}
	record := []param{
		{"client", "string", "Name of a client, or its id where it is gone; absent, all."},
		{"server", "string", "Alias of a server; absent, all."},
		{"space", "string", "Name of a Space, or its id where it is gone; absent, all."},
		{"outcome", "string", "ok, tool_error, error, denied or cancelled; absent, all."},
		{"search", "string", "Text in the method, the name, the detail or who it was, in either case."},
		{"since", "string", "A moment (RFC 3339, or a day like 2026-01-31), or how long ago that is (1h, 7d); absent, the beginning."},
		{"until", "string", "Likewise, the moment before which a record begins; absent, now."},
		{"decisions", "boolean", "1 leaves out what is no decision about who may do what."},
		{"requests", "boolean", "1 leaves out the decisions about who may do what."},
	}
	pages := []param{
		{"after", "integer", "Only records after the one with this id, the oldest of them first; absent, the newest."},
		{"before", "integer", "Only records before the one with this id: of an answer's first record, to get the page before."},
		{"limit", "integer", "How many records; absent, 100."},
	}
	followed := param{"follow", "boolean", "1 answers with a stream of events that does not end."}
	const put, patch, del, create = http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodPost
	return []route{
		get("/status", "What runs and what needs attention.", (*Admin).status),
		get("/doctor", "What is wrong, and what to do about it.", (*Admin).doctor),
		get("/version", "The version of the daemon.", (*Admin).version),
		get("/openapi.json", "This document.", (*Admin).openAPI),
		streams("/events", "What happens, as it happens.", nil, (*Admin).streamEvents,
			"ready (the newest revision; missed: Changes since Last-Event-ID are no longer kept, so read everything anew), change (a Change, with its revision as id), server (the state of a Server), gateway (running or not), clients (what clients have open changed), question (the open questions), request (the applications that wait to be let in), elicitation (the open elicitations), activity (how many records were added to the record of requests; at most twice a second)"),
		post("/gateway/start", "Start the gateway; started already, it stays as it is.", (*Admin).startGateway),
		post("/gateway/stop", "Stop the gateway and every server.", (*Admin).stopGateway),
		post("/gateway/restart", "Stop and start the gateway.", (*Admin).restartGateway),

		get("/secrets", "Where the master key is, and whether stored values are open.", (*Admin).secrets),
		offer(create, "/secrets/unlock", "Look for the master key again, or make it of a passphrase.", (*Admin).unlockSecrets),
		post("/secrets/lock", "Forget the master key until it is unlocked; servers that need a stored value are closed.", (*Admin).lockSecrets),
		offer(create, "/secrets/rekey", "Replace the master key by a new one.", (*Admin).rekeySecrets),

		delivers("/backup", "Everything that is set up, as a file: sealed with a passphrase, or without one and then without secrets.", "application/octet-stream", (*Admin).makeBackup),
		send(create, "/restore", "Put what is in a backup in place of everything that is set up, or say what that would do.", (*Admin).restore),

		get("/spaces", "The Spaces.", (*Admin).listSpaces),
		send(create, "/spaces", "Make a Space.", (*Admin).createSpace),
		get("/spaces/{name}", "One Space.", (*Admin).showSpace),
		send(patch, "/spaces/{name}", "Give a Space another name or icon.", (*Admin).patchSpace),
		row(del, "/spaces/{name}", "Delete a Space with everything in it.", (*Admin).deleteSpace),
		get("/spaces/{name}/deletion", "What deleting a Space would destroy.", (*Admin).spaceDeletion),
		post("/spaces/{name}/activate", "Make a Space the active one.", (*Admin).activateSpace),

		get("/servers", "The servers of a Space.", (*Admin).listServers, inSpace),
		send(create, "/servers", "Install a server.", (*Admin).createServer, inSpace),
		get("/servers/{alias}", "One server.", (*Admin).showServer, inSpace),
		send(patch, "/servers/{alias}", "Change a server.", (*Admin).patchServer, inSpace),
		row(del, "/servers/{alias}", "Remove a server with its values.", (*Admin).deleteServer, inSpace),
		post("/servers/{alias}/enable", "Switch a server on.", switchServer(true), inSpace),
		post("/servers/{alias}/disable", "Switch a server off.", switchServer(false), inSpace),
		post("/servers/{alias}/restart", "Connect a server anew.", (*Admin).restartServer, inSpace),
		offer(create, "/servers/{alias}/login", "Begin a login to a server.", (*Admin).loginServer, inSpace),
		get("/servers/{alias}/login", "How the login to a server goes that was begun last.", (*Admin).loginProgress, inSpace,
			param{"wait", "boolean", "1 answers when the login has ended, or after a minute."}),
		send(create, "/servers/{alias}/login/redirect", "End a login by the address that a browser elsewhere was sent to.", (*Admin).endLogin, inSpace),
		post("/servers/{alias}/logout", "Log out of a server: revoke and forget what its login gave.", (*Admin).logoutServer, inSpace),
		get("/servers/{alias}/values", "The values of a server, for a form to begin with; the plain inputs, and the names of the others.", (*Admin).serverValues, inSpace),
		get("/servers/{alias}/features", "What a server offered when last asked.", (*Admin).listFeatures, inSpace),
		streams("/servers/{alias}/logs", "The last lines of a server's log.", reflect.TypeFor[[]api.LogLine](), (*Admin).serverLogs,
			"line (a line of the log)", inSpace, param{"tail", "integer", "How many lines; absent, 100."},
			param{"source", "string", "Only lines of stderr, server (its messages) or connection."}, param{"level", "string", "Only messages of at least this level: debug, info, notice, warning, error, critical, alert or emergency."},
			param{"search", "string", "Only lines with this text, whatever its case."}, followed),

		get("/applications", "The AI applications that are known: which are on this machine, and what each has to be told to use McpMux.", (*Admin).listApplications),
		get("/applications/{id}", "One of them.", (*Admin).showApplication),
		send(create, "/import/preview", "What servers a text has, or an application's file on this machine; nothing is written.", (*Admin).previewImport, inSpace),
		send(create, "/import", "Add servers of a preview, which have to be what it showed.", (*Admin).importServers, inSpace),

		get("/featuresets", "The FeatureSets of a Space.", (*Admin).listSets, inSpace),
		send(create, "/featuresets", "Make an empty FeatureSet.", (*Admin).createSet, inSpace),
		get("/featuresets/{name}", "One FeatureSet.", (*Admin).showSet, inSpace),
		send(patch, "/featuresets/{name}", "Give a FeatureSet another name.", (*Admin).renameSet, inSpace),
		row(del, "/featuresets/{name}", "Delete a FeatureSet.", (*Admin).deleteSet, inSpace),
		send(create, "/featuresets/{name}/members", "Add members.", (*Admin).addMembers, inSpace),
		send(put, "/featuresets/{name}/members", "Replace all members, in one step.", (*Admin).setMembers, inSpace),
		send(del, "/featuresets/{name}/members", "Take members away.", (*Admin).removeMembers, inSpace),
		send(create, "/featuresets/{name}/preview", "What replacing all members would lead to; nothing is written.", (*Admin).previewSet, inSpace),

		get("/clients", "The clients.", (*Admin).listClients),
		send(create, "/clients", "Make a client with an access key, which is shown this once.", (*Admin).createClient),
		get("/clients/{name}", "One client.", (*Admin).showClient),
		send(patch, "/clients/{name}", "Give a client another name.", (*Admin).renameClient),
		row(del, "/clients/{name}", "Remove a client with its keys and grants.", (*Admin).deleteClient),
		send(put, "/clients/{name}/mode", "Choose how a client's Space is chosen.", (*Admin).setMode),
		offer(create, "/clients/{name}/approve", "Let a client in: approve the request that it waits for, named by its name, id or code, or take a denial back.", (*Admin).approveClient),
		post("/clients/{name}/deny", "Deny the request that a client waits for, or let a client in no longer.", (*Admin).denyClient),
		row(del, "/clients/{name}/authorizations", "Log a client out: its tokens end, and it has to ask again.", (*Admin).logoutClient),
		send(create, "/clients/{name}/grants", "Let a client use a FeatureSet.", changeGrant((*store.Store).AddGrant)),
		send(del, "/clients/{name}/grants", "Take a FeatureSet from a client.", changeGrant((*store.Store).RemoveGrant)),
		get("/clients/{name}/keys", "A client's access keys.", (*Admin).listKeys),
		offer(create, "/clients/{name}/keys", "Make an access key, which is shown this once.", (*Admin).createKey),
		row(del, "/clients/{name}/keys/{id}", "Revoke an access key.", (*Admin).revokeKey),
		offer(create, "/clients/{name}/keys/{id}/rotate", "Make an access key in place of another.", (*Admin).rotateKey),
		send(create, "/clients/{name}/switch", "Answer whether a client moves to the active Space.", (*Admin).answerSwitch),
		get("/clients/{name}/features", "Every Feature of a Space, and why a client sees it or does not.", (*Admin).clientFeatures,
			param{"space", "string", "Name of the Space; absent, the one that the client is in."}),
		get("/clients/{name}/tools", "The tools that a client sees.", (*Admin).clientTools),

		get("/requests", "The applications that wait to be let in.", (*Admin).listRequests),
		get("/requests/{id}", "One of them, for the browser that it came from or the command line.", (*Admin).showRequest),
		offer(create, "/requests/{id}/approve", "Let an application in.", (*Admin).approveRequest),
		post("/requests/{id}/deny", "Do not let an application in.", (*Admin).denyRequest),

		get("/elicitations", "The questions of servers that wait for an answer.", (*Admin).listElicitations),
		send(create, "/elicitations/{id}", "Answer a question of a server.", (*Admin).answerElicitation),

		send(create, "/call", "Call a tool, get a prompt or read a resource; the answer is the result as the server sent it.", (*Admin).call),
		get("/tools", "The tools that a client sees.", (*Admin).listTools, asClient),
		get("/settings", "The settings.", (*Admin).listSettings),
		get("/settings/{key}", "One setting.", (*Admin).showSetting),
		send(put, "/settings/{key}", "Change a setting.", (*Admin).setSetting),
		get("/service", "Whether the system starts McpMux when its user logs in, and how.", (*Admin).service),
		post("/service", "Have the system start McpMux at login: this program, on this data folder.", (*Admin).installService),
		row(del, "/service", "Have McpMux started at login no more.", (*Admin).removeService),
		streams("/audit", "The record of requests, a page of it, oldest first. The header Mcpmux-Last has the id after which to ask for what is new.", reflect.TypeFor[[]api.Activity](), (*Admin).audit, "activity (one record)",
			slices.Concat(record, pages, []param{followed})...),
		downloads("/audit/export", "The record of requests as a file, oldest first.", "application/x-ndjson (an Activity on each line) or text/csv", (*Admin).exportAudit,
			slices.Concat(record, []param{{"format", "string", "jsonl or csv; absent, jsonl."}})...),
		get("/activity/summary", "Counts of the calls of the last hour, day or week.", (*Admin).activitySummary,
			param{"window", "string", "1h, 24h or 7d; absent, 1h."}, param{"space", "string", "Name of a Space, or its id where it is gone; absent, all."}),
		post("/dashboard/ticket", "An address of the dashboard that logs its browser in, once; on the control socket only.", (*Admin).ticket),
		send(create, "/dashboard/pair", "Log the page in that shows a code; on the control socket only.", (*Admin).approvePairing),
		get("/sessions", "The browsers that are logged in to the dashboard.", (*Admin).listSessions),
		row(del, "/sessions", "Log every browser out.", (*Admin).endSessions),
		row(del, "/sessions/{id}", "Log one browser out.", (*Admin).endSession),
	}
}

// downloads makes a row that answers with a file; kinds are its media types, in words.
func downloads(path, doc, kinds string, serve func(*Admin, http.ResponseWriter, *http.Request) error, query ...param) route {
	return route{method: http.MethodGet, path: path, doc: doc, query: query, file: kinds, serve: serve}
}

// streams makes a row that answers with a stream of events, or where answer is a type, only when asked to.
func streams(path, doc string, answer reflect.Type, serve func(*Admin, http.ResponseWriter, *http.Request) error, events string, query ...param) route {
	return route{method: http.MethodGet, path: path, doc: doc, query: query, answer: answer, serve: serve, stream: events}
}

// openAPI is the document as JSON.
func (a *Admin) openAPI(*http.Request) (json.RawMessage, error) {
	return Document(a.cfg.Process().Version)
}

// Document is the OpenAPI document of the API.
func Document(version string) ([]byte, error) { return json.Marshal(document(table(), version)) }
