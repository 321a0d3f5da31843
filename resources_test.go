package grantor_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/token"
)

// Resource indicators, RFC 8707, on their way through authorization, redemption
// and refresh (MCP A10).

const (
	apiResource   = "https://api.example"   // opaque, read and write
	otherResource = "https://other.example" // opaque, any scope
	jwtResource   = "https://jwt.example"   // JWT, read
)

// to is q for the resources.
func to(q url.Values, resources ...string) url.Values {
	q = changed(q)
	q["resource"] = resources
	return q
}

// audience is whom an access token is for.
func (f *fixture) audience(accessToken string) []string {
	f.t.Helper()
	claims, err := f.server.Verify(f.t.Context(), accessToken)
	require.NoError(f.t, err)
	return claims.Audience
}

// payload is what a JWT says.
func payload(t *testing.T, jwt string) map[string]any {
	t.Helper()
	parts := strings.Split(jwt, ".")
	require.Len(t, parts, 3, "not a JWT: %s", jwt)
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	m := map[string]any{}
	require.NoError(t, json.Unmarshal(raw, &m))
	return m
}

// authorized is the form that redeems a code for the resources, and the client's.
func (f *fixture) authorized(clientID string, resources ...string) url.Values {
	f.t.Helper()
	q := to(request(clientID), resources...)
	return codeForm(f.browser("alice").code(q), q)
}

func TestResourcesThroughAFlow(t *testing.T) {
	for name, c := range map[string]struct {
		clientID string
		asked    []string
		want     []string
	}{
		"none, so the server's own audience": {"conf-a", nil, []string{issuer}},
		"one":                                {"conf-a", []string{apiResource}, []string{apiResource}},
		"two":                                {"pub", []string{apiResource, otherResource}, []string{apiResource, otherResource}},
		"one twice":                          {"spa", []string{apiResource, apiResource}, []string{apiResource}},
		"one, and an empty one":              {"conf-a", []string{"", apiResource, ""}, []string{apiResource}},
	} {
		t.Run("a flow that names "+name+": every token is for that", func(t *testing.T) {
			f := newFixture(t)
			l := &lineage{f: f, clientID: c.clientID}
			res := l.take(f.post("/token", c.clientID, f.authorized(c.clientID, c.asked...)))
			require.Equal(t, c.want, f.audience(res.str(t, "access_token")))
			require.Equal(t, c.want, f.audience(l.next().str(t, "access_token")))
		})
	}
	t.Run("a token for a resource whose APIs read JWTs is one, with its aud", func(t *testing.T) {
		f := newFixture(t)
		l := &lineage{f: f, clientID: "conf-a"}
		res := l.take(f.post("/token", "conf-a", f.authorized("conf-a", jwtResource)))
		for range 2 {
			claims := payload(t, res.str(t, "access_token"))
			require.Equal(t, jwtResource, claims["aud"])
			require.Equal(t, issuer, claims["iss"])
			require.Equal(t, "alice", claims["sub"])
			require.Equal(t, "read", claims["scope"], "write means nothing there")
			require.Equal(t, "read", res.str(t, "scope"))
			require.True(t, f.alive(res.str(t, "access_token")))
			res = l.next()
		}
	})
	t.Run("the client credentials grant takes several", func(t *testing.T) {
		f := newFixture(t)
		form := to(url.Values{"grant_type": {"client_credentials"}}, apiResource, otherResource)
		res := f.post("/token", "m2m", form)
		f.granted(res)
		require.Equal(t, []string{apiResource, otherResource}, f.audience(res.str(t, "access_token")))
	})
	t.Run("the password grant takes one", func(t *testing.T) {
		f := newFixture(t, withPasswords)
		l := &lineage{f: f, clientID: "legacy"}
		l.take(f.password("alice", "pw-alice", "resource", apiResource))
		require.Equal(t, []string{apiResource}, f.audience(l.next().str(t, "access_token")))
	})
}

