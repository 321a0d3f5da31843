package grantor_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
)

// What people see: the pages are read as a browser reads them, not searched for
// strings.

// An element is one HTML element of a page.
type element struct {
	name  string
	attrs map[string]string
	text  string   // all of it
	in    []string // the elements around it, outermost first
}

// elements reads a page.
func elements(t *testing.T, page string) (all []*element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []*element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open, "elements are left open")
			return all
		}
		require.NoError(t, err, "%s", page)
		switch x := token.(type) {
		case xml.StartElement:
			e := &element{name: x.Name.Local, attrs: map[string]string{}}
			for _, around := range open {
				e.in = append(e.in, around.name)
			}
			for _, a := range x.Attr {
				require.NotContains(t, e.attrs, a.Name.Local, "an attribute twice")
				e.attrs[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			require.Equal(t, x.Name.Local, open[len(open)-1].name)
			open = open[:len(open)-1]
		case xml.CharData:
			for _, around := range open {
				around.text += string(x)
			}
		}
	}
}

// named are the elements with the name.
func named(all []*element, name string) (some []*element) {
	for _, e := range all {
		if e.name == name {
			some = append(some, e)
		}
	}
	return some
}

// isolated are the texts of the bdi elements within the element.
func isolated(all []*element, within string) (texts []string) {
	for _, e := range named(all, "bdi") {
		if slices.Contains(e.in, within) {
			texts = append(texts, e.text)
		}
	}
	return texts
}

// words is all text of a page.
func words(all []*element) string { return named(all, "main")[0].text }

// checkPage holds a page against all that every page must have, and returns its
// elements.
func checkPage(t *testing.T, res *reply) []*element {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Type":              "text/html; charset=utf-8",
		"X-Content-Type-Options":    "nosniff",
		"X-Frame-Options":           "DENY",
		"Referrer-Policy":           "no-referrer",
		"Cache-Control":             "no-store",
		"Strict-Transport-Security": "max-age=63072000",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("HT-12: %s is %q, want %q", name, got, want)
		}
	}
	csp := res.Header.Get("Content-Security-Policy")
	m := regexp.MustCompile(`^default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'nonce-([\w-]{22})'; script-src 'nonce-([\w-]{22})'$`).FindStringSubmatch(csp)
	require.NotNil(t, m, "BR-05 BR-12: %s", csp)
	all := elements(t, res.body)
	for _, e := range all {
		if e.name == "style" || e.name == "script" {
			require.Equal(t, m[1], e.attrs["nonce"], "the %s has no nonce", e.name)
		}
		for name := range e.attrs {
			if name == "src" || name == "href" || name == "style" || name == "formaction" || name == "background" || strings.HasPrefix(name, "on") {
				t.Errorf("BR-12: <%s> has %s", e.name, name)
			}
		}
		if e.name == "meta" && e.attrs["charset"] == "" && e.attrs["name"] != "viewport" {
			t.Errorf("there is a meta %v", e.attrs)
		}
	}
	for _, elsewhere := range []string{"url(", "@import", "postMessage", "opener", "<iframe", "<object", "<base"} {
		require.NotContains(t, res.body, elsewhere, "BR-12 BR-13")
	}
	return all
}

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&quot;&#x22;{{.}}</style></form>`

