package grant_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/grant"
)

// A guesser tries passwords against a Throttle at a time of its own.
type guesser struct {
	t   *testing.T
	l   grant.Limiter
	now time.Time
}

func newGuesser(t *testing.T, l grant.Limiter) *guesser {
	return &guesser{t, l, time.Unix(1800000000, 0)}
}

func (g *guesser) attempt(account, source string) grant.Attempt {
	return grant.Attempt{Kind: "password", Account: account, Source: source, Now: g.now}
}

// guess is one wrong guess; it returns how long it must wait.
func (g *guesser) guess(account, source string) time.Duration {
	g.t.Helper()
	a := g.attempt(account, source)
	wait, err := g.l.Allow(context.Background(), a)
	require.NoError(g.t, err)
	if wait == 0 {
		g.l.Record(context.Background(), a, false)
	}
	return wait
}

// signIn is the owner with the right password; it reports whether she got in.
func (g *guesser) signIn(account, source string) bool {
	g.t.Helper()
	a := g.attempt(account, source)
	wait, err := g.l.Allow(context.Background(), a)
	require.NoError(g.t, err)
	if wait == 0 {
		g.l.Record(context.Background(), a, true)
	}
	return wait == 0
}

// exhaust guesses until it must wait, and returns how many guesses that took.
func (g *guesser) exhaust(account, source string) int {
	g.t.Helper()
	for n := range 1000 {
		if g.guess(account, source) > 0 {
			return n
		}
	}
	g.t.Fatal("a thousand guesses were let through")
	return 0
}

func TestThrottle(t *testing.T) {
	const home, away, attacker = "192.0.2.1", "198.51.100.7", "203.0.113.9"

	t.Run("an account has ten attempts, and gets one back every thirty seconds", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		if n := g.exhaust("alice", attacker); n != 10 {
			t.Errorf("got %d attempts, want 10", n)
		}
		if wait := g.guess("alice", attacker); wait != 30*time.Second {
			t.Errorf("got a wait of %v, want 30s", wait)
		}
		g.now = g.now.Add(20 * time.Second)
		if wait := g.guess("alice", attacker); wait != 10*time.Second {
			t.Errorf("got a wait of %v, want 10s: what had to wait must take nothing", wait)
		}
		g.now = g.now.Add(10 * time.Second)
		if n := g.exhaust("alice", attacker); n != 1 {
			t.Errorf("got %d attempts back, want 1", n)
		}
		g.now = g.now.Add(time.Hour)
		if n := g.exhaust("alice", attacker); n != 10 {
			t.Errorf("got %d attempts after an hour, want 10 and no more", n)
		}
	})
	t.Run("PW-05 a thousand guesses from as many addresses get ten attempts", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		through := 0
		for i := range 1000 {
			if g.guess("alice", fmt.Sprintf("10.0.%d.%d", i/256, i%256)) == 0 {
				through++
			}
		}
		if through != 10 {
			t.Errorf("got %d, want 10", through)
		}
	})
	t.Run("PW-05 the owner gets in from where she was before, while somebody guesses", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		require.True(t, g.signIn("alice", home))
		g.exhaust("alice", attacker)
		for range 100 {
			if !g.signIn("alice", home) {
				t.Fatal("the owner is locked out")
			}
		}
		if g.signIn("alice", away) {
			t.Error("somebody who was never there before is not slowed down")
		}
	})
	t.Run("PW-05 the owner gets in from anywhere once the guessing stops", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		g.exhaust("alice", attacker)
		g.now = g.now.Add(30 * time.Second)
		if !g.signIn("alice", away) {
			t.Error("the owner is locked out")
		}
	})
	t.Run("a source where the owner was has ten attempts too, and no more", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		require.True(t, g.signIn("alice", home))
		if n := g.exhaust("alice", home); n != 10 {
			t.Errorf("got %d attempts, want 10", n)
		}
		if g.guess("alice", attacker) != 0 {
			t.Error("guesses at home count against the account elsewhere")
		}
	})
	t.Run("a source has fifty attempts at all accounts together", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		through := 0
		for i := range 1000 {
			if g.guess(fmt.Sprintf("user%d", i), attacker) == 0 {
				through++
			}
		}
		if through != 50 {
			t.Errorf("got %d, want 50", through)
		}
		if g.guess("user999", away) != 0 {
			t.Error("what had to wait for its source took an attempt of the account")
		}
	})
	t.Run("whoever signs in gets the attempt back", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{PerAccount: 2, PerSource: 3})
		for i := range 100 {
			if !g.signIn("alice", fmt.Sprintf("10.0.0.%d", i)) || !g.signIn(fmt.Sprintf("user%d", i), home) {
				t.Fatalf("refused at %d", i)
			}
		}
	})
	t.Run("success does not undo what others guessed wrong", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{PerAccount: 3})
		g.guess("alice", attacker)
		g.guess("alice", attacker)
		require.True(t, g.signIn("alice", home))
		if n := g.exhaust("alice", attacker); n != 1 {
			t.Errorf("got %d attempts left, want 1", n)
		}
	})
	t.Run("without a source only the account counts", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		for i := range 200 {
			if g.guess(fmt.Sprintf("user%d", i), "") != 0 {
				t.Fatalf("refused at %d", i)
			}
		}
		require.True(t, g.signIn("alice", ""))
		if n := g.exhaust("alice", ""); n != 10 {
			t.Errorf("got %d attempts, want 10", n)
		}
	})
	t.Run("kinds are counted apart", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		g.exhaust("alice", attacker)
		a := g.attempt("alice", attacker)
		a.Kind = "code"
		wait, err := g.l.Allow(context.Background(), a)
		require.NoError(t, err)
		if wait != 0 {
			t.Errorf("got a wait of %v", wait)
		}
	})
	t.Run("a clock that goes back neither panics nor frees anything", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		g.exhaust("alice", attacker)
		g.now = g.now.Add(-time.Hour)
		if g.guess("alice", attacker) == 0 {
			t.Error("an attempt came back")
		}
	})
	t.Run("negative limits mean the defaults", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{PerAccount: -1, PerSource: -1, Every: -1})
		if n := g.exhaust("alice", attacker); n != 10 {
			t.Errorf("got %d attempts, want 10", n)
		}
	})
}

