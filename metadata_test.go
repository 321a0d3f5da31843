package grantor_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/token"
)

// get opens a URL without a browser's cookies.
func (f *fixture) get(rawURL string) *reply {
	f.t.Helper()
	return f.do(httptest.NewRequest(http.MethodGet, rawURL, nil))
}

// at moves the server to another issuer.
func at(iss string) func(*fixture) { return func(f *fixture) { f.config.Issuer = iss } }

const document = "/.well-known/oauth-authorization-server"

func TestMetadata(t *testing.T) {
	t.Run("MD-01, MD-04 the document says what this server can do", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Password = f.users })
		var pretty bytes.Buffer
		require.NoError(t, json.Indent(&pretty, []byte(f.get(issuer+document).body), "", "  "))
		golden(t, "metadata.json", pretty.String()+"\n")
	})
	t.Run("a server without sign-in and without keys promises neither", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Session, f.config.Interact, f.config.Keys, f.config.Resources, f.config.Scopes = nil, nil, nil, nil, nil
		})
		doc := f.get(issuer + document).json(t)
		for _, absent := range []string{"authorization_endpoint", "jwks_uri", "scopes_supported", "code_challenge_methods_supported", "response_modes_supported"} {
			require.NotContains(t, doc, absent)
		}
		require.Equal(t, []any{}, doc["response_types_supported"])
		for _, path := range []string{"/authorize", "/authorize/continue", "/jwks"} {
			require.Equal(t, http.StatusNotFound, f.get(issuer+path).StatusCode, path)
		}
	})
	for _, iss := range []string{"https://as.example", "https://as.example/t1", "https://as.example/a/b", "https://as.example:8443/t1", "http://127.0.0.1:9999"} {
		t.Run("MD-01 "+iss+" is found at every path a client may derive, and is byte for byte itself", func(t *testing.T) {
			f := newFixture(t, at(iss))
			u, err := url.Parse(iss)
			require.NoError(t, err)
			origin := u.Scheme + "://" + u.Host
			for _, name := range []string{"oauth-authorization-server", "openid-configuration"} {
				for _, where := range []string{origin + "/.well-known/" + name + u.Path, iss + "/.well-known/" + name} {
					res := f.get(where)
					require.Equal(t, http.StatusOK, res.StatusCode, where)
					require.Equal(t, "application/json", res.Header.Get("Content-Type"))
					doc := res.json(t)
					require.Equal(t, iss, doc["issuer"])
					for member, value := range doc {
						if s, ok := value.(string); ok && strings.HasSuffix(member, "_endpoint") && !strings.HasPrefix(s, iss+"/") {
							t.Errorf("%s is %s, outside the issuer", member, s)
						}
					}
				}
			}
			if u.Path != "" {
				require.Equal(t, http.StatusNotFound, f.get(origin+document).StatusCode, "the root is another issuer's")
			}
		})
	}
	t.Run("MD-06 any script may read metadata and keys, without credentials", func(t *testing.T) {
		f := newFixture(t)
		for _, path := range []string{document, "/jwks"} {
			r := httptest.NewRequest(http.MethodGet, issuer+path, nil)
			r.Header.Set("Origin", "https://evil.example")
			res := f.do(r)
			if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: got %v", path, res.Header)
			}
		}
	})
}