func TestUnknownResources(t *testing.T) {
	f := newFixture(t)
	for name, resources := range map[string][]string{
		"one nobody knows":                   {"https://unknown.example"},
		"a known one and one nobody knows":   {apiResource, "https://unknown.example"},
		"a known one with a slash":           {apiResource + "/"},
		"a known one in capitals":            {"https://API.example"},
		"a known one with its port":          {apiResource + ":443"},
		"a known one with a path":            {apiResource + "/v1"},
		"a known one with a fragment":        {apiResource + "#x"},
		"two in one parameter":               {apiResource + " " + otherResource},
		"one that is no URI":                 {"api"},
		"a relative one":                     {"/api"},
		"a script":                           {"javascript:alert(1)"},
		"one of 10 kB":                       {"https://" + strings.Repeat("a", 10<<10)},
		"seventeen of which the last is bad": append(strings.Fields(strings.Repeat(apiResource+" ", 16)), "x"),
	} {
		t.Run("CC-07 "+name+" is invalid_target at the token endpoint", func(t *testing.T) {
			f.refused(f.post("/token", "m2m", to(url.Values{"grant_type": {"client_credentials"}}, resources...)), 400, "invalid_target")
		})
		t.Run(name+" is invalid_target at the authorization endpoint, and asks nobody", func(t *testing.T) {
			res := f.browser("alice").authorize(to(request("conf-a"), resources...))
			require.Equal(t, http.StatusSeeOther, res.StatusCode, "%s", res.body)
			require.Equal(t, "invalid_target", res.answer(t).Get("error"))
		})
		t.Run("RT-21 "+name+" is invalid_target at refresh, and the token is not rotated", func(t *testing.T) {
			l := &lineage{f: f, clientID: "conf-a"}
			l.take(f.post("/token", "conf-a", f.authorized("conf-a", apiResource)))
			f.refused(f.post("/token", "conf-a", to(refreshForm(l.nth(-1)), resources...)), 400, "invalid_target")
			f.advance(time.Minute) // no window is needed: nothing was rotated
			l.living()
		})
	}
	t.Run("a resource that is registered, but not for the client, is unknown to it", func(t *testing.T) {
		f := newFixture(t)
		form := f.authorized("conf-a", apiResource, otherResource)
		l := &lineage{f: f, clientID: "conf-a"}
		l.take(f.post("/token", "conf-a", form))

		f.clients["conf-a"].Resources = []string{otherResource}
		f.refused(f.machine("conf-a", "resource", apiResource), 400, "invalid_target")
		require.Equal(t, "invalid_target", f.browser("alice").authorize(to(request("conf-a"), apiResource)).answer(t).Get("error"))
		f.refused(l.present(-1), 400, "invalid_target")
		require.Equal(t, []string{otherResource}, f.audience(l.next("resource", otherResource).str(t, "access_token")))
	})
	t.Run("a resource that left the server since is unknown, and spends nothing", func(t *testing.T) {
		f := newFixture(t)
		l := &lineage{f: f, clientID: "conf-a"}
		l.take(f.post("/token", "conf-a", f.authorized("conf-a", apiResource, otherResource)))
		l.f = newFixture(t, func(less *fixture) {
			less.config.Store, less.config.Resources = f.memory, less.config.Resources[1:]
		})
		l.f.refused(l.present(-1), 400, "invalid_target")
		require.Equal(t, []string{otherResource}, l.f.audience(l.next("resource", otherResource).str(t, "access_token")))
	})
}

