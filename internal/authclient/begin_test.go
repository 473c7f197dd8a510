package authclient

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpmux/mcpmux/internal/mcpmux"
	"github.com/mcpmux/mcpmux/internal/oauthtest"
	"github.com/mcpmux/mcpmux/internal/store"
)

// untouched wants nothing to have come to the authorization server but questions for its metadata.
func (w *world) untouched() {
	w.t.Helper()
	for _, endpoint := range []string{oauthtest.Register, oauthtest.Authorize, oauthtest.Token, oauthtest.Revoke, oauthtest.Device} {
		if n := w.at.Count(endpoint); n != 0 {
			w.t.Errorf("%s: %d requests", endpoint, n)
		}
	}
}

// Whatever is wrong with the metadata ends the login before anybody is sent anywhere, and a person reads why.
func TestBegin_WrongMetadataLeadNobodyAnywhere(t *testing.T) {
	t.Parallel()
	endpoint := func(name, address string) oauthtest.Script {
		return oauthtest.Script{ASM: oauthtest.Members{name: address}}
	}
	resource := func(address string) oauthtest.Script {
		return oauthtest.Script{PRM: oauthtest.Members{"resource": address}}
	}
	const methods = "code_challenge_methods_supported"
	for name, c := range map[string]struct {
		script oauthtest.Script
		says   string
	}{
		"resource of another origin":         {resource("https://evil.example/mcp"), "another resource"},
		"resource of another port":           {resource("http://127.0.0.1:1/mcp"), "another resource"},
		"resource beside":                    {resource("{origin}/mcp-evil"), "another resource"},
		"resource below":                     {resource("{origin}/mcp/below"), "another resource"},
		"resource of the authorization":      {resource("{as}"), "another resource"},
		"no resource":                        {resource(""), "another resource"},
		"no authorization server":            {oauthtest.Script{PRM: oauthtest.Members{"authorization_servers": []string{}}}, "no authorization server"},
		"authorization server in the cloud":  {oauthtest.Script{PRM: oauthtest.Members{"authorization_servers": []string{"http://169.254.169.254"}}}, "must not lead to"},
		"authorization server with a query":  {oauthtest.Script{PRM: oauthtest.Members{"authorization_servers": []string{"{as}?x=y"}}}, "query"},
		"authorization server without one":   {oauthtest.Script{ASMPlace: oauthtest.ASMNone}, "no metadata"},
		"issuer with a slash":                {endpoint("issuer", "{issuer}/"), "another authorization server"},
		"issuer of somebody else":            {endpoint("issuer", "https://evil.example"), "another authorization server"},
		"no issuer":                          {oauthtest.Script{ASM: oauthtest.Members{"issuer": nil}}, "another authorization server"},
		"no PKCE":                            {oauthtest.Script{ASM: oauthtest.Members{methods: nil}}, "S256"},
		"PKCE that proves nothing":           {oauthtest.Script{ASM: oauthtest.Members{methods: []string{"plain"}}}, "S256"},
		"PKCE in other case":                 {oauthtest.Script{ASM: oauthtest.Members{methods: []string{"s256"}}}, "S256"},
		"no authorization endpoint":          {oauthtest.Script{ASM: oauthtest.Members{"authorization_endpoint": nil}}, "no authorization endpoint"},
		"no token endpoint":                  {oauthtest.Script{ASM: oauthtest.Members{"token_endpoint": nil}}, "no token endpoint"},
		"a script to go to":                  {endpoint("authorization_endpoint", "javascript:alert(1)"), "plain web address"},
		"a file to go to":                    {endpoint("authorization_endpoint", "file:///etc/passwd"), "plain web address"},
		"a command to go to":                 {endpoint("authorization_endpoint", "$(calc)"), "plain web address"},
		"a flag to go to":                    {endpoint("authorization_endpoint", "--flag"), "plain web address"},
		"a user to go to":                    {endpoint("authorization_endpoint", "https://login.example@evil.example/"), "plain web address"},
		"an unencrypted place to go to":      {endpoint("authorization_endpoint", "http://10.0.0.1/authorize"), "must not lead to"},
		"tokens in the cloud":                {endpoint("token_endpoint", "http://169.254.169.254/token"), "must not lead to"},
		"tokens in a local network":          {endpoint("token_endpoint", "https://10.1.2.3/token"), "must not lead to"},
		"tokens in a mapped one":             {endpoint("token_endpoint", "https://[::ffff:10.0.0.1]/token"), "must not lead to"},
		"tokens at a number":                 {endpoint("token_endpoint", "http://2130706433/token"), "must not lead to"},
		"tokens at a hexadecimal one":        {endpoint("token_endpoint", "http://0x7f.1/token"), "must not lead to"},
		"registration in the cloud":          {endpoint("registration_endpoint", "http://169.254.169.254/"), "must not lead to"},
		"revocation in the cloud":            {endpoint("revocation_endpoint", "http://169.254.169.254/"), "must not lead to"},
		"devices in the cloud":               {endpoint("device_authorization_endpoint", "http://169.254.169.254/"), "must not lead to"},
		"nobody is registered":               {oauthtest.Script{ASM: oauthtest.Members{"registration_endpoint": nil}}, "--client-id"},
		"challenge that names a script":      {oauthtest.Script{Challenge: `Bearer resource_metadata="javascript:alert(1)"`}, "plain web address"},
		"challenge that names the cloud":     {oauthtest.Script{Challenge: `Bearer resource_metadata="http://169.254.169.254/latest"`}, "must not lead to"},
		"challenge that names nothing there": {oauthtest.Script{Challenge: `Bearer resource_metadata="{origin}/nothing"`}, "nothing is there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.script)
			id := w.server("gh", mcpmux.LoginConfig{})
			b, err := w.Begin(t.Context(), id, MethodBrowser, false)
			if err == nil || b.URL != "" || mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v %v, want %q", b, err, c.says)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("%d characters for a person to read", len(err.Error()))
			}
			w.untouched()
		})
	}
}

