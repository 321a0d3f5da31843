package grantor_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
	"github.com/grantor-go/grantor/token"
)

// noStore is a store that nobody can reach.
type noStore struct{}

var errDown = errors.New("store: connection refused")

func (noStore) Get(context.Context, store.Kind, string) (store.Record, error) {
	return store.Record{}, errDown
}
func (noStore) Put(context.Context, store.Record) error                   { return errDown }
func (noStore) Find(context.Context, store.Query) ([]store.Record, error) { return nil, errDown }
func (noStore) Delete(context.Context, store.Query) (int, error)          { return 0, errDown }

// brokenClients is a client.Source that nobody can reach.
type brokenClients struct{ err error }

func (b brokenClients) Client(context.Context, string) (*client.Client, error) { return nil, b.err }

// brokenKeys is a token.KeySource that nobody can reach.
type brokenKeys struct{ err error }

func (b brokenKeys) Keys(context.Context) ([]token.Key, error) { return nil, b.err }

// brokenUsers knows everybody until it breaks.
type brokenUsers struct{ err error }

func (b *brokenUsers) Subject(context.Context, string) (grantor.Subject, error) {
	return grantor.Subject{Active: b.err == nil}, b.err
}

// brokenHook is a claims hook that may fail.
type brokenHook struct{ err error }

func (b *brokenHook) claims(context.Context, grantor.Issuance) (map[string]any, error) {
	return nil, b.err
}

func TestAStoreThatComesAndGoes(t *testing.T) {
	t.Run("ST-07 under load, valid credentials are never called invalid, and nothing that was given is lost", func(t *testing.T) {
		var calls atomic.Int64
		var over atomic.Bool
		down := func(storetest.Call) storetest.Fault {
			if n := calls.Add(1); !over.Load() && n/20%2 == 1 {
				if n%3 == 0 {
					return storetest.After
				}
				return storetest.Before
			}
			return storetest.None
		}
		f := newFixture(t, wrap(func(s store.Store) store.Store { return &storetest.Faulty{Store: s, Fail: down} }))
		over.Store(true)
		var all sync.WaitGroup
		for range 8 {
			res := f.tokens("conf-a")
			all.Go(func() { f.persist(res.str(t, "refresh_token"), 40) })
		}
		over.Store(false)
		all.Wait()
	})
	t.Run("ST-09 a store that hangs is given up at the request's deadline, and nothing keeps running", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, wrap(func(s store.Store) store.Store {
				return &storetest.Faulty{Store: s, Fail: func(storetest.Call) storetest.Fault { return storetest.Hang }}
			}))
			var all sync.WaitGroup
			begin := time.Now()
			for range 100 {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					defer cancel()
					res := f.do(f.request("/token", "conf-a", refreshForm(secret.Format{}.New(secret.RefreshToken).Reveal())).WithContext(ctx))
					f.refused(res, http.StatusServiceUnavailable, "temporarily_unavailable")
				})
			}
			all.Wait()
			require.Equal(t, 5*time.Second, time.Since(begin))
			other := newFixture(t)
			require.True(t, other.alive(other.machineToken("m2m")), "another issuer is affected")
		})
	})
	t.Run("LG-07 a listener that is slow holds up its own request, until that one's deadline, and no other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(f *fixture) {
				f.config.Observe = func(ctx context.Context, e grantor.Event) {
					if e.ClientID == "m2m" {
						<-ctx.Done() // what a listener that talks to a network should heed
					}
				}
			})
			begin := time.Now()
			var slow sync.WaitGroup
			slow.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				res := f.do(f.request("/token", "m2m", url.Values{"grant_type": {"client_credentials"}}).WithContext(ctx))
				require.Equal(t, http.StatusOK, res.StatusCode, "what was issued must not be lost: %s", res.body)
				require.Equal(t, 2*time.Second, time.Since(begin))
			})
			synctest.Wait()
			require.Equal(t, http.StatusOK, f.post("/token", "conf-a", url.Values{"grant_type": {"client_credentials"}}).StatusCode)
			require.Zero(t, time.Since(begin))
			slow.Wait()
		})
	})
	t.Run("ST-19 an identifier that is taken is replaced, for codes and for tokens", func(t *testing.T) {
		var collide atomic.Int32
		f := newFixture(t, wrap(func(s store.Store) store.Store {
			return &storetest.Faulty{Store: s, Fail: func(c storetest.Call) storetest.Fault {
				if c.Op == "put" && collide.Add(-1) >= 0 {
					return storetest.Conflict
				}
				return storetest.None
			}}
		}))
		for range 10 {
			collide.Store(2)
			require.True(t, f.alive(f.machineToken("m2m")))
			collide.Store(2)
			f.browser("alice").code(request("first"))
			collide.Store(1)
			f.browser("alice").code(request("conf-a", "prompt", "consent"))
		}
	})
}

// persist refreshes n times, each until it succeeds, as a client does that was
// told to try again. The clock stands still, so every repetition is in time.
func (f *fixture) persist(refreshToken string, n int) {
	for range n {
		for try := 0; ; try++ {
			res := f.post("/token", "conf-a", refreshForm(refreshToken))
			if res.StatusCode == http.StatusOK {
				refreshToken = res.str(f.t, "refresh_token")
				break
			}
			if res.StatusCode != http.StatusServiceUnavailable || try > 1000 {
				f.t.Errorf("try %d: got %d %s", try, res.StatusCode, res.body)
				return
			}
		}
	}
}