func TestConsentPage(t *testing.T) {
	t.Run("A12 BR-09 it says who asks, for whom, for what, and where the answer goes", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Interact = grantor.Pages{Login: "/login", Title: "Example", Scopes: map[string]string{"read": "Read your notes"}}.Interact
		})
		res := f.browser("alice").authorize(request("conf-a", "resource", "https://api.example"))
		all := checkPage(t, res)
		require.Equal(t, []string{"Client conf-a"}, isolated(all, "h1"))
		require.Equal(t, []string{"client.example"}, isolated(all, "strong"))
		require.Equal(t, []string{"Client conf-a", "alice", "client.example", "https://api.example"}, isolated(all, "main"))
		items := named(all, "li")
		require.Equal(t, []string{"Read your notes", "write"}, []string{items[0].text, items[1].text})
		require.Contains(t, words(all), "Example")
		require.Len(t, named(all, "form"), 1)
		golden(t, "consent.html", fixed(res.body))
	})
	t.Run("AZ-31 markup is text, whoever sent it", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Interact = grantor.Pages{Login: "/login", Title: "Title " + hostile, Scopes: map[string]string{"read": "Words " + hostile}}.Interact
			f.users["eve "+hostile] = grantor.Subject{Active: true}
			f.config.Session = func(*http.Request) (*grantor.Session, error) { return &grantor.Session{Subject: "eve " + hostile}, nil }
		})
		f.clients["conf-a"].Name = "Eve " + hostile[:60]
		f.clients["conf-a"].Scopes = append(f.clients["conf-a"].Scopes, "<b>")
		b := f.browser("")
		res := b.authorize(request("conf-a", "scope", "read <b>", "state", hostile, "display", hostile, "login_hint", hostile, "ui_locales", hostile, "x", hostile))
		all := checkPage(t, res)
		require.Equal(t, []string{"Eve " + hostile[:60], "eve " + hostile, "client.example"}, isolated(all, "main"))
		require.Empty(t, named(all, "script"))
		require.Empty(t, named(all, "img"))
		require.Len(t, named(all, "form"), 1)
		require.Equal(t, "Words "+hostile, named(all, "li")[0].text)
		require.Equal(t, "<b>", named(all, "li")[1].text)
		require.True(t, f.server.Resumes(named(all, "form")[0].attrs["action"]), "the form goes back to the server and nowhere else")
		require.Equal(t, hostile, b.consent(res, "approve").answer(t).Get("state"))
	})
	for name, c := range map[string]struct{ name, want string }{
		"an override of direction":              {"Evil\u202egnp.knaB", "Evilgnp.knaB"},
		"isolates and marks of direction":       {"\u2066a\u2069\u200eb\u200f\u061c", "ab"},
		"zero-width characters":                 {"B\u200ba\u200cn\u200dk\ufeff\u2060", "Bank"},
		"four thousand line breaks":             {"Bank" + strings.Repeat("\n", 4000) + "\r\u2028\u2029\u0085Signed in", "BankSigned in"},
		"line breaks alone":                     {strings.Repeat("\n", 4000), "conf-a"},
		"blanks alone":                          {" \u00a0\u3000\u2003 ", "conf-a"},
		"letters that cannot be seen":           {"\u3164\u115f\u1160\uffa0\u2800\ufe0f\u034f", "conf-a"},
		"tags and selectors that cannot either": {"A\U000e0041\U000e0100\ufe0e", "A"},
		"controls":                              {"a\x00\x1b[31mb\x7f", "a[31mb"},
		"what is not UTF-8":                     {"a\xffb", "a\ufffdb"},
		"4 kB":                                  {strings.Repeat("ä", 4096), strings.Repeat("ä", 79) + "…"},
		"81 characters":                         {strings.Repeat("ä", 81), strings.Repeat("ä", 79) + "…"},
		"80 characters":                         {strings.Repeat("ä", 80), strings.Repeat("ä", 80)},
		"letters of the world":                  {"Банк 銀行 بنك 🏦 É", "Банк 銀行 بنك 🏦 É"},
	} {
		t.Run("BR-09 a name with "+name+" stays a line of its own", func(t *testing.T) {
			f := newFixture(t)
			f.clients["conf-a"].Name = c.name
			all := checkPage(t, f.browser("alice").authorize(request("conf-a")))
			require.Equal(t, []string{c.want}, isolated(all, "h1"))
			require.Equal(t, []string{"client.example"}, isolated(all, "strong"), "the host is always there")
		})
	}
	t.Run("BR-09 a host of another alphabet is shown as it is registered, in ASCII", func(t *testing.T) {
		f := newFixture(t)
		f.clients["conf-a"].RedirectURIs = []string{"https://xn--bnk-xoa.example/cb"}
		all := checkPage(t, f.browser("alice").authorize(request("conf-a", "redirect_uri", "https://xn--bnk-xoa.example/cb")))
		require.Equal(t, []string{"xn--bnk-xoa.example"}, isolated(all, "strong"))
	})
	for _, c := range []struct {
		uri, host string
		local     bool
	}{
		{"http://127.0.0.1:5000/cb", "127.0.0.1:5000", true},
		{"http://localhost:5000/cb", "localhost:5000", true},
		{"https://localhost/cb", "localhost", true},
		{"com.example.app:/cb", "com.example.app", true},
		{"com.example.app://bank.example/cb", "com.example.app", true},
		{"https://app.example/cb", "app.example", false},
		{"http://lan.example/cb", "lan.example", false},
	} {
		t.Run("A12 a person is warned where the answer goes to a program of the device: "+c.uri, func(t *testing.T) {
			f := newFixture(t)
			f.clients["pub"].RedirectURIs = []string{c.uri}
			res := f.browser("alice").authorize(request("pub", "redirect_uri", c.uri))
			all := checkPage(t, res)
			require.Equal(t, []string{c.host}, isolated(all, "strong"))
			require.Equal(t, c.local, strings.Contains(words(all), "program on this device"))
		})
	}
	t.Run("A12 a web client on loopback is no exception", func(t *testing.T) {
		f := newFixture(t)
		f.clients["conf-a"].RedirectURIs = []string{"http://localhost/cb"}
		res := f.browser("alice").authorize(request("conf-a", "redirect_uri", "http://localhost/cb", "scope", ""))
		require.Contains(t, words(checkPage(t, res)), "program on this device")
		golden(t, "consent_local.html", fixed(res.body))
	})
	t.Run("without scopes it says so", func(t *testing.T) {
		f := newFixture(t)
		f.clients["conf-a"].DefaultScopes = nil
		all := checkPage(t, f.browser("alice").authorize(request("conf-a", "scope", "")))
		require.Empty(t, named(all, "ul"))
		require.Contains(t, words(all), "nothing beyond")
	})
}

