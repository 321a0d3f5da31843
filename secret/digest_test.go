package secret_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"github.com/grantor-go/grantor/secret"
	"github.com/stretchr/testify/require"
)

func pepper(id string, fill byte) secret.Pepper {
	return secret.Pepper{ID: id, Key: bytes.Repeat([]byte{fill}, 32)}
}

func peppers(t testing.TB, p ...secret.Pepper) *secret.Peppers {
	t.Helper()
	all, err := secret.NewPeppers(p...)
	require.NoError(t, err)
	return all
}

func TestNewPeppers(t *testing.T) {
	for name, c := range map[string]struct {
		peppers []secret.Pepper
		want    string
	}{
		"without an ID":               {[]secret.Pepper{pepper("", 1)}, "pepper 0: want an ID"},
		"with a long ID":              {[]secret.Pepper{pepper(strings.Repeat("x", 17), 1)}, "pepper 0: want an ID"},
		"with a dollar in its ID":     {[]secret.Pepper{pepper("k$1", 1)}, "pepper 0: want an ID"},
		"with a short key":            {[]secret.Pepper{pepper("a", 1), {ID: "b", Key: make([]byte, 31)}}, "pepper 1: want a Key"},
		"without a key":               {[]secret.Pepper{{ID: "b"}}, "pepper 0: want a Key"},
		"with an ID that is taken":    {[]secret.Pepper{pepper("a", 1), pepper("a", 2)}, "pepper 1: its ID is taken"},
		"that is one too many":        {[]secret.Pepper{pepper("a", 1), pepper("b", 2), pepper("c", 3), pepper("d", 4)}, "4 peppers"},
		"with two problems, the last": {[]secret.Pepper{{ID: "-", Key: []byte("SENSITIVE")}}, "pepper 0: want a Key"},
	} {
		t.Run("a pepper "+name+" is refused", func(t *testing.T) {
			p, err := secret.NewPeppers(c.peppers...)
			require.ErrorContains(t, err, c.want)
			if p != nil || strings.Contains(err.Error(), "SENSITIVE") {
				t.Errorf("got %v, %v", p, err)
			}
		})
	}
	t.Run("peppers keep their own copy of a key", func(t *testing.T) {
		given := pepper("k1", 1)
		p := peppers(t, given)
		clear(given.Key)
		h := secret.Format{}.New(secret.PAT)
		if got, want := p.Digest(h), peppers(t, pepper("k1", 1)).Digest(h); got != want {
			t.Error("got a digest under the key as the caller changed it")
		}
	})
}

