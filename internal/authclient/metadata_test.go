package authclient

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

func TestParseChallenge_BearerCountsAndNothingElse(t *testing.T) {
	const hint = `resource_metadata="https://example.com/meta?a=b,c"`
	whole := challenge{bearer: true, resourceMetadata: "https://example.com/meta?a=b,c", scope: "a b", err: "insufficient_scope"}
	for name, c := range map[string]struct {
		header []string
		want   challenge
	}{
		"whole":                        {[]string{`Bearer error="insufficient_scope", scope="a b", ` + hint}, whole},
		"of other letters":             {[]string{`BEARER ERROR=insufficient_scope,Scope="a  b",Resource_Metadata="https://example.com/meta?a=b,c"`}, whole},
		"after another":                {[]string{`Basic realm="a, Bearer scope=x", Bearer error="insufficient_scope", scope="a b", ` + hint}, whole},
		"before another":               {[]string{`Bearer error="insufficient_scope", scope="a b", ` + hint + `, DPoP algs="ES256"`}, whole},
		"in another header":            {[]string{`Basic realm="x"`, `Bearer error="insufficient_scope", scope="a b", ` + hint}, whole},
		"after a header that is wrong": {[]string{`Negotiate abc`, `"`, `Bearer error="insufficient_scope", scope="a b", ` + hint, `Digest "`}, whole},
		"the first of two":             {[]string{`Bearer scope="a"`, `Bearer scope="b"`}, challenge{bearer: true, scope: "a"}},
		"alone":                        {[]string{`Bearer`}, challenge{bearer: true}},
		"with a quote inside":          {[]string{`Bearer error="a\"b"`}, challenge{bearer: true, err: `a"b`}},
		"with scopes that are none":    {[]string{"Bearer scope=\"a \u00fc\"", `Bearer scope="b"`}, challenge{bearer: true}},
		"with too many scopes":         {[]string{`Bearer scope="` + strings.Repeat("a ", 2500) + `"`}, challenge{bearer: true}},
		"another":                      {[]string{`Basic realm="Bearer"`, `DPoP algs="ES256"`}, challenge{}},
		"without an end":               {[]string{`Bearer scope="a`}, challenge{}},
		"no parameters":                {[]string{`Bearer abc`}, challenge{}},
		"two commas":                   {[]string{`,,`, ``, ` `}, challenge{}},
		"too long":                     {[]string{`Bearer scope="a"` + strings.Repeat(",", maxChallenge)}, challenge{}},
		"far too long":                 {[]string{strings.Repeat(",", 10<<20)}, challenge{}}, // minutes, where time goes by its square
		"nothing":                      {nil, challenge{}},
	} {
		if got := parseChallenge(c.header); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func FuzzParseChallenge(f *testing.F) {
	for _, seed := range []string{
		`Bearer`, `bearer scope="a b"`, `Bearer realm="x", error="invalid_token", resource_metadata="https://example.com/.well-known/oauth-protected-resource/mcp"`,
		`Basic realm="a, Bearer b", Bearer scope=x`, `Negotiate YII=`, `Bearer a="\"`, `Bearer a="\`, `Bearer =`, `Bearer a=`, `,`, `"`, `Bearer ,a=b`, "Bearer a=\"\xff\"", `Bearer a=b c=d`,
	} {
		f.Add(seed, "")
		f.Add("", seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		got := parseChallenge([]string{a, b})
		if !got.bearer && got != (challenge{}) {
			t.Errorf("without Bearer there is %+v", got)
		}
		if got.bearer && !strings.Contains(strings.ToLower(a+b), "bearer") {
			t.Error("Bearer comes of nowhere")
		}
		if len(got.resourceMetadata)+len(got.scope)+len(got.err) > max(len(a), len(b)) {
			t.Errorf("more comes out than goes in: %+v", got)
		}
		if strings.ContainsAny(got.scope, "\"\\\r\n\t\x00") || strings.Join(strings.Fields(got.scope), " ") != got.scope {
			t.Errorf("scope %q is no list of scopes", got.scope)
		}
	})
}

// site answers with documents by path, 404 elsewhere, and writes down what it is asked.
type site struct {
	t *testing.T

	// mu guards the following.
	mu    sync.Mutex
	pages map[string]string // "%" stands for the site's own address; a number is a status
	asked []string
}

func newSite(t *testing.T, pages map[string]string) (*site, *web, string) {
	t.Helper()
	s := &site{t: t, pages: pages}
	w, at := localWeb(t, s.ServeHTTP)
	return s, w, at
}

func (s *site) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.EscapedPath())
	page, ok := s.pages[r.URL.EscapedPath()]
	status := map[string]int{"401": 401, "403": 403, "405": 405, "410": 410, "500": 500, "429": 429}[page]
	switch {
	case !ok:
		rw.WriteHeader(http.StatusNotFound)
	case status != 0:
		rw.WriteHeader(status)
	default:
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, strings.ReplaceAll(page, "%", "http://"+r.Host))
	}
}