// Trouble is not the end: nobody is told that no login is possible, and the next one is.
func TestBegin_TroubleOnTheWayIsForLater(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{oauthtest.PRM, oauthtest.ASM, oauthtest.Register} {
		for name, answer := range map[string]oauthtest.Answer{
			"503": oauthtest.Busy(http.StatusServiceUnavailable, "5"), "429": oauthtest.Busy(http.StatusTooManyRequests, ""), "nothing": {Drop: true},
		} {
			t.Run(endpoint+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{endpoint: {answer}}})
				id := w.server("gh", mcpmux.LoginConfig{})
				if b, err := w.Begin(t.Context(), id, "", false); mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || !strings.Contains(err.Error(), "later") || b.URL != "" {
					t.Errorf("%+v %v", b, err)
				}
				w.at.Update(func(s *oauthtest.Script) { s.Answers = nil })
				if status := w.login(id); status != http.StatusOK {
					t.Errorf("afterwards: %d", status)
				}
			})
		}
	}
}

// What is posted to where somebody else named follows no redirect: not one byte of it.
func TestWorld_NothingThatIsPostedFollowsARedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			sink := oauthtest.NewSink(t)
			w := newWorld(t, oauthtest.Script{AuthMethods: []string{oauthtest.AuthBasic}})
			away := func(endpoint string) {
				w.at.Update(func(s *oauthtest.Script) {
					s.Answers = map[string][]oauthtest.Answer{endpoint: {oauthtest.Redirect(status, sink.URL()+"/stolen")}}
				})
			}
			id := w.server("gh", mcpmux.LoginConfig{})
			away(oauthtest.Register)
			if _, err := w.Begin(t.Context(), id, "", false); err == nil || !strings.Contains(err.Error(), "follow no redirect") {
				t.Errorf("registration: %v", err)
			}
			away(oauthtest.Device)
			if _, err := w.Begin(t.Context(), id, MethodDevice, false); err == nil || !strings.Contains(err.Error(), "follow no redirect") {
				t.Errorf("a code to type in: %v", err)
			}
			away(oauthtest.Token)
			if status := w.login(id); status != http.StatusBadRequest {
				t.Errorf("the code: %d", status)
			}
			away("")
			w.login(id)
			w.at.ExpireAll()
			away(oauthtest.Token)
			needs(t, w.renew(id), "follow no redirect")
			away("")
			w.login(id)
			away(oauthtest.Revoke)
			if _, err := w.Logout(t.Context(), id); err != nil {
				t.Error(err)
			}
			if sink.Connections() != 0 {
				t.Errorf("%d bytes came to the redirect's target", sink.Bytes())
			}
		})
	}
}

