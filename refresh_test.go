package grantor_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// The refresh grant: rotation, repetition, reuse, and what a refused attempt
// leaves alone.

// A lineage follows one grant through its refreshes.
type lineage struct {
	f        *fixture
	clientID string
	access   []string
	refresh  []string
}

// lineage signs alice in at the client.
func (f *fixture) lineage(clientID string, pairs ...string) *lineage {
	f.t.Helper()
	l := &lineage{f: f, clientID: clientID}
	l.take(f.tokens(clientID, pairs...))
	return l
}

func (l *lineage) take(res *reply) *reply {
	l.f.t.Helper()
	l.f.granted(res)
	require.NotEmpty(l.f.t, res.str(l.f.t, "refresh_token"), "%s", res.body)
	l.access, l.refresh = append(l.access, res.str(l.f.t, "access_token")), append(l.refresh, res.str(l.f.t, "refresh_token"))
	return res
}

// present sends the nth refresh token; -1 is the last.
func (l *lineage) present(n int, pairs ...string) *reply {
	l.f.t.Helper()
	return l.f.post("/token", l.clientID, changed(refreshForm(l.nth(n)), pairs...))
}

func (l *lineage) nth(n int) string {
	if n < 0 {
		n += len(l.refresh)
	}
	return l.refresh[n]
}

// next refreshes with the last token.
func (l *lineage) next(pairs ...string) *reply {
	l.f.t.Helper()
	return l.take(l.present(-1, pairs...))
}

// living checks that the last refresh token works, and uses it up.
func (l *lineage) living() {
	l.f.t.Helper()
	res := l.next()
	require.True(l.f.t, l.f.alive(res.str(l.f.t, "access_token")))
}

// dead checks that nothing of the lineage works any more.
func (l *lineage) dead() {
	l.f.t.Helper()
	for _, a := range l.access {
		if l.f.alive(a) {
			l.f.t.Error("an access token lives on")
		}
	}
	for n := range l.refresh {
		l.f.refused(l.present(n), 400, "invalid_grant")
	}
}

// strictly turns repetition off.
func strictly(f *fixture) { f.config.Lifetimes.RefreshRetry = -1 }

func TestRefreshRotation(t *testing.T) {
	eachFormat(t, func(t *testing.T, f *fixture) {
		for _, clientID := range []string{"conf-a", "pub", "spa"} {
			t.Run("RT-01 "+clientID+" gets a new refresh token each time, and only the last is live", func(t *testing.T) {
				l := f.lineage(clientID)
				for range 5 {
					l.next()
				}
				require.Len(t, slices.Compact(slices.Sorted(slices.Values(l.refresh))), 6, "tokens differ")
				require.Len(t, slices.Compact(slices.Sorted(slices.Values(l.access))), 6, "tokens differ")
				if clientID == "conf-a" {
					for n, r := range l.refresh {
						require.Equal(t, n == 5, f.refreshable(clientID, r), "token %d", n)
					}
				}
				require.True(t, f.alive(l.access[4]), "a request under way at the last refresh fails")
			})
			t.Run("RT-02 "+clientID+" presents a rotated token after the window: the family is dead", func(t *testing.T) {
				l := f.lineage(clientID)
				l.next()
				f.advance(30 * time.Second)
				before := len(f.kinds())
				f.refused(l.present(0), 400, "invalid_grant")
				require.Contains(t, f.kinds()[before:], grantor.RefreshReused)
				l.dead()
			})
			t.Run("RT-02 "+clientID+" presents a rotated token whose successor was used: the family is dead", func(t *testing.T) {
				l := f.lineage(clientID)
				l.next()
				l.next()
				f.refused(l.present(0), 400, "invalid_grant")
				l.dead()
			})
		}
		t.Run("RT-02 the first token of a long line, much later, still ends it", func(t *testing.T) {
			l := f.lineage("conf-a")
			for range 12 {
				l.next()
				f.advance(24 * time.Hour)
			}
			f.refused(l.present(0), 400, "invalid_grant")
			l.dead()
		})
		t.Run("RT-03 MCP A8 presented again within the window a token returns the same successor, however often", func(t *testing.T) {
			l := f.lineage("pub")
			first := l.next()
			for range 5 {
				f.advance(5900 * time.Millisecond)
				res := l.present(0)
				f.granted(res)
				require.Equal(t, first.str(t, "refresh_token"), res.str(t, "refresh_token"))
				require.True(t, f.alive(res.str(t, "access_token")))
			}
			require.NotContains(t, f.kinds()[len(f.kinds())-6:], grantor.RefreshReused)
			require.Contains(t, f.kinds(), grantor.TokenRepeated)
			l.living()
		})
		t.Run("RT-07 the response is lost, the client asks again: one line goes on", func(t *testing.T) {
			l := f.lineage("pub")
			f.server.ServeHTTP(&lost{header: http.Header{}}, f.request("/token", "pub", refreshForm(l.nth(-1))))
			l.next()
			l.living()
		})
	})
}

