package secret_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/grantor-go/grantor/secret"
	"github.com/stretchr/testify/require"
)

// ledger is a Hasher that counts what it is asked to do. Its digests are
// "$book$" and the secret, stale ones "$old$" and the secret.
type ledger struct {
	mu       sync.Mutex
	hashes   int
	verified []secret.Digest
	err      error
}

func (l *ledger) Hash(_ context.Context, s string) (secret.Digest, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hashes++
	return secret.Digest("$book$" + s), l.err
}

func (l *ledger) Verify(_ context.Context, d secret.Digest, s string) (ok, stale bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verified = append(l.verified, d)
	ok = d == secret.Digest("$book$"+s) || d == secret.Digest("$old$"+s)
	return ok && l.err == nil, ok && strings.HasPrefix(string(d), "$old$"), l.err
}

// work returns how many slow hashes were run since it was last asked.
func (l *ledger) work() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.hashes + len(l.verified)
	l.hashes, l.verified = 0, nil
	return n
}

func TestCheckerWork(t *testing.T) {
	own, _ := new(secret.Checker).New()
	five := make([]secret.Stored, 5)
	for i := range five {
		_, five[i].Digest = new(secret.Checker).New()
	}
	clients := map[string][]secret.Stored{
		"an unknown client":                             nil,
		"a client with no secrets":                      {},
		"a client with one fast digest":                 five[:1],
		"a client with five fast digests":               five,
		"a client with a slow digest":                   {{Digest: "$book$sesame"}},
		"a client with a slow digest among fast ones":   append(five[:4:4], secret.Stored{Digest: "$book$sesame"}),
		"a client with two slow digests":                {{Digest: "$book$x"}, {Digest: "$book$y"}},
		"a client with an empty digest":                 {{Digest: ""}},
		"a client with a digest under a dropped pepper": {{Digest: "$hs256$gone$" + secret.Digest(secretPart)}},
		"a client with a broken digest":                 {{Digest: "$?$"}},
	}
	for _, decoys := range [][]secret.Digest{nil, {"$book$a"}, {"$book$a", "$old$b", "$old$c"}} {
		l := &ledger{}
		c := &secret.Checker{Hasher: l, Decoys: decoys}
		for name, stored := range clients {
			t.Run("CA-04, CR-3.5: "+name+" costs one slow hash per foreign string", func(t *testing.T) {
				for _, presented := range []string{
					"sesame", "wrong", " ", own.Reveal()[1:], own.Reveal() + "\n", strings.Repeat("x", 1024),
				} {
					_, _, err := c.Check(t.Context(), "id", presented, stored)
					require.NoError(t, err)
					if got := l.work(); got != 1 {
						t.Errorf("%.20q: got %d slow hashes, want 1", presented, got)
					}
				}
			})
			t.Run("CA-04, CR-3.1: "+name+" costs no slow hash for a string of our own format", func(t *testing.T) {
				for _, kind := range kinds {
					match, _, err := c.Check(t.Context(), "id", secret.Format{}.New(kind).Reveal(), stored)
					require.NoError(t, err)
					if got := l.work(); got != 0 || match != -1 {
						t.Errorf("%s: got %d slow hashes and match %d, want none", kind, got, match)
					}
				}
			})
			t.Run("CA-14: "+name+" costs nothing for what no secret can be", func(t *testing.T) {
				for _, presented := range []string{"", "a\x00a", own.Reveal() + "\x00", strings.Repeat("x", 1025), strings.Repeat("x", 10_000)} {
					match, stale, err := c.Check(t.Context(), "id", presented, stored)
					if got := l.work(); got != 0 || match != -1 || stale || err != nil {
						t.Errorf("%d bytes: got %d slow hashes, %d, %v, %v", len(presented), got, match, stale, err)
					}
				}
			})
		}
	}
}