// One request for a code, for a refresh and for a revocation, each with the one proof that the authorization server takes.
func TestBegin_RegistersWithTheMethodThatIsTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		offered []string
		want    string
	}{
		"all":            {nil, oauthtest.AuthNone},
		"none":           {[]string{oauthtest.AuthNone}, oauthtest.AuthNone},
		"basic":          {[]string{oauthtest.AuthBasic}, oauthtest.AuthBasic},
		"post":           {[]string{oauthtest.AuthPost}, oauthtest.AuthPost},
		"basic and post": {[]string{oauthtest.AuthPost, oauthtest.AuthBasic}, oauthtest.AuthBasic},
		"key and post":   {[]string{oauthtest.AuthJWT, oauthtest.AuthPost}, oauthtest.AuthPost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{AuthMethods: c.offered})
			id := w.server("gh", mcpmux.LoginConfig{})
			if status := w.login(id); status != http.StatusOK {
				t.Fatalf("login: %d", status)
			}
			w.at.ExpireAll()
			if err := w.renew(id); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Logout(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			asked := slices.Concat(w.at.Requests(oauthtest.Token), w.at.Requests(oauthtest.Revoke))
			if len(asked) != 4 {
				t.Errorf("%d requests, want a code, a refresh and two revocations", len(asked))
			}
			for _, q := range asked {
				if q.Status != http.StatusOK || proofIn(q) != c.want {
					t.Errorf("%s: %d by %s, want %s", q.Endpoint, q.Status, proofIn(q), c.want)
				}
			}
		})
	}
}

// proofIn is how a client proved itself.
func proofIn(q oauthtest.Request) string {
	_, _, basic := (&http.Request{Header: q.Header}).BasicAuth()
	var all []string
	for method, is := range map[string]bool{
		oauthtest.AuthBasic: basic, oauthtest.AuthPost: q.Form.Has("client_secret"), oauthtest.AuthJWT: q.Form.Has("client_assertion"),
	} {
		if is {
			all = append(all, method)
		}
	}
	if all == nil {
		return oauthtest.AuthNone
	}
	return strings.Join(all, "+")
}

func TestBegin_RegistrationSaysWhatMcpMuxIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	if _, err := w.Begin(t.Context(), id, "", false); err != nil {
		t.Fatal(err)
	}
	var said struct {
		Type      string   `json:"application_type"`
		Redirects []string `json:"redirect_uris"`
		Grants    []string `json:"grant_types"`
		Responses []string `json:"response_types"`
		Method    string   `json:"token_endpoint_auth_method"`
	}
	if err := json.Unmarshal(w.at.Requests(oauthtest.Register)[0].Body, &said); err != nil {
		t.Fatal(err)
	}
	if said.Type != "native" || !slices.Equal(said.Redirects, []string{w.pages.URL + callbackPath}) || said.Method != "none" ||
		!slices.Equal(said.Responses, []string{"code"}) || !slices.Contains(said.Grants, "authorization_code") || !slices.Contains(said.Grants, "refresh_token") {
		t.Errorf("%+v", said)
	}
}