func TestThrottleSources(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"two addresses of an IPv6 /64":                     {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
		"one IPv6 address with and without zone":           {"fe80::1%eth0", "fe80::2", true},
		"an IPv4 address and the same one mapped to IPv6":  {"192.0.2.1", "::ffff:192.0.2.1", true},
		"two neighbouring IPv6 /64s":                       {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
		"two neighbouring IPv4 addresses":                  {"192.0.2.1", "192.0.2.2", false},
		"two IPv4 addresses mapped to IPv6":                {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		"two sources that are no addresses, such as pipes": {"@a", "@b", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuesser(t, &grant.Throttle{PerSource: 1})
			require.Zero(t, g.guess("alice", c.a))
			if got := g.guess("bob", c.b) > 0; got != c.same {
				t.Errorf("got counted as one: %v, want %v", got, c.same)
			}
		})
	}
}

func TestThrottleConcurrently(t *testing.T) {
	t.Run("of 200 guesses at once ten are let through", func(t *testing.T) {
		g := newGuesser(t, &grant.Throttle{})
		var through atomic.Int32
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if g.guess("alice", fmt.Sprintf("10.0.0.%d", i)) == 0 {
					through.Add(1)
				}
			})
		}
		wg.Wait()
		if got := through.Load(); got != 10 {
			t.Errorf("got %d, want 10", got)
		}
	})
}

func TestThrottleMemory(t *testing.T) {
	long := strings.Repeat("x", 4096)
	l := &grant.Throttle{}
	g := newGuesser(t, l)
	require.True(t, g.signIn("alice", "192.0.2.1"))
	for i := range 3 * grant.MaxBuckets {
		g.now = g.now.Add(time.Millisecond)
		g.guess(fmt.Sprintf("%d%s", i, long), fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff))
	}
	t.Run("DS-06 three times as many names as there is room for are bounded", func(t *testing.T) {
		if n := l.Len(); n > grant.MaxBuckets {
			t.Errorf("got %d buckets, want at most %d", n, grant.MaxBuckets)
		}
	})
	t.Run("where the owner was before is remembered through the flood", func(t *testing.T) {
		g.exhaust("alice", "203.0.113.9")
		if !g.signIn("alice", "192.0.2.1") {
			t.Error("the owner is locked out")
		}
	})
	t.Run("no name is kept", func(t *testing.T) {
		if s := fmt.Sprintf("%+v", l); strings.Contains(s, "alice") || strings.Contains(s, "xxxx") || strings.Contains(s, "192.0.2.1") {
			t.Error("there is a name or an address in the throttle")
		}
	})
}

func BenchmarkThrottle(b *testing.B) {
	l := &grant.Throttle{PerAccount: 1 << 40, PerSource: 1 << 40}
	a := grant.Attempt{Kind: "password", Account: "alice", Source: "2001:db8::1", Now: time.Unix(1800000000, 0)}
	b.ReportAllocs()
	for b.Loop() {
		if wait, _ := l.Allow(context.Background(), a); wait > 0 {
			b.Fatal(wait)
		}
	}
}
