package host_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/examples/server/internal/config"
)

const webCallback = "https://web.example/cb"

func TestAPersonAtABrowser(t *testing.T) {
	f := newFixture(t)
	b := f.browser()

	t.Run("the first client shows the sign-in page, then consent", func(t *testing.T) {
		page := b.open(f.authorizeURL("web", webCallback, "read write"))
		require.Equal(t, http.StatusOK, page.StatusCode)
		for _, want := range []string{`name="username"`, `name="password"`, `type="password"`, `method="post"`} {
			require.Contains(t, page.body, want)
		}
		require.Equal(t, 1, strings.Count(page.body, "<button"))
		page = b.submit("username", "alice", "password", "wonderland")
		require.Contains(t, page.body, `name="action" value="approve"`)
		require.Contains(t, page.body, `name="action" value="deny"`)
		require.Contains(t, page.body, "The Web")
		require.Contains(t, page.body, "Read your data")
	})
	t.Run("denying goes back with access_denied", func(t *testing.T) {
		got := b.submit("action", "deny").answer(t)
		require.Equal(t, "access_denied", got.Get("error"))
		require.Equal(t, "xyz", got.Get("state"))
		require.Equal(t, f.issuer, got.Get("iss"))
	})
	t.Run("approving goes back with a code that works", func(t *testing.T) {
		b.open(f.authorizeURL("web", webCallback, "read write"))
		got := b.submit("action", "approve").answer(t)
		require.NotEmpty(t, got.Get("code"))
		res := f.post("/token", "web", "web-secret", "grant_type", "authorization_code", "code", got.Get("code"), "redirect_uri", webCallback, "code_verifier", verifier)
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		info := f.post("/introspect", "api", "api-secret", "token", res.str(t, "access_token")).json(t)
		require.Equal(t, true, info["active"])
		require.Equal(t, "user-1", info["sub"])
		require.NotEmpty(t, res.str(t, "refresh_token"))
	})
	t.Run("what was agreed to is not asked again", func(t *testing.T) {
		require.NotEmpty(t, b.open(f.authorizeURL("web", webCallback, "read")).answer(t).Get("code"))
	})
	t.Run("prompt=consent asks again", func(t *testing.T) {
		require.Contains(t, b.open(f.authorizeURL("web", webCallback, "read", "prompt", "consent")).body, `value="approve"`)
	})
	t.Run("the second client shows consent but no sign-in", func(t *testing.T) {
		page := b.open(f.authorizeURL("second", "https://second.example/cb", "read"))
		require.Contains(t, page.body, `value="approve"`)
		require.NotContains(t, page.body, `name="password"`)
	})
	t.Run("prompt=login asks for the password, and takes another account", func(t *testing.T) {
		page := b.open(f.authorizeURL("second", "https://second.example/cb", "read", "prompt", "login"))
		require.Contains(t, page.body, `name="password"`)
		page = b.submit("username", "bob", "password", "builder")
		require.Contains(t, page.body, "user-2")
	})
	t.Run("prompt=select_account offers to go on as before", func(t *testing.T) {
		page := b.open(f.authorizeURL("second", "https://second.example/cb", "read", "prompt", "select_account"))
		require.Contains(t, page.body, "Continue as <bdi>bob</bdi>")
		_, link, _ := strings.Cut(page.body, `class="button" href="`)
		link, _, _ = strings.Cut(link, `"`)
		require.Contains(t, b.open(strings.ReplaceAll(link, "&amp;", "&")).body, `value="approve"`)
	})
	t.Run("the front page says who is there, and signs out", func(t *testing.T) {
		require.Contains(t, b.open(f.issuer+"/").body, "<bdi>bob</bdi>")
		page := b.submit("action", "approve")
		require.Contains(t, page.body, "You are signed out")
		page = b.open(f.authorizeURL("second", "https://second.example/cb", "read"))
		require.Contains(t, page.body, `name="password"`)
	})
	t.Run("prompt=none with nobody there is login_required", func(t *testing.T) {
		require.Equal(t, "login_required", b.open(f.authorizeURL("web", webCallback, "read", "prompt", "none")).answer(t).Get("error"))
	})
}