// A registration is for one redirect address, and lasts as long as its secret.
func TestBegin_RegistersAgainWhereARegistrationIsOfNoUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{AuthMethods: []string{oauthtest.AuthPost}, SecretLife: time.Hour})
	id := w.server("gh", mcpmux.LoginConfig{})
	for _, c := range []struct {
		what string
		then func()
		want int
	}{
		{"the first", func() {}, 1},
		{"another with it", func() {}, 1},
		{"the secret has ended", func() { w.pass(time.Hour) }, 2},
		{"another redirect address", func() {
			w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Login: mcpmux.LoginConfig{RedirectHost: "localhost"}})
		}, 3},
		{"another with that", func() { w.pass(-time.Hour) }, 3},
	} {
		c.then()
		b, err := w.Begin(t.Context(), id, "", true)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if n := w.at.Count(oauthtest.Register); n != c.want {
			t.Errorf("%s: %d registrations, want %d", c.what, n, c.want)
		}
		if c.want == 3 && !strings.HasPrefix(b.URL, "http://localhost:") {
			t.Errorf("it begins at %s, where the cookie would not be seen again", b.URL)
		}
	}
	if status := w.login(id); status != http.StatusOK {
		t.Errorf("login by localhost: %d", status)
	}
}

func TestBegin_RegistrationThatIsNoneEndsTheLogin(t *testing.T) {
	t.Parallel()
	const canary = "canary-3c81aa"
	jsonType := map[string]string{"Content-Type": "application/json"}
	for name, answer := range map[string]oauthtest.Answer{
		"refused":      {Status: 400, Header: jsonType, Body: `{"error":"invalid_redirect_uri","error_description":"` + canary + `"}`},
		"in HTML":      {Status: 403, Header: map[string]string{"Content-Type": "text/html"}, Body: "<script>" + canary + "</script>"},
		"no client id": {Status: 201, Header: jsonType, Body: `{"client_secret":"` + canary + `"}`},
		"odd types":    {Status: 201, Header: jsonType, Body: `{"client_id":{"` + canary + `":1}}`},
		"a line end":   {Status: 201, Header: jsonType, Body: `{"client_id":"` + canary + `\r\nX: y"}`},
		"no JSON":      {Status: 201, Header: jsonType, Body: canary},
		"too large":    {Status: 201, Header: jsonType, Size: 2 << 20, Body: canary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{Answers: map[string][]oauthtest.Answer{oauthtest.Register: {answer}}})
			id := w.server("gh", mcpmux.LoginConfig{})
			_, err := w.Begin(t.Context(), id, "", false)
			if mcpmux.CodeOf(err) != mcpmux.CodeUnavailable || strings.Contains(err.Error()+w.log.String(), canary) {
				t.Errorf("%v; log %s", err, w.log)
			}
			if all, _ := w.store.Credentials(t.Context(), id); len(all) != 0 {
				t.Errorf("%d registrations are kept", len(all))
			}
		})
	}
}

// Who McpMux is, in the order of MCP 2026-07-28: as the user says, by its document, by registration.
func TestBegin_ClientIsTheUsersElseADocumentElseRegistered(t *testing.T) {
	t.Parallel()
	const document = "https://mcpmux.test/client.json"
	by := []oauthtest.Client{{ID: "mine"}}
	for name, c := range map[string]struct {
		login         mcpmux.LoginConfig
		asm           oauthtest.Members
		want          string
		registrations int
	}{
		"by hand":                           {mcpmux.LoginConfig{ClientID: "mine", ClientMetadataURL: document}, nil, "mine", 0},
		"by its document":                   {mcpmux.LoginConfig{ClientMetadataURL: document}, nil, document, 0},
		"by its document, and none is told": {mcpmux.LoginConfig{ClientMetadataURL: document}, oauthtest.Members{"client_id_metadata_document_supported": nil}, "client-1", 1},
		"registered":                        {mcpmux.LoginConfig{}, nil, "client-1", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oauthtest.Script{Clients: by, ASM: c.asm})
			id := w.server("gh", c.login)
			if status := w.login(id); status != http.StatusOK {
				t.Fatalf("login: %d", status)
			}
			if got := w.at.Requests(oauthtest.Authorize)[0].Form.Get("client_id"); got != c.want {
				t.Errorf("client %q, want %q", got, c.want)
			}
			if n := w.at.Count(oauthtest.Register); n != c.registrations {
				t.Errorf("%d registrations", n)
			}
			w.mustUse(id)
		})
	}
}