func TestNoRequestHeaderChangesWhoTheServerIs(t *testing.T) {
	f := newFixture(t)
	hostile := func(r *http.Request) *http.Request {
		r.Host = "evil.example"
		for name, value := range map[string]string{
			"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Prefix": "/evil",
			"Forwarded": "host=evil.example;proto=http;for=6.6.6.6", "X-Real-IP": "6.6.6.6", "X-Original-URL": "/jwks", "X-HTTP-Method-Override": "PUT",
		} {
			r.Header.Set(name, value)
		}
		return r
	}
	t.Run("MD-02, HT-10 metadata, tokens, redirects and cookies are the same under hostile headers", func(t *testing.T) {
		want := f.get(issuer + document).body
		require.Equal(t, want, f.do(hostile(httptest.NewRequest(http.MethodGet, issuer+document, nil))).body)

		res := f.do(hostile(f.request("/token", "conf-a", url.Values{"grant_type": {"client_credentials"}, "resource": {"https://jwt.example"}})))
		claims, err := f.server.Verify(t.Context(), res.str(t, "access_token"))
		require.NoError(t, err)
		require.Equal(t, issuer, claims.Issuer)

		page := httptest.NewRequest(http.MethodGet, issuer+"/authorize?"+request("conf-a").Encode(), nil)
		page.AddCookie(&http.Cookie{Name: "user", Value: "alice"})
		res = f.do(hostile(page))
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NotContains(t, res.body, "evil")
		for _, c := range res.Cookies() {
			if !c.Secure || c.Domain != "" || !strings.HasPrefix(c.Name, "__Host-") {
				t.Errorf("got cookie %v", c)
			}
		}
		res = f.do(hostile(httptest.NewRequest(http.MethodGet, issuer+"/authorize?"+request("conf-a").Encode(), nil)))
		if got := res.Header.Get("Location"); strings.Contains(got, "evil") {
			t.Errorf("redirected to %s", got)
		}
	})
	t.Run("HT-10 the peer in events is the one that is connected", func(t *testing.T) {
		r := f.request("/token", "conf-a", url.Values{"grant_type": {"nonsense"}})
		r.RemoteAddr = "192.0.2.7:4711"
		f.do(hostile(r))
		if got := f.events[len(f.events)-1].Remote; got != "192.0.2.7" {
			t.Errorf("got %q", got)
		}
	})
}

func TestWhatIsAdvertisedWorks(t *testing.T) {
	f := newFixture(t)
	doc := f.get(issuer + document).json(t)
	list := func(member string) (out []string) {
		for _, v := range doc[member].([]any) {
			out = append(out, v.(string))
		}
		return out
	}
	t.Run("MD-03 every endpoint answers, and no other path does", func(t *testing.T) {
		known := map[string]bool{}
		for member, value := range doc {
			if u, ok := value.(string); ok && (strings.HasSuffix(member, "_endpoint") || member == "jwks_uri") {
				known[strings.TrimPrefix(u, issuer)] = true
				if got := f.get(u).StatusCode; got == http.StatusNotFound {
					t.Errorf("%s: %s is not found", member, u)
				}
			}
		}
		require.Len(t, known, 5)
		for _, path := range []string{"/", "", "/par", "/register", "/userinfo", "/device_authorization", "/end_session", "/oauth/token", "/admin", "/debug/pprof/", "/token/", "//token", "/token%2f", "/./token"} {
			if got := f.get(issuer + path).StatusCode; got != http.StatusNotFound {
				t.Errorf("%q: got %d", path, got)
			}
		}
	})
	t.Run("MD-03 grant types that are not advertised are refused as unsupported", func(t *testing.T) {
		advertised := list("grant_types_supported")
		for _, grantType := range []string{
			"authorization_code", "refresh_token", "client_credentials", "password", "implicit",
			"urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer",
		} {
			code := f.post("/token", "conf-a", url.Values{"grant_type": {grantType}}).json(t)["error"]
			if got := code != "unsupported_grant_type"; got != slices.Contains(advertised, grantType) {
				t.Errorf("%s: advertised %v, answered %v", grantType, !got, code)
			}
		}
	})
	t.Run("MD-03 each advertised way to authenticate works, at every endpoint that lists it", func(t *testing.T) {
		for path, member := range map[string]string{
			"/token": "token_endpoint_auth_methods_supported", "/revoke": "revocation_endpoint_auth_methods_supported",
			"/introspect": "introspection_endpoint_auth_methods_supported",
		} {
			for _, method := range list(member) {
				form := url.Values{"token": {"x"}, "grant_type": {"refresh_token"}, "refresh_token": {"x"}}
				id, form := credentials(method, form)
				if got := f.post(path, id, form); got.StatusCode == http.StatusUnauthorized {
					t.Errorf("%s by %s: got %d %s", path, method, got.StatusCode, got.body)
				}
			}
		}
	})
	t.Run("MD-03 other ways to authenticate are refused", func(t *testing.T) {
		assertion := url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"m2m"}, "client_assertion": {"a.b.c"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}
		f.refused(f.post("/token", "", assertion), http.StatusUnauthorized, "invalid_client")
		f.refused(f.introspect("pub", "x"), http.StatusUnauthorized, "invalid_client")
	})
	t.Run("CR-3.6, MD-03 client_secret_jwt, which needs secrets in the clear, is offered nowhere and cannot be registered", func(t *testing.T) {
		require.NotContains(t, f.get(issuer+document).body, "client_secret_jwt")
		c := client.Client{ID: "x", AuthMethods: []string{"client_secret_jwt"}, Secrets: f.clients["m2m"].Secrets, GrantTypes: []string{"client_credentials"}}
		require.ErrorContains(t, c.Validate(), "client_secret_jwt")
	})
	t.Run("MD-03 each response type and mode works, and others are errors", func(t *testing.T) {
		require.Equal(t, []string{"code"}, list("response_types_supported"))
		require.Equal(t, []string{"query", "form_post"}, list("response_modes_supported"))
		b := f.browser("alice")
		b.code(request("conf-a"))
		res := b.authorize(request("conf-a", "response_mode", "form_post"))
		require.Contains(t, res.body, `name="code"`)
		for _, mode := range []string{"fragment", "jwt", "web_message"} {
			require.Equal(t, "invalid_request", b.authorize(request("conf-a", "response_mode", mode)).answer(t).Get("error"))
		}
	})
	t.Run("MD-03 scopes that are advertised can be had", func(t *testing.T) {
		for _, scope := range list("scopes_supported") {
			f.browser("alice").code(request("conf-a", "scope", scope))
		}
	})
}