func TestSignIn(t *testing.T) {
	f := newFixture(t)
	t.Run("a wrong password shows the form again with a message, and forgets the password", func(t *testing.T) {
		for _, username := range []string{"alice", "nobody"} {
			page := f.browser().signIn(username, "mistaken-42")
			require.Contains(t, page.body, "do not match")
			require.Contains(t, page.body, `name="password"`)
			require.NotContains(t, page.body, "mistaken-42")
		}
	})
	t.Run("a hint fills in the username, escaped", func(t *testing.T) {
		page := f.browser().open(f.authorizeURL("web", webCallback, "read", "login_hint", `"><script>`))
		require.Contains(t, page.body, `value="&#34;&gt;&lt;script&gt;"`)
		require.NotContains(t, page.body, "<script")
	})
	t.Run("BR-08 whatever the page is told, it goes to requests of this server only", func(t *testing.T) {
		for _, to := range []string{
			"//evil", `/\evil`, "https:evil", "/%09/evil", "/%5cevil", "javascript:alert(1)", "https://evil.example/",
			f.issuer + ".evil.example/authorize/continue?x", f.issuer + "@evil.example/authorize/continue?x", f.issuer + "/signout", " " + f.issuer + "/authorize/continue?x",
		} {
			b := f.browser()
			b.open(f.issuer + "/signin?return_to=" + strings.NewReplacer("%", "%25", "&", "%26", " ", "%20", "\\", "%5C").Replace(to))
			require.NotContains(t, b.page.body, "evil")
			b.submit("username", "alice", "password", "wonderland", "return_to", to)
			if got := b.page.Request.URL.String(); got != f.issuer+"/" {
				t.Errorf("%q leads to %q", to, got)
			}
		}
	})
	t.Run("a signed-in browser has another cookie than before, and the old one is worth nothing", func(t *testing.T) {
		b := f.browser()
		before := b.open(f.issuer + "/signin").Cookies()
		require.Len(t, before, 1)
		b.submit("username", "alice", "password", "wonderland")
		planted := f.browser()
		planted.http.Jar.SetCookies(planted.mustURL(f.issuer), before)
		require.NotContains(t, planted.open(f.issuer+"/").body, "alice")
		require.Contains(t, b.open(f.issuer+"/").body, "alice")
	})
	t.Run("BR-10 BR-11 a form that was not opened in this browser signs nobody in", func(t *testing.T) {
		attacker, victim := f.browser(), f.browser()
		attacker.open(f.issuer + "/signin")
		victim.open(f.issuer + "/signin")
		for name, edit := range map[string]func(*http.Request){
			"of the attacker's browser": func(*http.Request) {},
			"of no browser":             func(r *http.Request) { r.Header.Del("Cookie") },
		} {
			r := attacker.form("username", "bob", "password", "builder")
			edit(r)
			page := victim.follow(r)
			require.Equal(t, http.StatusForbidden, page.StatusCode, name)
			require.NotContains(t, victim.open(f.issuer+"/").body, "bob", name)
		}
		victim.open(f.issuer + "/signin")
		r := victim.form("username", "bob", "password", "builder")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		require.Equal(t, http.StatusForbidden, victim.follow(r).StatusCode)
	})
	t.Run("BR-10 nobody else signs a person out", func(t *testing.T) {
		b := f.browser()
		b.signIn("alice", "wonderland")
		for _, pairs := range [][]string{{"form", ""}, {"form", "x"}} {
			b.open(f.issuer + "/")
			require.Equal(t, http.StatusForbidden, b.submit(pairs...).StatusCode)
		}
		r := b.formAfter(f.issuer + "/")
		r.Header.Set("Sec-Fetch-Site", "same-site")
		require.Equal(t, http.StatusForbidden, b.follow(r).StatusCode)
		require.Contains(t, b.open(f.issuer+"/").body, "alice")
	})
	t.Run("a body that is no form is refused", func(t *testing.T) {
		b := f.browser()
		b.open(f.issuer + "/signin")
		r := b.form("username", "alice", "password", "wonderland")
		r.Header.Set("Content-Type", "application/json")
		require.Equal(t, http.StatusForbidden, b.follow(r).StatusCode)
	})
}

