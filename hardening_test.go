package grantor_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/token"
)

// Attacks and accidents that a review of the whole found, each as it was tried.

func TestConsentIsForATarget(t *testing.T) {
	at := func(scope, resource string) url.Values {
		return request("conf-a", "scope", scope, "resource", resource)
	}
	for _, c := range []struct {
		name   string
		agreed []url.Values
		asked  url.Values
		want   string
	}{
		{"scopes agreed to at two resources do not mix", []url.Values{at("read", "https://api.example"), at("write", "https://other.example")}, at("write", "https://api.example"), "consent"},
		{"a resource says nothing of the default audience", []url.Values{at("read write", "https://other.example")}, at("read", ""), "consent"},
		{"the default audience says nothing of a resource", []url.Values{at("read write", "")}, at("read", "https://other.example"), "consent"},
		{"what was agreed to at one resource is remembered there", []url.Values{at("read", "https://api.example"), at("write", "https://api.example")}, at("read write", "https://api.example"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newFixture(t).browser("alice")
			for _, q := range c.agreed {
				b.code(q)
			}
			require.Equal(t, c.want, needs(t, b.authorize(c.asked)))
		})
	}
}

func TestARefreshTokenUnderAPepperThatIsNotThere(t *testing.T) {
	pepper := func(id string) secret.Pepper { return secret.Pepper{ID: id, Key: []byte(strings.Repeat(id, 32))} }
	both, err := secret.NewPeppers(pepper("b"), pepper("a"))
	require.NoError(t, err)
	old, err := secret.NewPeppers(pepper("a"))
	require.NoError(t, err)
	f := newFixture(t, func(f *fixture) { f.config.Secrets.Peppers = both })
	refresh := f.tokens("spa").str(t, "refresh_token")
	behind := f.config
	behind.Secrets.Peppers = old
	updated := f.server
	f.server, err = grantor.New(behind)
	require.NoError(t, err)
	t.Run("CS-07 a replica that lacks the pepper has trouble, and does not take it for reuse", func(t *testing.T) {
		f.refused(f.post("/token", "spa", refreshForm(refresh)), http.StatusServiceUnavailable, "temporarily_unavailable")
		require.NotContains(t, f.kinds(), grantor.RefreshReused)
	})
	f.server = updated
	t.Run("and one that has it refreshes", func(t *testing.T) {
		require.Equal(t, http.StatusOK, f.post("/token", "spa", refreshForm(refresh)).StatusCode)
	})
}

func TestANameThatAHookReturnsStaysAName(t *testing.T) {
	hook := func(name string) func(context.Context, grantor.Issuance) (map[string]any, error) {
		return func(context.Context, grantor.Issuance) (map[string]any, error) { return map[string]any{name: 1}, nil }
	}
	claim, member := `x":0,"sub":"admin","y`, `x":0,"scope":"admin","y`
	f := newFixture(t, func(f *fixture) { f.config.Claims, f.config.Response = hook(claim), hook(member) })
	res := f.tokens("conf-a")
	if got := res.json(t); got["scope"] != "read write" || got[member] != 1.0 {
		t.Errorf("JW-22 the token response says %s", res.body)
	}
	res = f.post("/introspect", "rs", url.Values{"token": {res.str(t, "access_token")}})
	if got := res.json(t); got["sub"] != "alice" || got[claim] != 1.0 {
		t.Errorf("JW-22 introspection says %s", res.body)
	}
}

// handing is a grant handler that returns what it is made of.
type handing func(*grant.Request) *grant.Grant

func (handing) Type() string { return "urn:example:handing" }

func (h handing) Redeem(_ context.Context, r *grant.Request) (*grant.Grant, error) { return h(r), nil }

func (h handing) Extend(b *grantor.Builder) error { return b.Grant(h) }

func TestAHandlerThatIsWrongIssuesNothing(t *testing.T) {
	good := func(r *grant.Request) *grant.Grant {
		g := grant.New(r.Ledger.Format, "urn:example:handing", r.Now)
		g.ClientID, g.Subject, g.Scopes = r.Client.ID, "alice", []string{"read"}
		return g
	}
	for name, edit := range map[string]func(*grant.Grant) *grant.Grant{
		"neither a grant nor an error": func(*grant.Grant) *grant.Grant { return nil },
		"an ID that is no locator":     func(g *grant.Grant) *grant.Grant { g.ID = "ticket-4711"; return g },
		"an ID that is no locator, under a refresh token": func(g *grant.Grant) *grant.Grant {
			g.ID, g.Refreshable, g.Resources, g.Scopes = "ticket-4711", true, []string{"https://jwt.example"}, []string{"read"}
			return g
		},
		"another client's grant": func(g *grant.Grant) *grant.Grant { g.ClientID = "conf-b"; return g },
		"no subject":             func(g *grant.Grant) *grant.Grant { g.Subject = ""; return g },
		"a resource beyond the grant": func(g *grant.Grant) *grant.Grant {
			g.Resources, g.Access.Resources = []string{"https://api.example"}, []string{"https://other.example"}
			return g
		},
	} {
		t.Run(name+" is trouble", func(t *testing.T) {
			f := newFixture(t, func(f *fixture) {
				f.config.Extensions = []grantor.Extension{handing(func(r *grant.Request) *grant.Grant { return edit(good(r)) })}
			})
			f.clients["m2m"].GrantTypes = append(f.clients["m2m"].GrantTypes, "urn:example:handing", "refresh_token")
			f.refused(f.post("/token", "m2m", url.Values{"grant_type": {"urn:example:handing"}}), http.StatusServiceUnavailable, "temporarily_unavailable")
			require.Contains(t, f.logs(), "urn:example:handing")
			require.Zero(t, f.memory.Len())
		})
	}
}

