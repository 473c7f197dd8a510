package oauthtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sign makes a JWT.
func sign(t *testing.T, alg, private string, claims map[string]any) string {
	t.Helper()
	block, _ := pem.Decode([]byte(private))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case *rsa.PrivateKey:
		if signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:]); err != nil {
			t.Fatal(err)
		}
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestClientCredentials_ByAssertion(t *testing.T) {
	for _, alg := range []string{"ES256", "RS256"} {
		private, public := NewKey(t, alg)
		other, _ := NewKey(t, alg)
		s := New(t, Script{Clients: []Client{{ID: "robot", PublicKey: public}}})
		w := newWalker(t, s)
		w.id = "robot"
		now := time.Now()
		good := map[string]any{"iss": "robot", "sub": "robot", "aud": s.Issuer(), "exp": now.Add(time.Minute).Unix(), "iat": now.Unix()}
		for name, c := range map[string]struct {
			change map[string]any
			key    string
			alg    string
		}{
			"":                {},
			"a list for aud":  {change: map[string]any{"aud": []string{s.Issuer()}}},
			"aud is token":    {change: map[string]any{"aud": s.Issuer() + "/token"}},
			"aud has a slash": {change: map[string]any{"aud": s.Issuer() + "/"}},
			"two aud":         {change: map[string]any{"aud": []string{s.Issuer(), "https://other.example"}}},
			"iss":             {change: map[string]any{"iss": "other"}},
			"sub":             {change: map[string]any{"sub": "other"}},
			"exp is far":      {change: map[string]any{"exp": now.Add(10 * time.Minute).Unix()}},
			"exp is past":     {change: map[string]any{"exp": now.Add(-time.Minute).Unix()}},
			"no exp":          {change: map[string]any{"exp": nil}},
			"no jti":          {change: map[string]any{"jti": nil}},
			"nbf":             {change: map[string]any{"nbf": now.Add(time.Minute).Unix()}},
			"other key":       {key: other},
			"none":            {alg: "none"},
		} {
			said := maps.Clone(good)
			said["jti"] = rand.Text()
			maps.Copy(said, c.change)
			use, with := private, alg
			if c.key != "" {
				use = c.key
			}
			if c.alg != "" {
				with = c.alg
			}
			assertion := sign(t, with, use, said)
			post := func() answer {
				return w.form(s.Issuer()+"/token", "grant_type", "client_credentials", "resource", s.MCP(), "client_assertion", assertion, "client_assertion_type", assertionType)
			}
			a := post()
			if ok := name == "" || name == "a list for aud"; ok != (a.StatusCode == http.StatusOK) {
				t.Errorf("%s %s: %d %s", alg, name, a.StatusCode, a.raw)
			}
			if name != "" {
				continue
			}
			if a.text("refresh_token") != "" {
				t.Error("a refresh token for client credentials")
			}
			w.want(w.call("/mcp", a.text("access_token"), "whoami"), 200, "robot")
			w.want(post(), 401, "jti must be new")
		}
	}
}

func TestClients_ProveThemselvesAsRegistered(t *testing.T) {
	const secret = "s:e/c r%et"
	for _, c := range []struct {
		name     string
		client   Client
		script   Script
		send     string // how the client proves itself
		secret   string
		status   int
		contains string
	}{
		{name: "basic", client: Client{Secret: secret}, send: AuthBasic, secret: secret, status: 200},
		{name: "post", client: Client{Secret: secret}, send: AuthPost, secret: secret, status: 200},
		{name: "wrong", client: Client{Secret: secret}, send: AuthBasic, secret: "x", status: 401, contains: "invalid_client"},
		{name: "none with a secret", client: Client{Secret: secret}, send: AuthNone, status: 401, contains: "invalid_client"},
		{name: "none for itself", client: Client{}, send: AuthNone, status: 400, contains: "unauthorized_client"},
		{name: "registered for post", client: Client{Secret: secret, AuthMethod: AuthPost}, send: AuthBasic, secret: secret, status: 401, contains: "invalid_client"},
		{name: "only basic", client: Client{Secret: secret}, script: Script{AuthMethods: []string{AuthBasic}}, send: AuthPost, secret: secret, status: 401, contains: "not supported"},
		{name: "expired", client: Client{Secret: secret, SecretExpires: time.Now().Add(-time.Hour)}, send: AuthBasic, secret: secret, status: 401, contains: "expired"},
		{name: "not for this grant", client: Client{Secret: secret, Grants: []string{"authorization_code"}}, send: AuthBasic, secret: secret, status: 400, contains: "unauthorized_client"},
		{name: "two ways", client: Client{Secret: secret}, send: "both", secret: secret, status: 400, contains: "invalid_request"},
	} {
		c.client.ID = "robot"
		c.script.Clients = []Client{c.client}
		s := New(t, c.script)
		w := newWalker(t, s)
		q := url.Values{"grant_type": {"client_credentials"}, "resource": {s.MCP()}}
		if c.send != AuthBasic {
			q.Set("client_id", "robot")
		}
		if c.send == AuthPost || c.send == "both" {
			q.Set("client_secret", c.secret)
		}
		r := w.request(http.MethodPost, s.Issuer()+"/token", "application/x-www-form-urlencoded", []byte(q.Encode()))
		if c.send == AuthBasic || c.send == "both" {
			r.SetBasicAuth("robot", url.QueryEscape(c.secret))
		}
		if a := w.do(r); a.StatusCode != c.status || c.contains != "" && a.text("error") != c.contains && !contains(a.text("error_description"), c.contains) {
			t.Errorf("%s: %d %s", c.name, a.StatusCode, a.raw)
		}
	}
}

