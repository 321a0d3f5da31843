package grantor_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
)

// Where the browser may be sent. Package client has the unit tests of matching
// and registering; here it is the endpoint that must not be talked into more.

// redirectFixture has clients that register "https://c.example/cb" and more.
func redirectFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	for _, c := range []client.Client{
		{ID: "c", RedirectURIs: []string{"https://c.example/cb"}},
		{ID: "two", RedirectURIs: []string{"https://c.example/cb", "https://c.example/cb2"}},
		{ID: "query", RedirectURIs: []string{"https://c.example/cb?a=b%20c", "https://c.example/cb?", "https://c.example/cb?x=%7E&y=+&&z"}},
		{ID: "star", RedirectURIs: []string{"https://a.example/*"}},
		{ID: "local-web", RedirectURIs: []string{"http://127.0.0.1/cb"}},
		{ID: "device", ApplicationType: client.Native, RedirectURIs: []string{
			"http://127.0.0.1/cb", "http://[::1]/cb6", "com.example.app:/cb", "https://app.example/cb", "http://localhost/named",
		}},
		// unchecked comes from a source that validates nothing.
		{ID: "unchecked", RedirectURIs: []string{
			"https://c.example/cb?state=mine", "https://c.example/cb?x=1&%73tate=mine", "javascript:alert(1)", "data:text/html,x",
			"https://c.example/cb#f", "https://c.example/cb\r\nX: y", "https://c.example/c b",
		}},
	} {
		c.GrantTypes, c.Scopes, c.FirstParty = []string{"authorization_code"}, []string{"read"}, true
		if c.ApplicationType != client.Native {
			c.Secrets = []client.Secret{{ID: "s1", Digest: digests()["first"]}}
		}
		f.clients[c.ID] = &c
	}
	return f
}

func TestRedirectURIsThatLeadNowhere(t *testing.T) {
	for _, c := range []struct {
		row    string
		client string
		uris   []string
	}{
		{"RU-01 nearly the same URI", "c", []string{
			"https://c.example/cb/", "https://c.example/cb?x=1", "https://c.example/cb#f", "https://c.example/cb;x",
			"https://c.example/CB", "https://c.example/c%62",
		}},
		{"RU-02 a path that would resolve", "c", []string{
			"https://c.example/cb/../evil", "https://c.example/cb/./", "https://c.example/cb%2f..%2fevil", "https://c.example/cb/%2e%2e/evil",
		}},
		{"RU-03 another spelling of scheme, host or port", "c", []string{
			"HTTPS://c.example/cb", "https://C.example/cb", "https://c.example:443/cb", "https://c.example./cb",
		}},
		{"RU-04 a look-alike host", "c", []string{
			"https://c.example@evil.example/cb", `https://evil.example\@c.example/cb`, "https://c.example.evil.example/cb",
			"https://evil.example/https://c.example/cb", "https://evil.example#https://c.example/cb",
		}},
		{"RU-05 blanks, controls and missing parts", "c", []string{
			" https://c.example/cb", "https://c.example/cb ", "https://c.example/cb\t", "https://c.example/cb\r\n", "\nhttps://c.example/cb",
			"https://c.example/cb\u200b", "//c.example/cb", "https:c.example/cb", "https:///c.example/cb", "/cb", "cb",
		}},
		{"RU-06 plain http for https", "c", []string{"http://c.example/cb"}},
		{"RU-07 a scheme that runs script", "c", []string{
			"javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///cb", "blob:https://c.example/cb", "JaVaScRiPt:alert(1)",
		}},
		{"RU-07 even one that is registered", "unchecked", []string{"javascript:alert(1)", "data:text/html,x"}},
		{"RU-18 a registered fragment", "unchecked", []string{"https://c.example/cb#f"}},
		{"RU-05 a registered control or blank", "unchecked", []string{"https://c.example/cb\r\nX: y", "https://c.example/c b"}},
		{"RG-12 a registered response parameter, which would come twice", "unchecked", []string{
			"https://c.example/cb?state=mine", "https://c.example/cb?x=1&%73tate=mine",
		}},
		{"RU-09 more than another port", "device", []string{
			"http://127.0.0.1:5000/cb2", "http://127.0.0.1:5000/cb?x=1", "http://127.0.0.1:5000/cb#f", "https://127.0.0.1:5000/cb",
			"http://127.0.0.1:5000/cb6", "http://[::1]:5000/cb", "http://127.0.0.1:5000", "http://127.0.0.1:5000/cb/",
		}},
		{"RU-10 another spelling of the loopback host", "device", []string{
			"http://localhost:5000/cb", "http://127.1:5000/cb", "http://2130706433:5000/cb", "http://0177.0.0.1:5000/cb", "http://0.0.0.0:5000/cb",
			"http://127.0.0.2:5000/cb", "http://[::ffff:127.0.0.1]:5000/cb", "http://127.0.0.1.evil.example/cb", "http://127.0.0.1.evil.example:5000/cb",
			"http://127.0.0.1:5000/named",
		}},
		{"RU-11 RG-5 a port that is none, or user information", "device", []string{
			"http://127.0.0.1:99999/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:080/cb", "http://127.0.0.1:-1/cb",
			"http://u@127.0.0.1:5/cb", "http://attacker@127.0.0.1/cb", "http://localhost:80@attacker.test/cb", "http://127.0.0.1:5000@attacker.test/cb",
		}},
		{"RU-12 a port of its own elsewhere", "device", []string{"https://app.example:5000/cb"}},
		{"RU-12 a port of its own for a web client", "local-web", []string{"http://127.0.0.1:5000/cb"}},
		{"RU-14 another form of a private scheme", "device", []string{
			"com.example.app://evil/cb", "com.example.app:/cb/x", "com.example.app:/", "COM.example.app:/cb", "com.example.app.evil:/cb",
		}},
		{"RU-20 none, though only one is registered", "c", []string{""}},
		{"RU-21 none, where two are registered", "two", []string{""}},
		{"RU-22 anything for an asterisk", "star", []string{"https://a.example/x", "https://a.example/", "https://evil.example/*"}},
		{"RU-24 RG-1 encoded ampersands", "c", []string{"https://c.example/cb&code=attacker&state=x", "https://c.example/cb%26code%3Dattacker%26state%3Dx"}},
		{"RU-26 strange IPv6", "device", []string{
			"http://[::1%25lo]:5/cb6", "http://[::1].evil.example/cb6", "http://[127.0.0.1]/cb", "http://[::1]:5/cb", "http://[::1/cb6",
			"http://[" + strings.Repeat(":", 5<<10) + "]/cb",
		}},
		{"RU-27 more than 2 kB", "device", []string{"http://127.0.0.1:5000/cb?" + strings.Repeat("a", 2<<10), "https://c.example/" + strings.Repeat("a", 2<<10)}},
		{"RG-5 a second line", "device", []string{"http://127.0.0.1:5000/cb\nhttps://evil.example/", "https://evil.example/\nhttp://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb\n"}},
	} {
		t.Run(c.row+" is answered here", func(t *testing.T) {
			f := redirectFixture(t)
			for _, uri := range c.uris {
				for _, pairs := range [][]string{nil, {"prompt", "none"}, {"response_type", "token"}, {"response_mode", "form_post"}, {"scope", "admin"}} {
					res := f.opens(request(c.client, append([]string{"scope", "read", "redirect_uri", uri}, pairs...)...).Encode())
					f.staysHere(t, res, http.StatusBadRequest)
				}
			}
		})
	}
	t.Run("RU-05 a NUL in it is answered here", func(t *testing.T) {
		f := redirectFixture(t)
		f.staysHere(t, f.opens(request("c", "redirect_uri", "https://c.example/cb\x00").Encode()), http.StatusBadRequest)
	})
	t.Run("RU-01 a URI that left the registration while the person was asked leads nowhere", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		page := b.authorize(request("conf-a"))
		changed := *f.clients["conf-a"]
		changed.RedirectURIs = []string{"https://client.example/other"}
		f.clients["conf-a"] = &changed
		f.staysHere(t, b.consent(page, "approve"), http.StatusBadRequest)
	})
}