func TestCheckerDecoys(t *testing.T) {
	decoys := []secret.Digest{"$book$a", "$book$b", "$book$c"}
	pick := func(t *testing.T, decoys []secret.Digest, clientID, presented string) secret.Digest {
		l := &ledger{}
		match, _, err := (&secret.Checker{Hasher: l, Decoys: decoys}).Check(t.Context(), clientID, presented, nil)
		require.NoError(t, err)
		require.Equal(t, -1, match)
		require.Len(t, l.verified, 1)
		return l.verified[0]
	}
	ids := strings.Split("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "")
	t.Run("CA-04: a client always gets the same decoy, in whatever order they are", func(t *testing.T) {
		turned := []secret.Digest{decoys[2], decoys[0], decoys[1]}
		for _, id := range ids {
			want := pick(t, decoys, id, "x")
			if got := pick(t, turned, id, "y"); got != want {
				t.Errorf("%s: got %s, then %s", id, want, got)
			}
		}
	})
	t.Run("CA-04: clients are spread over all decoys, and who gets which is not known without them", func(t *testing.T) {
		others := []secret.Digest{"$book$d", "$book$e", "$book$f"}
		seen, same := map[secret.Digest]int{}, 0
		for _, id := range ids {
			got := pick(t, decoys, id, "x")
			seen[got]++
			if (got == decoys[0]) == (pick(t, others, id, "x") == others[0]) {
				same++
			}
		}
		if len(seen) != len(decoys) || same == len(ids) {
			t.Errorf("got %v, %d of %d alike", seen, same, len(ids))
		}
	})
	t.Run("a decoy never matches, though its secret be presented", func(t *testing.T) {
		for _, presented := range []string{"a", "b", "c"} {
			for _, id := range ids {
				pick(t, decoys, id, presented) // requires -1
			}
		}
	})
	t.Run("without decoys one is made, once, and it never matches", func(t *testing.T) {
		l := &ledger{}
		c := &secret.Checker{Hasher: l}
		for range 5 {
			match, _, err := c.Check(t.Context(), "id", "guess", nil)
			require.NoError(t, err)
			require.Equal(t, -1, match)
		}
		if l.hashes != 1 || len(l.verified) != 4 {
			t.Errorf("got %d made and %d verified, want 1 and 4", l.hashes, len(l.verified))
		}
		made := strings.TrimPrefix(string(l.verified[0]), "$book$")
		if match, _, err := c.Check(t.Context(), "id", made, nil); match != -1 || err != nil {
			t.Errorf("got %d, %v", match, err)
		}
	})
}

func TestCheckerMatches(t *testing.T) {
	k1, k2 := pepper("k1", 1), pepper("k2", 2)
	plain := &secret.Checker{}
	old := &secret.Checker{Peppers: peppers(t, k1)}
	c := &secret.Checker{Hasher: &ledger{}, Peppers: peppers(t, k2, k1)}
	mine, current := c.New()
	_, another := c.New()
	_, third := old.New()
	stored := func(digests ...secret.Digest) (list []secret.Stored) {
		for _, d := range digests {
			list = append(list, secret.Stored{Digest: d})
		}
		return list
	}
	for _, v := range []struct {
		name, presented string
		stored          []secret.Stored
		match           int
		stale           bool
	}{
		{"CS-01: a generated secret matches its digest", mine.Reveal(), stored(current), 0, false},
		{"CS-02: either of two live secrets matches", mine.Reveal(), stored(another, current), 1, false},
		{"CS-02: the last of many matches", mine.Reveal(), stored(another, third, "$book$x", "", current), 4, false},
		{"a retired secret matches no longer", mine.Reveal(), stored(another), -1, false},
		{"CS-07: a digest under the old pepper is stale", mine.Reveal(), stored(another, old.Peppers.Digest(mine)), 1, true},
		{"CS-07: a digest from before there was a pepper is stale", mine.Reveal(), stored(plain.Peppers.Digest(mine)), 0, true},
		{"CS-07: a digest under an unknown pepper matches nothing", mine.Reveal(), stored(peppers(t, pepper("k9", 9)).Digest(mine)), -1, false},
		{"a fresh digest is preferred to a stale one", mine.Reveal(), stored(old.Peppers.Digest(mine), current), 1, false},
		{"CS-05: an empty stored digest matches no secret", mine.Reveal(), stored(""), -1, false},
		{"CS-05: an empty stored digest does not match the empty secret", "", stored(""), -1, false},
		{"CS-05: an empty stored digest does not match a chosen secret", "sesame", stored("", "$sha256$"), -1, false},
		{"a chosen secret matches its slow digest", "sesame", stored(current, "$book$sesame"), 1, false},
		{"a chosen secret can be stale", "sesame", stored("$old$sesame"), 0, true},
		{"a wrong chosen secret matches nothing", "simsim", stored(current, "$book$sesame"), -1, false},
		{"of two slow digests only the first is tried", "sesame", stored("$book$x", "$book$sesame"), -1, false},
		{"the digest is not the secret", string(current), stored(current), -1, false},
		{"the slow digest is not the secret", "$book$sesame", stored("$book$sesame"), -1, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			match, stale, err := c.Check(t.Context(), "id", v.presented, v.stored)
			require.NoError(t, err)
			if match != v.match || stale != v.stale {
				t.Errorf("got %d, stale %v; want %d, %v", match, stale, v.match, v.stale)
			}
		})
	}
	t.Run("a token of another kind is no client secret, whatever is stored", func(t *testing.T) {
		for _, kind := range kinds {
			h := secret.Format{}.New(kind)
			match, _, err := c.Check(t.Context(), "id", h.Reveal(), stored(c.Peppers.Digest(h)))
			require.NoError(t, err)
			if want := map[bool]int{true: 0, false: -1}[kind == secret.ClientSecret]; match != want {
				t.Errorf("%s: got %d, want %d", kind, match, want)
			}
		}
	})
	t.Run("CA-14: no near miss of a secret matches it", func(t *testing.T) {
		for name, presented := range mutations(mine.Reveal()) {
			match, _, err := c.Check(t.Context(), "id", presented, stored(current))
			require.NoError(t, err)
			if match != -1 {
				t.Errorf("%s: got %d", name, match)
			}
		}
	})
	t.Run("CS-01: a new secret is of our format and only its digest is stored", func(t *testing.T) {
		h, d := c.New()
		if h.Kind() != secret.ClientSecret || d != c.Peppers.Digest(h) || strings.Contains(string(d), h.Reveal()[20:]) {
			t.Errorf("got %s", d)
		}
	})
	t.Run("a Hasher's trouble is reported, for known and unknown clients alike", func(t *testing.T) {
		down := errors.New("down")
		for _, decoys := range [][]secret.Digest{nil, {"$book$a"}} {
			c := &secret.Checker{Hasher: &ledger{err: down}, Decoys: decoys}
			for _, s := range [][]secret.Stored{nil, stored(current), stored("$book$sesame")} {
				match, stale, err := c.Check(t.Context(), "id", "sesame", s)
				require.ErrorIs(t, err, down)
				if match != -1 || stale {
					t.Errorf("got %d, stale %v", match, stale)
				}
			}
		}
	})
}