func TestBegin_AsksForTheScopesThatAreAskedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script oauthtest.Script
		login  mcpmux.LoginConfig
		want   string
	}{
		"nobody says":          {oauthtest.Script{}, mcpmux.LoginConfig{}, ""},
		"the challenge":        {oauthtest.Script{ChallengeScope: "one", ResourceScopes: []string{"two", "three"}}, mcpmux.LoginConfig{}, "one"},
		"the metadata":         {oauthtest.Script{ResourceScopes: []string{"two", "three"}}, mcpmux.LoginConfig{}, "three two"},
		"the user as well":     {oauthtest.Script{ChallengeScope: "one"}, mcpmux.LoginConfig{Scopes: []string{"mine", "one"}}, "mine one"},
		"offline is there":     {oauthtest.Script{ChallengeScope: "one", Scopes: []string{"one", "offline_access"}}, mcpmux.LoginConfig{}, "offline_access one"},
		"offline is not there": {oauthtest.Script{ChallengeScope: "one", Scopes: []string{"one"}}, mcpmux.LoginConfig{}, "one"},
		"odd scopes":           {oauthtest.Script{ResourceScopes: []string{"two", "a b", "", "q\"", "é"}}, mcpmux.LoginConfig{}, "two"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.script)
			id := w.server("gh", c.login)
			if status := w.login(id); status != http.StatusOK {
				t.Fatalf("login: %d", status)
			}
			q := w.at.Requests(oauthtest.Authorize)[0].Form
			if q.Get("scope") != c.want || q.Has("scope") != (c.want != "") {
				t.Errorf("scope %q, want %q", q["scope"], c.want)
			}
		})
	}
}

// What the browser takes along, and what comes with the code, belong together.
func TestBegin_AuthorizationIsBoundToOneLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	var states, challenges []string
	for range 2 {
		w.login(id)
	}
	for i, q := range w.at.Requests(oauthtest.Authorize) {
		f, code := q.Form, w.at.Requests(oauthtest.Token)[i].Form
		if f.Get("response_type") != "code" || f.Get("code_challenge_method") != "S256" || f.Get("redirect_uri") != w.pages.URL+callbackPath ||
			!slices.Equal(f["resource"], []string{w.at.MCP()}) {
			t.Errorf("%v", f)
		}
		if code.Get("redirect_uri") != f.Get("redirect_uri") || !slices.Equal(code["resource"], f["resource"]) || len(code.Get("code_verifier")) < 43 {
			t.Errorf("%v", code)
		}
		if len(f.Get("state")) < 43 { // 256 bits
			t.Errorf("state of %d characters", len(f.Get("state")))
		}
		states, challenges = append(states, f.Get("state")), append(challenges, f.Get("code_challenge"))
	}
	if states[0] == states[1] || challenges[0] == challenges[1] {
		t.Error("two logins share what binds them")
	}
}

// Of several authorization servers the user's counts, then one where McpMux is known, then the first.
func TestBegin_AuthorizationServerIsTheUsersElseAKnownOneElseTheFirst(t *testing.T) {
	t.Parallel()
	other := oauthtest.New(t, oauthtest.Script{})
	w := newWorld(t, oauthtest.Script{PRM: oauthtest.Members{"authorization_servers": []string{"{issuer}", other.Issuer()}}})
	id := w.server("gh", mcpmux.LoginConfig{})
	begin := func(login mcpmux.LoginConfig) (string, error) {
		w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Login: login})
		b, err := w.Begin(t.Context(), id, MethodPaste, true)
		issuer, _, _ := strings.Cut(b.URL, "/authorize?")
		return issuer, err
	}
	if at, err := begin(mcpmux.LoginConfig{}); at != w.at.Issuer() {
		t.Errorf("the first: %s %v", at, err)
	}
	if at, err := begin(mcpmux.LoginConfig{Issuer: other.Issuer()}); at != other.Issuer() {
		t.Errorf("the user's: %s %v", at, err)
	}
	// The user changes it, and the first is asked for anew.
	if _, err := w.Logout(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := begin(mcpmux.LoginConfig{Issuer: other.Issuer()}); err != nil {
		t.Fatal(err)
	}
	if at, err := begin(mcpmux.LoginConfig{}); at != other.Issuer() {
		t.Errorf("the known one: %s %v", at, err)
	}
	if _, err := begin(mcpmux.LoginConfig{Issuer: "https://elsewhere.example"}); err == nil || !strings.Contains(err.Error(), "does not name") {
		t.Errorf("one that is not named: %v", err)
	}
	if n := other.Count(oauthtest.Register) + w.at.Count(oauthtest.Register); n != 3 {
		t.Errorf("%d registrations", n)
	}
}