// credentials presents a client by the method.
func credentials(method string, form url.Values) (id string, _ url.Values) {
	switch method {
	case "client_secret_basic":
		return "conf-a", form
	case "client_secret_post":
		form.Set("client_id", "conf-a")
		form.Set("client_secret", secrets["conf-a"])
		return "", form
	default:
		return "pub", form
	}
}

// keys are the members of the published key set, by kid.
func (f *fixture) keys() map[string]map[string]any {
	f.t.Helper()
	res := f.get(issuer + "/jwks")
	require.Equal(f.t, http.StatusOK, res.StatusCode)
	require.Equal(f.t, "application/jwk-set+json", res.Header.Get("Content-Type"))
	out := map[string]map[string]any{}
	for _, k := range res.json(f.t)["keys"].([]any) {
		k := k.(map[string]any)
		out[k["kid"].(string)] = k
	}
	require.Len(f.t, out, len(res.json(f.t)["keys"].([]any)), "a kid occurs twice")
	return out
}

func TestKeys(t *testing.T) {
	t.Run("MD-05 what is published is public, named, for signatures, and strong", func(t *testing.T) {
		var all []token.Key
		for _, alg := range []token.Algorithm{token.ES256, token.RS256, token.PS256, token.EdDSA} {
			k, err := token.GenerateKey(alg)
			require.NoError(t, err)
			all = append(all, k)
		}
		keys, err := token.NewStaticKeys(all...)
		require.NoError(t, err)
		f := newFixture(t, jwts, func(f *fixture) { f.config.Keys = keys })
		published := f.keys()
		require.Len(t, published, 4)
		for kid, k := range published {
			for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
				require.NotContains(t, k, private, kid)
			}
			if k["use"] != "sig" || k["alg"] == "" || k["kty"] == "oct" {
				t.Errorf("got %v", k)
			}
			if n, ok := k["n"].(string); ok {
				raw, err := base64.RawURLEncoding.DecodeString(n)
				require.NoError(t, err)
				require.GreaterOrEqual(t, new(big.Int).SetBytes(raw).BitLen(), 2048)
			}
		}
	})
	t.Run("MD-07 a key is published a day before it signs, and until its last token has expired", func(t *testing.T) {
		ring := &token.Ring{}
		f := newFixture(t, jwts, func(f *fixture) { ring.Now, f.config.Keys = f.now, ring })
		published := map[string]time.Time{} // when each was seen first
		signed := map[string]time.Time{}    // when each signed first
		var last, lastKid string
		for range 24 * 40 {
			before := last
			last = f.machineToken("m2m")
			kid := keyID(t, last)
			for k := range f.keys() {
				if _, seen := published[k]; !seen {
					published[k] = f.now()
				}
			}
			if _, seen := signed[kid]; !seen {
				signed[kid] = f.now()
				if len(signed) > 1 && f.now().Sub(published[kid]) < 23*time.Hour {
					t.Errorf("key %s signs %v after it was published", kid, f.now().Sub(published[kid]))
				}
				if before != "" {
					_, still := f.keys()[lastKid]
					require.True(t, still, "the old key went at once")
				}
			}
			lastKid = kid
			f.advance(9 * time.Minute)
			require.True(t, f.alive(last), "a token died with its key")
			f.advance(51 * time.Minute)
		}
		require.GreaterOrEqual(t, len(signed), 2, "nothing rotated in forty days")
	})
	t.Run("MD-09 a key dropped in an emergency takes its tokens along, and the next token has another", func(t *testing.T) {
		ring := &token.Ring{}
		f := newFixture(t, jwts, func(f *fixture) { ring.Now, f.config.Keys = f.now, ring })
		tok := f.machineToken("m2m")
		require.True(t, f.alive(tok))
		require.NoError(t, ring.Rotate(t.Context()))
		if f.alive(tok) {
			t.Errorf("its tokens live")
		}
		next := f.machineToken("m2m")
		if _, published := f.keys()[keyID(t, tok)]; published || keyID(t, next) == keyID(t, tok) || !f.alive(next) {
			t.Errorf("the key is still there, or signs, or its successor does not work")
		}
	})
}

