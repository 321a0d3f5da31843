package grantor_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func FuzzBasicHeader(f *testing.F) {
	for _, seed := range []string{
		"Basic bTJtOng=", "basic  bTJt", "Basic", "Basic ", "Basic Og==", "Basic bTJtOg==", "Basic JTAwOiUwMA==",
		"Bearer x", "Basic bTJtOiV6eg==", "Basic =", "Basic\tbTJtOng=", "Digest username=m2m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		fix := newFixture(t)
		r := fix.request("/token", "", url.Values{"grant_type": {"client_credentials"}})
		r.Header["Authorization"] = []string{header}
		res := fix.do(r)
		if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusBadRequest {
			t.Errorf("header %q: got %d %s", header, res.StatusCode, res.body)
		}
	})
}

func FuzzScope(f *testing.F) {
	for _, seed := range []string{"read", "read write", " read", "read  write", "read\twrite", `re"ad`, "réad", "read read", "openid", ""} {
		f.Add(seed)
	}
	fix := newFixture(&testing.T{})
	f.Fuzz(func(t *testing.T, scope string) {
		fix.t = t
		res := fix.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
		switch res.StatusCode {
		case http.StatusOK:
			for granted := range strings.SplitSeq(res.str(t, "scope"), " ") {
				if granted != "read" && granted != "write" {
					t.Errorf("scope %q: granted %q", scope, granted)
				}
			}
		case http.StatusBadRequest:
		default:
			t.Errorf("scope %q: got %d %s", scope, res.StatusCode, res.body)
		}
	})
}

func FuzzWellKnownPaths(f *testing.F) {
	for _, seed := range []string{
		"/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/t1", "/t1/.well-known/openid-configuration",
		"/.well-known/openid-configuration/t1/", "/t1/token", "/token", "//token", "/t1/../token", "/t1%2ftoken", "/T1/token", "/",
	} {
		f.Add(seed)
	}
	fix := newFixture(&testing.T{}, func(f *fixture) { f.config.Issuer = "https://as.example/t1" })
	f.Fuzz(func(t *testing.T, path string) {
		fix.t = t
		r := httptest.NewRequest(http.MethodGet, "https://as.example/", nil)
		r.URL.Path, r.RequestURI = path, path
		res := fix.do(r)
		known := strings.Contains(path, "/.well-known/oauth-authorization-server") || strings.Contains(path, "/.well-known/openid-configuration") || strings.HasSuffix(path, "/jwks")
		if res.StatusCode == http.StatusOK && !known || res.StatusCode >= http.StatusInternalServerError {
			t.Errorf("path %q: got %d %s", path, res.StatusCode, res.body)
		}
		if strings.Contains(res.body, `"issuer"`) && res.str(t, "issuer") != "https://as.example/t1" {
			t.Errorf("path %q: another issuer: %s", path, res.body)
		}
	})
}

func FuzzAuthorizationRequest(f *testing.F) {
	good := request("conf-a").Encode()
	for _, seed := range []string{
		good, good + "&prompt=none", good + "&prompt=none+login", good + "&max_age=-1", good + "&response_mode=form_post",
		good + "&redirect_uri=https://evil.example", good + "&state=x", good + "&resource=https://evil.example", "client_id=conf-a", "%zz", "a;b",
	} {
		f.Add(seed)
	}
	fix := newFixture(&testing.T{})
	f.Fuzz(func(t *testing.T, query string) {
		fix.t = t
		r := httptest.NewRequest(http.MethodGet, issuer+"/authorize", nil)
		r.URL.RawQuery = query
		r.AddCookie(&http.Cookie{Name: "user", Value: "alice"})
		res := fix.do(r)
		location := res.Header.Get("Location")
		switch {
		case res.StatusCode >= http.StatusInternalServerError:
			t.Errorf("query %q: got %d %s", query, res.StatusCode, res.body)
		case location == "", strings.HasPrefix(location, "/login?"):
		case !registered(location):
			t.Errorf("query %q: sent to %q", query, location)
		}
	})
}

// registered reports whether a client of the fixture registered the redirect
// URI that the location begins with.
func registered(location string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	u.RawQuery = ""
	for _, c := range fixtureClients() {
		if c.MatchRedirectURI(u.String()) {
			return true
		}
	}
	return false
}