// fixed replaces what differs from page to page, and leaves the looks out.
func fixed(page string) string {
	page = regexp.MustCompile(`(?s)(<style[^>]*>).*?</style>`).ReplaceAllString(page, "$1…</style>")
	page = regexp.MustCompile(`nonce="[^"]*"`).ReplaceAllString(page, `nonce="NONCE"`)
	page = regexp.MustCompile(`interaction=[^"&]*`).ReplaceAllString(page, "interaction=INTERACTION")
	page = regexp.MustCompile(`name="csrf" value="[^"]*"`).ReplaceAllString(page, `name="csrf" value="CSRF"`)
	return regexp.MustCompile(`name="code" value="[^"]*"`).ReplaceAllString(page, `name="code" value="CODE"`)
}

func TestErrorPage(t *testing.T) {
	t.Run("AZ-31 it shows nothing of the request", func(t *testing.T) {
		f := newFixture(t)
		for _, name := range []string{"client_id", "redirect_uri", "scope", "prompt", "display", "state", "error_description"} {
			q := request("first", "redirect_uri", "https://evil.example")
			q.Set(name, hostile)
			res := f.opens(q.Encode())
			f.staysHere(t, res, http.StatusBadRequest)
			all := checkPage(t, res)
			require.Empty(t, named(all, "script"))
			require.NotContains(t, words(all), "alert")
			require.NotContains(t, words(all), "evil.example")
		}
	})
	t.Run("it says what happened, to the person and to support", func(t *testing.T) {
		res := newFixture(t).opens("client_id=nobody")
		all := checkPage(t, res)
		require.Contains(t, words(all), "the application is unknown or disabled")
		require.Equal(t, "invalid_request", named(all, "code")[0].text)
		golden(t, "error.html", fixed(res.body))
	})
}