func TestRegister_SecretsExpireAndClientsAreForgotten(t *testing.T) {
	s := New(t, Script{SecretLife: time.Hour})
	w := newWalker(t, s)
	a := w.register(AuthBasic)
	if end, _ := a.json["client_secret_expires_at"].(float64); time.Until(time.Unix(int64(end), 0)) < 50*time.Minute {
		t.Errorf("answer %s", a.raw)
	}
	w.want(w.login(), 200, "access_token")
	s.ExpireSecrets()
	w.want(w.login(), 401, "expired")
	s.ForgetClients()
	w.want(w.redeem("x", "y", s.MCP()), 401, "not known")
	s.Update(func(c *Script) {
		c.SecretLife, c.Registered = 0, Members{"client_name": "renamed", "token_endpoint_auth_method": nil}
	})
	a = w.register(AuthBasic)
	if a.json["client_secret_expires_at"] != 0.0 || a.text("client_name") != "renamed" || a.json["token_endpoint_auth_method"] != nil {
		t.Errorf("answer %s", a.raw)
	}
}

func TestRegister_RefusesWhatIsWrong(t *testing.T) {
	s := New(t, Script{AuthMethods: []string{AuthNone, AuthBasic}})
	w := newWalker(t, s)
	for body, want := range map[string]string{
		`{"redirect_uris":["http://127.0.0.1/cb"],"application_type":"native"}`:                                                "",
		`{"redirect_uris":["https://example.com/cb"]}`:                                                                         "",
		`{"redirect_uris":["http://127.0.0.1/cb"]}`:                                                                            "invalid_redirect_uri",
		`{"redirect_uris":["http://example.com/cb"],"application_type":"native"}`:                                              "invalid_redirect_uri",
		`{"redirect_uris":["https://example.com/cb#x"]}`:                                                                       "invalid_redirect_uri",
		`{"application_type":"native"}`:                                                                                        "invalid_redirect_uri",
		`{"redirect_uris":["http://127.0.0.1/cb"],"application_type":"native","token_endpoint_auth_method":"private_key_jwt"}`: "invalid_client_metadata",
		`{"redirect_uris":["http://127.0.0.1/cb"],"application_type":"native","grant_types":["password"]}`:                     "invalid_client_metadata",
		`[]`: "invalid_client_metadata",
	} {
		a := w.do(w.request(http.MethodPost, s.Issuer()+"/register", "application/json", []byte(body)))
		if a.text("error") != want || (a.StatusCode == http.StatusCreated) != (want == "") {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.raw)
		}
	}
	s.Update(func(c *Script) {
		c.ASM = Members{"registration_endpoint": nil, "revocation_endpoint": nil, "client_id_metadata_document_supported": nil}
	})
	w.want(w.register(AuthNone), 404, "")
	w.want(w.form(s.Issuer()+"/revoke", "token", "x"), 404, "")
	w.want(w.get(s.Issuer()+"/authorize?client_id=https%3A%2F%2Fapp.example%2Fa&redirect_uri="+url.QueryEscape(redirectURI)), 400, "not known")
}
