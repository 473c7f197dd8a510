package adminclient

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// Where a method takes a space, "" means the active one. The methods are the routes of the admin API, in its
// order; what they return is the resource that the route answers.

// Status is what runs and what needs attention.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, nil, "status")
}

// Doctor is what the daemon finds wrong with itself.
func (c *Client) Doctor(ctx context.Context) (api.Doctor, error) {
	return get[api.Doctor](ctx, c, nil, "doctor")
}

// Version is the version of the daemon.
func (c *Client) Version(ctx context.Context) (api.Version, error) {
	return get[api.Version](ctx, c, nil, "version")
}

// Gateway starts, stops or restarts the gateway: verb is start, stop or restart.
func (c *Client) Gateway(ctx context.Context, verb string) (api.Status, error) {
	return post[api.Status](ctx, c, "", nil, "gateway", verb)
}

// DashboardTicket is an address of the dashboard that logs its browser in, once.
func (c *Client) DashboardTicket(ctx context.Context) (api.Ticket, error) {
	return post[api.Ticket](ctx, c, "", nil, "dashboard", "ticket")
}

// ApprovePairing logs in the page of the dashboard that shows the code.
func (c *Client) ApprovePairing(ctx context.Context, code api.PairingCode) (api.Paired, error) {
	return post[api.Paired](ctx, c, "", code, "dashboard", "pair")
}

// Sessions lists the browsers that are logged in to the dashboard.
func (c *Client) Sessions(ctx context.Context) ([]api.DashboardSession, error) {
	return get[[]api.DashboardSession](ctx, c, nil, "sessions")
}

// EndSessions logs every browser out.
func (c *Client) EndSessions(ctx context.Context) ([]api.DashboardSession, error) {
	return remove[[]api.DashboardSession](ctx, c, "", nil, "sessions")
}

// EndSession logs one browser out.
func (c *Client) EndSession(ctx context.Context, id string) (api.DashboardSession, error) {
	return remove[api.DashboardSession](ctx, c, "", nil, "sessions", id)
}

// Spaces lists the Spaces.
func (c *Client) Spaces(ctx context.Context) ([]api.Space, error) {
	return get[[]api.Space](ctx, c, nil, "spaces")
}

// CreateSpace makes a Space.
func (c *Client) CreateSpace(ctx context.Context, n api.NewSpace) (api.Space, error) {
	return post[api.Space](ctx, c, "", n, "spaces")
}

// PatchSpace changes a Space's name, icon or both.
func (c *Client) PatchSpace(ctx context.Context, name string, p api.SpacePatch) (api.Space, error) {
	return fetch[api.Space](ctx, c, request{method: http.MethodPatch, path: []string{"spaces", name}, body: p})
}

// SpaceDeletion says what deleting a Space would destroy.
func (c *Client) SpaceDeletion(ctx context.Context, name string) (api.SpaceDeletion, error) {
	return get[api.SpaceDeletion](ctx, c, nil, "spaces", name, "deletion")
}

// ActivateSpace makes a Space the active one.
func (c *Client) ActivateSpace(ctx context.Context, name string) (api.Space, error) {
	return post[api.Space](ctx, c, "", nil, "spaces", name, "activate")
}

// DeleteSpace deletes a Space with all that it owns.
func (c *Client) DeleteSpace(ctx context.Context, name string) (api.Space, error) {
	return remove[api.Space](ctx, c, "", nil, "spaces", name)
}

// Servers lists the Servers of a Space.
func (c *Client) Servers(ctx context.Context, space string) ([]api.Server, error) {
	return get[[]api.Server](ctx, c, inSpace(space), "servers")
}

// Server is one Server.
func (c *Client) Server(ctx context.Context, space, alias string) (api.Server, error) {
	return get[api.Server](ctx, c, inSpace(space), "servers", alias)
}

// CreateServer installs a Server.
func (c *Client) CreateServer(ctx context.Context, space string, s api.NewServer) (api.Server, error) {
	return post[api.Server](ctx, c, space, s, "servers")
}

// PatchServer changes what p names of a Server.
func (c *Client) PatchServer(ctx context.Context, space, alias string, p api.ServerPatch) (api.Server, error) {
	return fetch[api.Server](ctx, c, request{method: http.MethodPatch, path: []string{"servers", alias}, query: inSpace(space), body: p})
}

// DoServer does the verb enable, disable, restart or logout to a Server.
func (c *Client) DoServer(ctx context.Context, space, alias, verb string) (api.Server, error) {
	return post[api.Server](ctx, c, space, nil, "servers", alias, verb)
}

// LoginServer begins a login, which its user ends.
func (c *Client) LoginServer(ctx context.Context, space, alias string, n api.NewLogin) (api.Login, error) {
	return post[api.Login](ctx, c, space, n, "servers", alias, "login")
}

