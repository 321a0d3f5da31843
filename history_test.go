package grantor_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// The server under concurrent requests is held against a model that does one
// thing at a time. Requests come in rounds of a few that run at once; a round
// must be explainable by doing its requests in some order, one by one. All
// models that explain the history so far are carried on to the next round.

// A model is one grant as its owner sees it.
type model struct {
	spent, dead       bool
	current, previous string
	family            map[string]bool // refresh tokens ever issued
	live              []string        // access tokens, oldest first
	access            string          // the one issued with the current refresh token
}

func (m model) clone() model {
	m.family, m.live = maps.Clone(m.family), slices.Clone(m.live)
	return m
}

// String is the state, for comparing.
func (m model) String() string {
	return fmt.Sprint(m.spent, m.dead, m.current, m.previous, slices.Sorted(maps.Keys(m.family)), m.live, m.access)
}

// A call is one request and what came back.
type call struct {
	op, arg         string
	ok              bool // tokens, or active
	access, refresh string
	problem         string // anything that no model explains
}

func (c call) String() string {
	return fmt.Sprintf("%s(…%s) = %v …%s …%s", c.op, tail(c.arg), c.ok, tail(c.access), tail(c.refresh))
}

func tail(s string) string { return s[max(0, len(s)-4):] }

// explains reports whether the model would have answered the call like this, and
// the state it is in afterwards.
func (m model) explains(c call) (model, bool) {
	m = m.clone()
	fresh := c.ok && !m.family[c.refresh]
	switch c.op {
	case "redeem":
		if m.dead || m.spent {
			m.dead = true
			return m, !c.ok
		}
		m.spent = true
		return m.issue(c), fresh
	case "refresh":
		switch {
		case m.dead || !m.family[c.arg]:
			return m, !c.ok
		case c.arg == m.current:
			m.previous = m.current
			return m.issue(c), fresh
		case c.arg == m.previous:
			if slices.Contains(m.live, m.access) {
				return m, c.ok && c.refresh == m.current && c.access == m.access
			}
			return m.give(c.access), c.ok && c.refresh == m.current && c.access != m.access
		}
		m.dead = true
		return m, !c.ok
	case "revoke refresh token":
		m.dead = m.dead || m.family[c.arg]
		return m, true
	case "revoke access token":
		m.live = slices.DeleteFunc(m.live, func(tok string) bool { return tok == c.arg })
		return m, true
	default:
		return m, c.ok == (!m.dead && slices.Contains(m.live, c.arg))
	}
}

func (m model) issue(c call) model {
	m.current, m.access = c.refresh, c.access
	m.family[c.refresh] = true
	return m.give(c.access)
}

// give adds an access token. Of those alike the newest two live, whatever their
// lifetime.
func (m model) give(access string) model {
	m.live = append(m.live, access)
	m.live = m.live[max(0, len(m.live)-2):]
	return m
}

// explain returns the states in which some order of the calls, one by one,
// leaves a model that would have answered them all like this.
func explain(models []model, calls []call) []model {
	if len(calls) == 0 {
		return models
	}
	after := map[string]model{}
	for _, m := range models {
		for i, c := range calls {
			next, ok := m.explains(c)
			if !ok {
				continue
			}
			rest := slices.Delete(slices.Clone(calls), i, i+1)
			for _, end := range explain([]model{next}, rest) {
				after[end.String()] = end
			}
		}
	}
	return slices.Collect(maps.Values(after))
}

// do sends the request of a call and notes the answer.
func (c call) do(f *fixture, code url.Values) call {
	var res *reply
	switch c.op {
	case "redeem":
		res = f.post("/token", "conf-a", code)
	case "refresh":
		res = f.post("/token", "conf-a", refreshForm(c.arg))
	case "revoke refresh token", "revoke access token":
		res = f.post("/revoke", "conf-a", url.Values{"token": {c.arg}})
	default:
		res = f.post("/introspect", "rs", url.Values{"token": {c.arg}})
	}
	switch {
	case res.StatusCode == http.StatusOK && res.body == "", res.body == inactive:
	case strings.HasPrefix(res.body, `{"active":true`):
		c.ok = true
	case res.StatusCode == http.StatusOK:
		c.ok, c.access, c.refresh = true, res.str(f.t, "access_token"), res.str(f.t, "refresh_token")
	case res.StatusCode != http.StatusBadRequest || res.str(f.t, "error") != "invalid_grant":
		c.problem = fmt.Sprint(res.StatusCode, " ", res.body)
	}
	return c
}

// A historian plays random rounds with one grant.
type historian struct {
	f                *fixture
	random           *rand.Rand
	code             url.Values
	refresh, access  []string // seen so far
	models           []model
	happened, rounds int
}