func TestDigestVectors(t *testing.T) {
	// Computed with another implementation of SHA-256 and HMAC.
	h := parse(t, "grantor_cs_"+locator+secretPart+"3ADcFw")
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	for name, c := range map[string]struct {
		peppers *secret.Peppers
		want    secret.Digest
	}{
		"nil peppers":  {nil, "$sha256$0erO7a5Dv6BomkEnk11sxlXY_m1YGK2-7HT82YC0eGE"},
		"zero peppers": {new(secret.Peppers), "$sha256$0erO7a5Dv6BomkEnk11sxlXY_m1YGK2-7HT82YC0eGE"},
		"no peppers":   {peppers(t), "$sha256$0erO7a5Dv6BomkEnk11sxlXY_m1YGK2-7HT82YC0eGE"},
		"one pepper":   {peppers(t, secret.Pepper{ID: "k1", Key: key}), "$hs256$k1$q7cvq9tmkJ0KqRi-SkwnCjI6Ph0wB3sMR-jI77XDT_0"},
		"two peppers":  {peppers(t, secret.Pepper{ID: "k1", Key: key}, pepper("k0", 9)), "$hs256$k1$q7cvq9tmkJ0KqRi-SkwnCjI6Ph0wB3sMR-jI77XDT_0"},
	} {
		t.Run("CR-3.4: the digest under "+name+" says how it was made", func(t *testing.T) {
			if got := c.peppers.Digest(h); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := c.peppers.AppendDigest([]byte("x="), h); string(got) != "x="+string(c.want) {
				t.Errorf("appended: got %s", got)
			}
			if ok, stale := c.peppers.Matches(c.want, h); !ok || stale {
				t.Errorf("got %v, stale %v; want a fresh match", ok, stale)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	f := secret.Format{}
	h, other := f.New(secret.AccessToken), f.New(secret.AccessToken)
	k1, k2 := pepper("k1", 1), pepper("k2", 2)
	plain, old, current, rotated := (*secret.Peppers)(nil), peppers(t, k1), peppers(t, k2), peppers(t, k2, k1)

	for _, c := range []struct {
		name      string
		digest    secret.Digest
		by        *secret.Peppers
		ok, stale bool
		lacks     bool
	}{
		{"CR-3.3: a digest under the current pepper is fresh", rotated.Digest(h), rotated, true, false, false},
		{"CR-3.3: a digest under the old pepper is stale", old.Digest(h), rotated, true, true, false},
		{"CR-3.3: a digest from before there was a pepper is stale", plain.Digest(h), rotated, true, true, false},
		{"a plain digest is fresh while there is no pepper", plain.Digest(h), plain, true, false, false},
		{"CS-07: a digest under a pepper that was dropped matches nothing, and is told apart", old.Digest(h), current, false, false, true},
		{"CS-07: a digest under any pepper matches nothing once there is none", old.Digest(h), plain, false, false, true},
		{"a digest of another credential does not match", rotated.Digest(other), rotated, false, false, false},
		{"a plain digest of another credential does not match", plain.Digest(other), rotated, false, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, stale := c.by.Matches(c.digest, h)
			if ok != c.ok || stale != c.stale || c.by.Lacks(c.digest) != c.lacks {
				t.Errorf("got %v, stale %v, lacks %v; want %v, %v, %v", ok, stale, !c.lacks, c.ok, c.stale, c.lacks)
			}
		})
	}

	t.Run("a pepper's ID says which key, and its key decides", func(t *testing.T) {
		impostor := peppers(t, secret.Pepper{ID: "k1", Key: k2.Key})
		if ok, _ := impostor.Matches(old.Digest(h), h); ok {
			t.Error("got a match under another key of the same ID")
		}
	})
	t.Run("CR-3.3: the kind separates digests of the same characters", func(t *testing.T) {
		locator := f.NewLocator()
		at, rt := f.Compose(secret.AccessToken, locator, secretPart), f.Compose(secret.RefreshToken, locator, secretPart)
		for _, p := range []*secret.Peppers{plain, current} {
			if ok, _ := p.Matches(p.Digest(at), rt); ok {
				t.Error("got a match across kinds")
			}
		}
	})
	t.Run("CS-05: the zero handle has no digest and matches nothing", func(t *testing.T) {
		sum := sha256.Sum256([]byte{0}) // of no kind, and no characters
		ofNothing := secret.Digest("$sha256$" + base64.RawURLEncoding.EncodeToString(sum[:]))
		for _, p := range []*secret.Peppers{plain, rotated} {
			if got := p.Digest(secret.Handle{}); got != "" {
				t.Errorf("got %q", got)
			}
			if got := p.AppendDigest(nil, secret.Handle{}); got != nil {
				t.Errorf("got %q", got)
			}
			for _, d := range []secret.Digest{"", "$sha256$", "$hs256$k1$", p.Digest(h), ofNothing} {
				if ok, _ := p.Matches(d, secret.Handle{}); ok {
					t.Errorf("got a match with %q", d)
				}
			}
		}
	})
}

// spoiled returns digests that are nearly d, none of which may match.
func spoiled(d secret.Digest) []secret.Digest {
	cut := strings.LastIndexByte(string(d), '$') + 1
	head, sum := d[:cut], d[cut:]
	list := []secret.Digest{
		"", "$", "$$", "$$$$", head, sum, d[1:], d[:len(d)-1], d + "=", d + "A", d + "\n", " " + d, d + d,
		head + "$" + sum, secret.Digest(strings.ToUpper(string(d))), head + secret.Digest(strings.Repeat("A", len(sum))),
		head + secret.Digest(strings.Repeat("\x00", len(sum))), head + secret.Digest(strings.Repeat("A", 1<<20)),
		"$hs256$unknown$" + sum, "$hs256$$" + sum, "$hs256$" + sum, "$md5$" + sum, "$sha256$x$" + sum,
	}
	// The last of the 43 characters carries two spare bits: of the four
	// characters that decode alike, only one is the digest.
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if near := d[:len(d)-1] + secret.Digest(c); near != d {
			list = append(list, near)
		}
	}
	return list
}

func TestMalformedDigests(t *testing.T) {
	h := secret.Format{}.New(secret.PAT)
	for name, p := range map[string]*secret.Peppers{"plain": nil, "peppered": peppers(t, pepper("k1", 1))} {
		t.Run("CS-05: a malformed "+name+" digest matches nothing", func(t *testing.T) {
			for _, d := range spoiled(p.Digest(h)) {
				if ok, stale := p.Matches(d, h); ok || stale {
					t.Errorf("got %v, stale %v for %.100q", ok, stale, d)
				}
			}
		})
	}
	t.Run("a slow digest is told from a fast one", func(t *testing.T) {
		for d, want := range map[secret.Digest]bool{
			"": false, "$sha256$x": false, "$hs256$k1$x": false, argonVector: true, "$2b$04$": true, "anything": true,
		} {
			if got := d.Slow(); got != want {
				t.Errorf("%q: got %v, want %v", d, got, want)
			}
		}
	})
}

func TestPeppersInParallel(t *testing.T) {
	p := peppers(t, pepper("k1", 1), pepper("k0", 2))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				h := secret.Format{}.New(secret.AccessToken)
				if ok, stale := p.Matches(p.Digest(h), h); !ok || stale {
					t.Errorf("got %v, stale %v", ok, stale)
				}
			}
		})
	}
	wg.Wait()
}

func TestDigestAllocations(t *testing.T) {
	h := secret.Format{}.New(secret.AccessToken)
	for name, c := range map[string]struct {
		peppers *secret.Peppers
		most    float64
	}{
		"plain": {nil, 0},
		// None either, but the race detector makes a sync.Pool forget one in
		// four; without a pool it would be 14.
		"peppered": {peppers(t, pepper("k1", 1)), 7},
	} {
		t.Run("appending and matching a "+name+" digest does not allocate", func(t *testing.T) {
			d := c.peppers.Digest(h)
			buf := make([]byte, 0, len(d))
			got := testing.AllocsPerRun(200, func() { c.peppers.AppendDigest(buf, h); c.peppers.Matches(d, h) })
			if got > c.most {
				t.Errorf("got %v allocations, want at most %v", got, c.most)
			}
		})
	}
}
