package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpmux/mcpmux/internal/admin/api"
	"github.com/mcpmux/mcpmux/internal/mcpmux"
)

// loginFlags say how McpMux logs in to a Server that asks for OAuth.
type loginFlags struct {
	clientID, issuer, grant, method string
	metadataURL, redirectHost       string
	scopes                          []string
	fallback, keepAlive             bool
	secret, keyFile                 string
}

// loginNames are the names of the flags above.
var loginNames = []string{
	"client-id", "client-secret", "private-key", "issuer", "login-grant", "login-auth-method", "login-scope", "client-metadata-url",
	"redirect-host", "login-fallback", "login-keep-alive",
}

func (l *loginFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&l.clientID, "client-id", "", "client id that the server's login gave you, where McpMux cannot register itself")
	f.StringVar(&l.secret, "client-secret", "", "secret of that client id: @FILE, or - to be asked for it")
	f.StringVar(&l.keyFile, "private-key", "", "PEM file with the private key of that client id (private_key_jwt)")
	f.StringVar(&l.issuer, "issuer", "", "authorization server that the client id is of (default: the one that the first login meets)")
	f.StringVar(&l.grant, "login-grant", "", "how tokens are got: authorization_code (a browser), device_code, or client_credentials (nobody) (default: authorization_code)")
	f.StringVar(&l.method, "login-auth-method", "", "how McpMux proves itself: none, client_secret_basic, client_secret_post or private_key_jwt (default: what the authorization server prefers)")
	f.StringArrayVar(&l.scopes, "login-scope", nil, "scope to ask for beside those that the server asks for (repeatable)")
	f.StringVar(&l.metadataURL, "client-metadata-url", "", "https address of a client ID metadata document that describes your McpMux")
	f.StringVar(&l.redirectHost, "redirect-host", "", "host that the browser comes back to: 127.0.0.1 or localhost (default: 127.0.0.1)")
	f.BoolVar(&l.fallback, "login-fallback", false, "allow what MCP 2025-03-26 did: a login without protected resource metadata")
	f.BoolVar(&l.keepAlive, "login-keep-alive", false, "renew the login once a day even if nobody uses the server")
}

// apply changes what was given, and says whether anything was.
func (l *loginFlags) apply(cmd *cobra.Command, to *mcpmux.LoginConfig) (changed bool) {
	f := cmd.Flags()
	for name, text := range map[string]struct {
		to    *string
		value string
	}{
		"client-id":           {&to.ClientID, l.clientID},
		"issuer":              {&to.Issuer, l.issuer},
		"client-metadata-url": {&to.ClientMetadataURL, l.metadataURL},
		"redirect-host":       {&to.RedirectHost, l.redirectHost},
		"login-grant":         {(*string)(&to.Grant), l.grant},
		"login-auth-method":   {(*string)(&to.AuthMethod), l.method},
	} {
		if f.Changed(name) {
			*text.to, changed = text.value, true
		}
	}
	if f.Changed("login-scope") {
		to.Scopes, changed = slices.DeleteFunc(l.scopes, func(s string) bool { return s == "" }), true
	}
	if f.Changed("login-fallback") {
		to.Fallback, changed = l.fallback, true
	}
	if f.Changed("login-keep-alive") {
		to.KeepAlive, changed = l.keepAlive, true
	}
	return changed
}

// values are the secrets that were given. They are read last, so that nobody types one in vain.
func (l *loginFlags) values(cmd *cobra.Command, a *app) ([]api.Value, error) {
	var values []api.Value
	add := func(name, text string) {
		values = append(values, api.Value{Kind: mcpmux.ValueLogin, Name: name, Secret: true, Value: text})
	}
	if cmd.Flags().Changed("client-secret") {
		v := valueArg{kind: mcpmux.ValueLogin, secret: true, name: mcpmux.LoginClientSecret, text: l.secret, ask: l.secret == "-"}
		text, err := v.resolve(cmd.Context(), a, cmd)
		if err != nil {
			return nil, err
		}
		add(mcpmux.LoginClientSecret, text)
	}
	if cmd.Flags().Changed("private-key") {
		pem, err := os.ReadFile(l.keyFile)
		if err != nil {
			return nil, fmt.Errorf("read the private key: %w", err)
		}
		add(mcpmux.LoginPrivateKey, string(pem))
	}
	return values, nil
}

// forbidden refuses these flags for a command.
func (l *loginFlags) forbidden(cmd *cobra.Command) error {
	for _, name := range loginNames {
		if cmd.Flags().Changed(name) {
			return misused(cmd, "--%s is for a URL; a command has --env and --secret", name)
		}
	}
	return nil
}

// patch is what the flags change of a Server.
func (l *loginFlags) patch(cmd *cobra.Command, a *app, p *api.ServerPatch, current func() (api.Server, error)) error {
	given := slices.ContainsFunc(loginNames, func(name string) bool { return cmd.Flags().Changed(name) })
	if !given {
		return nil
	}
	server, err := current()
	if err != nil {
		return err
	}
	login := server.Login
	if l.apply(cmd, &login) {
		if p.Login, err = json.Marshal(login); err != nil {
			return err
		}
	}
	p.Put, err = l.values(cmd, a)
	return err
}