func TestRedirectURIsThatWork(t *testing.T) {
	for _, c := range []struct {
		row    string
		client string
		uris   []string
	}{
		{"RU-08 A6 loopback on any port", "device", []string{
			"http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://127.0.0.1/cb", "http://[::1]:5000/cb6",
		}},
		{"A6 the literal localhost, where it is registered so", "device", []string{"http://localhost/named", "http://localhost:5000/named"}},
		{"RU-14 a private scheme, exactly", "device", []string{"com.example.app:/cb"}},
		{"RU-22 an asterisk, literally", "star", []string{"https://a.example/*"}},
		{"RU-12 loopback for a web client, exactly", "local-web", []string{"http://127.0.0.1/cb"}},
		{"RU-29 a registered query, byte for byte", "query", []string{
			"https://c.example/cb?a=b%20c", "https://c.example/cb?", "https://c.example/cb?x=%7E&y=+&&z",
		}},
	} {
		t.Run(c.row+" is where the answer goes", func(t *testing.T) {
			f := redirectFixture(t)
			for _, uri := range c.uris {
				b := f.browser("alice")
				res := b.authorize(request(c.client, "scope", "read", "redirect_uri", uri))
				if res.StatusCode == http.StatusOK {
					res = b.consent(res, "approve")
				}
				separator := "?"
				if strings.Contains(uri, "?") {
					separator = "&"
				}
				location := res.Header.Get("Location")
				after, ok := strings.CutPrefix(location, uri+separator)
				require.True(t, ok, "%s does not begin with %s", location, uri)
				require.True(t, strings.HasPrefix(after, "code="), location)
				answer, err := url.ParseQuery(after)
				require.NoError(t, err)
				require.Len(t, answer, 3, "code, state and iss: %s", location)
				require.Equal(t, "st-1", answer.Get("state"))
			}
		})
	}
	t.Run("RU-29 errors are appended to a registered query too", func(t *testing.T) {
		f := redirectFixture(t)
		res := f.opens(request("query", "redirect_uri", "https://c.example/cb?a=b%20c", "scope", "admin").Encode())
		require.True(t, strings.HasPrefix(res.Header.Get("Location"), "https://c.example/cb?a=b%20c&error=invalid_scope&"))
	})
	t.Run("RU-13 RU-08 the port that was used is the port the token request must name", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		q := request("pub", "redirect_uri", "http://127.0.0.1:5000/cb")
		res := b.consent(b.authorize(q), "approve")
		require.True(t, strings.HasPrefix(res.Header.Get("Location"), "http://127.0.0.1:5000/cb?code="))
		form := codeForm(res.answer(t).Get("code"), q)
		for _, other := range []string{"http://127.0.0.1:6000/cb", "http://127.0.0.1/cb", "http://[::1]:5000/cb", "http://127.0.0.1:5000/cb/", "http://127.0.0.1:05000/cb"} {
			form.Set("redirect_uri", other)
			f.refused(f.post("/token", "pub", form), http.StatusBadRequest, string(oautherr.InvalidGrant))
		}
		form.Set("redirect_uri", "http://127.0.0.1:5000/cb")
		require.Equal(t, http.StatusOK, f.post("/token", "pub", form).StatusCode)
	})
	t.Run("RG-12 each response parameter comes once, in errors too", func(t *testing.T) {
		f := redirectFixture(t)
		for _, scope := range []string{"read", "admin"} {
			for name, values := range f.opens(request("query", "redirect_uri", "https://c.example/cb?a=b%20c", "scope", scope).Encode()).answer(t) {
				require.Len(t, values, 1, name)
			}
		}
	})
}

