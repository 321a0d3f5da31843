package grantor_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// revoke presents a token at the revocation endpoint as the client.
func (f *fixture) revoke(clientID, tok string) *reply {
	f.t.Helper()
	return f.post("/revoke", clientID, url.Values{"token": {tok}})
}

// revoked requires that the endpoint said that the token is revoked.
func (f *fixture) revoked(clientID, tok string) {
	f.t.Helper()
	res := f.revoke(clientID, tok)
	require.Equal(f.t, http.StatusOK, res.StatusCode, "%s", res.body)
	require.Equal(f.t, "no-store", res.Header.Get("Cache-Control"))
	require.Empty(f.t, res.body)
}

// refreshable reports whether the refresh token is live, as its client sees it.
func (f *fixture) refreshable(clientID, refreshToken string) bool {
	f.t.Helper()
	return f.introspect(clientID, refreshToken).json(f.t)["active"] == true
}

// eachFormat runs a test with opaque tokens and with JWTs.
func eachFormat(t *testing.T, test func(t *testing.T, f *fixture)) {
	for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
		t.Run(name, func(t *testing.T) { test(t, newFixture(t, format)) })
	}
}

func TestRevocation(t *testing.T) {
	eachFormat(t, func(t *testing.T, f *fixture) {
		t.Run("RV-01 a token that is unknown is as good as revoked", func(t *testing.T) {
			for _, tok := range []string{"x", "a.b.c", strings.Repeat("y", 5000), secret.Format{}.New(secret.AccessToken).Reveal(), secret.Format{}.New(secret.RefreshToken).Reveal()} {
				f.revoked("conf-a", tok)
			}
		})
		t.Run("RV-03 a refresh token takes all access tokens of its grant along, rotated ones too", func(t *testing.T) {
			first := f.tokens("conf-a")
			second := f.post("/token", "conf-a", refreshForm(first.str(t, "refresh_token")))
			f.revoked("conf-a", second.str(t, "refresh_token"))
			for _, res := range []*reply{first, second} {
				if f.alive(res.str(t, "access_token")) || f.refreshable("conf-a", res.str(t, "refresh_token")) {
					t.Errorf("something of the grant is alive")
				}
			}
		})
		t.Run("RV-03 a rotated refresh token stands for its grant, and ends it", func(t *testing.T) {
			first := f.tokens("conf-a")
			second := f.post("/token", "conf-a", refreshForm(first.str(t, "refresh_token")))
			f.revoked("conf-a", first.str(t, "refresh_token"))
			if f.alive(second.str(t, "access_token")) || f.refreshable("conf-a", second.str(t, "refresh_token")) {
				t.Errorf("the successor is alive")
			}
		})
		t.Run("RV-04 an access token ends alone: its siblings and its refresh token live on", func(t *testing.T) {
			first := f.tokens("conf-a")
			second := f.post("/token", "conf-a", refreshForm(first.str(t, "refresh_token")))
			f.revoked("conf-a", first.str(t, "access_token"))
			require.False(t, f.alive(first.str(t, "access_token")))
			if !f.alive(second.str(t, "access_token")) || !f.refreshable("conf-a", second.str(t, "refresh_token")) {
				t.Errorf("more than the token was revoked")
			}
			res := f.post("/token", "conf-a", refreshForm(second.str(t, "refresh_token")))
			require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
			require.False(t, f.alive(first.str(t, "access_token")), "a refresh revived it")
		})
		t.Run("RV-04 revoking a machine's token leaves its other tokens alone", func(t *testing.T) {
			a, b := f.machineToken("m2m"), f.machineToken("m2m")
			f.revoked("m2m", a)
			f.revoked("m2m", a)
			if f.alive(a) || !f.alive(b) {
				t.Errorf("alive: %v, %v; want false, true", f.alive(a), f.alive(b))
			}
		})
		t.Run("RV-05, RG-8 the hint, wrong or right, finds the token all the same", func(t *testing.T) {
			for _, hint := range []string{"access_token", "refresh_token", "nonsense", ""} {
				for _, which := range []string{"access_token", "refresh_token"} {
					res := f.tokens("conf-a")
					answer := f.post("/revoke", "conf-a", url.Values{"token": {res.str(t, which)}, "token_type_hint": {hint}})
					require.Equal(t, http.StatusOK, answer.StatusCode)
					if f.alive(res.str(t, "access_token")) {
						t.Errorf("the %s survived the hint %q", which, hint)
					}
				}
			}
		})
		t.Run("RV-13 a string that is nearly the token revokes nothing, and the audit log says so", func(t *testing.T) {
			res := f.tokens("conf-a")
			for _, which := range []string{"access_token", "refresh_token"} {
				for _, altered := range alterations(res.str(t, which)) {
					before := len(f.kinds())
					if got := f.revoke("conf-a", altered).StatusCode; got != http.StatusOK && got != http.StatusBadRequest {
						t.Errorf("%q: got %d", altered, got)
					} else if kinds := f.kinds()[before:]; got == http.StatusOK && !slices.Equal(kinds, []grantor.EventKind{grantor.RevokeIgnored}) {
						t.Errorf("%q: got events %v", altered, kinds)
					}
				}
			}
			if !f.alive(res.str(t, "access_token")) || !f.refreshable("conf-a", res.str(t, "refresh_token")) {
				t.Errorf("revoked")
			}
		})
	})
}