func TestCheckerDigest(t *testing.T) {
	c := &secret.Checker{Hasher: &ledger{}, Peppers: peppers(t, pepper("k1", 1))}
	h, d := c.New()
	t.Run("Check matches what Digest made, and finds it fresh", func(t *testing.T) {
		for presented, want := range map[string]secret.Digest{h.Reveal(): d, "sesame": "$book$sesame"} {
			got, err := c.Digest(t.Context(), presented)
			require.NoError(t, err)
			match, stale, err := c.Check(t.Context(), "id", presented, []secret.Stored{{Digest: got}})
			require.NoError(t, err)
			if got != want || match != 0 || stale {
				t.Errorf("got %s, %d, stale %v; want %s", got, match, stale, want)
			}
		}
	})
	t.Run("what Check would never match has no digest", func(t *testing.T) {
		for _, s := range []string{"", strings.Repeat("x", 1025), secret.Format{}.New(secret.PAT).Reveal()} {
			got, err := c.Digest(t.Context(), s)
			require.ErrorIs(t, err, secret.ErrMalformed)
			if got != "" {
				t.Errorf("got %s", got)
			}
		}
	})
}

func TestZeroChecker(t *testing.T) {
	var c secret.Checker
	t.Run("the zero checker makes, imports and checks secrets", func(t *testing.T) {
		h, d := c.New()
		stored := []secret.Stored{{ID: "new", Digest: d}, {ID: "imported", Digest: "$2y$" + bcryptVector}}
		for presented, want := range map[string]int{h.Reveal(): 0, human: 1, "wrong": -1} {
			match, stale, err := c.Check(t.Context(), "id", presented, stored)
			require.NoError(t, err)
			if match != want || stale != (want == 1) {
				t.Errorf("got %d, stale %v; want %d", match, stale, want)
			}
		}
	})
	t.Run("CS-03: it may be used by many at once", func(t *testing.T) {
		h, d := c.New()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				match, _, err := c.Check(t.Context(), "id", h.Reveal(), []secret.Stored{{Digest: d}})
				if match != 0 || err != nil {
					t.Errorf("got %d, %v", match, err)
				}
				match, _, err = c.Check(t.Context(), "nobody", "guess", nil)
				if match != -1 || err != nil && !errors.Is(err, secret.ErrBusy) {
					t.Errorf("got %d, %v", match, err)
				}
			})
		}
		wg.Wait()
	})
}