func TestFormPostPage(t *testing.T) {
	t.Run("AZ-45 it posts to the registered address, with all values as they are", func(t *testing.T) {
		f := newFixture(t)
		for _, state := range []string{`"><script>alert(1)</script>`, `&quot;&#x22;`, hostile, "a\r\nb", "{{.}}`\\", "ä\u202eö"} {
			res := f.opens(request("first", "response_mode", "form_post", "state", state).Encode())
			require.Equal(t, http.StatusOK, res.StatusCode)
			all := checkPage(t, res)
			forms, fields := named(all, "form"), map[string]string{}
			require.Len(t, forms, 1)
			require.Equal(t, map[string]string{"method": "post", "action": callback}, forms[0].attrs)
			for _, e := range named(all, "input") {
				require.Equal(t, "hidden", e.attrs["type"])
				require.NotContains(t, fields, e.attrs["name"])
				fields[e.attrs["name"]] = strings.ReplaceAll(e.attrs["value"], "\n", "\r\n")
			}
			require.Equal(t, state, fields["state"], "%s", res.body)
			require.Equal(t, issuer, fields["iss"])
			require.Len(t, fields, 3)
			require.Equal(t, http.StatusOK, f.post("/token", "first", codeForm(fields["code"], request("first"))).StatusCode)
			scripts := named(all, "script")
			require.Len(t, scripts, 1)
			require.Equal(t, "document.forms[0].submit()", scripts[0].text)
			require.NotContains(t, res.Header.Get("Content-Security-Policy"), "unsafe")
		}
	})
	for _, uri := range []string{
		"https://c.example/cb?a=b%20c&d=%22e", "com.example.app:/cb", "http://127.0.0.1:5000/cb", "https://c.example/cb?x='y'&amp;z=%zz;", "https://c.example/(cb)!$*,@~",
	} {
		t.Run("AZ-45 its action is "+uri+", exactly", func(t *testing.T) {
			f := newFixture(t)
			f.clients["pub"].RedirectURIs = []string{uri}
			b := f.browser("alice")
			page := b.authorize(request("pub", "redirect_uri", uri, "response_mode", "form_post"))
			res := b.consent(page, "deny")
			all := checkPage(t, res)
			require.Equal(t, uri, named(all, "form")[0].attrs["action"])
			require.Equal(t, "access_denied", hidden(t, res.body).Get("error"))
		})
	}
	t.Run("it is what it was", func(t *testing.T) {
		golden(t, "form_post.html", fixed(newFixture(t).opens(request("first", "response_mode", "form_post").Encode()).body))
	})
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	f := newFixture(t)
	alice := f.browser("alice")
	answers := map[string]*reply{
		"a code":              alice.authorize(request("first")),
		"an error":            alice.authorize(request("first", "scope", "admin")),
		"a way to sign in":    f.browser("").authorize(request("first")),
		"a consent page":      alice.authorize(request("conf-a")),
		"an error page":       alice.authorize(request("nobody")),
		"a form to post":      alice.authorize(request("first", "response_mode", "form_post")),
		"a refused form":      alice.open(issuer+"/authorize/continue?request=x", request("first")),
		"a long request":      alice.open(issuer+"/authorize?x="+strings.Repeat("a", 20<<10), nil),
		"a long way back":     alice.open(issuer+"/authorize/continue?x="+strings.Repeat("a", 100<<10), nil),
		"another method":      alice.send(httptest.NewRequest(http.MethodDelete, issuer+"/authorize", nil)),
		"a preflight":         alice.send(httptest.NewRequest(http.MethodOptions, issuer+"/authorize", nil)),
		"a decision":          alice.consent(alice.authorize(request("conf-b")), "approve"),
		"a broken way back":   alice.open(issuer+"/authorize/continue?request=%zz", nil),
		"a broken request in": alice.open(issuer+"/authorize/continue?request=%25zz", nil),
	}
	for name, res := range answers {
		t.Run("AZ-46 BR-01 "+name+" is not kept, not referred to and not shared", func(t *testing.T) {
			require.Equal(t, []string{"no-store"}, res.Header["Cache-Control"])
			require.Equal(t, []string{"no-referrer"}, res.Header["Referrer-Policy"])
			for header := range res.Header {
				require.False(t, strings.HasPrefix(header, "Access-Control-"), header)
			}
			if res.Header.Get("Location") != "" {
				require.Equal(t, http.StatusSeeOther, res.StatusCode, "AZ-27")
			}
		})
	}
	t.Run("BR-01 whatever the origin, registered ones included", func(t *testing.T) {
		for _, origin := range []string{"https://evil", "https://spa.example", issuer, "null"} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
				for _, path := range []string{"/authorize", "/authorize/continue"} {
					r := httptest.NewRequest(method, issuer+path+"?"+request("spa").Encode(), nil)
					r.Header.Set("Origin", origin)
					r.Header.Set("Access-Control-Request-Method", "GET")
					res := f.browser("alice").send(r)
					for header := range res.Header {
						require.False(t, strings.HasPrefix(header, "Access-Control-"), "%s %s: %s", method, path, header)
					}
				}
			}
		}
	})
}