// LoginProgress waits up to a minute for the end of the login that was begun last.
func (c *Client) LoginProgress(ctx context.Context, space, alias string) (api.LoginProgress, error) {
	query := inSpace(space)
	if query == nil {
		query = map[string]string{}
	}
	query["wait"] = "1"
	return get[api.LoginProgress](ctx, c, query, "servers", alias, "login")
}

// EndLogin ends a login by the address that a browser elsewhere was sent to.
func (c *Client) EndLogin(ctx context.Context, space, alias, redirect string) (api.Server, error) {
	return post[api.Server](ctx, c, space, api.LoginRedirect{URL: redirect}, "servers", alias, "login", "redirect")
}

// DeleteServer removes a Server with its values.
func (c *Client) DeleteServer(ctx context.Context, space, alias string) (api.Server, error) {
	return remove[api.Server](ctx, c, space, nil, "servers", alias)
}

// ServerFeatures lists what a Server offered when last asked.
func (c *Client) ServerFeatures(ctx context.Context, space, alias string) ([]api.Feature, error) {
	return get[[]api.Feature](ctx, c, inSpace(space), "servers", alias, "features")
}

// ServerLogs is the end of a Server's log, of the lines that f chooses.
func (c *Client) ServerLogs(ctx context.Context, space, alias string, f api.LogFilter) ([]api.LogLine, error) {
	return get[[]api.LogLine](ctx, c, logQuery(space, f, ""), "servers", alias, "logs")
}

// FollowServerLogs hands each the end of a Server's log and every new line, of those that f chooses, until ctx is
// cancelled or each fails.
func (c *Client) FollowServerLogs(ctx context.Context, space, alias string, f api.LogFilter, each func(api.LogLine) error) error {
	return follow(ctx, c, request{method: http.MethodGet, path: []string{"servers", alias, "logs"}, query: logQuery(space, f, "1")}, each)
}

func logQuery(space string, f api.LogFilter, follow string) map[string]string {
	return map[string]string{"space": space, "tail": strconv.Itoa(f.Tail), "source": f.Source, "level": f.Level, "search": f.Search, "follow": follow}
}

// FeatureSets lists the FeatureSets of a Space.
func (c *Client) FeatureSets(ctx context.Context, space string) ([]api.FeatureSet, error) {
	return get[[]api.FeatureSet](ctx, c, inSpace(space), "featuresets")
}

// FeatureSet is one FeatureSet.
func (c *Client) FeatureSet(ctx context.Context, space, name string) (api.FeatureSet, error) {
	return get[api.FeatureSet](ctx, c, inSpace(space), "featuresets", name)
}

// CreateFeatureSet makes an empty FeatureSet.
func (c *Client) CreateFeatureSet(ctx context.Context, space, name string) (api.FeatureSet, error) {
	return post[api.FeatureSet](ctx, c, space, api.NewFeatureSet{Name: name}, "featuresets")
}

// DeleteFeatureSet deletes a FeatureSet.
func (c *Client) DeleteFeatureSet(ctx context.Context, space, name string) (api.FeatureSet, error) {
	return remove[api.FeatureSet](ctx, c, space, nil, "featuresets", name)
}

// RenameFeatureSet gives a FeatureSet another name.
func (c *Client) RenameFeatureSet(ctx context.Context, space, name, to string) (api.FeatureSet, error) {
	return fetch[api.FeatureSet](ctx, c, request{method: http.MethodPatch, path: []string{"featuresets", name}, query: inSpace(space), body: api.FeatureSetPatch{Name: to}})
}

// SetMembers replaces all members of a FeatureSet.
func (c *Client) SetMembers(ctx context.Context, space, name string, list api.MemberList) (api.FeatureSet, error) {
	return fetch[api.FeatureSet](ctx, c, request{method: http.MethodPut, path: []string{"featuresets", name, "members"}, query: inSpace(space), body: list})
}

// PreviewMembers says what SetMembers would lead to.
func (c *Client) PreviewMembers(ctx context.Context, space, name string, list api.PreviewMembers) (api.SetPreview, error) {
	return post[api.SetPreview](ctx, c, space, list, "featuresets", name, "preview")
}

// AddMembers adds members, as texts like "tool:github/create_*", to a FeatureSet.
func (c *Client) AddMembers(ctx context.Context, space, name string, members []string, exclude bool) (api.FeatureSet, error) {
	return post[api.FeatureSet](ctx, c, space, api.Members{Members: members, Exclude: exclude}, "featuresets", name, "members")
}

// RemoveMembers takes members from a FeatureSet.
func (c *Client) RemoveMembers(ctx context.Context, space, name string, members []string, exclude bool) (api.FeatureSet, error) {
	return remove[api.FeatureSet](ctx, c, space, api.Members{Members: members, Exclude: exclude}, "featuresets", name, "members")
}

