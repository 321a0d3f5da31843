package grantor_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// tokensOf signs a user in at the client and returns the token response.
func (f *fixture) tokensOf(user, clientID string) *reply {
	f.t.Helper()
	q := request(clientID)
	res := f.post("/token", clientID, codeForm(f.browser(user).code(q), q))
	require.Equal(f.t, http.StatusOK, res.StatusCode, "%s", res.body)
	return res
}

// robots makes conf-b and conf-two clients of the service principal robot.
func robots(f *fixture) {
	for _, id := range []string{"conf-b", "conf-two"} {
		f.clients[id].Principal = "robot"
	}
}

// grantOf is the ID of the grant that a token came from.
func (f *fixture) grantOf(accessToken string) string {
	f.t.Helper()
	c, err := f.server.Verify(f.t.Context(), accessToken)
	require.NoError(f.t, err)
	return c.GrantID
}

func TestRevokeInBulk(t *testing.T) {
	for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
		live := func(f *fixture) map[string]string {
			out := map[string]string{}
			for _, user := range []string{"alice", "bob"} {
				for _, id := range []string{"conf-a", "pub"} {
					res := f.tokensOf(user, id)
					out[user+" at "+id] = res.str(t, "access_token")
				}
			}
			for _, id := range []string{"m2m", "conf-a", "conf-b", "conf-two"} {
				out["machine "+id] = f.machineToken(id)
			}
			return out
		}
		for _, c := range []struct {
			name string
			q    func(*fixture, map[string]string) store.Query
			dead []string
		}{
			{"all of a subject's", func(*fixture, map[string]string) store.Query { return store.Query{Subject: "alice"} }, []string{"alice at conf-a", "alice at pub"}},
			{"all of a client's", func(*fixture, map[string]string) store.Query { return store.Query{Client: "conf-a"} }, []string{"alice at conf-a", "bob at conf-a", "machine conf-a"}},
			{"a subject's at one client", func(*fixture, map[string]string) store.Query { return store.Query{Client: "pub", Subject: "bob"} }, []string{"bob at pub"}},
			{"one grant", func(f *fixture, all map[string]string) store.Query {
				return store.Query{Grant: f.grantOf(all["bob at conf-a"])}
			}, []string{"bob at conf-a"}},
			{"a machine's", func(*fixture, map[string]string) store.Query { return store.Query{Client: "m2m"} }, []string{"machine m2m"}},
			{"a machine's, by its own name as the subject", func(*fixture, map[string]string) store.Query { return store.Query{Subject: "m2m"} }, []string{"machine m2m"}},
			{"a service principal's, at all its clients", func(*fixture, map[string]string) store.Query { return store.Query{Subject: "robot"} }, []string{"machine conf-b", "machine conf-two"}},
			{"nobody's", func(*fixture, map[string]string) store.Query { return store.Query{Subject: "eve"} }, nil},
		} {
			t.Run(name+": revoking "+c.name+" ends those and no others, and what is issued later lives", func(t *testing.T) {
				f := newFixture(t, format, robots)
				all := live(f)
				require.NoError(t, f.server.Revoke(t.Context(), c.q(f, all)))
				f.advance(time.Second)
				for who, tok := range all {
					want := true
					for _, d := range c.dead {
						want = want && d != who
					}
					if got := f.alive(tok); got != want {
						t.Errorf("%s: alive %v, want %v", who, got, want)
					}
				}
				for who, tok := range live(f) {
					if !f.alive(tok) {
						t.Errorf("%s: a token issued afterwards is dead", who)
					}
				}
			})
		}
		t.Run(name+": refresh tokens and codes go with their grant", func(t *testing.T) {
			f := newFixture(t, format)
			res := f.tokensOf("alice", "conf-a")
			q := request("conf-a")
			code := f.browser("alice").code(q)
			require.NoError(t, f.server.Revoke(t.Context(), store.Query{Subject: "alice"}))
			f.refused(f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token"))), http.StatusBadRequest, "invalid_grant")
			f.refused(f.post("/token", "conf-a", codeForm(code, q)), http.StatusBadRequest, "invalid_grant")
		})
	}
	t.Run("JWTs of the same second are dead, those of the next live, and a clock that jumps back kills no fewer", func(t *testing.T) {
		f := newFixture(t, jwts)
		f.clock = f.clock.Truncate(time.Second)
		before := f.machineToken("m2m")
		f.advance(time.Hour)
		require.NoError(t, f.server.Revoke(t.Context(), store.Query{Client: "m2m"}))
		f.advance(-time.Hour)
		require.NoError(t, f.server.Revoke(t.Context(), store.Query{Client: "m2m"}))
		require.False(t, f.alive(before))
		f.advance(time.Hour)
		same := f.machineToken("m2m")
		require.False(t, f.alive(same))
		f.advance(time.Second)
		require.True(t, f.alive(f.machineToken("m2m")))
	})
	t.Run("the mark goes when the last token it concerns is gone", func(t *testing.T) {
		f := newFixture(t, jwts)
		require.NoError(t, f.server.Revoke(t.Context(), store.Query{Client: "m2m"}))
		require.Equal(t, 1, f.memory.Len())
		f.advance(2 * time.Hour)
		require.NoError(t, f.server.Sweep(t.Context()))
		require.Zero(t, f.memory.Len())
	})
	t.Run("consents stay: revoking tokens forgets nobody's decision", func(t *testing.T) {
		f := newFixture(t)
		f.tokensOf("alice", "conf-a")
		require.NoError(t, f.server.Revoke(t.Context(), store.Query{Subject: "alice"}))
		require.NotEmpty(t, f.browser("alice").authorize(request("conf-a", "prompt", "none")).answer(t).Get("code"))
	})
	t.Run("a query that names nobody, or more than whose grants, is ErrQuery and changes nothing", func(t *testing.T) {
		f := newFixture(t)
		tok := f.machineToken("m2m")
		for _, q := range []store.Query{
			{}, {Kind: "grant"}, {Kind: "consent", Subject: "m2m"}, {Kind: "consent"}, {ExpiredAt: time.Now()}, {Client: "m2m", ExpiredAt: time.Now()},
			{Limit: 1}, {Client: "m2m", Limit: 1}, {After: "x"}, {Client: "m2m", After: "x"},
		} {
			if err := f.server.Revoke(t.Context(), q); !errors.Is(err, store.ErrQuery) {
				t.Errorf("%+v: got %v", q, err)
			}
		}
		require.True(t, f.alive(tok))
	})
	t.Run("odd names of clients and subjects stand for themselves", func(t *testing.T) {
		f := newFixture(t, jwts)
		odd := []string{"a\x00b", "ä ö", "*", strings.Repeat("x", 255), "' OR 1=1 --"}
		for _, subject := range odd {
			require.NoError(t, f.server.Revoke(t.Context(), store.Query{Subject: subject}))
		}
		tok := f.machineToken("m2m")
		require.True(t, f.alive(tok))
	})
	t.Run("many at once for one subject all succeed", func(t *testing.T) {
		f := newFixture(t, jwts, wrap(func(s store.Store) store.Store { return storetest.Slow(s, time.Millisecond) }))
		tok := f.machineToken("m2m")
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := f.server.Revoke(t.Context(), store.Query{Client: "m2m"}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.False(t, f.alive(tok))
	})
	t.Run("INV-4 tokens issued while their subject is revoked are dead, or were issued afterwards", func(t *testing.T) {
		f := newFixture(t, wrap(func(s store.Store) store.Store { return storetest.Slow(s, time.Millisecond) }))
		res := f.tokensOf("alice", "conf-a")
		var all sync.WaitGroup
		all.Go(func() { _ = f.server.Revoke(t.Context(), store.Query{Subject: "alice"}) })
		for range 10 {
			all.Go(func() {
				got := f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token")))
				if got.StatusCode != http.StatusOK && got.str(t, "error") != "invalid_grant" {
					t.Errorf("got %d %s", got.StatusCode, got.body)
				}
			})
		}
		all.Wait()
		require.False(t, f.alive(res.str(t, "access_token")))
		f.refused(f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token"))), http.StatusBadRequest, "invalid_grant")
	})
}

func TestSweep(t *testing.T) {
	t.Run("DS-04 it removes what expired, in batches, and nothing else", func(t *testing.T) {
		counted := &storetest.Counting{}
		f := newFixture(t, wrap(func(s store.Store) store.Store { counted.Store = s; return counted }))
		for n := range 12_000 {
			require.NoError(t, f.memory.Put(t.Context(), store.Record{Kind: "x", ID: "r" + jsonInt(int64(n)), Expires: f.now().Add(time.Minute), Data: []byte("{}")}))
		}
		f.advance(2 * time.Minute)
		tok := f.tokens("conf-a").str(t, "access_token")
		counted.Reset()
		require.NoError(t, f.server.Sweep(t.Context()))
		require.Equal(t, 3, f.memory.Len(), "the grant, the consent and the answer stay")
		require.GreaterOrEqual(t, counted.Calls("delete"), 2)
		require.True(t, f.alive(tok))
	})
	t.Run("it reports trouble", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Store = noStore{} })
		require.ErrorIs(t, f.server.Sweep(t.Context()), errDown)
		require.ErrorIs(t, f.server.Revoke(t.Context(), store.Query{Subject: "alice"}), errDown)
	})
}