// lost is a connection that is closed before anything arrives.
type lost struct{ header http.Header }

func (w *lost) Header() http.Header       { return w.header }
func (w *lost) WriteHeader(int)           {}
func (w *lost) Write([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

var _ http.ResponseWriter = (*lost)(nil)

func TestRefreshRepetition(t *testing.T) {
	for name, c := range map[string]struct{ edit func(*fixture) }{"opaque": {func(*fixture) {}}, "JWT": {jwts}} {
		t.Run("RT-03 repeating a refresh writes nothing, "+name, func(t *testing.T) {
			counting := &storetest.Counting{}
			f := newFixture(t, c.edit, wrap(func(s store.Store) store.Store { counting.Store = s; return counting }))
			l := f.lineage("pub")
			l.next()
			f.advance(10 * time.Second)
			puts := counting.Calls("put")
			f.granted(l.present(0))
			require.Equal(t, puts, counting.Calls("put"))
		})
	}
	t.Run("a repeated response is the same, its lifetime apart", func(t *testing.T) {
		f := newFixture(t)
		l := f.lineage("pub")
		first := l.next()
		f.advance(10 * time.Second)
		again := l.present(0)
		require.Equal(t, strings.Replace(first.body, `"expires_in":600`, `"expires_in":590`, 1), again.body)
	})
	t.Run("a repetition that asks for less gets less, and the same successor", func(t *testing.T) {
		f := newFixture(t)
		l := f.lineage("pub")
		first := l.next()
		res := l.present(0, "scope", "read")
		f.granted(res)
		require.Equal(t, "read", res.str(t, "scope"))
		require.Equal(t, first.str(t, "refresh_token"), res.str(t, "refresh_token"))
		require.True(t, f.alive(res.str(t, "access_token")) && f.alive(first.str(t, "access_token")))
		f.refused(l.present(0, "scope", "read admin"), 400, "invalid_scope")
		l.living()
	})
	t.Run("a repetition never returns an access token that was revoked meanwhile", func(t *testing.T) {
		for _, scope := range []string{"read write", ""} {
			f := newFixture(t)
			l := f.lineage("pub", "scope", scope)
			first := l.next()
			f.revoked("pub", first.str(t, "access_token"))
			res := l.present(0)
			f.granted(res)
			require.True(t, f.alive(res.str(t, "access_token")))
			require.False(t, f.alive(first.str(t, "access_token")))
		}
	})
	t.Run("nor one that has expired", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Lifetimes.AccessToken = 5 * time.Second })
		l := f.lineage("pub")
		l.next()
		f.advance(20 * time.Second)
		res := l.present(0)
		f.granted(res)
		require.Equal(t, float64(5), res.json(t)["expires_in"])
		require.True(t, f.alive(res.str(t, "access_token")))
	})
	t.Run("after revocation no repetition brings anything back", func(t *testing.T) {
		f := newFixture(t)
		l := f.lineage("pub")
		l.next()
		f.revoked("pub", l.nth(-1))
		l.dead()
	})
	t.Run("a copy of the store yields no token: the successor is sealed", func(t *testing.T) {
		f := newFixture(t)
		l := f.lineage("pub")
		l.next()
		records, err := f.memory.Find(t.Context(), store.Query{Kind: grant.Kind, Client: "pub"})
		require.NoError(t, err)
		require.Len(t, records, 1)
		for _, tok := range slices.Concat(l.access, l.refresh) {
			require.NotContains(t, string(records[0].Data), tok[len(tok)-49:len(tok)-6])
		}
	})
}

func TestRefreshStrictly(t *testing.T) {
	t.Run("a token presented twice ends the family at once", func(t *testing.T) {
		f := newFixture(t, strictly)
		l := f.lineage("pub")
		l.next()
		f.refused(l.present(0), 400, "invalid_grant")
		l.dead()
	})
	t.Run("a clock that goes back lets nothing be repeated", func(t *testing.T) {
		f := newFixture(t, strictly)
		l := f.lineage("pub")
		l.next()
		f.advance(-time.Second)
		f.refused(l.present(0), 400, "invalid_grant")
		l.dead()
	})
	t.Run("no successor is kept, sealed or not, and a server that is lenient again copes", func(t *testing.T) {
		f := newFixture(t, strictly)
		l := f.lineage("pub")
		l.next()
		records, err := f.memory.Find(t.Context(), store.Query{Kind: grant.Kind, Client: "pub"})
		require.NoError(t, err)
		require.NotContains(t, string(records[0].Data), "sealed")
		lenient := newFixture(t, func(lenient *fixture) { lenient.config.Store = f.memory })
		lenient.refused(lenient.post("/token", "pub", refreshForm(l.nth(0))), 400, "invalid_grant")
	})
}