// A person's program is given our own address and nothing that somebody else has written; it is good once.
func TestStart_AddressIsOursAndGoodOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{ASM: oauthtest.Members{"authorization_endpoint": "{issuer}/authorize?x=$(calc)&y=--flag"}})
	id := w.server("gh", mcpmux.LoginConfig{})
	b, err := w.Begin(t.Context(), id, MethodBrowser, false)
	if err != nil {
		t.Fatal(err)
	}
	ticket, ours := strings.CutPrefix(b.URL, w.pages.URL+startPath)
	if !ours || len(ticket) != 43 || strings.ContainsAny(ticket, "/?&=$") {
		t.Errorf("address %s", b.URL)
	}
	c := browser(t)
	resp, err := c.Get(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusFound || !strings.HasPrefix(resp.Header.Get("Location"), w.at.Issuer()+"/authorize?") {
		t.Errorf("%d to %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	k := resp.Cookies()[0]
	if !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != callbackPath || k.Domain != "" || k.MaxAge != int(loginLife.Seconds()) || len(k.Value) < 43 {
		t.Errorf("cookie %+v", k)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, address := range []string{b.URL, w.pages.URL + startPath + random(), w.pages.URL + startPath + "%2e%2e"} {
		if status, _ := open(t, c, address); status != http.StatusNotFound {
			t.Errorf("%s: %d", address, status)
		}
	}
}

// A Server has one login that waits for a browser, and all Servers together no more than there is room for.
func TestStart_OnlyTheLastOfAServerIsGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	var addresses []string
	for range 3 {
		b, err := w.Begin(t.Context(), id, MethodBrowser, false)
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, b.URL)
	}
	for i, want := range []int{http.StatusNotFound, http.StatusNotFound, http.StatusFound} {
		if status, _ := open(t, browser(t), addresses[i]); status != want {
			t.Errorf("address %d: %d, want %d", i, status, want)
		}
	}
	first := ""
	for i := range maxTickets + 1 {
		address := w.ticket(&begun{server: mcpmux.ServerID(strconv.Itoa(i)), expect: w.now().Add(loginLife)})
		if i == 0 {
			first = address
		}
		w.pass(time.Second)
	}
	w.Engine.mu.Lock()
	defer w.Engine.mu.Unlock()
	if len(w.tickets) != maxTickets {
		t.Errorf("%d logins wait", len(w.tickets))
	}
	for _, b := range w.tickets {
		if b.server == "0" {
			t.Errorf("the oldest is good: %s", first)
		}
	}
}

func TestBegin_AHeaderOfTheUsersLeavesNothingToLogInTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	r := w.refusal(id)
	w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Own: true})
	if _, err := w.Begin(t.Context(), id, "", true); mcpmux.CodeOf(err) != mcpmux.CodeConflict {
		t.Errorf("begin: %v", err)
	}
	needs(t, w.Renew(t.Context(), id, r), "set another one")
	if n := len(w.at.Log()); n != 1 {
		t.Errorf("%d requests", n-1)
	}
}