func keyID(t *testing.T, jwt string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(jwt, ".")[0])
	require.NoError(t, err)
	var header struct{ Kid string }
	require.NoError(t, json.Unmarshal(raw, &header))
	return header.Kid
}

func TestMounting(t *testing.T) {
	const iss = "https://as.example/auth/t1"
	flow := func(t *testing.T, f *fixture, h http.Handler) {
		t.Helper()
		f.config.Issuer = iss
		for _, c := range []struct {
			method, target string
			want           int
		}{
			{http.MethodGet, iss + "/.well-known/oauth-authorization-server", http.StatusOK},
			{http.MethodGet, iss + "/.well-known/openid-configuration", http.StatusOK},
			{http.MethodGet, iss + "/jwks", http.StatusOK},
			{http.MethodHead, iss + "/jwks", http.StatusOK},
			{http.MethodPost, iss + "/token", http.StatusBadRequest},
			{http.MethodGet, iss + "/token", http.StatusMethodNotAllowed},
			{http.MethodGet, iss + "/authorize", http.StatusBadRequest},
			{http.MethodGet, iss + "/nothing", http.StatusNotFound},
		} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(c.method, c.target, nil))
			if w.Code != c.want {
				t.Errorf("%s %s: got %d, want %d", c.method, c.target, w.Code, c.want)
			}
		}
	}
	t.Run("the routes of a ServeMux answer, well-known paths at the root included", func(t *testing.T) {
		f := newFixture(t, at(iss))
		mux := http.NewServeMux()
		for pattern, h := range f.server.Routes() {
			mux.Handle(pattern, h)
		}
		flow(t, f, mux)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://as.example/.well-known/oauth-authorization-server/auth/t1", nil))
		require.Equal(t, http.StatusOK, w.Code)
	})
	t.Run("mounted under a prefix as it is", func(t *testing.T) {
		f := newFixture(t, at(iss))
		mux := http.NewServeMux()
		mux.Handle("/auth/", f.server)
		flow(t, f, mux)
	})
	t.Run("mounted under a prefix that is stripped, all of it or a part", func(t *testing.T) {
		for _, prefix := range []string{"/auth/t1", "/auth"} {
			f := newFixture(t, at(iss))
			mux := http.NewServeMux()
			mux.Handle(prefix+"/", http.StripPrefix(prefix, f.server))
			flow(t, f, mux)
		}
	})
	t.Run("tenants side by side do not answer for each other", func(t *testing.T) {
		mux := http.NewServeMux()
		for _, name := range []string{"t1", "t2"} {
			f := newFixture(t, at("https://as.example/"+name))
			mux.Handle("/"+name+"/", http.StripPrefix("/"+name, f.server))
		}
		for _, name := range []string{"t1", "t2"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://as.example/"+name+document, nil))
			require.Contains(t, w.Body.String(), `"issuer":"https://as.example/`+name+`"`)
		}
	})
	t.Run("leaving the loop over routes early is fine", func(t *testing.T) {
		for range newFixture(t).server.Routes() {
			break
		}
	})
	t.Run("a slash at the end, other case or dots make another path", func(t *testing.T) {
		f := newFixture(t, at(iss))
		for _, path := range []string{"/token/", "/Token", "/x/../token", "//token", "/authorize/continue/"} {
			require.Equal(t, http.StatusNotFound, f.get(iss+path).StatusCode, path)
		}
	})
	var _ http.Handler = (*grantor.Server)(nil)
}
