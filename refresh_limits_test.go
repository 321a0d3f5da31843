package grantor_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
	"github.com/grantor-go/grantor/token"
)

// What a refresh may widen (nothing), how long it goes on, what ends it, and what
// a failure halfway costs.

func TestRefreshScopes(t *testing.T) {
	eachFormat(t, func(t *testing.T, f *fixture) {
		t.Run("RT-10 more scope than was granted is refused, and nothing is spent", func(t *testing.T) {
			l := f.lineage("conf-a", "scope", "read")
			for _, scope := range []string{"write", "read write", "admin", "READ"} {
				f.refused(l.present(-1, "scope", scope), 400, "invalid_scope")
			}
			l.living()
		})
		t.Run("RT-11 RG-17 narrowing is for one access token, not for the refresh token", func(t *testing.T) {
			l := f.lineage("conf-a")
			res := l.next("scope", "read")
			require.Equal(t, "read", res.str(t, "scope"))
			claims, err := f.server.Verify(t.Context(), res.str(t, "access_token"))
			require.NoError(t, err)
			require.Equal(t, []string{"read"}, claims.Scopes)
			res = l.next()
			require.Equal(t, "read write", res.str(t, "scope"))
			require.Equal(t, "write", l.next("scope", "write write").str(t, "scope"))
		})
		t.Run("a scope the client is no longer registered for is left out, and comes back with the registration", func(t *testing.T) {
			l := f.lineage("conf-b")
			registered := *f.clients["conf-b"]
			less := registered
			less.Scopes = []string{"read"}
			f.clients["conf-b"] = &less
			require.Equal(t, "read", l.next().str(t, "scope"))
			f.refused(l.present(-1, "scope", "write"), 400, "invalid_scope")
			f.clients["conf-b"] = &registered
			require.Equal(t, "read write", l.next().str(t, "scope"))
		})
	})
}

func TestRefreshLifetimes(t *testing.T) {
	lifetimes := func(f *fixture) {
		f.config.Lifetimes.RefreshIdle, f.config.Lifetimes.Refresh = time.Hour, 3*time.Hour
	}
	eachFormat(t, func(t *testing.T, _ *fixture) {
		format := func(f *fixture) {
			if strings.HasSuffix(t.Name(), "/JWT") {
				jwts(f)
			}
		}
		t.Run("RT-12 RT-13 unused for the idle lifetime a token expires, and that is no theft", func(t *testing.T) {
			f := newFixture(t, format, lifetimes)
			l := f.lineage("conf-a")
			l.next()
			f.advance(time.Hour - time.Second)
			l.next()
			f.advance(time.Hour)
			for n := range l.refresh {
				f.refused(l.present(n), 400, "invalid_grant")
			}
			require.NotContains(t, f.kinds(), grantor.RefreshReused)
		})
		t.Run("RT-12 however often it is refreshed, nothing outlives the absolute lifetime", func(t *testing.T) {
			f := newFixture(t, format, lifetimes)
			l := f.lineage("conf-a")
			end := f.now().Add(3 * time.Hour)
			for f.now().Add(50 * time.Minute).Before(end) {
				f.advance(50 * time.Minute)
				l.next()
			}
			f.advance(end.Sub(f.now()) - 5*time.Minute)
			res := l.next()
			if got := res.json(t)["expires_in"].(float64); got < 298 || got > 300 {
				t.Errorf("the access token lives %v s, beyond the grant's 300", got)
			}
			exp := f.introspect("conf-a", l.nth(-1)).json(t)["exp"].(float64)
			require.LessOrEqual(t, int64(exp), end.Unix(), "the refresh token says it lives longer")
			f.advance(5 * time.Minute)
			f.refused(l.present(-1), 400, "invalid_grant")
			require.False(t, f.alive(res.str(t, "access_token")))
			require.NotContains(t, f.kinds(), grantor.RefreshReused)
		})
	})
	t.Run("RT-12 a refresh token expires though an access token of its grant lives on", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Lifetimes.RefreshIdle = time.Minute })
		l := f.lineage("conf-a")
		f.advance(time.Minute)
		require.True(t, f.alive(l.access[0]))
		f.refused(l.present(0), 400, "invalid_grant")
		require.True(t, f.alive(l.access[0]), "an expired token is taken for a stolen one")
	})
	t.Run("the defaults are 14 days idle and 90 in all", func(t *testing.T) {
		f := newFixture(t)
		l := f.lineage("conf-a")
		const day = 24 * time.Hour
		start := f.now()
		for f.now().Sub(start) < 90*day-14*day {
			f.advance(14*day - time.Second)
			l.next()
		}
		f.advance(start.Add(90*day - time.Second).Sub(f.now()))
		l.next()
		f.advance(time.Second)
		f.refused(l.present(-1), 400, "invalid_grant")
	})
}

func TestRefreshAfterChanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *fixture)
		status int
		code   string
	}{
		{"RT-14 the user is disabled", func(f *fixture) { f.users["alice"] = grantor.Subject{} }, 400, "invalid_grant"},
		{"RT-14 the user is gone", func(f *fixture) { delete(f.users, "alice") }, 400, "invalid_grant"},
		{"RT-14 the user has become a service principal", func(f *fixture) { f.users["alice"] = grantor.Subject{Active: true, Service: true} }, 400, "invalid_grant"},
		{"RT-14 the user's consent is withdrawn", func(f *fixture) {
			require.NoError(f.t, f.server.Revoke(f.t.Context(), store.Query{Subject: "alice", Client: "conf-a"}))
		}, 400, "invalid_grant"},
		{"RT-14 the user signed out everywhere", func(f *fixture) {
			require.NoError(f.t, f.server.Revoke(f.t.Context(), store.Query{Subject: "alice"}))
		}, 400, "invalid_grant"},
		{"RT-14 the client is disabled", func(f *fixture) { f.clients["conf-a"].Disabled = true }, 401, "invalid_client"},
		{"the client may no longer refresh", func(f *fixture) { f.clients["conf-a"].GrantTypes = []string{client.AuthorizationCode} }, 400, "unauthorized_client"},
		{"the client lost every scope of the grant", func(f *fixture) { f.clients["conf-a"].Scopes = []string{"openid"} }, 400, "invalid_scope"},
	} {
		t.Run(c.name+": nothing is refreshed", func(t *testing.T) {
			f := newFixture(t)
			l := f.lineage("conf-a")
			c.change(f)
			f.refused(l.present(0), c.status, c.code)
			require.NotContains(t, f.kinds(), grantor.TokenRefreshed)
		})
	}
	t.Run("what was refused because the user was disabled works when she is back", func(t *testing.T) {
		f := newFixture(t)
		l := f.lineage("conf-a")
		f.users["alice"] = grantor.Subject{}
		f.refused(l.present(0), 400, "invalid_grant")
		f.users["alice"] = grantor.Subject{Active: true}
		l.living()
	})
	t.Run("a user who is named like the client is asked about like any other", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.users["conf-a"] = grantor.Subject{Active: true} })
		q := request("conf-a")
		res := f.post("/token", "conf-a", codeForm(f.browser("conf-a").code(q), q))
		f.granted(res)
		f.users["conf-a"] = grantor.Subject{}
		require.False(t, f.alive(res.str(t, "access_token")))
		f.refused(f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token"))), 400, "invalid_grant")
	})
	t.Run("tokens digested under an old pepper are refreshed under the new one", func(t *testing.T) {
		p1, p2 := secret.Pepper{ID: "p1", Key: make([]byte, 32)}, secret.Pepper{ID: "p2", Key: []byte(strings.Repeat("k", 32))}
		with := func(peppers ...secret.Pepper) func(*fixture) {
			p, err := secret.NewPeppers(peppers...)
			require.NoError(t, err)
			return func(f *fixture) { f.config.Secrets.Peppers = p }
		}
		f := newFixture(t, with(p1))
		l := f.lineage("pub")
		on := func(edit func(*fixture)) *fixture {
			next := newFixture(t, edit, func(next *fixture) { next.config.Store, next.memory = f.memory, f.memory })
			l.f = next
			return next
		}
		f2 := on(with(p2, p1))
		require.True(t, f2.alive(l.access[0]))
		l.next()
		on(with(p2))
		l.living()
	})
}