func TestGuessing(t *testing.T) {
	f := newFixture(t)
	b := f.browser()
	for range 30 {
		if b.signIn("alice", "guess"); b.page.StatusCode == http.StatusTooManyRequests {
			break
		}
	}
	require.Equal(t, http.StatusTooManyRequests, b.page.StatusCode)
	require.NotEmpty(t, b.page.Header.Get("Retry-After"))
	require.Contains(t, b.page.body, "Too many attempts")
	t.Run("then the right password is not tried either", func(t *testing.T) {
		require.Equal(t, http.StatusTooManyRequests, b.signIn("alice", "wonderland").StatusCode)
	})
	t.Run("other people can still sign in", func(t *testing.T) {
		require.Contains(t, b.signIn("bob", "builder").body, "<bdi>bob</bdi>")
	})
}

func TestCookies(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("BR-06 the session cookie is locked down, https %v", secure), func(t *testing.T) {
			f := start(t, configuration, "", secure)
			cookies := f.browser().open(f.issuer + "/signin").Cookies()
			require.Len(t, cookies, 1)
			c := cookies[0]
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 || c.MaxAge > 24*60*60 {
				t.Errorf("got %v", c)
			}
			if c.Secure != secure || strings.HasPrefix(c.Name, "__Host-") != secure {
				t.Errorf("got %v", c)
			}
		})
	}
}

func TestPages(t *testing.T) {
	for _, secure := range []bool{false, true} {
		f := start(t, configuration, "", secure)
		for _, path := range []string{"/", "/signin", "/authorize?client_id=nobody"} {
			t.Run(fmt.Sprintf("BR-05 BR-12 HT-12 %s is protected and loads nothing, https %v", path, secure), func(t *testing.T) {
				page := f.browser().open(f.issuer + path)
				h := page.Header
				csp := h.Get("Content-Security-Policy")
				require.Contains(t, csp, "default-src 'none'")
				require.Contains(t, csp, "frame-ancestors 'none'")
				require.NotContains(t, csp, "unsafe")
				require.Equal(t, "DENY", h.Get("X-Frame-Options"))
				require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
				require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
				require.Equal(t, "no-store", h.Get("Cache-Control"))
				require.Equal(t, "text/html; charset=utf-8", h.Get("Content-Type"))
				require.Equal(t, secure, h.Get("Strict-Transport-Security") != "")
				for _, loading := range []string{"<img", "<script", "<link", "<iframe", "url(", "@import", "src="} {
					require.NotContains(t, page.body, loading)
				}
			})
		}
	}
	t.Run("they look like the pages of grantor itself", func(t *testing.T) {
		ours, err := os.ReadFile("../site/pages/style.html")
		require.NoError(t, err)
		theirs, err := os.ReadFile("../../../../pages/style.html")
		require.NoError(t, err)
		require.Equal(t, string(theirs), string(ours), "copy pages/style.html")
	})
}