func TestRegisteringRedirectURIs(t *testing.T) {
	// The rules are package client's; a server over a *client.Static cannot be
	// made around them.
	for row, uri := range map[string]string{
		"RU-15 a private scheme without a dot": "myapp:/cb",
		"RU-16 a scheme that runs script":      "javascript:alert(1)",
		"RU-18 a fragment":                     "https://c.example/cb#f",
		"RU-18 a relative reference":           "/cb",
		"RU-19 plain http beyond loopback":     "http://c.example/cb",
		"RU-22 a wildcard host":                "https://*.example/cb",
		"RG-12 a response parameter":           "https://c.example/cb?state=x",
	} {
		t.Run(row+" cannot be registered", func(t *testing.T) {
			_, err := client.NewStatic(client.Client{
				ID: "c", AuthMethods: []string{client.MethodNone}, ApplicationType: client.Native,
				GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{uri},
			})
			var problem *client.FieldError
			require.ErrorAs(t, err, &problem)
			require.Equal(t, "RedirectURIs", problem.Field)
		})
	}
}

func TestResumes(t *testing.T) {
	f := newFixture(t)
	t.Run("BR-08 the way back from the login page is known", func(t *testing.T) {
		b := f.browser("")
		login, err := url.Parse(b.authorize(request("conf-a", "state", "a b&c=d", "login_hint", "ünal <x>")).Header.Get("Location"))
		require.NoError(t, err)
		require.Equal(t, "/login", login.Path)
		require.Equal(t, "ünal <x>", login.Query().Get("login_hint"))
		require.True(t, f.server.Resumes(login.Query().Get("return_to")))
	})
	for _, to := range []string{
		"", "/", "//evil", `/\evil`, "https:evil", "/%09/evil", "/%5cevil", "javascript:alert(1)", "https://evil.example/authorize/continue?",
		issuer, issuer + "/authorize/continue", issuer + ".evil.example/authorize/continue?", issuer + "@evil.example/authorize/continue?",
		"https://AS.example/authorize/continue?x", "http://as.example/authorize/continue?x", issuer + ":443/authorize/continue?x",
		issuer + "/authorize/continue/../../x?", issuer + "/authorize?client_id=x", issuer + "/authorize/continue?a\r\nSet-Cookie: x=y",
		issuer + "/authorize/continue?a b", issuer + "/authorize/continue?\x00", issuer + `/authorize/continue?\`, " " + issuer + "/authorize/continue?x",
		"/authorize/continue?x",
	} {
		t.Run("BR-08 "+strings.ToValidUTF8(url.QueryEscape(to), "")+" does not lead back", func(t *testing.T) {
			if f.server.Resumes(to) {
				t.Errorf("%q is taken for a way back", to)
			}
		})
	}
	t.Run("BR-08 with a path in the issuer it is that path, and no prefix of another", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Issuer = issuer + "/t1" })
		require.True(t, f.server.Resumes(issuer+"/t1/authorize/continue?x"))
		require.False(t, f.server.Resumes(issuer+"/authorize/continue?x"))
		require.False(t, f.server.Resumes(issuer+"/t12/authorize/continue?x"))
	})
	t.Run("a login page with a query of its own keeps it", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Interact = grantor.Pages{Login: "/login?tenant=x"}.Interact })
		location := f.browser("").authorize(request("conf-a")).Header.Get("Location")
		u, err := url.Parse(location)
		require.NoError(t, err)
		require.Equal(t, "x", u.Query().Get("tenant"))
		require.True(t, f.server.Resumes(u.Query().Get("return_to")), location)
	})
}