func (s *site) was() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return strings.Join(asked, " ")
}

const (
	prm  = "/.well-known/oauth-protected-resource"
	asm  = "/.well-known/oauth-authorization-server"
	oidc = "/.well-known/openid-configuration"
)

func TestFindResource_LooksInOrderAndStopsAtWhatIsThere(t *testing.T) {
	const good = `{"resource":"%/a/mcp","authorization_servers":["%"],"scopes_supported":["x"]}`
	const above = `{"resource":"%","authorization_servers":["%"]}`
	const wrong = `{"resource":"https://elsewhere.example/","authorization_servers":["%"]}`
	for name, c := range map[string]struct {
		path, hint string
		pages      map[string]string
		asked      string
		found, bad bool
	}{
		"the hint alone":            {path: "/a/mcp", hint: "/meta", pages: map[string]string{"/meta": good, prm: wrong}, asked: "/meta", found: true},
		"a hint to nothing":         {path: "/a/mcp", hint: "/meta", pages: map[string]string{prm + "/a/mcp": good, prm: good}, asked: "/meta", bad: true},
		"a hint that is wrong":      {path: "/a/mcp", hint: "/meta", pages: map[string]string{"/meta": wrong, prm: good}, asked: "/meta", bad: true},
		"a hint with another ear":   {path: "/a/mcp", hint: "/meta", pages: map[string]string{"/meta": "405", prm: good}, asked: "/meta", bad: true},
		"the path":                  {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": good, prm: wrong}, asked: prm + "/a/mcp", found: true},
		"the path with a slash":     {path: "/a/mcp/", pages: map[string]string{prm + "/a/mcp": good}, asked: prm + "/a/mcp", found: true},
		"the path as it is written": {path: "/a%2Fmcp", pages: map[string]string{prm + "/a%2Fmcp": `{"resource":"%/","authorization_servers":["%"]}`}, asked: prm + "/a%2Fmcp", found: true},
		"then the root":             {path: "/a/mcp", pages: map[string]string{prm: above}, asked: prm + "/a/mcp " + prm, found: true},
		"then, after 405":           {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": "405", prm: above}, asked: prm + "/a/mcp " + prm, found: true},
		"the root once":             {path: "/", pages: map[string]string{}, asked: prm},
		"the origin":                {path: "", pages: map[string]string{prm: above}, asked: prm, found: true},
		"nowhere":                   {path: "/a/mcp", pages: map[string]string{}, asked: prm + "/a/mcp " + prm},
		"of another":                {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": wrong, prm: above}, asked: prm + "/a/mcp", bad: true},
		"not for us":                {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": "401", prm: above}, asked: prm + "/a/mcp", bad: true},
		"forbidden":                 {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": "403", prm: above}, asked: prm + "/a/mcp", bad: true},
		"gone":                      {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": "410", prm: above}, asked: prm + "/a/mcp", bad: true},
		"broken":                    {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": `{`, prm: above}, asked: prm + "/a/mcp", bad: true},
		"null":                      {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": `null`, prm: above}, asked: prm + "/a/mcp", bad: true},
		"empty":                     {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": `{}`, prm: above}, asked: prm + "/a/mcp", bad: true},
		"without anybody":           {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": `{"resource":"%/a/mcp"}`, prm: above}, asked: prm + "/a/mcp", bad: true},
		"of nobody":                 {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": `{"resource":"%/a/mcp","authorization_servers":[]}`, prm: above}, asked: prm + "/a/mcp", bad: true},
		"of one who is wrong":       {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": `{"resource":"%/a/mcp","authorization_servers":["%","https://10.0.0.1"]}`, prm: above}, asked: prm + "/a/mcp", bad: true},
		"of one with a query":       {path: "/a/mcp", pages: map[string]string{prm + "/a/mcp": `{"resource":"%/a/mcp","authorization_servers":["%?a=b"]}`, prm: above}, asked: prm + "/a/mcp", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, w, at := newSite(t, c.pages)
			hint := c.hint
			if hint != "" {
				hint = at + hint
			}
			res, err := w.findResource(t.Context(), parse(t, at+c.path), hint)
			if (res != nil) != c.found || isMetadata(err) != c.bad || (err == nil) == c.bad {
				t.Errorf("%+v, %v", res, err)
			}
			if asked := s.was(); asked != c.asked {
				t.Errorf("asked %s, want %s", asked, c.asked)
			}
			if c.found && !slices.Equal(res.Issuers, []string{at}) {
				t.Errorf("issuers %v", res.Issuers)
			}
		})
	}
}

func TestFindResource_TroubleIsNotNothing(t *testing.T) {
	for _, status := range []string{"500", "429"} {
		s, w, at := newSite(t, map[string]string{prm + "/mcp": status, prm: `{"resource":"%","authorization_servers":["%"]}`})
		res, err := w.findResource(t.Context(), parse(t, at+"/mcp"), "")
		if res != nil || err == nil || isMetadata(err) || s.was() != prm+"/mcp" {
			t.Errorf("%s: %v, %v", status, res, err)
		}
	}
}

func TestFindResource_HintLeadsNowhereForbidden(t *testing.T) {
	n := &nets{names: map[string][]string{"inward.example.com": {"10.0.0.1"}}}
	w := publicWeb(t, n, nil)
	for _, hint := range append(append([]string{"https://inward.example.com/meta", "http://mcp.example.com/meta"}, inward...), nonsense[1:]...) {
		res, err := w.findResource(t.Context(), parse(t, "https://mcp.example.com/mcp"), hint)
		if res != nil || !isMetadata(err) {
			t.Errorf("%q: %v, %v", hint, res, err)
		}
	}
	if egress := n.egress(); len(egress) > 0 {
		t.Errorf("dialled %v", egress)
	}
}

func TestFindResource_ScopesAreScopes(t *testing.T) {
	_, w, at := newSite(t, map[string]string{prm: `{"resource":"%/","authorization_servers":["%"],"scopes_supported":["a","","b c","d\"e","f\u00fc","g:h/i.j"," k","l\n"]}`})
	res, err := w.findResource(t.Context(), parse(t, at), "")
	if err != nil || !slices.Equal(res.Scopes, []string{"a", "g:h/i.j"}) {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestCovers_SameOriginAndSegmentBySegment(t *testing.T) {
	for server, resources := range map[string]map[string]bool{
		"https://h.example/api/mcp": {
			"https://h.example/api/mcp": true, "https://h.example/api/mcp/": true, "https://h.example/api": true, "https://h.example/api/": true,
			"https://h.example": true, "https://h.example/": true, "https://H.example/api": true,
			"https://h.example/ap": false, "https://h.example/api-evil/mcp": false, "https://h.example/api/mcp2": false, "https://h.example/api/mcp/x": false,
			"https://h.example/api/m": false, "https://h.example/API/mcp": false, "https://h.example//": false, "https://h.example/api//": false,
			"https://h.example/api/../api/mcp": false, "https://h.example/..": false, "https://h.example/api/%6dcp": false, "https://h.example/%2e%2e": false,
			"http://h.example/api/mcp": false, "https://h.example:443/api/mcp": false, "https://h.example:8443/api/mcp": false, "https://h.example.evil.example/api/mcp": false,
			"https://evil.example/api/mcp": false, "https://evil.example/h.example/api/mcp": false, "https://x.h.example/api/mcp": false, "https://example/api/mcp": false,
			"https://h.example@evil.example/api/mcp": false, "https://evil.example@h.example/api/mcp": false, "https://h.example/api/mcp#x": false, "https://h.example/api/mcp?x=y": false,
			"": false, "/api/mcp": false, "//h.example/api/mcp": false, "h.example": false, "https:h.example/api/mcp": false, "javascript:alert(1)": false, "urn:h.example": false, "https://h.example/\x7f": false,
		},
		"https://h.example/api-evil/mcp": {"https://h.example/api": false, "https://h.example/api/": false, "https://h.example/api-evil": true},
		"https://h.example":              {"https://h.example": true, "https://h.example/": true, "https://h.example/api": false, "https://h.example/mcp": false},
		"https://h.example/":             {"https://h.example": true, "https://h.example/": true, "https://h.example/api": false},
		"https://h.example/mcp?team=a":   {"https://h.example/mcp": true, "https://h.example/mcp?team=a": true, "https://h.example/mcp?team=b": false, "https://h.example/?team=b": false},
		"http://127.0.0.1:3000/mcp":      {"http://127.0.0.1:3000/mcp": true, "http://127.0.0.1:3001/mcp": false, "http://localhost:3000/mcp": false},
	} {
		for resource, want := range resources {
			if got := covers(resource, parse(t, server)); got != want {
				t.Errorf("%q covers %s: %v, want %v", resource, server, got, want)
			}
		}
	}
}

func TestFindIssuer_LooksInOrderAndStopsAtWhatIsThere(t *testing.T) {
	const endpoints = `"authorization_endpoint":"%/authorize","token_endpoint":"%/token","code_challenge_methods_supported":["S256"]}`
	const root, tenant, slash = `{"issuer":"%",` + endpoints, `{"issuer":"%/t/1",` + endpoints, `{"issuer":"%/",` + endpoints
	for name, c := range map[string]struct {
		path       string
		pages      map[string]string
		asked      string
		found, bad bool
	}{
		"OAuth's":                  {pages: map[string]string{asm: root, oidc: slash}, asked: asm, found: true},
		"then OpenID's":            {pages: map[string]string{oidc: root}, asked: asm + " " + oidc, found: true},
		"with a slash":             {path: "/", pages: map[string]string{asm: slash}, asked: asm, found: true},
		"nowhere":                  {pages: map[string]string{}, asked: asm + " " + oidc},
		"a path inserted":          {path: "/t/1", pages: map[string]string{asm + "/t/1": tenant, asm: root, oidc: root}, asked: asm + "/t/1", found: true},
		"a path in OpenID's":       {path: "/t/1", pages: map[string]string{oidc + "/t/1": tenant}, asked: asm + "/t/1 " + oidc + "/t/1", found: true},
		"a path before OpenID's":   {path: "/t/1", pages: map[string]string{"/t/1" + oidc: tenant}, asked: asm + "/t/1 " + oidc + "/t/1 /t/1" + oidc, found: true},
		"a path, and after 405":    {path: "/t/1", pages: map[string]string{asm + "/t/1": "405", oidc + "/t/1": tenant}, asked: asm + "/t/1 " + oidc + "/t/1", found: true},
		"a path, but never root's": {path: "/t/1", pages: map[string]string{asm: tenant, oidc: tenant}, asked: asm + "/t/1 " + oidc + "/t/1 /t/1" + oidc},
		"a path as it is written":  {path: "/t%2F1", pages: map[string]string{}, asked: asm + "/t%2F1 " + oidc + "/t%2F1 /t%2F1" + oidc},
		"a path with a slash":      {path: "/t/1/", pages: map[string]string{}, asked: asm + "/t/1 " + oidc + "/t/1 /t/1" + oidc},
		"of another":               {pages: map[string]string{asm: slash, oidc: root}, asked: asm, bad: true},
		"broken":                   {pages: map[string]string{asm: `{"issuer":`, oidc: root}, asked: asm, bad: true},
		"null":                     {pages: map[string]string{asm: `null`, oidc: root}, asked: asm, bad: true},
		"forbidden":                {pages: map[string]string{asm: "403", oidc: root}, asked: asm, bad: true},
		"in part":                  {pages: map[string]string{asm: `{"issuer":"%","authorization_endpoint":"%/authorize"}`, oidc: root}, asked: asm, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, w, at := newSite(t, c.pages)
			m, err := w.findIssuer(t.Context(), at+c.path)
			if (m != nil) != c.found || isMetadata(err) != c.bad || (err == nil) == c.bad {
				t.Errorf("%+v, %v", m, err)
			}
			if asked := s.was(); asked != c.asked {
				t.Errorf("asked %s, want %s", asked, c.asked)
			}
		})
	}
}

func TestFindIssuer_TroubleIsNotNothing(t *testing.T) {
	s, w, at := newSite(t, map[string]string{asm: "500"})
	m, err := w.findIssuer(t.Context(), at)
	if m != nil || err == nil || isMetadata(err) || s.was() != asm {
		t.Errorf("%v, %v", m, err)
	}
}

// issuerDoc is good metadata of an issuer, with members changed; nil takes one away.
func issuerDoc(issuer string, changes map[string]any) map[string]any {
	doc := map[string]any{
		"issuer": issuer, "authorization_endpoint": "https://auth.example.com/authorize", "token_endpoint": "https://auth.example.com/token",
		"code_challenge_methods_supported": []string{"plain", "S256"},
	}
	for k, v := range changes {
		doc[k] = v
		if v == nil {
			delete(doc, k)
		}
	}
	return doc
}

// readIssuer has w read and check a document as if an issuer had sent it.
func readIssuer(t *testing.T, w *web, issuer string, doc any) (*issuerMetadata, error) {
	t.Helper()
	body, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return w.issuerOf(issuer, body)
}

func (w *web) issuerOf(issuer string, body []byte) (*issuerMetadata, error) {
	m := &issuerMetadata{}
	if _, err := readDocument(issuer, jsonAnswer(body), m); err != nil {
		return nil, err
	}
	return m, w.checkIssuer(issuer, m)
}

func jsonAnswer(body []byte) answer {
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

func TestCheckIssuer_NameIsTheSameByteByByte(t *testing.T) {
	w := publicWeb(t, &nets{}, nil)
	const issuer = "https://auth.example.com/t"
	if m, err := readIssuer(t, w, issuer, issuerDoc(issuer, nil)); err != nil || m.requireCode() != nil {
		t.Errorf("%+v, %v", m, err)
	}
	for _, other := range []any{
		"https://auth.example.com/t/", "https://auth.example.com", "https://auth.example.com/T", "https://AUTH.example.com/t", "HTTPS://auth.example.com/t",
		"https://auth.example.com:443/t", "http://auth.example.com/t", "https://auth.example.com/%74", "https://auth.example.com/t?", "https://auth.example.com/t#",
		" https://auth.example.com/t", "https://auth.example.com/t\n", "https://evil.example.com/t", "", nil,
	} {
		if _, err := readIssuer(t, w, issuer, issuerDoc(issuer, map[string]any{"issuer": other})); !isMetadata(err) {
			t.Errorf("%q passes for %q: %v", other, issuer, err)
		}
	}
}

func TestCheckIssuer_EveryEndpointIsChecked(t *testing.T) {
	n := &nets{}
	w := publicWeb(t, n, nil)
	const issuer = "https://auth.example.com"
	for _, member := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "device_authorization_endpoint"} {
		for _, address := range append(slices.Clone(nonsense[1:]), inward...) {
			if _, err := readIssuer(t, w, issuer, issuerDoc(issuer, map[string]any{member: address})); !isMetadata(err) {
				t.Errorf("%s %q passes: %v", member, address, err)
			}
		}
	}
	if _, err := readIssuer(t, w, issuer, issuerDoc(issuer, map[string]any{"token_endpoint": nil})); !isMetadata(err) {
		t.Errorf("no token endpoint: %v", err)
	}
	if egress := n.egress(); len(egress) > 0 {
		t.Errorf("dialled %v", egress)
	}
}

func TestRequireCode_S256AndAnEndpointAreSaid(t *testing.T) {
	w := publicWeb(t, &nets{}, nil)
	const issuer = "https://auth.example.com"
	for name, c := range map[string]struct {
		changes map[string]any
		want    bool
	}{
		"S256":         {map[string]any{"code_challenge_methods_supported": []string{"S256"}}, true},
		"both":         {nil, true},
		"absent":       {map[string]any{"code_challenge_methods_supported": nil}, false},
		"empty":        {map[string]any{"code_challenge_methods_supported": []string{}}, false},
		"plain":        {map[string]any{"code_challenge_methods_supported": []string{"plain"}}, false},
		"s256":         {map[string]any{"code_challenge_methods_supported": []string{"s256", "S256 ", "S-256"}}, false},
		"no endpoint":  {map[string]any{"authorization_endpoint": nil}, false},
		"one too many": {map[string]any{"authorization_endpoint": ""}, false},
	} {
		m, err := readIssuer(t, w, issuer, issuerDoc(issuer, c.changes)) // good for who needs no code
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := m.requireCode(); (err == nil) != c.want || err != nil && !isMetadata(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFindIssuer_MembersOfOtherSpecificationsAreRead(t *testing.T) {
	w := publicWeb(t, &nets{}, nil)
	const issuer = "https://auth.example.com"
	m, err := readIssuer(t, w, issuer, issuerDoc(issuer, map[string]any{
		"device_authorization_endpoint": issuer + "/device", "authorization_response_iss_parameter_supported": true, "registration_endpoint": issuer + "/register",
		"revocation_endpoint": issuer + "/revoke", "client_id_metadata_document_supported": true, "scopes_supported": []string{"offline_access"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if m.DeviceAuthorizationEndpoint != issuer+"/device" || !m.SendsIss || m.RegistrationEndpoint != issuer+"/register" || m.RevocationEndpoint != issuer+"/revoke" ||
		!m.ClientIDMetadataDocumentSupported || !slices.Equal(m.ScopesSupported, []string{"offline_access"}) {
		t.Errorf("%+v", m)
	}
}

func TestMetadata_ErrorsQuoteNoDocument(t *testing.T) {
	long := strings.Repeat("canary", 1000)
	w := publicWeb(t, &nets{}, nil)
	const issuer = "https://auth.example.com"
	for name, doc := range map[string]any{
		"issuer": issuerDoc(issuer, map[string]any{"issuer": long}), "endpoint": issuerDoc(issuer, map[string]any{"token_endpoint": "http://" + long + "/"}),
		"user": issuerDoc(issuer, map[string]any{"token_endpoint": "https://a:canary@example.com/"}), "escape": issuerDoc(issuer, map[string]any{"issuer": "\x1b[2Jcanary\u009b"}),
		"types": issuerDoc(issuer, map[string]any{"token_endpoint": []string{"canary"}}),
	} {
		_, err := readIssuer(t, w, issuer, doc)
		if !isMetadata(err) || len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\x1b\u009b") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// usable is what an accepted address must be, judged by another way than the product's.
func usable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || strings.ContainsAny(address, "#\\ \r\n") {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return host != "" && host != "localhost" && !strings.HasSuffix(host, ".localhost") && strings.Trim(last, "0123456789") != "" && !strings.ContainsAny(host, "$;()%:[]@/")
}

func FuzzResourceMetadata_NothingUncheckedPasses(f *testing.F) {
	seeds := []string{
		`{"resource":"https://mcp.example.com/mcp","authorization_servers":["https://auth.example.com"],"scopes_supported":["a","b c"]}`, `{"resource":"https://mcp.example.com"}`, `null`, `[]`, `{`,
		`{"resource":"https://mcp.example.com/","RESOURCE":"https://evil.example","authorization_servers":["https://a.example"]}`, `{"resource":"https://mcp.example.com/m","authorization_servers":["https://a.example"]}`,
	}
	for _, address := range append(slices.Clone(nonsense), inward...) {
		doc, err := json.Marshal(map[string]any{"resource": "https://mcp.example.com", "authorization_servers": []string{"https://auth.example.com/x", address}})
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, string(doc))
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	w := &web{zone: public}
	server := &url.URL{Scheme: "https", Host: "mcp.example.com", Path: "/mcp"}
	f.Fuzz(func(t *testing.T, body []byte) {
		var doc oauthex.ProtectedResourceMetadata
		if _, err := readDocument("https://mcp.example.com", jsonAnswer(body), &doc); err != nil {
			return
		}
		res, err := w.checkResource(server, &doc)
		if err != nil {
			if res != nil || !isMetadata(err) {
				t.Errorf("%v, %v", res, err)
			}
			return
		}
		if rest, ok := cutFold(res.Resource, "https://mcp.example.com"); !ok || strings.Trim(rest, "/?") != "" && rest != "/mcp" && rest != "/mcp/" && rest != "/mcp?" && rest != "/mcp/?" {
			t.Errorf("resource %q passes", res.Resource)
		}
		if len(res.Issuers) == 0 || slices.ContainsFunc(res.Issuers, func(a string) bool { return !usable(a) || strings.Contains(a, "?") }) {
			t.Errorf("issuers %q pass", res.Issuers)
		}
		if slices.ContainsFunc(res.Scopes, func(s string) bool { return s == "" || strings.ContainsAny(s, " \"\\\r\n") }) {
			t.Errorf("scopes %q pass", res.Scopes)
		}
	})
}

func cutFold(text, prefix string) (string, bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return "", false
	}
	return text[len(prefix):], true
}

func FuzzIssuerMetadata_NothingUncheckedPasses(f *testing.F) {
	const issuer = "https://auth.example.com"
	seeds := []string{`null`, `{}`, `{"issuer":"https://auth.example.com","ISSUER":"https://evil.example","token_endpoint":"https://a.example"}`}
	for _, address := range append(slices.Clone(nonsense), inward...) {
		for _, member := range []string{"issuer", "authorization_endpoint", "token_endpoint", "device_authorization_endpoint"} {
			doc, err := json.Marshal(issuerDoc(issuer, map[string]any{member: address}))
			if err != nil {
				f.Fatal(err)
			}
			seeds = append(seeds, string(doc))
		}
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	w := &web{zone: public}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := w.issuerOf(issuer, body)
		if err != nil {
			if !isMetadata(err) {
				t.Error(err)
			}
			return
		}
		if m.Issuer != issuer || !usable(m.TokenEndpoint) {
			t.Errorf("%+v passes", m)
		}
		for _, address := range []string{m.AuthorizationEndpoint, m.RegistrationEndpoint, m.RevocationEndpoint, m.DeviceAuthorizationEndpoint} {
			if address != "" && !usable(address) {
				t.Errorf("endpoint %q passes", address)
			}
		}
		if m.requireCode() == nil && (m.AuthorizationEndpoint == "" || !slices.Contains(m.CodeChallengeMethodsSupported, "S256")) {
			t.Errorf("nobody protects a code at %+v", m)
		}
	})
}