func TestTheDefaultAudienceIsAResourceLikeAnyOther(t *testing.T) {
	machine := func(f *fixture, scope string) *reply {
		return f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}, "scope": {scope}})
	}
	defaulting := func(f *fixture) {
		f.config.Audience = "https://api.example"
		f.config.Resources[0].Scopes, f.config.Resources[0].Lifetime = []string{"read"}, time.Minute
	}
	t.Run("it has the resource's scopes and lifetime", func(t *testing.T) {
		f := newFixture(t, defaulting)
		res := machine(f, "read write").json(t)
		require.Equal(t, "read", res["scope"])
		require.EqualValues(t, 60, res["expires_in"])
		f.refused(machine(f, "write"), http.StatusBadRequest, "invalid_scope")
	})
	t.Run("a client that may not name it does not get it by naming nothing", func(t *testing.T) {
		f := newFixture(t, defaulting)
		f.clients["m2m"].Resources = []string{"https://other.example"}
		f.refused(machine(f, "read"), http.StatusBadRequest, "invalid_target")
	})
}

func TestALastSecretThatWasRemoved(t *testing.T) {
	f := newFixture(t)
	refresh := f.tokens("conf-a").str(t, "refresh_token")
	f.clients["conf-a"].Secrets = nil
	form := refreshForm(refresh)
	form.Set("client_id", "conf-a")
	f.refused(f.post("/token", "", form), http.StatusUnauthorized, "invalid_client")
}

func TestAnObserverThatPanics(t *testing.T) {
	f := newFixture(t, func(f *fixture) {
		f.config.Observe = func(_ context.Context, e grantor.Event) {
			if e.Kind == grantor.TokenIssued {
				panic("hunter2-canary")
			}
		}
	})
	res := f.tokens("conf-a")
	t.Run("HT-13 takes nothing from the client", func(t *testing.T) {
		require.True(t, f.alive(res.str(t, "access_token")))
	})
	t.Run("HT-13 is in the log, without what it said", func(t *testing.T) {
		require.Contains(t, f.logs(), "Config.Observe panicked")
		require.NotContains(t, f.logs(), "canary")
	})
}

func TestAPageThatComesBackToAReplicaWhoseClockIsBehind(t *testing.T) {
	f := newFixture(t)
	b := f.browser("alice")
	page := b.authorize(request("conf-a"))
	f.advance(-5 * time.Second)
	require.Equal(t, http.StatusSeeOther, b.consent(page, "approve").StatusCode)
}

// gate holds the first Put of a new grant until it is opened.
type gate struct {
	store.Store
	once          sync.Once
	reached, open chan struct{}
}

func (g *gate) Put(ctx context.Context, r store.Record) error {
	if r.Kind == grant.Kind && r.Version == 0 {
		g.once.Do(func() { close(g.reached); <-g.open })
	}
	return g.Store.Put(ctx, r)
}

func TestAnAuthorizationUnderWayWhenItsUserIsSignedOutEverywhere(t *testing.T) {
	g := &gate{reached: make(chan struct{}), open: make(chan struct{})}
	f := newFixture(t, func(f *fixture) { g.Store, f.config.Store = f.config.Store, g })
	q := request("first")
	done := make(chan *reply)
	go func() { done <- f.browser("alice").authorize(q) }()
	<-g.reached
	f.advance(time.Millisecond)
	require.NoError(t, f.server.Revoke(t.Context(), store.Query{Subject: "alice"}))
	close(g.open)
	code := (<-done).answer(t).Get("code")
	f.refused(f.post("/token", "first", codeForm(code, q)), http.StatusBadRequest, "invalid_grant")
}

func TestAPointerToOpaqueIsOpaque(t *testing.T) {
	f := newFixture(t, func(f *fixture) { f.config.AccessTokens, f.config.Secrets.Brand = &token.Opaque{}, "acme" })
	access := f.tokens("spa").str(t, "access_token")
	_, err := f.server.Verify(t.Context(), access)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(access, "acme_at_"))
}

func TestAResourceWithAnEmptyListOfScopesKnowsAll(t *testing.T) {
	f := newFixture(t, func(f *fixture) { f.config.Resources[1].Scopes = []string{} })
	res := f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {"https://other.example"}})
	require.Equal(t, "read", res.str(t, "scope"))
}
