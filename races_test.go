package grantor_test

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// What works once works once, also for everybody at the same moment. The store
// is slow on purpose: without its 5 ms a server that reads, decides and writes
// without comparing passes too.

const racers = 64

// slow injects the latency that shows races.
func slow(f *fixture) { f.config.Store = storetest.Slow(f.config.Store, 5*time.Millisecond) }

// race sends the requests at once and returns the answers, in order.
func race(n int, send func(i int) *reply) []*reply {
	out := make([]*reply, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			out[i] = send(i)
		})
	}
	close(start)
	all.Wait()
	return out
}

// won returns the token responses; everything else must be the refusal.
func (f *fixture) won(replies []*reply, code string) (winners []*reply) {
	f.t.Helper()
	for _, res := range replies {
		if res.StatusCode == http.StatusOK {
			winners = append(winners, res)
		} else {
			f.refused(res, http.StatusBadRequest, code)
		}
	}
	return winners
}

// members are the different values of a member of the answers.
func members(t *testing.T, replies []*reply, name string) []string {
	t.Helper()
	var all []string
	for _, res := range replies {
		all = append(all, res.str(t, name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// eachSlowly runs a test over a slow store with opaque tokens and with JWTs.
func eachSlowly(t *testing.T, test func(t *testing.T, f *fixture), edit ...func(*fixture)) {
	for name, format := range map[string]func(*fixture){"opaque": func(*fixture) {}, "JWT": jwts} {
		t.Run(name, func(t *testing.T) { test(t, newFixture(t, append(edit, format, slow)...)) })
	}
}

func TestRaceForACode(t *testing.T) {
	eachSlowly(t, func(t *testing.T, f *fixture) {
		for _, clientID := range []string{"conf-a", "pub"} {
			t.Run("CD-03 RG-2 of 64 redemptions of one code by "+clientID+" at once one wins, and its tokens die by the replays", func(t *testing.T) {
				q := request(clientID)
				form := codeForm(f.browser("alice").code(q), q)
				winners := f.won(race(racers, func(int) *reply { return f.post("/token", clientID, changed(form)) }), "invalid_grant")
				require.Len(t, winners, 1)
				require.False(t, f.alive(winners[0].str(t, "access_token")))
				f.refused(f.post("/token", clientID, refreshForm(winners[0].str(t, "refresh_token"))), 400, "invalid_grant")
			})
		}
		t.Run("CD-03 the one that wins among strangers keeps its tokens: they can neither win nor revoke", func(t *testing.T) {
			q := request("conf-a")
			form := codeForm(f.browser("alice").code(q), q)
			stranger := []func() *reply{
				func() *reply { return f.post("/token", "conf-b", changed(form)) },
				func() *reply { return f.post("/token", "pub", changed(form)) },
				func() *reply { return f.post("/token", "conf-a", changed(form, "code_verifier", "")) },
				func() *reply { return f.post("/token", "conf-a", changed(form, "redirect_uri", callback+"2")) },
			}
			winners := f.won(race(racers, func(i int) *reply {
				if i == racers/2 {
					return f.post("/token", "conf-a", changed(form))
				}
				return stranger[i%len(stranger)]()
			}), "invalid_grant")
			require.Len(t, winners, 1)
			require.True(t, f.alive(winners[0].str(t, "access_token")))
			f.granted(f.post("/token", "conf-a", refreshForm(winners[0].str(t, "refresh_token"))))
		})
	})
	t.Run("CD-03 of 64 redemptions at two servers that share a store one wins", func(t *testing.T) {
		f := newFixture(t, slow)
		other := newFixture(t, func(other *fixture) { other.config.Store = f.config.Store })
		q := request("conf-a")
		form := codeForm(f.browser("alice").code(q), q)
		winners := f.won(race(racers, func(i int) *reply {
			return []*fixture{f, other}[i%2].post("/token", "conf-a", changed(form))
		}), "invalid_grant")
		require.Len(t, winners, 1)
	})
}

func TestRaceToRefresh(t *testing.T) {
	eachSlowly(t, func(t *testing.T, f *fixture) {
		for _, clientID := range []string{"conf-a", "pub"} {
			t.Run("RT-05 of 64 refreshes of one token by "+clientID+" at once all receive the same successor, and a stale token after that ends the family", func(t *testing.T) {
				before := len(f.kinds())
				l := f.lineage(clientID)
				replies := race(racers, func(int) *reply { return f.post("/token", clientID, refreshForm(l.refresh[0])) })
				winners := f.won(replies, "none is refused")
				require.Len(t, winners, racers)
				require.Len(t, members(t, winners, "refresh_token"), 1)
				distinct := members(t, winners, "access_token")
				some := slices.Compact([]string{distinct[0], distinct[len(distinct)/2], distinct[len(distinct)-1]})
				for _, tok := range some {
					require.True(t, f.alive(tok))
				}
				require.NotContains(t, f.kinds()[before:], grantor.RefreshReused)
				l.take(winners[0])
				l.next()
				f.refused(l.present(0), 400, "invalid_grant")
				l.access = append(l.access, some...)
				l.dead()
			})
		}
		t.Run("RT-05 64 refreshes at once that ask for different scopes receive the same successor too", func(t *testing.T) {
			l := f.lineage("pub", "scope", "openid read write")
			scopes := []string{"read", "write", "openid", "read write", "openid read", "openid write", "openid read write", ""}
			replies := race(racers, func(i int) *reply {
				return f.post("/token", "pub", changed(refreshForm(l.refresh[0]), "scope", scopes[i%len(scopes)]))
			})
			winners := f.won(replies, "none is refused")
			require.Len(t, winners, racers)
			require.Len(t, members(t, winners, "refresh_token"), 1)
			l.take(winners[0])
			l.living()
		})
		t.Run("RT-08 what others present at the same moment makes no difference", func(t *testing.T) {
			l := f.lineage("conf-a")
			replies := race(racers, func(i int) *reply {
				return f.post("/token", []string{"conf-a", "conf-b", "pub", "spa"}[i%4], refreshForm(l.refresh[0]))
			})
			winners := f.won(replies, "invalid_grant")
			require.Len(t, winners, racers/4)
			require.Len(t, members(t, winners, "refresh_token"), 1)
			l.take(winners[0])
			l.living()
		})
		t.Run("INV-4 INV-9 once a revocation is answered nothing is alive, whatever refreshed meanwhile", func(t *testing.T) {
			for range 5 {
				l := f.lineage("conf-a")
				replies := race(16, func(i int) *reply {
					if i == 8 {
						return f.post("/revoke", "conf-a", url.Values{"token": {l.refresh[0]}})
					}
					return f.post("/token", "conf-a", refreshForm(l.refresh[0]))
				})
				for _, res := range f.won(slices.Delete(replies, 8, 9), "invalid_grant") {
					l.take(res)
				}
				l.dead()
			}
		})
		t.Run("INV-4 nor when the user signs out everywhere", func(t *testing.T) {
			l := f.lineage("conf-a")
			replies := race(16, func(i int) *reply {
				if i == 8 {
					require.NoError(t, f.server.Revoke(t.Context(), store.Query{Subject: "alice"}))
				}
				return f.post("/token", "conf-a", refreshForm(l.refresh[0]))
			})
			for _, res := range f.won(replies, "invalid_grant") {
				l.take(res)
			}
			l.dead()
		})
	})
	t.Run("of 64 strict refreshes at once one wins, and the family dies by the others", func(t *testing.T) {
		eachSlowly(t, func(t *testing.T, f *fixture) {
			l := f.lineage("pub")
			winners := f.won(race(racers, func(int) *reply { return f.post("/token", "pub", refreshForm(l.refresh[0])) }), "invalid_grant")
			require.Len(t, winners, 1)
			l.take(winners[0])
			l.dead()
		}, strictly)
	})
	t.Run("INV-3 a race between a token and its successor leaves one line or none, never two", func(t *testing.T) {
		f := newFixture(t, slow)
		for range 5 {
			l := f.lineage("pub")
			l.next()
			replies := race(racers, func(i int) *reply { return f.post("/token", "pub", refreshForm(l.refresh[i%2])) })
			winners := f.won(replies, "invalid_grant")
			f.advance(30 * time.Second) // from here on, what was rotated is reuse
			live := 0
			for _, tok := range members(t, winners, "refresh_token") {
				if res := f.post("/token", "pub", refreshForm(tok)); res.StatusCode == http.StatusOK {
					live++
				}
			}
			if live > 1 {
				t.Errorf("%d lines are live", live)
			}
		}
	})
}