func TestServicePrincipals(t *testing.T) {
	ask := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
	for name, c := range map[string]struct {
		principal string
		want      int
	}{
		"a service principal":                 {"robot", http.StatusOK},
		"a person":                            {"alice", http.StatusBadRequest},
		"somebody who is disabled":            {"disabled", http.StatusBadRequest},
		"somebody who is nobody":              {"ghost", http.StatusBadRequest},
		"no principal, which is the client's": {"", http.StatusOK},
	} {
		t.Run("a client bound to "+name+" gets "+http.StatusText(c.want), func(t *testing.T) {
			f := newFixture(t)
			f.clients["m2m"].Principal = c.principal
			res := f.post("/token", "m2m", ask)
			require.Equal(t, c.want, res.StatusCode, "%s", res.body)
			if c.want != http.StatusOK {
				f.refused(res, c.want, "unauthorized_client")
				return
			}
			want := c.principal
			if want == "" {
				want = "m2m"
			}
			require.Equal(t, want, f.introspect("rs", res.str(t, "access_token")).str(t, "sub"))
		})
	}
	t.Run("a user who has the name of a client is asked about like any other", func(t *testing.T) {
		f := newFixture(t)
		f.users["conf-a"] = f.users["alice"]
		res := f.tokensOf("conf-a", "conf-a")
		require.True(t, f.alive(res.str(t, "access_token")))
		delete(f.users, "conf-a")
		if f.alive(res.str(t, "access_token")) {
			t.Errorf("alive although the user is gone")
		}
		f.refused(f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token"))), http.StatusBadRequest, "invalid_grant")
	})
}