func TestRevocationIsForItsOwnClient(t *testing.T) {
	eachFormat(t, func(t *testing.T, f *fixture) {
		for _, owner := range []string{"conf-a", "pub"} {
			for _, stranger := range []string{"conf-b", "spa", "rs"} {
				t.Run("RV-02, RG-8 "+stranger+" is answered 200 for a token of "+owner+", which stays alive", func(t *testing.T) {
					res := f.tokens(owner)
					for _, which := range []string{"access_token", "refresh_token"} {
						f.revoked(stranger, res.str(t, which))
					}
					if !f.alive(res.str(t, "access_token")) {
						t.Errorf("the access token is dead")
					}
					again := f.post("/token", owner, refreshForm(res.str(t, "refresh_token")))
					require.Equal(t, http.StatusOK, again.StatusCode, "%s", again.body)
				})
			}
		}
		t.Run("RV-06 a confidential client that does not authenticate gets 401, and its token lives", func(t *testing.T) {
			tok := f.tokens("conf-a").str(t, "access_token")
			form := url.Values{"token": {tok}, "client_id": {"conf-a"}}
			f.refused(f.post("/revoke", "", form), http.StatusUnauthorized, "invalid_client")
			form.Set("client_secret", secrets["conf-b"])
			f.refused(f.post("/revoke", "", form), http.StatusUnauthorized, "invalid_client")
			f.refused(f.post("/revoke", "", url.Values{"token": {tok}}), http.StatusUnauthorized, "invalid_client")
			require.True(t, f.alive(tok))
		})
		t.Run("RV-07 a public client names itself and may revoke its own token", func(t *testing.T) {
			res := f.tokens("pub")
			f.revoked("pub", res.str(t, "refresh_token"))
			require.False(t, f.alive(res.str(t, "access_token")))
		})
		t.Run("RV-08 a token that is missing, empty or repeated is invalid_request", func(t *testing.T) {
			for _, tokens := range [][]string{nil, {""}, {"a", "a"}} {
				f.refused(f.post("/revoke", "conf-a", url.Values{"token": tokens}), http.StatusBadRequest, "invalid_request")
			}
		})
		t.Run("RV-09 GET is 405, a token in the URL is invalid_request, and both revoke nothing", func(t *testing.T) {
			tok := f.machineToken("m2m")
			r := f.request("/revoke?token="+tok, "m2m", nil)
			r.Method = http.MethodGet
			require.Equal(t, http.StatusMethodNotAllowed, f.do(r).StatusCode)
			f.refused(f.post("/revoke?token="+tok, "m2m", nil), http.StatusBadRequest, "invalid_request")
			f.refused(f.post("/revoke?token="+tok, "m2m", url.Values{"token": {tok}}), http.StatusBadRequest, "invalid_request")
			require.True(t, f.alive(tok))
		})
	})
}