func TestCookie(t *testing.T) {
	// set is the cookie that the server at the issuer gives a new browser.
	set := func(t *testing.T, at string) *http.Cookie {
		f := newFixture(t, func(f *fixture) { f.config.Issuer = at })
		res := f.browser("").open(at+"/authorize?"+request("conf-a").Encode(), nil)
		require.Len(t, res.Cookies(), 1)
		return res.Cookies()[0]
	}
	t.Run("BR-06 it is locked to the host, and lives for a day", func(t *testing.T) {
		for _, at := range []string{issuer, issuer + "/t1"} {
			c := set(t, at)
			require.True(t, strings.HasPrefix(c.Name, "__Host-"), c.Name)
			require.Equal(t, []any{true, true, http.SameSiteLaxMode, "/", "", 86400}, []any{c.Secure, c.HttpOnly, c.SameSite, c.Path, c.Domain, c.MaxAge})
			require.Len(t, c.Value, 43)
		}
	})
	t.Run("BR-06 on plain http it cannot be, and does not pretend", func(t *testing.T) {
		c := set(t, "http://127.0.0.1:9000")
		require.False(t, strings.HasPrefix(c.Name, "__"), c.Name)
		require.Equal(t, []any{false, true, http.SameSiteLaxMode}, []any{c.Secure, c.HttpOnly, c.SameSite})
	})
	t.Run("HT-12 on plain http there is no promise of https", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Issuer = "http://127.0.0.1:9000" })
		res := f.browser("alice").open("http://127.0.0.1:9000/authorize?"+request("conf-a").Encode(), nil)
		require.Empty(t, res.Header.Get("Strict-Transport-Security"))
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	})
	t.Run("issuers on one host do not share it", func(t *testing.T) {
		require.NotEqual(t, set(t, issuer+"/t1").Name, set(t, issuer+"/t2").Name)
	})
	t.Run("two browsers never have the same", func(t *testing.T) {
		require.NotEqual(t, set(t, issuer).Value, set(t, issuer).Value)
	})
	t.Run("a browser keeps its own", func(t *testing.T) {
		b := newFixture(t).browser("alice")
		first := b.authorize(request("conf-a")).Cookies()[0]
		require.Equal(t, first.Value, b.authorize(request("conf-b")).Cookies()[0].Value)
	})
	t.Run("BR-06 one that is malformed is replaced", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		name := b.authorize(request("conf-a")).Cookies()[0].Name
		for _, v := range []string{"x", "", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("=", 43), strings.Repeat("A", 42) + "B", strings.Repeat("A", 9000)} {
			b.cookies[name] = v
			c := b.authorize(request("conf-a")).Cookies()[0]
			require.Len(t, c.Value, 43)
			require.NotEqual(t, v, c.Value)
		}
	})
	t.Run("a silent code needs none", func(t *testing.T) {
		require.Empty(t, newFixture(t).browser("alice").authorize(request("first")).Cookies())
	})
	t.Run("a client's name never comes with its secrets", func(t *testing.T) {
		f := newFixture(t)
		f.clients["conf-a"].Secrets = append([]client.Secret{}, f.clients["conf-a"].Secrets...)
		page := f.browser("alice").authorize(request("conf-a"))
		require.NotContains(t, page.body, string(f.clients["conf-a"].Secrets[0].Digest))
	})
}