func TestRefreshByOthers(t *testing.T) {
	f := newFixture(t)
	for name, send := range map[string]func(f *fixture, tok string) *reply{
		"RT-08 another confidential client": func(f *fixture, tok string) *reply { return f.post("/token", "conf-b", refreshForm(tok)) },
		"RT-08 a public client":             func(f *fixture, tok string) *reply { return f.post("/token", "pub", refreshForm(tok)) },
	} {
		t.Run(name+" is refused, with a live token and with a rotated one, and the family is intact", func(t *testing.T) {
			l := f.lineage("conf-a")
			l.next()
			f.advance(time.Minute)
			for _, tok := range l.refresh {
				f.refused(send(f, tok), 400, "invalid_grant")
			}
			require.True(t, f.alive(l.access[0]))
			l.living()
		})
	}
	t.Run("RT-09 a confidential client that does not authenticate is refused, and nothing is spent", func(t *testing.T) {
		l := f.lineage("conf-a")
		for _, authorization := range []string{"", basic("conf-a", ""), basic("conf-a", own()), basic("nobody", own())} {
			params := []string{"grant_type", "refresh_token", "refresh_token", l.nth(0)}
			if authorization == "" {
				params = append(params, "client_id", "conf-a")
			}
			f.refused(f.call("/token", authorization, params...), 401, "invalid_client")
		}
		l.living()
	})
	for how, forge := range map[string]func(h secret.Handle, s string) secret.Handle{
		"a fresh secret": func(h secret.Handle, _ string) secret.Handle {
			return secret.Format{}.Issue(secret.RefreshToken, h.Locator())
		},
		"a mark of another family": func(h secret.Handle, _ string) secret.Handle {
			k := secret.NewFamilyKey()
			return secret.Format{}.IssueMarked(secret.RefreshToken, h.Locator(), &k)
		},
		"one random character changed": func(h secret.Handle, s string) secret.Handle {
			return secret.Format{}.Compose(secret.RefreshToken, h.Locator(), flip(s, 0))
		},
		"one character of the mark changed": func(h secret.Handle, s string) secret.Handle {
			return secret.Format{}.Compose(secret.RefreshToken, h.Locator(), flip(s, 42))
		},
		"nothing but zeros": func(h secret.Handle, _ string) secret.Handle {
			return secret.Format{}.Compose(secret.RefreshToken, h.Locator(), strings.Repeat("0", 43))
		},
		"the secret of the grant's access token": func(h secret.Handle, s string) secret.Handle {
			return secret.Format{}.Compose(secret.RefreshToken, h.Locator(), s)
		},
	} {
		t.Run("a forged token with a known locator, a right checksum and "+how+" ends no family", func(t *testing.T) {
			l := f.lineage("pub")
			l.next()
			f.advance(time.Minute)
			h, err := secret.Format{}.Parse(l.nth(0))
			require.NoError(t, err)
			part := l.nth(0)
			if strings.Contains(how, "access token") {
				part = l.access[0]
			}
			forged := forge(h, part[len(part)-49:len(part)-6])
			require.False(t, forged.IsZero())
			f.refused(f.post("/token", "pub", refreshForm(forged.Reveal())), 400, "invalid_grant")
			f.revoked("pub", forged.Reveal())
			require.True(t, f.alive(l.access[1]))
			l.living()

			f.refused(l.present(0), 400, "invalid_grant") // an old genuine one does
			l.dead()
		})
	}
	t.Run("a damaged token is refused and ends no family", func(t *testing.T) {
		l := f.lineage("pub")
		for how, s := range damaged(l.nth(0)) {
			if res := f.post("/token", "pub", refreshForm(s)); res.StatusCode != 400 || res.str(t, "error") != "invalid_grant" {
				t.Errorf("%s: got %d %s", how, res.StatusCode, res.body)
			}
		}
		f.refused(f.post("/token", "pub", url.Values{"grant_type": {"refresh_token"}}), 400, "invalid_request")
		l.living()
	})
}

// flip changes one character.
func flip(s string, i int) string {
	c := byte('a')
	if s[i] == c {
		c = 'b'
	}
	return s[:i] + string(c) + s[i+1:]
}