// Clients lists the Clients.
func (c *Client) Clients(ctx context.Context) ([]api.Client, error) {
	return get[[]api.Client](ctx, c, nil, "clients")
}

// Client is one Client.
func (c *Client) Client(ctx context.Context, name string) (api.Client, error) {
	return get[api.Client](ctx, c, nil, "clients", name)
}

// CreateClient makes a Client and its first access key.
func (c *Client) CreateClient(ctx context.Context, n api.NewClient) (api.CreatedClient, error) {
	return post[api.CreatedClient](ctx, c, "", n, "clients")
}

// RenameClient gives a Client another name.
func (c *Client) RenameClient(ctx context.Context, name, to string) (api.Client, error) {
	return fetch[api.Client](ctx, c, request{method: http.MethodPatch, path: []string{"clients", name}, body: api.ClientPatch{Name: to}})
}

// ClientFeatures says of every Feature of a Space, "" being the one that the Client is in, why it sees it or does not.
func (c *Client) ClientFeatures(ctx context.Context, name, space string) (api.ClientFeatures, error) {
	return get[api.ClientFeatures](ctx, c, inSpace(space), "clients", name, "features")
}

// DeleteClient removes a Client with its keys and Grants.
func (c *Client) DeleteClient(ctx context.Context, name string) (api.Client, error) {
	return remove[api.Client](ctx, c, "", nil, "clients", name)
}

// SetClientMode chooses how a Client's Space is chosen.
func (c *Client) SetClientMode(ctx context.Context, name string, mode mcpmux.Mode, space string) (api.Client, error) {
	return fetch[api.Client](ctx, c, request{method: http.MethodPut, path: []string{"clients", name, "mode"}, body: api.ClientMode{Mode: mode, Space: space}})
}

// ApproveClient lets a Client in: what it waits for, named by its name or the code of its page, is approved; where it
// waits for nothing a denial is taken back.
func (c *Client) ApproveClient(ctx context.Context, name string, d api.Decision) (api.Client, error) {
	return post[api.Client](ctx, c, "", d, "clients", name, "approve")
}

// DenyClient denies what a Client waits for, or lets it in no longer.
func (c *Client) DenyClient(ctx context.Context, name string) (api.Client, error) {
	return post[api.Client](ctx, c, "", nil, "clients", name, "deny")
}

// LogoutClient ends a Client's logins; it has to ask again.
func (c *Client) LogoutClient(ctx context.Context, name string) (api.Client, error) {
	return remove[api.Client](ctx, c, "", nil, "clients", name, "authorizations")
}

// Requests lists the applications that wait to be let in.
func (c *Client) Requests(ctx context.Context) ([]api.Request, error) {
	return get[[]api.Request](ctx, c, nil, "requests")
}

// Grant lets a Client use a FeatureSet of a Space.
func (c *Client) Grant(ctx context.Context, name, set, space string) (api.Client, error) {
	return post[api.Client](ctx, c, "", api.ClientGrant{Set: set, Space: space}, "clients", name, "grants")
}

// Ungrant takes a FeatureSet of a Space from a Client.
func (c *Client) Ungrant(ctx context.Context, name, set, space string) (api.Client, error) {
	return remove[api.Client](ctx, c, "", api.ClientGrant{Set: set, Space: space}, "clients", name, "grants")
}

// Keys lists a Client's access keys.
func (c *Client) Keys(ctx context.Context, name string) ([]mcpmux.AccessKey, error) {
	return get[[]mcpmux.AccessKey](ctx, c, nil, "clients", name, "keys")
}

// CreateKey makes an access key.
func (c *Client) CreateKey(ctx context.Context, name string, n api.NewKey) (api.CreatedKey, error) {
	return post[api.CreatedKey](ctx, c, "", n, "clients", name, "keys")
}

// RevokeKey revokes an access key.
func (c *Client) RevokeKey(ctx context.Context, name string, key mcpmux.KeyID) (mcpmux.AccessKey, error) {
	return remove[mcpmux.AccessKey](ctx, c, "", nil, "clients", name, "keys", string(key))
}

// RotateKey makes an access key in place of another.
func (c *Client) RotateKey(ctx context.Context, name string, key mcpmux.KeyID, n api.RotatedKey) (api.CreatedKey, error) {
	return post[api.CreatedKey](ctx, c, "", n, "clients", name, "keys", string(key), "rotate")
}

// AnswerSwitch says whether a Client in mode ask moves to the Space that became active.
func (c *Client) AnswerSwitch(ctx context.Context, name string, accept bool) (api.Client, error) {
	return post[api.Client](ctx, c, "", api.SwitchAnswer{Accept: accept}, "clients", name, "switch")
}