func TestMetadata(t *testing.T) {
	f := newFixture(t)
	t.Run("it is served at both well-known paths", func(t *testing.T) {
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			require.Equal(t, f.issuer, f.browser().open(f.issuer+path).str(t, "issuer"))
		}
	})
	t.Run("the password grant is there only if a client has it", func(t *testing.T) {
		grants := func(f *fixture) any {
			return f.browser().open(f.issuer + "/.well-known/oauth-authorization-server").json(t)["grant_types_supported"]
		}
		require.NotContains(t, grants(f), "password")
		with := start(t, strings.Replace(configuration, `"grant_types": ["client_credentials"]`, `"grant_types": ["client_credentials", "password"]`, 1), "", false)
		require.Contains(t, grants(with), "password")
		res := with.post("/token", "a b+c", "s%c+r e:t&x", "grant_type", "password", "username", "alice", "password", "wonderland")
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
	})
	t.Run("it advertises what clients in the file may ask for", func(t *testing.T) {
		f := start(t, strings.Replace(configuration, `"grant_types": ["client_credentials"]`, `"grant_types": ["password"]`, 1), "", false)
		doc := f.browser().open(f.issuer + "/.well-known/oauth-authorization-server").json(t)
		require.ElementsMatch(t, config.GrantTypes(), doc["grant_types_supported"])
		require.ElementsMatch(t, config.AuthMethods(), doc["token_endpoint_auth_methods_supported"])
		require.ElementsMatch(t, []string{"offline_access", "read", "write"}, doc["scopes_supported"])
	})
	t.Run("there is an RS256 and an ES256 key", func(t *testing.T) {
		body := f.browser().open(f.issuer + "/jwks").body
		require.Contains(t, body, `"RS256"`)
		require.Contains(t, body, `"ES256"`)
	})
}

func TestClients(t *testing.T) {
	f := newFixture(t)
	t.Run("ids and secrets hold any printable character", func(t *testing.T) {
		res := f.post("/token", "a b+c", "s%c+r e:t&x", "grant_type", "client_credentials")
		require.Equal(t, http.StatusOK, res.StatusCode, res.body)
		require.Equal(t, "read", res.str(t, "scope"))
	})
	t.Run("a native client may use any port of its loopback address", func(t *testing.T) {
		b := f.browser()
		b.signIn("alice", "wonderland")
		b.open(f.authorizeURL("app", "http://127.0.0.1:49152/cb", "read"))
		got := b.submit("action", "approve")
		require.True(t, strings.HasPrefix(got.Header.Get("Location"), "http://127.0.0.1:49152/cb?code="), got.Header.Get("Location"))
	})
	t.Run("scripts of a registered origin may read the answer, others may not", func(t *testing.T) {
		for origin, want := range map[string]string{"https://web.example": "https://web.example", "https://evil.example": ""} {
			r, err := http.NewRequest(http.MethodPost, f.issuer+"/token", strings.NewReader("grant_type=client_credentials"))
			require.NoError(t, err)
			r.SetBasicAuth("web", "web-secret")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", origin)
			if got := f.do(f.http, r).Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s: got %q, want %q", origin, got, want)
			}
		}
	})
	t.Run("only a client that is allowed to introspects the tokens of others", func(t *testing.T) {
		token := f.post("/token", "a b+c", "s%c+r e:t&x", "grant_type", "client_credentials").str(t, "access_token")
		for _, c := range []struct {
			id, secret string
			want       bool
		}{{"api", "api-secret", true}, {"a b+c", "s%c+r e:t&x", true}, {"web", "web-secret", false}} {
			if got := f.post("/introspect", c.id, c.secret, "token", token).json(t)["active"]; got != c.want {
				t.Errorf("%s: got %v, want %v", c.id, got, c.want)
			}
		}
	})
	t.Run("resources have their formats, and others do not exist", func(t *testing.T) {
		token := func(resource string) string {
			return f.post("/token", "web", "web-secret", "grant_type", "client_credentials", "scope", "read", "resource", resource).str(t, "access_token")
		}
		require.Equal(t, 2, strings.Count(token("https://jwt.example"), "."))
		require.True(t, strings.HasPrefix(token("https://opaque.example"), "grantor_at_"))
		res := f.post("/token", "web", "web-secret", "grant_type", "client_credentials", "resource", "https://nowhere.example")
		require.Equal(t, "invalid_target", res.str(t, "error"))
	})
}