func TestNarrowingResources(t *testing.T) {
	t.Run("RT-21 naming some of them narrows one access token, at redemption and at refresh, not the grant", func(t *testing.T) {
		f := newFixture(t)
		l := &lineage{f: f, clientID: "conf-a"}
		res := l.take(f.post("/token", "conf-a", to(f.authorized("conf-a", apiResource, otherResource), otherResource)))
		require.Equal(t, []string{otherResource}, f.audience(res.str(t, "access_token")))
		require.Equal(t, []string{apiResource}, f.audience(l.next("resource", apiResource).str(t, "access_token")))
		require.Equal(t, []string{apiResource, otherResource}, f.audience(l.next().str(t, "access_token")))
	})
	t.Run("RT-21 a known resource outside the grant is refused, and nothing is rotated", func(t *testing.T) {
		f := newFixture(t)
		for _, asked := range [][]string{{apiResource}, nil} {
			l := &lineage{f: f, clientID: "conf-a"}
			l.take(f.post("/token", "conf-a", f.authorized("conf-a", asked...)))
			f.refused(l.present(-1, "resource", otherResource), 400, "invalid_target")
			f.advance(time.Minute)
			l.living()
		}
	})
	t.Run("scopes that mean nothing at the resource are left out of its token, and come back", func(t *testing.T) {
		f := newFixture(t)
		q := to(request("conf-a", "scope", "openid read write"), apiResource, otherResource)
		l := &lineage{f: f, clientID: "conf-a"}
		l.take(f.post("/token", "conf-a", codeForm(f.browser("alice").code(q), q)))
		require.Equal(t, "read write", l.next("resource", apiResource).str(t, "scope"))
		require.Equal(t, "openid read write", l.next("resource", otherResource).str(t, "scope"))
		require.Equal(t, "write", l.next("resource", apiResource, "scope", "openid write").str(t, "scope"))
		f.refused(l.present(-1, "resource", apiResource, "scope", "openid"), 400, "invalid_scope")
		l.living()
	})
	t.Run("a repetition for another resource of the grant gets a token for it, and the same successor", func(t *testing.T) {
		f := newFixture(t)
		l := &lineage{f: f, clientID: "conf-a"}
		l.take(f.post("/token", "conf-a", to(f.authorized("conf-a", apiResource, jwtResource), apiResource)))
		first := l.next("resource", apiResource)
		res := l.present(0, "resource", jwtResource)
		f.granted(res)
		require.Equal(t, first.str(t, "refresh_token"), res.str(t, "refresh_token"))
		require.Equal(t, jwtResource, payload(t, res.str(t, "access_token"))["aud"])
		l.next("resource", jwtResource)
	})
}

func TestResourcesThatDisagree(t *testing.T) {
	short := func(f *fixture) { f.config.Resources[0].Lifetime = time.Minute }
	opaqueToo := func(f *fixture) { f.config.Resources[2].AccessTokens = token.Opaque{} }
	for name, c := range map[string]struct {
		edit  func(*fixture)
		which []string
	}{
		"on the format":   {func(*fixture) {}, []string{apiResource, jwtResource}},
		"on the lifetime": {short, []string{apiResource, otherResource}},
	} {
		t.Run("resources that disagree "+name+" are invalid_target in one token request, and one at a time they work", func(t *testing.T) {
			f := newFixture(t, c.edit)
			f.refused(f.post("/token", "m2m", to(url.Values{"grant_type": {"client_credentials"}}, c.which...)), 400, "invalid_target")
			form := f.authorized("conf-a", c.which...)
			f.refused(f.post("/token", "conf-a", form), 400, "invalid_target")
			l := &lineage{f: f, clientID: "conf-a"}
			l.take(f.post("/token", "conf-a", to(form, c.which[0])))
			f.refused(l.present(-1), 400, "invalid_target")
			f.advance(45 * time.Second)
			for _, id := range c.which {
				require.Equal(t, []string{id}, f.audience(l.next("resource", id).str(t, "access_token")))
			}
		})
	}
	t.Run("resources that are set up alike agree, also if each says so itself", func(t *testing.T) {
		f := newFixture(t, opaqueToo)
		res := f.post("/token", "m2m", to(url.Values{"grant_type": {"client_credentials"}}, apiResource, jwtResource))
		f.granted(res)
		require.Equal(t, []string{apiResource, jwtResource}, f.audience(res.str(t, "access_token")))
	})
	t.Run("each resource has its lifetime", func(t *testing.T) {
		f := newFixture(t, short)
		for id, want := range map[string]float64{apiResource: 60, otherResource: 600} {
			res := f.machine("m2m", "resource", id)
			require.Equal(t, want, res.json(t)["expires_in"])
			f.advance(59 * time.Second)
			require.True(t, f.alive(res.str(t, "access_token")))
			f.advance(time.Second)
			require.Equal(t, want > 60, f.alive(res.str(t, "access_token")))
		}
	})
	t.Run("the default audience can be configured", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Audience = "https://default.example" })
		require.Equal(t, []string{"https://default.example"}, f.audience(f.machineToken("m2m")))
		f.refused(f.machine("m2m", "resource", "https://default.example"), 400, "invalid_target")
	})
	t.Run("a server without resources knows none", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Resources = nil })
		f.refused(f.machine("m2m", "resource", apiResource), 400, "invalid_target")
		f.granted(f.machine("m2m"))
	})
}