func TestPanics(t *testing.T) {
	type secretive struct{ password string }
	boom := func() { panic(secretive{"hunter2-canary"}) }
	for name, edit := range map[string]func(*fixture){
		"Session": func(f *fixture) {
			f.config.Session = func(*http.Request) (*grantor.Session, error) { boom(); return nil, nil }
		},
		"Interact": func(f *fixture) {
			f.config.Interact = func(http.ResponseWriter, *http.Request, *grantor.Interaction) { boom() }
		},
		"Claims": func(f *fixture) {
			f.config.Claims = func(context.Context, grantor.Issuance) (map[string]any, error) { boom(); return nil, nil }
		},
		"Response": func(f *fixture) {
			f.config.Response = func(context.Context, grantor.Issuance) (map[string]any, error) { boom(); return nil, nil }
		},
		"Store": func(f *fixture) { f.config.Store = explosive{f.config.Store, boom} },
	} {
		t.Run("HT-13 a panic in "+name+" is 500 without a stack, and the server lives", func(t *testing.T) {
			f := newFixture(t, edit)
			failed := 0
			for _, r := range []*http.Request{
				f.request("/token", "m2m", url.Values{"grant_type": {"client_credentials"}}),
				authorizing("alice", request("conf-a")),
			} {
				w := httptest.NewRecorder()
				require.NotPanics(t, func() { f.server.ServeHTTP(w, r) })
				if w.Code == http.StatusInternalServerError {
					failed++
					for _, word := range []string{"goroutine", ".go:", "canary", "panic"} {
						require.NotContains(t, w.Body.String(), word)
					}
				}
				for range f.server.Routes() { // the same through a mux
					break
				}
			}
			require.Positive(t, failed)
			require.NotContains(t, f.logs(), "canary")
			require.True(t, slices.Contains(f.kinds(), grantor.Panicked))
			require.Equal(t, http.StatusOK, f.get(issuer+document).StatusCode)
		})
	}
	t.Run("HT-13 http.ErrAbortHandler stays what it is", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Session = func(*http.Request) (*grantor.Session, error) { panic(http.ErrAbortHandler) }
		})
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			f.server.ServeHTTP(httptest.NewRecorder(), authorizing("alice", request("conf-a")))
		})
	})
	t.Run("HT-13 a panic while a code is redeemed leaves the code to be redeemed", func(t *testing.T) {
		once := atomic.Bool{}
		f := newFixture(t, func(f *fixture) {
			f.config.Claims = func(context.Context, grantor.Issuance) (map[string]any, error) {
				if once.CompareAndSwap(true, false) {
					boom()
				}
				return nil, nil
			}
		})
		q := request("conf-a")
		form := codeForm(f.browser("alice").code(q), q)
		once.Store(true)
		f.refused(f.post("/token", "conf-a", form), http.StatusInternalServerError, "server_error")
		require.Equal(t, http.StatusOK, f.post("/token", "conf-a", form).StatusCode)
	})
}

// authorizing is an authorization request of a browser that is signed in.
func authorizing(user string, q url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodGet, issuer+"/authorize?"+q.Encode(), nil)
	r.AddCookie(&http.Cookie{Name: "user", Value: user})
	return r
}

// explosive is a store whose every call panics.
type explosive struct {
	store.Store
	boom func()
}

func (p explosive) Get(context.Context, store.Kind, string) (store.Record, error) {
	p.boom()
	return store.Record{}, nil
}

func (p explosive) Put(context.Context, store.Record) error { p.boom(); return nil }

func TestTheMemoryStoreUnderTheServer(t *testing.T) {
	t.Run("ST-17, DS-04 what expired is freed by the traffic that follows, and never comes back", func(t *testing.T) {
		f := newFixture(t)
		var old []string
		most := 0
		random := rand.New(rand.NewPCG(1, 2))
		for minute := range 120 {
			for range 20 {
				tok := f.machineToken("m2m")
				if random.IntN(100) == 0 {
					old = append(old, tok)
				}
			}
			if minute == 20 {
				most = f.memory.Len()
			}
			f.advance(time.Minute)
		}
		if got := f.memory.Len(); got > most*3/2 {
			t.Errorf("%d records after two hours, %d after twenty minutes: memory grows", got, most)
		}
		f.advance(time.Hour)
		require.NoError(t, f.server.Sweep(t.Context()))
		require.Zero(t, f.memory.Len())
		require.NotEmpty(t, old)
		for _, tok := range old {
			require.False(t, f.alive(tok))
		}
	})
	t.Run("ST-21 with many live tokens, a request makes as many store calls as with few", func(t *testing.T) {
		counted := &storetest.Counting{}
		f := newFixture(t, wrap(func(s store.Store) store.Store { counted.Store = s; return counted }))
		cost := func() (n [4]int) {
			counted.Reset()
			tok := f.machineToken("m2m")
			f.introspect("rs", tok)
			f.revoked("m2m", tok)
			for i, op := range []string{"get", "put", "find", "delete"} {
				n[i] = counted.Calls(op)
			}
			return n
		}
		few := cost()
		var sample []string
		for n := range 20_000 {
			if tok := f.machineToken("m2m"); n%1000 == 0 {
				sample = append(sample, tok)
			}
		}
		require.Equal(t, few, cost())
		for _, tok := range sample {
			require.True(t, f.alive(tok))
		}
		require.True(t, strings.HasPrefix(sample[0], "grantor_at_"))
	})
}