func TestRefreshRetry(t *testing.T) {
	for retry, tolerant := range map[string]bool{"30": true, "0": false} {
		t.Run("with refresh_retry "+retry, func(t *testing.T) {
			f := start(t, strings.Replace(configuration, `"scopes":`, `"refresh_retry": `+retry+`, "scopes":`, 1), "", false)
			b := f.browser()
			b.signIn("alice", "wonderland")
			b.open(f.authorizeURL("web", webCallback, "read"))
			code := b.submit("action", "approve").answer(t).Get("code")
			first := f.post("/token", "web", "web-secret", "grant_type", "authorization_code", "code", code, "redirect_uri", webCallback, "code_verifier", verifier).str(t, "refresh_token")
			refresh := func() *reply {
				return f.post("/token", "web", "web-secret", "grant_type", "refresh_token", "refresh_token", first)
			}
			second := refresh().str(t, "refresh_token")
			require.NotEmpty(t, second)
			again := refresh()
			if tolerant {
				require.Equal(t, second, again.str(t, "refresh_token"))
			} else {
				require.Equal(t, "invalid_grant", again.str(t, "error"))
			}
		})
	}
}

func TestAnIssuerWithAPath(t *testing.T) {
	f := start(t, configuration, "/tenant/one", false)
	b := f.browser()
	b.open(f.authorizeURL("web", webCallback, "read"))
	require.Equal(t, "/tenant/one/signin", b.page.Request.URL.Path)
	b.submit("username", "alice", "password", "wonderland")
	require.NotEmpty(t, b.submit("action", "approve").answer(t).Get("code"))
	require.Contains(t, b.open(f.issuer+"/").body, "<bdi>alice</bdi>")
	require.Contains(t, b.submit().body, "You are signed out")
	origin := strings.TrimSuffix(f.issuer, "/tenant/one")
	require.Equal(t, f.issuer, b.open(origin+"/.well-known/oauth-authorization-server/tenant/one").str(t, "issuer"))
	require.Equal(t, http.StatusNotFound, b.open(origin+"/signin").StatusCode)
}

func TestBounds(t *testing.T) {
	f := newFixture(t)
	get := func(path string, edit func(http.Header)) int {
		r, err := http.NewRequest(http.MethodGet, f.issuer+path, nil)
		require.NoError(t, err)
		if edit != nil {
			edit(r.Header)
		}
		return f.do(f.http, r).StatusCode
	}
	t.Run("HT-02 many or large header fields are refused", func(t *testing.T) {
		for name, edit := range map[string]func(http.Header){
			"33 kB in one":   func(h http.Header) { h.Set("X-Large", strings.Repeat("x", 33<<10)) },
			"200 kB in one":  func(h http.Header) { h.Set("X-Large", strings.Repeat("x", 200<<10)) },
			"a thousand":     func(h http.Header) { h["X-Many"] = slices.Repeat([]string{"x"}, 1000) },
			"3,000 cookies":  func(h http.Header) { h.Set("Cookie", strings.Repeat("a=b; ", 3000)+strings.Repeat("x", 20<<10)) },
			"33 kB together": func(h http.Header) { h["X-Some"] = slices.Repeat([]string{strings.Repeat("x", 1<<10)}, 33) },
		} {
			if got := get("/", edit); got != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: got %d, want 431", name, got)
			}
		}
	})
	t.Run("HT-03 a long request line is refused", func(t *testing.T) {
		for _, path := range []string{"/?x=", "/token?x=", "/authorize?x=", "/nowhere/"} {
			if got := get(path+strings.Repeat("x", 17<<10), nil); got != http.StatusRequestURITooLong {
				t.Errorf("%s: got %d, want 414", path, got)
			}
		}
	})
	t.Run("the longest request that is accepted can wait for a person", func(t *testing.T) {
		b := f.browser()
		state := strings.Repeat(`"`, 4<<10) // three bytes each in the request, seven in the sign-in page's URL
		page := b.open(f.authorizeURL("web", webCallback, "read", "state", state))
		require.Equal(t, http.StatusOK, page.StatusCode)
		require.Contains(t, page.body, `name="password"`)
		b.submit("username", "alice", "password", "wonderland")
		require.Equal(t, state, b.submit("action", "approve").answer(t).Get("state"))
	})
}