func TestBegin_UnknownMethodAndUnknownServerAreSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{})
	id := w.server("gh", mcpmux.LoginConfig{})
	if _, err := w.Begin(t.Context(), id, "telepathy", false); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
		t.Errorf("%v", err)
	}
	for _, address := range []string{"ftp://127.0.0.1/mcp", "http://169.254.169.254/mcp", "http://0x7f.1/mcp", ":", ""} {
		w.target(id, Target{Alias: "gh", URL: address})
		if _, err := w.Begin(t.Context(), id, "", false); mcpmux.CodeOf(err) != mcpmux.CodeInvalid {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// Two Spaces with one Server each, of one address, are two people there.
func TestLogin_TwoSpacesNeverMix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, oauthtest.Script{Life: 60})
	here := w.server("gh", mcpmux.LoginConfig{})
	work, _, err := w.store.CreateSpace(t.Context(), "work", "")
	if err != nil {
		t.Fatal(err)
	}
	srv, _, err := w.store.CreateServer(t.Context(), store.NewServer{
		Space: work.ID, Alias: "gh", Enabled: true, Definition: mcpmux.Definition{Transport: mcpmux.TransportHTTP, URL: w.at.MCP()},
	})
	if err != nil {
		t.Fatal(err)
	}
	there := srv.ID
	w.target(there, Target{Alias: "gh", URL: w.at.MCP()})
	w.login(here)
	w.at.Update(func(s *oauthtest.Script) { s.Account = "bob" })
	w.login(there)
	whose := map[mcpmux.ServerID]string{here: "alice", there: "bob"}
	check := func(when string) {
		t.Helper()
		seen := make(map[string]bool)
		for id, want := range whose {
			have, err := w.tokens(t.Context(), id)
			if err != nil || have == nil {
				t.Fatalf("%s: %v", when, err)
			}
			for _, token := range []string{have.Access, have.Refresh} {
				rec, _ := w.at.Record(token)
				if rec.Account != want || seen[token] {
					t.Errorf("%s: %s has a token of %s", when, want, rec.Account)
				}
				seen[token] = true
			}
			if seen[have.Client.ID] {
				t.Errorf("%s: both are the same client", when)
			}
			seen[have.Client.ID] = true
		}
	}
	check("logged in")
	for range 3 {
		w.pass(time.Minute) // both are over
		w.mustUse(here)
		w.mustUse(there)
	}
	check("renewed")
	if _, err := w.Logout(t.Context(), here); err != nil {
		t.Fatal(err)
	}
	w.mustUse(there)
	if r := w.use(here); r == nil {
		t.Error("the one that logged out is let in")
	}
}

// Tokens are for the address that they were given for. Where the values in it lead elsewhere, they are sent nowhere.
func TestAccess_TokensStayWhereTheyWereGivenFor(t *testing.T) {
	t.Parallel()
	for _, fallback := range []bool{false, true} {
		t.Run(strconv.FormatBool(fallback), func(t *testing.T) {
			t.Parallel()
			script := oauthtest.Script{}
			if fallback {
				script = oauthtest.Script{Shared: true, PRMPlace: oauthtest.PRMNone, AnyResource: true}
			}
			w := newWorld(t, script)
			id := w.server("gh", mcpmux.LoginConfig{Fallback: fallback})
			w.login(id)
			w.mustUse(id)
			elsewhere := oauthtest.New(t, oauthtest.Script{})
			w.target(id, Target{Alias: "gh", URL: elsewhere.MCP(), Login: mcpmux.LoginConfig{Fallback: fallback}})
			if access, err := w.Access(t.Context(), id); err != nil || access.Reveal() != "" {
				t.Errorf("tokens of one place are used at another: %v", err)
			}
			asked := w.at.Count(oauthtest.Token)
			needs(t, w.Renew(t.Context(), id, Refusal{Status: 401, Used: digestOf("")}), "another address")
			if w.at.Count(oauthtest.Token) != asked {
				t.Error("they were renewed")
			}
			w.target(id, Target{Alias: "gh", URL: w.at.MCP(), Login: mcpmux.LoginConfig{Fallback: fallback}})
			w.mustUse(id)
		})
	}
}