func TestRevocationUnderStress(t *testing.T) {
	for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
		t.Run("RV-10 one "+name+" token revoked 50 times at once: 200 for all, and dead", func(t *testing.T) {
			f := newFixture(t, format, wrap(func(s store.Store) store.Store { return storetest.Slow(s, time.Millisecond) }))
			res := f.tokens("conf-a")
			machine := f.machineToken("m2m")
			for _, c := range []struct{ id, tok string }{
				{"m2m", machine}, {"conf-a", res.str(t, "access_token")}, {"conf-a", res.str(t, "refresh_token")},
			} {
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						if got := f.revoke(c.id, c.tok); got.StatusCode != http.StatusOK {
							t.Errorf("got %d %s", got.StatusCode, got.body)
						}
					})
				}
				all.Wait()
			}
			if f.alive(machine) || f.alive(res.str(t, "access_token")) || f.refreshable("conf-a", res.str(t, "refresh_token")) {
				t.Errorf("something is alive")
			}
		})
	}
	t.Run("RV-11 while the store is down, revocation is 503 and never 200", func(t *testing.T) {
		for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
			faulty := &storetest.Faulty{}
			down := false
			faulty.Fail = func(storetest.Call) storetest.Fault {
				if down {
					return storetest.Before
				}
				return storetest.None
			}
			f := newFixture(t, format, wrap(func(s store.Store) store.Store { faulty.Store = s; return faulty }))
			res, machine := f.tokens("conf-a"), f.machineToken("m2m")
			down = true
			for tok, id := range map[string]string{res.str(t, "access_token"): "conf-a", res.str(t, "refresh_token"): "conf-a", machine: "m2m"} {
				got := f.revoke(id, tok)
				f.refused(got, http.StatusServiceUnavailable, "temporarily_unavailable")
				if got.Header.Get("Retry-After") == "" {
					t.Errorf("%s: no Retry-After", name)
				}
			}
			if slices.Contains(f.kinds(), grantor.TokenRevoked) {
				t.Errorf("%s: the audit log says it was revoked", name)
			}
		}
	})
	t.Run("INV-9 a JWT that was revoked stays revoked however many more are, if need be with its whole grant", func(t *testing.T) {
		f := newFixture(t, jwts)
		res := f.tokens("conf-a")
		first := res.str(t, "access_token")
		f.revoked("conf-a", first)
		for n := range 150 {
			next := f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token")))
			if next.StatusCode != http.StatusOK {
				require.Greater(t, n, 50, "a few revocations cost the grant")
				break
			}
			res = next
			f.revoked("conf-a", res.str(t, "access_token"))
			require.False(t, f.alive(first), "alive again after %d more", n)
		}
		require.False(t, f.alive(res.str(t, "access_token")))
	})
	t.Run("RG-15 the refresh token of an expired access token is active, can be revoked, and then is not", func(t *testing.T) {
		eachFormat(t, func(t *testing.T, f *fixture) {
			res := f.tokens("conf-a")
			f.advance(24 * time.Hour)
			require.False(t, f.alive(res.str(t, "access_token")))
			refresh := res.str(t, "refresh_token")
			if !f.refreshable("conf-a", refresh) {
				t.Fatalf("not active")
			}
			f.revoked("conf-a", refresh)
			if f.refreshable("conf-a", refresh) {
				t.Errorf("still active")
			}
			f.refused(f.post("/token", "conf-a", refreshForm(refresh)), http.StatusBadRequest, "invalid_grant")
		})
	})
	t.Run("revoking a code, a client secret or a token's locator does nothing", func(t *testing.T) {
		f := newFixture(t)
		q := request("conf-a")
		code := f.browser("alice").code(q)
		for _, tok := range []string{code, secrets["conf-a"], locator(t, code)} {
			f.revoked("conf-a", tok)
		}
		res := f.post("/token", "conf-a", codeForm(code, q))
		require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
	})
}

func TestClocksThatJump(t *testing.T) {
	for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
		t.Run("ST-14 "+name+": a clock that jumps an hour ahead and back revives nothing that was revoked", func(t *testing.T) {
			f := newFixture(t, format)
			machine, res, code := f.machineToken("m2m"), f.tokens("conf-a"), ""
			f.revoked("m2m", machine)
			f.revoked("conf-a", res.str(t, "access_token"))
			q := request("conf-a")
			code = f.browser("alice").code(q)
			require.Equal(t, http.StatusOK, f.post("/token", "conf-a", codeForm(code, q)).StatusCode)
			bulk := f.machineToken("conf-b")
			require.NoError(t, f.server.Revoke(t.Context(), store.Query{Client: "conf-b"}))

			f.advance(time.Hour)
			require.NoError(t, f.server.Sweep(t.Context()))
			res = f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token")))
			require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
			f.advance(-time.Hour)

			if f.alive(machine) || f.alive(bulk) {
				t.Errorf("a revoked token is alive again")
			}
			f.refused(f.post("/token", "conf-a", codeForm(code, q)), http.StatusBadRequest, "invalid_grant")
		})
	}
	t.Run("ST-14 a clock that jumps ends live tokens no sooner than it says, and they work when it is right again", func(t *testing.T) {
		f := newFixture(t, jwts)
		tok := f.machineToken("m2m")
		f.advance(-5 * time.Second) // another node is a little behind
		require.True(t, f.alive(tok))
		f.advance(5*time.Second + 9*time.Minute)
		require.True(t, f.alive(tok))
	})
	t.Run("ST-14 revoked access tokens of a grant stay revoked when the clock jumps", func(t *testing.T) {
		f := newFixture(t, jwts)
		res := f.tokens("conf-a")
		first := res.str(t, "access_token")
		f.revoked("conf-a", first)
		f.advance(time.Hour)
		res = f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token")))
		f.revoked("conf-a", res.str(t, "access_token"))
		f.advance(-time.Hour)
		require.False(t, f.alive(first))
	})
}
