package grantor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
)

// How client secrets are kept, and replaced by better digests of themselves.

func TestSecretsAtRest(t *testing.T) {
	t.Run("CS-01 a generated secret has 256 bits in plain letters, and only a digest of it is kept", func(t *testing.T) {
		h, d := new(secret.Checker).New()
		require.Regexp(t, `^grantor_cs_[0-9A-Za-z]{71}$`, h.Reveal()) // 43 of 62 letters: 256 bits
		require.NotContains(t, string(d), h.Reveal()[len("grantor_cs_")+22:])
		require.False(t, d.Slow())
	})
	t.Run("CS-05 nothing matches nothing", func(t *testing.T) {
		for _, d := range []secret.Digest{"", "$", "$sha256$", "$hs256$", "$hs256$p1$", "$argon2id$", "$2b$", "$2a$10$", "$pbkdf2-sha256$", "*", "!", "\x00"} {
			f := newFixture(t)
			f.clients["m2m"].Secrets = []client.Secret{{Digest: d}}
			for _, presented := range []string{"", string(d), own()} {
				f.refused(f.call("/token", basic("m2m", url.QueryEscape(presented))), 401, "invalid_client")
			}
			f.refused(f.call("/token", "", "client_id", "m2m", "client_secret", ""), 401, "invalid_client")
		}
	})
	t.Run("CS-06 RG-9 a client that is printed, logged or encoded shows no secret", func(t *testing.T) {
		checker := new(secret.Checker)
		h, d := checker.New()
		chosen, err := checker.Digest(context.Background(), "what somebody chose")
		require.NoError(t, err)
		c := client.Client{ID: "c", Secrets: []client.Secret{{ID: "1", Digest: d}, {ID: "2", Digest: chosen}}}
		encoded, err := json.Marshal(map[string]any{"client": c, "handle": h, "checker": fmt.Sprintf("%+v", &c)})
		require.NoError(t, err)
		for _, s := range []string{string(encoded), fmt.Sprintf("%+v %#v %v", c, c, h)} {
			require.NotContains(t, s, h.Reveal())
			require.NotContains(t, s, "what somebody chose")
		}
	})
}

func TestSecretUpgrades(t *testing.T) {
	type upgrade struct {
		id     string
		digest secret.Digest
	}
	recorded := func(f *fixture, all *[]upgrade, store bool) {
		f.config.Secrets.Upgrade = func(_ context.Context, c *client.Client, id string, d secret.Digest) {
			f.mu.Lock()
			defer f.mu.Unlock()
			*all = append(*all, upgrade{id, d})
			if store {
				changed := *c
				changed.Secrets = []client.Secret{{ID: id, Digest: d}}
				f.clients[c.ID] = &changed
			}
		}
	}
	chosen := basic("enc%3Aid", url.QueryEscape(secrets["enc:id"]))

	t.Run("CS-03 fifty logins at once, all with an old digest, all succeed and one rehashes", func(t *testing.T) {
		const n = 50
		var upgrades []upgrade
		var all sync.WaitGroup
		all.Add(n)
		h := &tally{during: func() { all.Done(); all.Wait() }}
		f := newFixture(t, withTally(h), func(f *fixture) { recorded(f, &upgrades, false) })
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if res := f.call("/token", chosen); res.StatusCode != 200 {
					t.Errorf("got %d %s", res.StatusCode, res.body)
				}
			})
		}
		wg.Wait()
		want := upgrade{"s1", secret.Digest("$tally2$" + secrets["enc:id"])}
		require.Equal(t, []upgrade{want}, upgrades)
		require.EqualValues(t, 1, h.hashed.Load())
	})
	t.Run("CS-03 an upgrade that was not stored is tried again, but not with every login", func(t *testing.T) {
		var upgrades []upgrade
		f := newFixture(t, withTally(&tally{}), func(f *fixture) { recorded(f, &upgrades, false) })
		for range 3 {
			for range 5 {
				f.granted(f.call("/token", chosen))
			}
			f.advance(time.Minute)
		}
		require.Len(t, upgrades, 3)
	})
	t.Run("CS-03 a wrong secret upgrades nothing", func(t *testing.T) {
		var upgrades []upgrade
		f := newFixture(t, withTally(&tally{}), func(f *fixture) { recorded(f, &upgrades, true) })
		f.refused(f.call("/token", basic("enc%3Aid", "guess")), 401, "invalid_client")
		require.Empty(t, upgrades)
	})
	t.Run("CS-07 after a change of pepper the old digest works, and is replaced when it is used", func(t *testing.T) {
		p1, p2 := secret.Pepper{ID: "p1", Key: make([]byte, 32)}, secret.Pepper{ID: "p2", Key: []byte(strings.Repeat("k", 32))}
		s := own()
		before, err := secret.NewPeppers(p1)
		require.NoError(t, err)
		h, err := secret.Format{}.Parse(s)
		require.NoError(t, err)
		m2m := &client.Client{ID: "m2m", GrantTypes: []string{"client_credentials"}, Secrets: []client.Secret{{ID: "s1", Digest: before.Digest(h)}}}

		var upgrades []upgrade
		both, err := secret.NewPeppers(p2, p1)
		require.NoError(t, err)
		f := newFixture(t, func(f *fixture) { f.config.Secrets.Peppers, f.clients["m2m"] = both, m2m; recorded(f, &upgrades, true) })
		f.granted(f.call("/token", basic("m2m", s)))
		require.Equal(t, []upgrade{{"s1", both.Digest(h)}}, upgrades)
		f.granted(f.call("/token", basic("m2m", s)))
		require.Len(t, upgrades, 1)

		after, err := secret.NewPeppers(p2)
		require.NoError(t, err)
		t.Run("and a digest under a pepper that is gone is 401, and the log says so", func(t *testing.T) {
			f := newFixture(t, func(f *fixture) { f.config.Secrets.Peppers, f.clients["m2m"] = after, m2m })
			f.refused(f.call("/token", basic("m2m", s)), 401, "invalid_client")
			require.Contains(t, f.logs(), "under a pepper that is not configured")
		})
	})
}