func TestRefreshTokenIsNothingElse(t *testing.T) {
	eachFormat(t, func(t *testing.T, f *fixture) {
		l := f.lineage("conf-a")
		t.Run("RT-16 a refresh token is no access token", func(t *testing.T) {
			require.False(t, f.alive(l.refresh[0]))
		})
		t.Run("RT-16 a resource server is told nothing of a refresh token", func(t *testing.T) {
			require.Equal(t, `{"active":false}`, f.post("/introspect", "rs", url.Values{"token": {l.refresh[0]}}).body)
		})
		t.Run("RT-17 an access token is no refresh token", func(t *testing.T) {
			f.refused(f.post("/token", "conf-a", refreshForm(l.access[0])), 400, "invalid_grant")
		})
		l.living()
	})
}

// brittle is a format that fails on demand.
type brittle struct {
	token.Opaque
	fails *atomic.Bool
}

func (b brittle) Mint(ctx context.Context, c token.Claims) (string, error) {
	if b.fails.Load() {
		return "", errors.New("the key vault is away")
	}
	return b.Opaque.Mint(ctx, c)
}

func TestRefreshThatFailsHalfway(t *testing.T) {
	for fault, name := range map[storetest.Fault]string{storetest.Before: "fails", storetest.After: "is carried out, but the answer is lost", storetest.Conflict: "conflicts"} {
		for k := 1; k <= 2; k++ {
			t.Run("RT-22 store call "+string(rune('0'+k))+" of a refresh "+name+": the same token works afterwards", func(t *testing.T) {
				var calls, failAt int
				f := newFixture(t, wrap(func(s store.Store) store.Store {
					return &storetest.Faulty{Store: s, Fail: func(storetest.Call) storetest.Fault {
						if calls++; calls == failAt {
							return fault
						}
						return storetest.None
					}}
				}))
				l := f.lineage("conf-a")
				calls, failAt = 0, k
				if res := l.present(-1); res.StatusCode != http.StatusOK { // a conflict may have been overcome
					f.refused(res, http.StatusServiceUnavailable, "temporarily_unavailable")
					require.NotEmpty(t, res.Header.Get("Retry-After"))
				}
				failAt = 0
				l.next()
				l.living()
			})
		}
	}
	for name, edit := range map[string]func(f *fixture, fails *atomic.Bool){
		"minting": func(f *fixture, fails *atomic.Bool) { f.config.AccessTokens = brittle{fails: fails} },
		"the claims hook": func(f *fixture, fails *atomic.Bool) {
			f.config.Claims = func(context.Context, grantor.Issuance) (map[string]any, error) { return nil, failing(fails) }
		},
		"the response hook": func(f *fixture, fails *atomic.Bool) {
			f.config.Response = func(context.Context, grantor.Issuance) (map[string]any, error) { return nil, failing(fails) }
		},
	} {
		t.Run("RG-13 "+name+" fails: neither code nor refresh token is spent", func(t *testing.T) {
			fails := &atomic.Bool{}
			f := newFixture(t, func(f *fixture) { edit(f, fails) })
			q := request("conf-a")
			form := codeForm(f.browser("alice").code(q), q)
			fails.Store(true)
			f.refused(f.post("/token", "conf-a", form), 503, "temporarily_unavailable")
			fails.Store(false)
			l := &lineage{f: f, clientID: "conf-a"}
			l.take(f.post("/token", "conf-a", form))
			fails.Store(true)
			f.refused(l.present(-1), 503, "temporarily_unavailable")
			fails.Store(false)
			f.advance(time.Hour) // no window is needed: nothing was rotated
			l.living()
		})
	}
}

func failing(fails *atomic.Bool) error {
	if fails.Load() {
		return errors.New("the directory is away")
	}
	return nil
}