// Elicitations lists the questions of Servers that wait for an answer.
func (c *Client) Elicitations(ctx context.Context) ([]api.Elicitation, error) {
	return get[[]api.Elicitation](ctx, c, nil, "elicitations")
}

// AnswerElicitation answers a question of a Server.
func (c *Client) AnswerElicitation(ctx context.Context, id string, answer api.ElicitAnswer) (api.Elicitation, error) {
	return post[api.Elicitation](ctx, c, "", answer, "elicitations", id)
}

// Call calls a tool by its qualified name as a Client, or for "" with everything of the active Space, and
// Call uses a tool, a prompt or a resource, and returns the result as the Server sent it.
func (c *Client) Call(ctx context.Context, call api.Call) (json.RawMessage, error) {
	return post[json.RawMessage](ctx, c, "", call, "call")
}

// Tools lists the tools that a Client sees, or for "" those of the active Space.
func (c *Client) Tools(ctx context.Context, client string) ([]api.Tool, error) {
	return get[[]api.Tool](ctx, c, map[string]string{"client": client}, "tools")
}

// Service says whether the system starts McpMux at login.
func (c *Client) Service(ctx context.Context) (api.Service, error) {
	return get[api.Service](ctx, c, nil, "service")
}

// InstallService has the system start McpMux at login.
func (c *Client) InstallService(ctx context.Context) (api.Service, error) {
	return post[api.Service](ctx, c, "", nil, "service")
}

// RemoveService takes that back.
func (c *Client) RemoveService(ctx context.Context) (api.Service, error) {
	return remove[api.Service](ctx, c, "", nil, "service")
}

// Secrets says where the master key is and whether stored values are open.
func (c *Client) Secrets(ctx context.Context) (api.Secrets, error) {
	return get[api.Secrets](ctx, c, nil, "secrets")
}

// LockSecrets makes the daemon forget the master key.
func (c *Client) LockSecrets(ctx context.Context) (api.Secrets, error) {
	return post[api.Secrets](ctx, c, "", nil, "secrets", "lock")
}

// UnlockSecrets makes the daemon look for the master key again, with a passphrase where it is made of one.
func (c *Client) UnlockSecrets(ctx context.Context, passphrase string) (api.Secrets, error) {
	return post[api.Secrets](ctx, c, "", api.Unlock{Passphrase: passphrase}, "secrets", "unlock")
}

// RekeySecrets replaces the master key by a new one in a place.
func (c *Client) RekeySecrets(ctx context.Context, to, passphrase string) (api.Secrets, error) {
	return post[api.Secrets](ctx, c, "", api.Rekey{To: to, Passphrase: passphrase}, "secrets", "rekey")
}

// Settings lists the settings.
func (c *Client) Settings(ctx context.Context) ([]api.Setting, error) {
	return get[[]api.Setting](ctx, c, nil, "settings")
}

// Setting is one setting.
func (c *Client) Setting(ctx context.Context, key string) (api.Setting, error) {
	return get[api.Setting](ctx, c, nil, "settings", key)
}

// SetSetting changes a setting.
func (c *Client) SetSetting(ctx context.Context, key, value string) (api.Setting, error) {
	return fetch[api.Setting](ctx, c, request{method: http.MethodPut, path: []string{"settings", key}, body: api.SettingValue{Value: value}})
}

// inSpace is the query that names a Space.
func inSpace(space string) map[string]string { return map[string]string{"space": space} }

func post[T any](ctx context.Context, c *Client, space string, body any, path ...string) (T, error) {
	return fetch[T](ctx, c, request{method: http.MethodPost, path: path, query: inSpace(space), body: body})
}

func remove[T any](ctx context.Context, c *Client, space string, body any, path ...string) (T, error) {
	return fetch[T](ctx, c, request{method: http.MethodDelete, path: path, query: inSpace(space), body: body})
}

// Applications lists the AI applications that are known.
func (c *Client) Applications(ctx context.Context) ([]api.Application, error) {
	return get[[]api.Application](ctx, c, nil, "applications")
}

// Application is one of them.
func (c *Client) Application(ctx context.Context, id string) (api.Application, error) {
	return get[api.Application](ctx, c, nil, "applications", id)
}

// PreviewImport says what servers a source has.
func (c *Client) PreviewImport(ctx context.Context, space string, source api.ImportSource) (api.ImportPreview, error) {
	return post[api.ImportPreview](ctx, c, space, source, "import", "preview")
}

// Import adds servers that PreviewImport has shown.
func (c *Client) Import(ctx context.Context, space string, chosen api.Import) (api.Imported, error) {
	return post[api.Imported](ctx, c, space, chosen, "import")
}