func newHistorian(f *fixture, random *rand.Rand) *historian {
	q := request("conf-a")
	return &historian{
		f: f, random: random, code: codeForm(f.browser("alice").code(q), q),
		models: []model{{family: map[string]bool{}}},
	}
}

// pick is one of the newest two of a list; seldom, any.
func (h *historian) pick(from []string) string {
	back := min(len(from), 1+h.random.IntN(2))
	if h.random.IntN(40) == 0 {
		back = 1 + h.random.IntN(len(from))
	}
	return from[len(from)-back]
}

func (h *historian) choose() call {
	if len(h.refresh) == 0 {
		return call{op: "redeem"}
	}
	switch n := h.random.IntN(100); {
	case n < 1:
		return call{op: "redeem"}
	case n < 2:
		return call{op: "revoke refresh token", arg: h.pick(h.refresh)}
	case n < 15:
		return call{op: "revoke access token", arg: h.pick(h.access)}
	case n < 60:
		return call{op: "refresh", arg: h.pick(h.refresh)}
	default:
		return call{op: "introspect", arg: h.pick(h.access)}
	}
}

// round runs a few calls at once. It returns them, and whether a model is left.
func (h *historian) round() ([]call, bool) {
	calls := make([]call, 1+h.random.IntN(4))
	if h.rounds == 0 && h.random.IntN(4) > 0 {
		calls = calls[:1] // or few codes would yield anything
	}
	for i := range calls {
		calls[i] = h.choose()
	}
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() { calls[i] = calls[i].do(h.f, h.code) })
	}
	all.Wait()
	for _, c := range calls {
		if c.problem != "" {
			return calls, false
		}
		if c.refresh != "" && !slices.Contains(h.refresh, c.refresh) {
			h.refresh = append(h.refresh, c.refresh)
		}
		if c.access != "" && !slices.Contains(h.access, c.access) {
			h.access = append(h.access, c.access)
		}
	}
	h.models = explain(h.models, calls)
	h.happened += len(calls)
	h.rounds++
	return calls, len(h.models) > 0
}

// A million requests: go test -run TestHistories -histories 20000 -timeout 1h
var histories = flag.Uint64("histories", 60, "how many histories TestHistories plays")

func TestHistories(t *testing.T) {
	total := 0
	for seed := range *histories {
		t.Run(fmt.Sprintf("ST-16, INV-1, INV-2, INV-3, INV-9 history %d is explainable one request at a time", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 16))
			f := newFixture(t, wrap(func(s store.Store) store.Store { return storetest.Slow(s, time.Duration(seed%3)*50*time.Microsecond) }))
			h := newHistorian(f, random)
			for range 25 {
				before := h.models
				if calls, ok := h.round(); !ok {
					t.Fatalf("round %d has no explanation\nbefore: %v\ncalls: %v", h.rounds, before, calls)
				}
			}
			total += h.happened
		})
	}
	t.Logf("%d requests", total)
}

// TestTheHistorian makes sure that the model says no to what must not be.
func TestTheHistorian(t *testing.T) {
	fresh := model{family: map[string]bool{}}
	redeem := call{op: "redeem", ok: true, access: "a1", refresh: "r1"}
	for name, calls := range map[string][]call{
		"two redemptions of a code": {redeem, {op: "redeem", ok: true, access: "a2", refresh: "r2"}},
		"two successors of a token": {redeem, {op: "refresh", arg: "r1", ok: true, access: "a2", refresh: "r2"}, {op: "refresh", arg: "r1", ok: true, access: "a3", refresh: "r3"}},
		"a refresh after the end":   {redeem, {op: "revoke refresh token", arg: "r1"}, {op: "refresh", arg: "r1", ok: true, access: "a2", refresh: "r2"}},
		"a token that is alive again": {
			redeem, {op: "revoke access token", arg: "a1"}, {op: "introspect", arg: "a1", ok: true},
		},
		"a token that survives the replay of its code": {redeem, {op: "redeem"}, {op: "introspect", arg: "a1", ok: true}},
		"a refusal for no reason":                      {{op: "redeem"}},
	} {
		t.Run("it does not explain "+name, func(t *testing.T) {
			models := []model{fresh}
			for _, c := range calls {
				models = explain(models, []call{c})
			}
			require.Empty(t, models)
		})
	}
	t.Run("it explains calls that overlap in any order", func(t *testing.T) {
		require.NotEmpty(t, explain([]model{fresh}, []call{{op: "introspect", arg: "a1", ok: true}, redeem}))
	})
}
